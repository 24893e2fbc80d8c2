//! The lines around some labels, safe to print.

use std::ops::Range;

use super::printable::is_obeyed;
use crate::diag::Label;
use crate::diag::keys::without_keys;
use crate::source::SourceFile;

/// Longer lines are cut behind the last label on them.
const MAX_LINE: usize = 160;

/// A few lines of a file: without characters that a terminal obeys, and without the far ends of long lines.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) text: String,
    /// The 0-based line of the file that the window starts with.
    pub(super) first_line: usize,
    lines: Vec<Line>,
}

/// Where a line lies in the file and in the window.
#[derive(Debug)]
struct Line {
    source: Range<usize>,
    start: usize,
    kept: usize,
}

impl Window {
    /// All lines with labels, and one more on either side.
    pub(super) fn new(file: &SourceFile, labels: &[&Label]) -> Self {
        let text = file.text();
        let line_start =
            |at: usize| text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let first = labels.iter().map(|label| label.span.range().start).min().unwrap_or(0);
        let last = labels.iter().map(|label| label.span.range().end).max().unwrap_or(0);
        let start = line_start(line_start(first).saturating_sub(1));
        let mut window = Self {
            text: String::new(),
            first_line: text.get(..start).map_or(0, |before| before.matches('\n').count()),
            lines: Vec::new(),
        };
        let mut at = start;
        let mut lines_after = 0;
        for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
            let source = at..at + line.len();
            at = source.end;
            lines_after += usize::from(source.start > last);
            if lines_after > 2 {
                break;
            }
            let needed = labels.iter().map(|label| label.span.range());
            let needed = needed.filter(|range| source.contains(&range.start)).map(|range| range.end).max();
            window.push(line, source, needed.unwrap_or(0));
        }
        if window.text.is_empty() || !window.text.ends_with('\n') {
            // miette drops a label behind the last character of a text that does not end in a line break.
            window.text.push('\n');
        }
        window
    }

    fn push(&mut self, line: &str, source: Range<usize>, needed: usize) {
        let content = line.trim_end_matches(['\n', '\r']);
        let mut kept = needed.saturating_sub(source.start).clamp(MAX_LINE, MAX_LINE * 4).min(content.len());
        while !content.is_char_boundary(kept) {
            kept -= 1;
        }
        let start = self.text.len();
        let shown = without_keys(content);
        self.text.extend(shown.get(..kept).unwrap_or_default().chars().map(same_length));
        if kept < content.len() {
            self.text.push('…');
        }
        self.text.push('\n');
        self.lines.push(Line { source, start, kept });
    }

    /// A range of the file as a range of the window.
    pub(super) fn translate(&self, range: Range<usize>) -> Range<usize> {
        let start = self.offset(range.start);
        start..self.offset(range.end).max(start)
    }

    fn offset(&self, at: usize) -> usize {
        let index = self.lines.partition_point(|line| line.source.start <= at).saturating_sub(1);
        let line = self.lines.get(index);
        line.map_or(0, |line| line.start + at.saturating_sub(line.source.start).min(line.kept))
    }
}

/// The character itself, or one with as many bytes if a terminal would obey it: offsets stay what they are.
fn same_length(character: char) -> char {
    let obeyed = character != '\t' && is_obeyed(character);
    match character.len_utf8() {
        _ if !obeyed => character,
        1 => '?',
        2 => '¿',
        _ => '\u{fffd}',
    }
}
