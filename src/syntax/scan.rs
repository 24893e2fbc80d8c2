//! The pass before the grammar: strings, comments, brackets, characters, and where items begin.
//!
//! One walk over the bytes with an explicit stack, so that no input can exhaust the call stack. It finds what a
//! grammar reports badly (a missing `}` is noticed at the end of the file, but made much earlier), and cuts the
//! file into *chunks*, one top-level item each, that are parsed alone: a mistake in one item cannot hide another.

mod lines;
mod strings;

use std::ops::Range;

use crate::diag::Diagnostic;
use crate::source::{FileId, SourceFile, Span};
use crate::syntax::ast::Comment;
use crate::syntax::errors::lexical as errors;

/// The words that start an item, in the order in which messages list them.
pub(super) const ITEM_KEYWORDS: [&str; 9] =
    ["param", "let", "secret", "registry", "repository", "image", "template", "builder", "wave"];

/// How deep brackets and holes may nest. It bounds the recursion of the parser and of every later pass.
const MAX_NESTING: usize = 64;

/// How many pairs of brackets are searched for one that was closed too early.
const MAX_SEARCHED: usize = 256;

/// What the grammar needs to know about a file.
pub(super) struct Scan {
    pub(super) chunks: Vec<Chunk>,
    /// Matching brackets, in the order of their closers.
    pub(super) pairs: Vec<(usize, usize)>,
    /// What the grammar must not see, in file order.
    pub(super) patches: Vec<Patch>,
    /// Offsets on lines that were reported and cannot be parsed, in file order.
    pub(super) damage: Vec<usize>,
    /// In file order.
    pub(super) comments: Vec<Comment>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The text of one item, up to the next one.
pub(super) struct Chunk {
    pub(super) range: Range<usize>,
    /// Its brackets do not match, which is reported: nothing in it can be trusted but its first line.
    pub(super) broken: bool,
    indented: bool,
    /// An indented line below one that ends with `:`, as in YAML; that one is reported.
    pub(super) below_colon: bool,
}

/// A replacement of the same length.
pub(super) struct Patch {
    pub(super) range: Range<usize>,
    pub(super) kind: PatchKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchKind {
    Blank,
    /// A lone carriage return is read as a line break.
    Newline,
    /// `'text'` is read as `"text"`.
    DoubleQuotes,
}

/// An opened bracket or hole.
struct Open {
    at: usize,
    /// The indentation of its line.
    indent: usize,
    kind: OpenKind,
}

enum OpenKind {
    Bracket(u8),
    /// `${` inside a string.
    Hole {
        string: StringStart,
        first_quote: Option<usize>,
    },
}

#[derive(Clone, Copy)]
struct StringStart {
    at: usize,
    multiline: bool,
    /// A line inside a `"""` string that looks like an item: where the string ends if it is never closed.
    item_inside: Option<usize>,
}

pub(super) fn scan(file: FileId, source: &SourceFile) -> Scan {
    let mut scanner = Scanner {
        file,
        source,
        text: source.text(),
        at: 0,
        line_start: 0,
        line_has_token: false,
        previous: 0,
        open: Vec::new(),
        suspect: None,
        reported_line: None,
        conflict: None,
        block_comments_end: true,
        result: Scan {
            chunks: Vec::new(),
            pairs: Vec::new(),
            patches: Vec::new(),
            damage: Vec::new(),
            comments: Vec::new(),
            diagnostics: Vec::new(),
        },
    };
    scanner.begin_line();
    while let Some(byte) = scanner.peek() {
        scanner.step(byte);
    }
    scanner.end_of_file();
    scanner.result
}

struct Scanner<'a> {
    file: FileId,
    source: &'a SourceFile,
    text: &'a str,
    at: usize,
    line_start: usize,
    line_has_token: bool,
    /// Where the last token that is not a comment ends.
    previous: usize,
    open: Vec<Open>,
    /// A pair whose closer is indented less than the line of its opener: the likely place of a missing closer.
    suspect: Option<(usize, usize)>,
    /// The line of the last report about a character: one report a line is enough.
    reported_line: Option<usize>,
    /// The side of a merge conflict that is skipped when the walk comes there.
    conflict: Option<Range<usize>>,
    /// Whether a `*/` may follow: without this, a file full of `/*` would be searched again and again.
    block_comments_end: bool,
    result: Scan,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn line_number(&self, at: usize) -> usize {
        self.source.position(Span::new(self.file, at..at).start).line
    }

