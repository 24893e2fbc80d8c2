//! Where text comes from: files, byte spans in them, and lines and columns for people.
//!
//! Spans are byte offsets and always point at text that exists; lines and columns are computed only where
//! something is shown.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in one file: `start` inclusive, `end` exclusive, both on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The span of `range` in `file`.
    ///
    /// Files are limited to [`SourceMap::MAX_FILE_BYTES`], so offsets fit.
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        debug_assert!(range.start <= range.end, "a span cannot end before it starts");
        let offset = |value: usize| u32::try_from(value).expect("source files are smaller than 4 GiB");
        Self { file, start: offset(range.start), end: offset(range.end) }
    }

    /// The byte range inside the file.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The empty place in front of it.
    pub fn before(self) -> Span {
        Span { end: self.start, ..self }
    }

    /// The empty place behind it.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }

    /// The smallest span that holds both; both must be in the same file.
    pub fn to(self, end: Span) -> Span {
        debug_assert_eq!(self.file, end.file, "a span lies in one file");
        Span { file: self.file, start: self.start.min(end.start), end: self.end.max(end.end) }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A 1-based line and a 1-based column counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// One source text with the name it is shown under.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    path: PathBuf,
    text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// The name that messages show: a path as the user wrote it, or a made-up name for text in memory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path that relative paths in the file are resolved against (its parent folder).
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text for those that keep it longer than the map.
    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The bytes of lines, counted from 1, without the blanks at both ends; `None` if the file has no such lines.
    pub fn lines(&self, first: u32, last: u32) -> Option<Range<usize>> {
        let start_of = |line: u32| self.line_starts.get(line as usize).map(|start| *start as usize);
        let start = start_of(first.checked_sub(1)?)?;
        let lines = self.text.get(start..start_of(last).unwrap_or(self.text.len()))?;
        let (before, text) = (lines.len() - lines.trim_start().len(), lines.trim());
        Some(start + before..start + before + text.len())
    }

    /// The position of a byte offset; an offset past the end is the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts.get(line).copied().unwrap_or(0) as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |before| before.chars().count());
        Position { line: line + 1, column: column + 1 }
    }
}

/// The texts of one program, by [`FileId`].
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// The largest file that is accepted, in bytes.
    pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text; a leading byte order mark is dropped.
    pub fn add(&mut self, name: impl Into<String>, path: impl Into<PathBuf>, text: &str) -> FileId {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let offset = |value: usize| u32::try_from(value).expect("source files are smaller than 4 GiB");
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| offset(at + 1))).collect();
        let id = FileId(offset(self.files.len()));
        self.files.push(SourceFile { name: name.into(), path: path.into(), text: text.into(), line_starts });
        id
    }

    /// The file of an id that this map gave out.
    pub fn file(&self, id: FileId) -> &SourceFile {
        self.files.get(id.0 as usize).expect("a FileId is used with the SourceMap that made it")
    }

    /// The text under a span.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.file)
            .text()
            .get(span.range())
            .expect("a span lies on character boundaries of its file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_not_bytes() {
        let mut sources = SourceMap::new();
        let id = sources.add("a", "a", "\u{feff}héé\r\nzwei\n");
        let file = sources.file(id);
        assert_eq!(file.text(), "héé\r\nzwei\n");
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(5), Position { line: 1, column: 4 });
        assert_eq!(file.position(7), Position { line: 2, column: 1 });
        assert_eq!(file.position(12), Position { line: 3, column: 1 });
        assert_eq!(file.position(99), Position { line: 3, column: 1 });
    }

    #[test]
    fn lines_are_counted_from_one() {
        let mut sources = SourceMap::new();
        let id = sources.add("a", "a", "one\n  two\r\nthree");
        let text =
            |first, last| sources.file(id).lines(first, last).map(|range| &sources.file(id).text()[range]);
        assert_eq!(text(1, 1), Some("one"));
        assert_eq!(text(2, 2), Some("two"));
        assert_eq!(text(2, 3), Some("two\r\nthree"));
        assert_eq!(text(3, 9), Some("three"));
        assert_eq!(text(0, 1), None);
        assert_eq!(text(4, 4), None);
    }
}
