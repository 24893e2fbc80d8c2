//! From what the grammar matched to the syntax tree, with exact spans.
//!
//! The grammar is tolerant; what it tolerates but the language forbids is reported here. Spans are taken from the
//! children that were read, never from a rule that may have skipped blanks at its end.

mod bodies;
mod entries;
mod items;
mod numbers;
mod steps;
mod strings;
mod values;

use pest::iterators::{Pair, Pairs};

use super::ast::{Item, Name};
use super::errors::syntax as errors;
use super::parse::Rule;
use crate::diag::Diagnostic;
use crate::source::{FileId, Span, Spanned};

/// How high the tree of a value may grow. Every later pass may therefore recurse over values.
pub(super) const MAX_HEIGHT: usize = 128;

pub(super) use bodies::{Place, PlaceKind};
pub(super) use numbers::NumberProblem;
#[cfg(test)]
pub(crate) use numbers::{DURATIONS, SIZES};

type Node<'a> = Pair<'a, Rule>;

/// A lowered item; the version line is one to the grammar only.
pub(super) enum Lowered {
    Version(Spanned<u64>),
    Item(Item),
}

pub(super) struct Lower<'a> {
    file: FileId,
    /// The text of the chunk.
    text: &'a str,
    /// Where the chunk starts in its file.
    base: usize,
    diagnostics: Vec<Diagnostic>,
}

/// What separates two neighbours.
#[derive(Default)]
struct Gap {
    newline: bool,
    comma: bool,
    semicolon: Option<Span>,
}

impl<'a> Lower<'a> {
    pub(super) fn new(file: FileId, text: &'a str, base: usize) -> Self {
        Self { file, text, base, diagnostics: Vec::new() }
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Every item of a chunk: one, unless several share a line.
    pub(super) fn chunk(&mut self, pairs: Pairs<'a, Rule>) -> Vec<Lowered> {
        let items = pairs.flat_map(Node::into_inner).filter(|node| node.as_rule() != Rule::EOI);
        let mut lowered = Vec::new();
        let mut previous: Option<Span> = None;
        for node in items {
            let start = self.span(&node);
            if node.as_rule() == Rule::semicolon {
                self.report(errors::semicolon_after_item(start, self.ends_line(start)));
                previous = None;
                continue;
            }
            if let Some(previous) = previous
                && !self.gap(previous, start).newline
            {
                let between = Span { start: previous.end, end: start.start, ..start };
                let is_blank = previous.end <= start.start && self.slice(between).trim().is_empty();
                let diagnostic = errors::items_on_one_line(self.first_token(start));
                self.report(diagnostic.with_edit_if(between, is_blank.then_some("\n")));
            }
            previous = Some(start);
            if let Some(item) = self.item(node) {
                if let Lowered::Item(item) = &item {
                    previous = Some(item.span);
                }
                lowered.push(item);
            }
        }
        lowered
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn span(&self, node: &Node<'_>) -> Span {
        let span = node.as_span();
        Span::new(self.file, self.base + span.start()..self.base + span.end())
    }

    fn name(&self, node: &Node<'_>) -> Name {
        Name::new(node.as_str().to_owned(), self.span(node))
    }

    /// The source under a span of this chunk.
    fn slice(&self, span: Span) -> &'a str {
        let range = span.range();
        range
            .start
            .checked_sub(self.base)
            .and_then(|start| self.text.get(start..range.end - self.base))
            .unwrap_or_default()
    }

    /// The source under a span if it is short enough to be repeated in a message.
    fn short(&self, span: Span) -> Option<&'a str> {
        let source = self.slice(span);
        (source.chars().count() <= 40 && !source.contains(['\n', '`'])).then_some(source)
    }

    /// The first word, string or character of a span: the token that one would look at.
    fn first_token(&self, span: Span) -> Span {
        let source = self.slice(span);
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let length = match source.chars().next() {
            Some(first) if is_word(first) => {
                source.find(|character| !is_word(character)).unwrap_or(source.len())
            }
            Some('"') if !source.contains('\n') => {
                source.get(1..).and_then(|rest| rest.find('"')).map_or(1, |end| end + 2)
            }
            first => first.map_or(0, char::len_utf8),
        };
        let start = span.range().start;
        Span::new(self.file, start..start + length)
    }

    /// Whether nothing follows a span on its line.
    fn ends_line(&self, span: Span) -> bool {
        let after = span.range().end.checked_sub(self.base).and_then(|end| self.text.get(end..));
        after.and_then(|after| after.lines().next()).is_none_or(|rest| rest.trim().is_empty())
    }

    /// `=` in place of another sign, with blanks around it where there are none.
    fn equals_for(&self, sign: Span) -> String {
        let range = sign.range();
        let at = |at: usize| at.checked_sub(self.base).and_then(|at| self.text.as_bytes().get(at));
        let blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        let before = if blank(range.start.checked_sub(1).and_then(at)) { "" } else { " " };
        let after = if blank(at(range.end)) { "" } else { " " };
        format!("{before}={after}")
    }

    /// What stands between two neighbours, comments aside.
    fn gap(&self, before: Span, after: Span) -> Gap {
        let start = before.range().end;
        let end = after.range().start.max(start);
        let mut gap = Gap::default();
        let mut in_comment = false;
        let between = self.slice(Span::new(self.file, start..end));
        for (at, character) in between.char_indices() {
            match character {
                '\n' => {
                    gap.newline = true;
                    in_comment = false;
                }
                '#' => in_comment = true,
                _ if in_comment => {}
                ',' => gap.comma = true,
                ';' => {
                    gap.semicolon.get_or_insert(Span::new(self.file, start + at..start + at + 1));
                }
                _ => {}
            }
        }
        gap
    }

    /// Reports a missing `,` between neighbours of a list, a map or a call. `closer` ends the whole.
    fn require_comma(&mut self, before: Span, after: Span, items: &str, closer: char) {
        if !self.gap(before, after).comma {
            let previous = self.short(before);
            let diagnostic = errors::missing_comma(self.first_token(after), previous, items, closer);
            self.report(diagnostic.with_edit(before.after(), ","));
        }
    }
}
