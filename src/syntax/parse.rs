//! Runs the grammar over each chunk of a file, and recovers where it fails. The only user of pest beside the
//! lowering.
//!
//! Recovery: the line on which the grammar fails is blanked, with the lines that its brackets reach, and the chunk
//! is parsed again, a few times. Offsets stay what they are, and the rest of the item is still checked. An item
//! with such a line becomes [`ItemKind::Poisoned`]: its name is known, its contents are not trusted.

use std::borrow::Cow;
use std::ops::Range;

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

use super::ast::{File, Item, ItemKind, Name};
use super::classify::{Failure, classify};
use super::errors::{lexical, steps, syntax as errors};
use super::lower::{Lower, Lowered};
use super::scan::{Chunk, ITEM_KEYWORDS, PatchKind, Scan, scan};
use super::yaml;
use crate::diag::{Code, Diagnostic, shorten};
use crate::source::{FileId, SourceFile, Span, Spanned};

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/cachefile.pest"]
struct Grammar;

/// How often a chunk is parsed again after a line was blanked.
const MAX_RETRIES: usize = 5;

pub(super) fn parse(file: FileId, source: &SourceFile) -> (File, Vec<Diagnostic>) {
    let text = source.text();
    if let Some(diagnostic) = lexical::utf_16(file, text) {
        return (File { version: None, items: Vec::new(), comments: Vec::new() }, vec![diagnostic]);
    }
    if let Some(diagnostic) = yaml::recognized(file, text) {
        return (File { version: None, items: Vec::new(), comments: Vec::new() }, vec![diagnostic]);
    }
    let mut scan = scan(file, source);
    let diagnostics = std::mem::take(&mut scan.diagnostics);
    let new =
        |diagnostics| FileParser { file, text, scan: &scan, diagnostics, version: None, items: Vec::new() };
    let mut parser = new(diagnostics);
    let share = scan.chunks.len().div_ceil(workers(text)).max(1);
    std::thread::scope(|scope| {
        let parts = scan.chunks.chunks(share).enumerate();
        let mut parts = parts.map(|(part, chunks)| {
            let mut parser = new(Vec::new());
            move || {
                for (index, chunk) in chunks.iter().enumerate() {
                    parser.chunk(part * share + index, chunk);
                }
                parser
            }
        });
        // The first part is for this thread, so that a small file needs no other one.
        let Some(first) = parts.next() else { return };
        let others: Vec<_> = parts.map(|part| scope.spawn(part)).collect();
        parser.append(first());
        for other in others {
            parser.append(other.join().expect("parsing does not panic"));
        }
    });
    parser.check_version();
    parser.forget_newer_version();
    let (version, items, mut diagnostics) = (parser.version, parser.items, parser.diagnostics);
    for diagnostic in &mut diagnostics {
        shorten(diagnostic);
        for label in diagnostic.secondary.iter_mut().chain([&mut diagnostic.primary]) {
            // The grammar saw one blank for each byte of a character that was blanked, and may point between them.
            let range = label.span.range();
            let (start, end) = (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
            label.span = Span::new(file, start..end);
        }
    }
    (File { version, items, comments: scan.comments }, diagnostics)
}

/// How many threads parse a file: chunks are independent of each other.
fn workers(text: &str) -> usize {
    /// What is parsed in about the time that it takes to start a thread.
    const LEAST_BYTES: usize = 16 * 1024;
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    available.min(text.len() / LEAST_BYTES).max(1)
}

struct FileParser<'a> {
    file: FileId,
    text: &'a str,
    scan: &'a Scan,
    diagnostics: Vec<Diagnostic>,
    version: Option<Spanned<u64>>,
    items: Vec<Item>,
}

/// What the first words of a chunk say, read without the grammar so that a broken item still has a name.
struct Head<'a> {
    word: Name,
    /// The identifier behind the keyword, quoted or not.
    name: Option<Name>,
    /// What follows the first word, up to the end of the line.
    rest: &'a str,
}

impl<'a> FileParser<'a> {
    fn chunk(&mut self, index: usize, chunk: &Chunk) {
        let head = self.head(chunk);
        let keyword = head.word.value.as_str();
        if chunk.below_colon {
            return;
        }
        let known = ITEM_KEYWORDS.contains(&keyword) || matches!(keyword, "cachelang" | "include");
        if chunk.broken {
            self.poison(head, chunk);
        } else if !known {
            if let Some(diagnostic) = errors::unknown_item(&head.word, head.name.as_ref(), head.rest) {
                self.diagnostics.push(diagnostic);
            }
            self.poison(head, chunk);
        } else {
            if keyword == "cachelang" && index > 0 {
                self.diagnostics.push(errors::version_not_first(head.word.span));
            }
            self.parse_chunk(head, chunk);
        }
    }

