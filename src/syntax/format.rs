//! The one layout of a `.cachefile`.
//!
//! The tree alone would lose what does not matter to it: comments, parentheses, how a number is written. So it is the
//! tokens that are written again, in their order and as they are; the tree only says which of them start something
//! ([`marks`]). What changes is blanks, line breaks and separators, and so the meaning cannot.
//!
//! A layout, once written, is kept: whether something stands on several lines is decided by its width, or by a sign
//! of the author that the output has too (a comment, a trailing comma, a line break in a block).

mod flat;
mod lines;
mod marks;
mod tokens;

use std::collections::HashMap;

use super::scan::scan;
use crate::diag::{Diagnostic, Severity};
use crate::source::{FileId, SourceMap};
use flat::{Flat, Kind, Stop, author_broke, break_points, has_blank};
use lines::{Content, Line, Lines};
use marks::{Marks, Start};
use tokens::{Group, Node, Token};

/// The longest line, where it can be avoided.
const WIDTH: usize = 100;
const INDENT: &str = "  ";

/// The text of a file in the one layout, with the version of the language.
///
/// Formatting what is formatted changes nothing, and no formatting changes what a file means.
///
/// # Errors
/// The diagnostics of parsing, unsorted, if one of them is an error: what cannot be read is not formatted.
pub fn format(sources: &SourceMap, file: FileId) -> Result<String, Vec<Diagnostic>> {
    let (ast, diagnostics) = super::parse(sources, file);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error) {
        return Err(diagnostics);
    }
    let source = sources.file(file);
    let holes: HashMap<usize, usize> = scan(file, source).pairs.into_iter().collect();
    let marks = Marks::of(&ast);
    let nodes = tokens::tree(source.text(), &holes, &marks);
    let mut printer = Printer { marks: &marks, output: String::new(), column: 0, limit: WIDTH };
    if ast.version.is_none() && !ast.items.is_empty() {
        printer.output.push_str("cachelang 1\n\n");
    }
    printer.file(&nodes);
    Ok(printer.output)
}

struct Printer<'m> {
    marks: &'m Marks,
    output: String,
    column: usize,
    /// The width that is left for what is written, without what must follow on its line.
    limit: usize,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        self.output.push_str(text);
        self.column = match text.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => self.column + text.chars().count(),
        };
    }

    fn newline(&mut self, level: usize) {
        self.push("\n");
        for _ in 0..level {
            self.push(INDENT);
        }
    }

    fn file(&mut self, nodes: &[Node<'_>]) {
        let lines = Lines::members(nodes, self.marks);
        // A comment on the first line of the file stands behind nothing.
        if let Some(comment) = lines.opener_comment {
            self.push(comment.text);
            self.newline(0);
        }
        let mut previous: Option<&Line<'_, '_>> = None;
        for (line, leads_to_block) in lines.lines.iter().zip(lead_to_blocks(&lines.lines)) {
            let apart = |previous: &Line<'_, '_>| {
                let start = previous.start();
                matches!(start, Some(Start::Version | Start::Block)) || (start.is_some() && leads_to_block)
            };
            let follows = previous.is_some() || lines.opener_comment.is_some();
            if follows && (line.blank || previous.is_some_and(apart)) {
                self.newline(0);
            }
            self.line(line, 0, "");
            self.newline(0);
            previous = Some(line);
        }
    }

    /// A member or a comment, from the start of its line to before its end.
    fn line(&mut self, line: &Line<'_, '_>, level: usize, separator: &str) {
        match &line.content {
            Content::Comment(token) => self.push(token.text),
            Content::Member { nodes, comment, .. } => {
                let limit = std::mem::replace(&mut self.limit, WIDTH - separator.len());
                self.nodes(nodes, level);
                self.limit = limit;
                self.push(separator);
                self.comment_behind(*comment);
            }
        }
    }

    fn comment_behind(&mut self, comment: Option<Token<'_>>) {
        if let Some(comment) = comment {
            self.push(" ");
            self.push(comment.text);
        }
    }

    fn flat(&self) -> Flat<'_> {
        Flat::new(self.marks, self.column, self.limit)
    }

    fn nodes(&mut self, nodes: &[Node<'_>], level: usize) {
        let breaks = self.breaks(nodes);
        let mut next_break = breaks.iter().copied().peekable();
        let mut level = level;
        let mut continued = false;
        let mut previous: Option<&Node<'_>> = None;
        for (index, node) in nodes.iter().enumerate() {
            let is_break = next_break.next_if_eq(&index).is_some();
            if let Some(previous) = previous {
                let below = node.is_comment() && node.first().newlines > 0;
                if is_break || below || previous.is_comment() {
                    level += usize::from(!std::mem::replace(&mut continued, true));
                    self.newline(level);
                } else if has_blank(self.marks, previous, node) {
                    self.push(" ");
                }
            }
            match node {
                Node::Token(token) => self.push(&token.output()),
                Node::Comment(token) => self.push(token.text),
                Node::Group(group) => {
                    let end = next_break.peek().copied().unwrap_or(nodes.len());
                    self.group(node, group, nodes.get(index + 1..end).unwrap_or_default(), level);
                }
            }
            previous = Some(node);
        }
    }

    /// Before which nodes the line is broken.
    fn breaks(&self, nodes: &[Node<'_>]) -> Vec<usize> {
        if !author_broke(nodes) && self.flat().nodes(nodes) != Err(Stop::TooLong) {
            return Vec::new();
        }
        break_points(nodes)
    }

    fn group(&mut self, node: &Node<'_>, group: &Group<'_>, tail: &[Node<'_>], level: usize) {
        let mut flat = self.flat();
        if flat.group(group).is_ok() {
            let text = flat.text.len();
            if flat.tail(node, tail).is_ok() {
                flat.text.truncate(text);
                let text = flat.text;
                return self.push(&text);
            }
        }
        let kind = Kind::of(group, self.marks);
        let lines = kind.lines(group, self.marks);
        self.push(group.open.text);
        self.comment_behind(lines.opener_comment);
        if !lines.lines.is_empty() || lines.opener_comment.is_some() {
            let separator = if kind.may_end_with_comma() { "," } else { "" };
            for (index, line) in lines.lines.iter().enumerate() {
                if index > 0 && line.blank {
                    self.push("\n");
                }
                self.newline(level + 1);
                self.line(line, level + 1, separator);
            }
            self.newline(level);
        }
        self.push(group.close.text);
    }
}

/// For each line, whether it is an item with a block, or belongs to the comment above one.
fn lead_to_blocks(lines: &[Line<'_, '_>]) -> Vec<bool> {
    let mut found = Vec::with_capacity(lines.len());
    let mut below = false;
    for line in lines.iter().rev() {
        let leads = match line.content {
            Content::Member { start, .. } => start == Some(Start::Block),
            Content::Comment(_) => below,
        };
        found.push(leads);
        below = leads && !line.blank;
    }
    found.reverse();
    found
}
