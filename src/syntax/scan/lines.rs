//! What the start of a line says: a new item, or a conflict that git left behind.

use super::{Chunk, ITEM_KEYWORDS, OpenKind, Scanner};
use crate::syntax::errors::lexical as errors;

impl Scanner<'_> {
    pub(super) fn begin_line(&mut self) {
        self.line_start = self.at;
        self.line_has_token = false;
        if let Some(dropped) = self.conflict.take_if(|dropped| dropped.start <= self.at) {
            self.at = self.at.max(dropped.end);
            self.line_start = self.at;
        }
        if self.starts_with("<<<<<<<") && self.conflict.is_none() {
            self.merge_conflict();
        }
    }

    /// Reports a conflict and keeps the first of its sides.
    fn merge_conflict(&mut self) {
        let start = self.at;
        let first_line = start..self.line_end(start);
        let rest = self.text.get(start..).unwrap_or_default();
        let length = |marker: &str| rest.find(marker).map(|length| start + length + 1);
        let Some(end) = length("\n>>>>>>>") else {
            self.report(errors::merge_conflict(self.span(first_line.clone()), None));
            self.blank(first_line.clone());
            self.at = first_line.end;
            self.conflict = Some(self.text.len()..self.text.len());
            return;
        };
        let last = end..end + ">>>>>>>".len();
        self.report(errors::merge_conflict(self.span(first_line.clone()), Some(self.span(last))));
        let dropped = [length("\n|||||||"), length("\n=======")].into_iter().flatten().min().unwrap_or(end);
        self.blank(first_line.clone());
        self.at = first_line.end;
        let dropped = dropped.min(end)..self.line_end(end);
        self.conflict = Some(dropped.clone());
        self.blank(dropped);
    }

    /// Starts a chunk if the first token of a line begins an item.
    pub(super) fn begin_chunk_here(&mut self) {
        let item = self.is_item_start();
        if self.open.is_empty() {
            // With no item above there is nothing to go on with, and all text belongs to a chunk.
            if !item && !self.result.chunks.is_empty() && self.continues_line() {
                return;
            }
        } else if !item {
            return;
        } else {
            self.abandon_open(Some(self.at));
        }
        let at = self.at;
        let indented = at > self.line_start;
        let is_below_colon = self.text.get(..self.previous).is_some_and(|before| before.ends_with(':'));
        let mut below_colon = false;
        if let Some(previous) = self.result.chunks.last_mut() {
            previous.range.end = at;
            below_colon = indented && (previous.below_colon || is_below_colon);
        }
        self.suspect = None;
        self.result.chunks.push(Chunk { range: at..at, broken: false, indented, below_colon });
    }

    /// Whether the current line goes on with the value above: an operator, `then` or `else` at either end of the break.
    fn continues_line(&self) -> bool {
        let before = self.text.get(..self.previous).unwrap_or_default();
        let after = self.rest();
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let last_word = before.rsplit(|character| !is_word(character)).next().unwrap_or_default();
        ["then", "else"].contains(&last_word)
            || ["??", "||", "&&", "==", "!=", "+", ",", "!"].iter().any(|operator| before.ends_with(operator))
            || after.starts_with(['?', '|', '&', '+', '=', '!', '{', ',', '}', ')', ']', ':'])
            || ["then", "else"].contains(&self.word(self.at))
    }

    /// Whether an item begins here, even if brackets are open: a keyword in the first column and what follows it.
    pub(super) fn is_item_start(&self) -> bool {
        let keyword = self.word(self.at);
        let rest = self.text.get(self.at + keyword.len()..).unwrap_or_default();
        let name = rest.trim_start_matches([' ', '\t']);
        let is_keyword = ITEM_KEYWORDS.contains(&keyword) || (keyword == "include" && name.starts_with('"'));
        if self.at != self.line_start || !is_keyword {
            return false;
        }
        rest.starts_with([' ', '\t'])
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '"')
    }

    /// Gives up on everything that is open, at the next item or at the end of the file.
    pub(super) fn abandon_open(&mut self, item: Option<usize>) {
        let Some(top) = self.open.last() else { return };
        if !self.chunk_is_broken() {
            let item = item.map(|at| self.span(at..at + self.word_length(at)));
            let hole = self.open.iter().rev().find(|open| matches!(open.kind, OpenKind::Hole { .. }));
            let diagnostic = match (hole, self.suspect) {
                (Some(hole), _) => {
                    errors::unclosed_interpolation(self.text, self.span(hole.at..hole.at + 2), None)
                }
                (None, Some((opener, closer))) => errors::unclosed_before_closer(
                    self.text,
                    self.span(opener..opener + 1),
                    self.line_number(opener),
                    self.span(closer..closer + 1),
                ),
                (None, None) => errors::unclosed_bracket(
                    self.text,
                    self.span(top.at..top.at + top.width()),
                    self.line_number(top.at),
                    item,
                ),
            };
            self.report(diagnostic);
        }
        self.break_chunk();
        self.open.clear();
    }

    fn word(&self, at: usize) -> &str {
        self.text.get(at..at + self.word_length(at)).unwrap_or_default()
    }

    pub(super) fn word_length(&self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
    }
}