    fn starts_with(&self, prefix: &str) -> bool {
        self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(prefix.as_bytes()))
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.result.diagnostics.push(diagnostic);
    }

    fn blank(&mut self, range: Range<usize>) {
        self.result.patches.push(Patch { range, kind: PatchKind::Blank });
    }

    /// The holes of one-line strings that are open: all of them were opened on the current line.
    fn line_holes(&self) -> impl Iterator<Item = usize> {
        let line = self.open.iter().enumerate().rev().take_while(|(_, open)| open.at >= self.line_start);
        line.filter(|(_, open)| open.is_line_hole()).map(|(index, _)| index)
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let end = rest.find('\n').map_or(self.text.len(), |length| from + length);
        if end > from && self.byte(end - 1) == Some(b'\r') && end < self.text.len() { end - 1 } else { end }
    }

    fn chunk_is_broken(&self) -> bool {
        self.result.chunks.last().is_some_and(|chunk| chunk.broken)
    }

    fn break_chunk(&mut self) {
        if let Some(chunk) = self.result.chunks.last_mut() {
            chunk.broken = true;
        }
    }

    /// One token or one character outside strings.
    fn step(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.unclosed_hole();
                self.at += 1;
                self.begin_line();
            }
            b' ' | b'\t' => self.at += 1,
            b'\r' if self.byte(self.at + 1) == Some(b'\n') => self.at += 1,
            b'#' => self.comment(),
            b'/' if self.starts_with("//") || self.starts_with("/*") => self.foreign_comment(),
            b'-' if self.starts_with("--") && self.is_dash_comment() => self.foreign_comment(),
            b'\r' => self.unexpected(),
            _ => {
                if !self.line_has_token {
                    self.line_has_token = true;
                    self.begin_chunk_here();
                }
                self.token(byte);
                self.previous = self.at;
            }
        }
    }

    fn token(&mut self, byte: u8) {
        match byte {
            b'"' => self.string(),
            b'(' | b'[' | b'{' => {
                self.push(OpenKind::Bracket(byte));
                self.at += 1;
            }
            b')' | b']' | b'}' => self.close(byte),
            b'\'' => self.single_quotes(),
            b'`' | b'@' | b'~' | b'^' | b'%' | b'\\' => self.unexpected(),
            _ if byte.is_ascii_alphanumeric() || byte == b'_' => {
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.at += 1;
                }
            }
            _ if byte.is_ascii_graphic() => self.at += 1,
            _ => self.unexpected(),
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        self.comment_text();
        let span = self.span(start..self.at);
        self.result.comments.push(Comment { span, alone: !self.line_has_token });
    }

    fn comment_text(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => break,
                b'\r' if self.byte(self.at + 1) == Some(b'\n') => break,
                b' '..=b'~' | b'\t' => self.at += 1,
                _ => self.text_character(),
            }
        }
    }

    /// `--` starts a comment elsewhere; here it may also be an unquoted flag, which is not a comment.
    fn is_dash_comment(&self) -> bool {
        self.byte(self.at + 2).is_none_or(|next| next.is_ascii_whitespace())
    }

    fn foreign_comment(&mut self) {
        let start = self.at;
        let mut end = self.line_end(start);
        if self.starts_with("/*") && self.block_comments_end {
            match self.rest().find("*/") {
                Some(length) => end = start + length + 2,
                None => self.block_comments_end = false,
            }
        }
        self.report(errors::foreign_comment(self.text, self.span(start..start + 2)));
        self.blank(start..end);
        if let Some(newline) = self.text.get(start..end).and_then(|comment| comment.rfind('\n')) {
            self.line_start = start + newline + 1;
        }
        self.at = end;
    }

    fn push(&mut self, kind: OpenKind) {
        if self.open.len() >= MAX_NESTING && !self.chunk_is_broken() {
            let width = if matches!(kind, OpenKind::Hole { .. }) { 2 } else { 1 };
            self.report(errors::nesting_too_deep(self.span(self.at..self.at + width), MAX_NESTING));
            self.break_chunk();
        }
        self.open.push(Open { at: self.at, indent: self.indent(), kind });
    }

    /// The blanks at the start of the current line.
    fn indent(&self) -> usize {
        let line = self.text.as_bytes().get(self.line_start..).unwrap_or_default();
        line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    fn close(&mut self, closer: u8) {
        let at = self.at;
        let Some(top) = self.open.pop() else {
            return self.stray_closer(closer);
        };
        match top.kind {
            OpenKind::Hole { string, .. } if closer == b'}' => {
                self.result.pairs.push((top.at, at));
                self.at += 1;
                self.string_body(string);
            }
            OpenKind::Bracket(opener) if closer_of(opener) == closer => {
                let first_on_line = at == self.line_start + self.indent();
                if first_on_line && self.indent() < top.indent && self.suspect.is_none() {
                    self.suspect = Some((top.at, at));
                }
                self.result.pairs.push((top.at, at));
                self.at += 1;
            }
            _ => {
                self.open.push(top);
                self.mismatched_closer(closer);
            }
        }
    }

    /// Reports the innermost opener and goes on as if everything above the matching opener had been closed.
    fn mismatched_closer(&mut self, closer: u8) {
        let at = self.at;
        let nearest = self.open.iter().enumerate().rev().take(MAX_NESTING);
        let matching = nearest.filter(|(_, open)| open.closer() == closer).map(|(index, _)| index).next();
        if let Some(top) = self.open.last()
            && !self.chunk_is_broken()
        {
            let opener = self.span(top.at..top.at + top.width());
            let closer = self.span(at..at + 1);
            let diagnostic = if top.at < self.line_start && matching.is_some() {
                errors::unclosed_before_closer(self.text, opener, self.line_number(top.at), closer)
            } else {
                errors::mismatched_bracket(self.text, opener, closer)
            };
            self.report(diagnostic);
        }
        self.break_chunk();
        match matching {
            Some(index) => self.open.truncate(index + 1),
            None => {
                self.at += 1;
                return;
            }
        }
        self.close(closer);
    }

    fn stray_closer(&mut self, closer: u8) {
        let at = self.at;
        if !self.chunk_is_broken() && self.reported_line != Some(self.line_start) {
            self.reported_line = Some(self.line_start);
            let early = self
                .early_closer()
                .map(|(open, close)| (self.line_number(open), self.span(close..close + 1)));
            self.report(errors::stray_closer(char::from(closer), self.span(at..at + 1), early));
        }
        self.blank(at..at + 1);
        self.at += 1;
        // An item that was closed too early left its other lines behind; they are part of the same mistake.
        for chunk in self.result.chunks.iter_mut().rev() {
            let done = chunk.broken || !chunk.indented;
            chunk.broken = true;
            if done {
                break;
            }
        }
    }

    /// The last pair of the item that began on another line and ends in the middle of one, or further in than it began:
    /// its closer was probably meant for an opener that is missing.
    fn early_closer(&self) -> Option<(usize, usize)> {
        // What was reported is not searched again, nor is a long item to its start: the time stays bounded.
        let mut unreported = self.result.chunks.iter().rev().take_while(|chunk| !chunk.broken);
        let item = unreported.find(|chunk| !chunk.indented)?.range.start;
        let pairs = self.result.pairs.iter().rev().take(MAX_SEARCHED).take_while(|(_, close)| *close >= item);
        let line_of = |at: usize| {
            let before = self.text.get(..at).unwrap_or_default();
            before.rsplit_once('\n').map_or(before, |(_, line)| line)
        };
        let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_early = |(open, close): &(usize, usize)| {
            let line = line_of(*close);
            let is_on_other_line = close - open > line.len();
            is_on_other_line && (!line.trim().is_empty() || line.len() > indent(line_of(*open)))
        };
        pairs.copied().find(is_early)
    }

    fn end_of_file(&mut self) {
        let end = self.text.len();
        self.unclosed_hole();
        self.abandon_open(None);
        if let Some(last) = self.result.chunks.last_mut() {
            last.range.end = end;
        }
        self.result.patches.sort_by_key(|patch| patch.range.start);
        self.result.damage.sort_unstable();
    }
}

impl Open {
    fn is_line_hole(&self) -> bool {
        matches!(self.kind, OpenKind::Hole { string, .. } if !string.multiline)
    }

    fn closer(&self) -> u8 {
        match self.kind {
            OpenKind::Bracket(opener) => closer_of(opener),
            OpenKind::Hole { .. } => b'}',
        }
    }

    fn width(&self) -> usize {
        match self.kind {
            OpenKind::Bracket(_) => 1,
            OpenKind::Hole { .. } => 2,
        }
    }
}

fn closer_of(opener: u8) -> u8 {
    match opener {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}
