//! Strings, their holes, and characters that do not belong into a file.

use super::{MAX_NESTING, Open, OpenKind, Patch, PatchKind, Scanner, StringStart};
use crate::syntax::errors::{lexical as errors, values};

impl Scanner<'_> {
    /// A string, from its opening quote.
    pub(super) fn string(&mut self) {
        let at = self.at;
        // Holes further out were given theirs when the string around this hole began.
        let innermost = self.open.iter_mut().rev().take(MAX_NESTING).find_map(|open| match &mut open.kind {
            OpenKind::Hole { first_quote, .. } => Some(first_quote),
            OpenKind::Bracket(_) => None,
        });
        if let Some(first_quote) = innermost {
            first_quote.get_or_insert(at);
        }
        let multiline = self.starts_with("\"\"\"");
        self.at += if multiline { 3 } else { 1 };
        self.string_body(StringStart { at, multiline, item_inside: None });
    }

    /// The text of a string, up to its end or to the next hole.
    pub(super) fn string_body(&mut self, mut string: StringStart) {
        while let Some(byte) = self.peek() {
            match byte {
                b'"' if !string.multiline => {
                    self.at += 1;
                    return;
                }
                b'"' if self.starts_with("\"\"\"") => {
                    if string.item_inside.is_some() && !self.is_first_on_line() {
                        return self.unterminated_multiline(string);
                    }
                    self.at += 3;
                    return;
                }
                b'\\' if self.byte(self.at + 1).is_some_and(|next| next.is_ascii_graphic()) => self.at += 2,
                b'$' if self.starts_with("${{") && self.github_expression() => {}
                b'$' if self.byte(self.at + 1) == Some(b'{') => {
                    self.push(OpenKind::Hole { string, first_quote: None });
                    self.at += 2;
                    return;
                }
                b'\n' if !string.multiline => return self.unterminated(string),
                b'\n' => {
                    self.at += 1;
                    self.line_start = self.at;
                    if string.item_inside.is_none() && self.is_item_start() {
                        string.item_inside = Some(self.at);
                    }
                }
                b' '..=b'~' | b'\t' => self.at += 1,
                b'\r' if self.byte(self.at + 1) == Some(b'\n') => self.at += 1,
                _ => self.text_character(),
            }
        }
        if string.multiline { self.unterminated_multiline(string) } else { self.unterminated(string) }
    }

    /// Passes over a `${{ … }}` in a string; false if it may be a hole with a map.
    fn github_expression(&mut self) -> bool {
        // A line may be full of them, and is not read to its end for each.
        const LONGEST: usize = 200;
        let start = self.at;
        let end = self.text.floor_char_boundary(start.saturating_add(LONGEST));
        let line = self.text.get(start..end).unwrap_or_default().lines().next().unwrap_or_default();
        let Some(source) = line.find("}}").and_then(|end| line.get(..end + 2)) else { return false };
        let content = source.trim_start_matches("${{").trim_start();
        if source.contains('"') || !content.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return false;
        }
        let span = self.span(start..start + source.len());
        self.report(values::github_expression(source, span));
        self.result.damage.push(start);
        self.at = span.range().end;
        true
    }

    fn is_first_on_line(&self) -> bool {
        self.at == self.line_start + self.indent()
    }

    /// The line ended inside a string.
    fn unterminated(&mut self, string: StringStart) {
        if self.line_holes().next().is_some() {
            return self.unclosed_hole();
        }
        let end = self.line_end(string.at);
        let before = self.text.get(self.line_start..string.at).unwrap_or_default();
        let last = self.result.diagnostics.last();
        // A bracket of this line that seems to be missing mostly became text, as quotes do not pair up.
        let is_reported = last.is_some_and(|last| last.primary.span.range().start >= self.line_start);
        if !(is_reported && self.chunk_is_broken()) {
            self.report(errors::unterminated_string(self.span(string.at..end), before.contains('"')));
        }
        self.result.damage.push(string.at);
        self.close_swallowed(string.at, end);
        self.at = end;
    }

    /// The file ended inside a `"""` string, or an item came that cannot be meant as its text.
    fn unterminated_multiline(&mut self, string: StringStart) {
        let item = string.item_inside.map(|at| self.span(at..at + self.word_length(at)));
        let quotes = self.span(string.at..string.at + 3);
        // Quotes in a hole of such a string are more likely the end of that string.
        let is_hole = |open: &&Open| matches!(&open.kind, OpenKind::Hole { string, .. } if string.multiline);
        let hole = self.open.iter().rev().take(MAX_NESTING).find(is_hole);
        self.report(match hole.map(|hole| self.span(hole.at..hole.at + hole.width())) {
            Some(hole) => errors::unclosed_interpolation(self.text, hole, Some(quotes)),
            None => errors::unterminated_multiline(quotes, item),
        });
        self.break_chunk();
        self.open.clear();
        match string.item_inside {
            Some(at) => {
                while self.result.pairs.pop_if(|(_, close)| *close >= at).is_some() {}
                self.at = at;
                self.begin_line();
            }
            None => self.at = self.text.len(),
        }
    }

    /// The line ended inside a hole of a string: the innermost one is to blame.
    pub(super) fn unclosed_hole(&mut self) {
        let Some(innermost) = self.line_holes().next() else { return };
        let outermost = self.line_holes().last().unwrap_or(innermost);
        let Some(Open { at, kind: OpenKind::Hole { first_quote, .. }, .. }) = self.open.get(innermost) else {
            return;
        };
        let (at, first_quote) = (*at, *first_quote);
        let end = self.line_end(at);
        let quote = first_quote.map(|quote| self.span(quote..quote + 1));
        if !self.chunk_is_broken() {
            self.report(errors::unclosed_interpolation(self.text, self.span(at..at + 2), quote));
        }
        self.result.damage.push(at);
        self.open.truncate(outermost);
        self.close_swallowed(at + 2, end);
        self.at = end;
    }

    /// Brackets in what an unterminated string swallowed still count, so that the lines below keep theirs. Where
    /// the quotes of a line no longer pair up, a closer may also have become text: it counts as well.
    fn close_swallowed(&mut self, start: usize, end: usize) {
        let indent = self.indent();
        for at in start..end {
            match self.byte(at) {
                Some(opener @ (b'(' | b'[' | b'{')) => {
                    self.open.push(Open { at, indent, kind: OpenKind::Bracket(opener) });
                }
                Some(closer @ (b')' | b']' | b'}'))
                    if self.open.last().is_some_and(|open| open.closer() == closer) =>
                {
                    self.close_on_this_line(at);
                }
                _ => {}
            }
        }
        let line = self.text.as_bytes().get(self.line_start..end).unwrap_or_default();
        let last = |closer: u8| line.iter().rposition(|byte| *byte == closer).map(|at| self.line_start + at);
        let last_closers = [b')', b']', b'}'].map(|closer| (closer, last(closer)));
        while let Some(open) = self.open.last()
            && last_closers.iter().any(|(closer, at)| *closer == open.closer() && *at > Some(open.at))
            && self.close_on_this_line(end)
        {}
    }

    /// Closes the innermost bracket if it was opened on the current line.
    fn close_on_this_line(&mut self, at: usize) -> bool {
        let open = self.open.pop_if(|open| open.at >= self.line_start);
        self.result.pairs.extend(open.iter().map(|open| (open.at, at)));
        open.is_some()
    }

    pub(super) fn single_quotes(&mut self) {
        let start = self.at;
        let line = self.text.get(start + 1..self.line_end(start)).unwrap_or_default();
        let content = closing_quote(line).and_then(|end| line.get(..end));
        let end = start + 1 + content.map_or(0, |content| content.len() + 1);
        self.report(errors::single_quotes(self.text, self.span(start..end), content));
        match content {
            Some(content) if !content.contains(['"', '\\', '$', '\'']) => {
                self.result.patches.push(Patch { range: start..end, kind: PatchKind::DoubleQuotes });
            }
            _ => self.result.damage.push(start),
        }
        self.at = end;
    }

    /// A character in a string or comment that is not printable ASCII: anything goes but control characters.
    pub(super) fn text_character(&mut self) {
        let Some(character) = self.rest().chars().next() else { return };
        let range = self.at..self.at + character.len_utf8();
        if is_control(character) {
            self.report(errors::control_character(character, self.span(range.clone())));
            self.blank(range.clone());
        }
        self.at = range.end;
    }

    /// A character outside strings and comments that means nothing there.
    pub(super) fn unexpected(&mut self) {
        let Some(character) = self.rest().chars().next() else { return };
        if character == '\\' && self.escaped_string() {
            return;
        }
        let range = self.at..self.at + character.len_utf8();
        self.at = range.end;
        if is_control(character) {
            self.report(errors::control_character(character, self.span(range.clone())));
            if character == '\r' {
                self.result.patches.push(Patch { range, kind: PatchKind::Newline });
                return self.begin_line();
            }
            return self.blank(range);
        }
        if self.reported_line != Some(self.line_start) {
            self.reported_line = Some(self.line_start);
            self.report(errors::unexpected_character(self.text, character, self.span(range.clone())));
        }
        if errors::is_blank_look_alike(character) {
            self.blank(range);
        } else {
            self.result.damage.push(range.start);
        }
    }
}

