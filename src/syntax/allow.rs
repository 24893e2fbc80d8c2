//! `# cachelang: allow W0209`: comments that silence warnings about the line below them.
//!
//! They work on the diagnostics of every pass, whichever file of a program these are about: a span says which file it
//! is in.

use std::collections::{HashMap, HashSet};

use super::ast::Comment;
use super::errors::lexical as errors;
use crate::diag::{self, Code, Diagnostic, Severity};
use crate::source::{FileId, SourceMap, Span};

/// How such a comment starts, blanks aside.
const START: &str = "cachelang: allow";

/// The warnings that comments allow.
#[derive(Debug, Clone, Default)]
pub struct Allows {
    /// Lines that hold nothing but a comment, with what it allows.
    lines: HashMap<(FileId, usize), HashSet<Code>>,
}

impl Allows {
    /// Reads the comments of any number of files. Adds a [`Code::UselessAllow`] for each code that cannot be allowed.
    pub fn read<'a>(
        sources: &SourceMap,
        comments: impl IntoIterator<Item = &'a Comment>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut lines = HashMap::new();
        for comment in comments.into_iter().filter(|comment| comment.alone) {
            let codes = codes(sources.slice(comment.span), comment.span, diagnostics);
            lines.insert((comment.span.file, line(sources, comment.span)), codes);
        }
        Self { lines }
    }

    /// Removes the warnings that are allowed; errors stay.
    pub fn apply(&self, sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.retain(|diagnostic| {
            diagnostic.severity() == Severity::Error || !self.allow(sources, diagnostic)
        });
    }

    /// Whether a comment right above the primary line names the warning.
    fn allow(&self, sources: &SourceMap, diagnostic: &Diagnostic) -> bool {
        let span = diagnostic.primary.span;
        let above = (1..line(sources, span)).rev();
        let mut comments = above.map_while(|line| self.lines.get(&(span.file, line)));
        comments.any(|codes| codes.contains(&diagnostic.code))
    }
}

fn line(sources: &SourceMap, span: Span) -> usize {
    sources.file(span.file).position(span.start).line
}

/// The codes of a comment, separated by `,` or blanks. What cannot be allowed is reported.
fn codes(comment: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> HashSet<Code> {
    let text = comment.strip_prefix('#').map(|text| text.trim_start_matches([' ', '\t']));
    let Some(list) = text.and_then(|text| text.strip_prefix(START)) else { return HashSet::new() };
    let is_separator = |character: char| character == ',' || character.is_whitespace();
    if !list.is_empty() && !list.starts_with(is_separator) {
        return HashSet::new();
    }
    let mut at = span.range().start + comment.len() - list.len();
    let mut found = HashSet::new();
    let mut names_any = false;
    for piece in list.split_inclusive(is_separator) {
        let written = piece.trim_end_matches(is_separator);
        if !written.is_empty() {
            names_any = true;
            let span = Span::new(span.file, at..at + written.len());
            match Code::ALL.into_iter().find(|code| code.as_str() == written) {
                Some(code) if code.severity() == Severity::Warning => {
                    found.insert(code);
                }
                Some(code) => diagnostics.push(errors::error_allowed(code.as_str(), span)),
                None => diagnostics.push(unknown(written, span)),
            }
        }
        at += piece.len();
    }
    if !names_any {
        let end = span.range().start + comment.trim_end().len();
        diagnostics.push(errors::empty_allow(Span::new(span.file, span.range().start..end)));
    }
    found
}

fn unknown(written: &str, span: Span) -> Diagnostic {
    let warnings = Code::ALL.into_iter().filter(|code| code.severity() == Severity::Warning);
    // A message has no room for more, and backticks would end the quotation.
    let shown: String = written.chars().filter(|character| *character != '`').take(24).collect();
    errors::unknown_allowed(&shown, diag::similar(written, warnings.map(Code::as_str)), span)
}