    /// Adds what was found in the chunks that follow.
    fn append(&mut self, next: Self) {
        self.diagnostics.extend(next.diagnostics);
        self.items.extend(next.items);
        self.version = self.version.take().or(next.version);
    }

    fn head(&self, chunk: &Chunk) -> Head<'a> {
        let start = chunk.range.start;
        let source = self.text.get(chunk.range.clone()).unwrap_or_default();
        let first_line = source.lines().next().unwrap_or_default();
        let is_word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        let length = |text: &str| text.find(|character| !is_word(character)).unwrap_or(text.len());
        let word_length = match length(first_line) {
            0 => first_line.chars().next().map_or(0, char::len_utf8),
            length => length,
        };
        let (word, rest) = first_line.split_at_checked(word_length).unwrap_or((first_line, ""));
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '"']).len();
        let after = rest.get(blanks..).unwrap_or_default();
        let name = after.get(..length(after)).unwrap_or_default();
        let name_start = start + word_length + blanks;
        let name = (!name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()))
            .then(|| Name::new(name.to_owned(), self.span(name_start..name_start + name.len())));
        Head { word: Name::new(word.to_owned(), self.span(start..start + word_length)), name, rest }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    /// Keeps the name of an item that could not be read; waves and steps have none that a value could be called by.
    fn poison(&mut self, head: Head<'_>, chunk: &Chunk) {
        let keyword = head.word.value.as_str();
        let declares_none = steps::is_step(keyword)
            || matches!(keyword, "cachelang" | "include" | "wave" | "stage" | "pre" | "post");
        if declares_none || head.rest.trim_start().starts_with('=') {
            return;
        }
        if let Some(name) = head.name {
            let end = self.text.get(chunk.range.clone()).map_or(0, |source| source.trim_end().len());
            let span = self.span(chunk.range.start..chunk.range.start + end.max(1));
            let description = self.description(span);
            self.items.push(Item { description, kind: ItemKind::Poisoned(name), span });
        }
    }

    fn parse_chunk(&mut self, head: Head<'a>, chunk: &Chunk) {
        let (mut source, mut failed) = self.patched(chunk);
        for retry in 0..=MAX_RETRIES {
            let error = match <Grammar as Parser<Rule>>::parse(Rule::chunk, &source) {
                Ok(pairs) => {
                    let mut lower = Lower::new(self.file, &source, chunk.range.start);
                    let lowered = lower.chunk(pairs);
                    self.diagnostics.append(&mut lower.into_diagnostics());
                    if !failed {
                        return self.accept(lowered);
                    }
                    break;
                }
                Err(error) => error,
            };
            failed = true;
            let at = match error.location {
                InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
            };
            self.diagnostics.push(self.describe(&error.variant, &source, at, chunk));
            let region = self.balanced_lines(chunk.range.start + at, chunk);
            if retry == MAX_RETRIES || region.start == chunk.range.start {
                break;
            }
            blank(source.to_mut(), region.start - chunk.range.start..region.end - chunk.range.start);
        }
        self.poison(head, chunk);
    }

    fn describe(&self, variant: &ErrorVariant<Rule>, source: &str, at: usize, chunk: &Chunk) -> Diagnostic {
        let base = chunk.range.start;
        let expected = match variant {
            ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
            // pest gave up: the value nests deeper than its stack, which brackets alone cannot do.
            ErrorVariant::CustomError { .. } => {
                let keyword = source.find(|first: char| !first.is_ascii_alphanumeric()).unwrap_or(1);
                return lexical::value_too_long(self.span(base..base + keyword), super::lower::MAX_HEIGHT);
            }
        };
        let block = self.enclosing_brace(base + at, chunk).map(|open| open - base);
        classify(&Failure { file: self.file, base, source, at, expected, block })
    }

    /// The innermost `{` around an offset, inside the chunk.
    fn enclosing_brace(&self, at: usize, chunk: &Chunk) -> Option<usize> {
        let pairs = self.pairs_of(chunk).filter(|(open, close)| *open < at && at <= *close);
        pairs.filter(|(open, _)| self.text.as_bytes().get(*open) == Some(&b'{')).map(|(open, _)| open).max()
    }

    fn pairs_of(&self, chunk: &Chunk) -> impl Iterator<Item = (usize, usize)> {
        let pairs = &self.scan.pairs;
        let first = pairs.partition_point(|(_, close)| *close < chunk.range.start);
        let end = chunk.range.end;
        pairs.get(first..).unwrap_or_default().iter().copied().take_while(move |(_, close)| *close < end)
    }

    /// The text of a chunk as the grammar shall see it, and whether lines had to be blanked.
    fn patched(&self, chunk: &Chunk) -> (Cow<'a, str>, bool) {
        let base = chunk.range.start;
        let mut source = Cow::Borrowed(self.text.get(chunk.range.clone()).unwrap_or_default());
        let first = self.scan.patches.partition_point(|patch| patch.range.start < base);
        for patch in self.scan.patches.iter().skip(first) {
            if patch.range.start >= chunk.range.end {
                break;
            }
            let range = patch.range.start - base..patch.range.end.min(chunk.range.end) - base;
            match patch.kind {
                PatchKind::Blank => blank(source.to_mut(), range),
                PatchKind::Newline => source.to_mut().replace_range(range, "\n"),
                PatchKind::DoubleQuotes => {
                    source.to_mut().replace_range(range.start..range.start + 1, "\"");
                    source.to_mut().replace_range(range.end - 1..range.end, "\"");
                }
            }
        }
        let first = self.scan.comments.partition_point(|comment| comment.span.range().start < base);
        for comment in self.scan.comments.iter().skip(first) {
            let range = comment.span.range();
            if range.start >= chunk.range.end {
                break;
            }
            blank(source.to_mut(), range.start - base..range.end.min(chunk.range.end) - base);
        }
        let first = self.scan.damage.partition_point(|at| *at < base);
        let damage = self.scan.damage.iter().skip(first).take_while(|at| **at < chunk.range.end);
        let mut damaged = false;
        let mut blanked_to = 0;
        for at in damage {
            damaged = true;
            if *at >= blanked_to {
                let region = self.balanced_lines(*at, chunk);
                blanked_to = region.end;
                blank(source.to_mut(), region.start - base..region.end - base);
            }
        }
        (source, damaged)
    }

    /// The line of an offset, grown until no bracket pair of the chunk leaves it.
    fn balanced_lines(&self, at: usize, chunk: &Chunk) -> Range<usize> {
        let text = self.text;
        let line_start =
            |at: usize| text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let line_end = |at: usize| {
            text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |length| at + length)
        };
        let mut region = line_start(at)..line_end(at);
        loop {
            let before = region.clone();
            for (open, close) in self.pairs_of(chunk) {
                if region.contains(&open) && close >= region.end {
                    region.end = line_end(close);
                } else if region.contains(&close) && open < region.start {
                    region.start = line_start(open);
                }
            }
            if region == before {
                break;
            }
        }
        region.start.max(chunk.range.start)..region.end.min(chunk.range.end)
    }

    fn accept(&mut self, lowered: Vec<Lowered>) {
        for lowered in lowered {
            match lowered {
                Lowered::Version(version) => {
                    if version.value != 1 {
                        self.diagnostics
                            .push(lexical::unsupported_version(&version.value.to_string(), version.span));
                    }
                    self.version.get_or_insert(version);
                }
                Lowered::Item(mut item) => {
                    item.description = self.description(item.span);
                    self.items.push(item);
                }
            }
        }
    }

    /// The `##` lines directly above an item.
    fn description(&self, item: Span) -> Option<String> {
        let before = self.text.get(..item.range().start)?;
        let mut lines = before.rsplit('\n');
        lines.next().filter(|indent| indent.trim().is_empty())?;
        let mut description: Vec<&str> =
            lines.map_while(|line| line.trim().strip_prefix("##")).map(str::trim).collect();
        description.reverse();
        (!description.is_empty()).then(|| description.join("\n"))
    }

    /// Of a file in a newer language nothing is known but the names that seem to be declared in it.
    fn forget_newer_version(&mut self) {
        if self.diagnostics.iter().any(|one| one.code == Code::UnsupportedVersion) {
            self.diagnostics.retain(|one| one.code == Code::UnsupportedVersion);
            let known = self.items.drain(..).filter_map(|item| {
                let kind = ItemKind::Poisoned(item.kind.name()?.clone());
                Some(Item { kind, ..item })
            });
            self.items = known.collect();
        }
    }

    fn check_version(&mut self) {
        let Some(first) = self.scan.chunks.first() else { return };
        let head = self.head(first);
        let has_version = self.text.starts_with("cachelang") || head.word.value == "cachelang";
        if self.version.is_none() && !has_version {
            let reported =
                self.diagnostics.iter().any(|diagnostic| diagnostic.primary.span == head.word.span);
            if !reported {
                self.diagnostics.push(lexical::missing_version(self.text, head.word.span));
            }
        }
        debug_assert!(
            self.diagnostics.iter().filter(|one| one.code == Code::MissingVersion).count() <= 1,
            "one file misses one version"
        );
    }
}

/// Replaces everything but line breaks by spaces.
fn blank(source: &mut String, range: Range<usize>) {
    let blanks = source
        .get(range.clone())
        .map(|text| text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect());
    let blanks: String = blanks.expect("ranges come from character boundaries of this text");
    source.replace_range(range, &blanks);
}