impl Scanner<'_> {
    /// Reads `\"text\"` inside a hole as a string, which it is without the backslashes.
    fn escaped_string(&mut self) -> bool {
        let in_hole = self.open.iter().any(|open| matches!(open.kind, OpenKind::Hole { .. }));
        let start = self.at;
        let line = self.text.get(start..self.line_end(start)).unwrap_or_default();
        let content = line.strip_prefix("\\\"").filter(|_| in_hole);
        let Some(length) = content.and_then(|content| content.find(['"', '\\'])) else { return false };
        let closer = start + 2 + length;
        if !self.text.get(closer..).is_some_and(|rest| rest.starts_with("\\\"")) {
            return false;
        }
        let backslashes = [start, closer].map(|at| self.span(at..at + 1));
        self.report(errors::escaped_quotes_in_hole(self.text, backslashes));
        for backslash in backslashes {
            self.blank(backslash.range());
        }
        self.at = closer + 2;
        true
    }
}

/// Where the single quote stands that ends a text; two of them are one inside it, as in SQL and YAML.
fn closing_quote(line: &str) -> Option<usize> {
    let mut quotes = line.match_indices('\'').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if_eq(&(at + 1)).is_none() {
            return Some(at);
        }
    }
    None
}

/// Characters that a terminal or an editor obeys instead of showing, and the mark of bytes that are not UTF-8.
fn is_control(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\t'))
        || matches!(
            character,
            '\u{200e}'
                | '\u{200f}'
                | '\u{061c}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{fffd}'
        )
}
