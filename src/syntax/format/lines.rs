//! The inside of brackets, and of the file, as lines: members or elements, with the comments that belong to them.

use super::marks::{Marks, Start};
use super::tokens::{Node, Token};

/// What stands on a line of its own if its bracket is written on several.
pub(super) struct Line<'n, 'a> {
    pub(super) content: Content<'n, 'a>,
    /// Whether there is a blank line before it.
    pub(super) blank: bool,
}

pub(super) enum Content<'n, 'a> {
    Comment(Token<'a>),
    Member {
        nodes: &'n [Node<'a>],
        /// None for elements of lists and their like.
        start: Option<Start>,
        /// The comment behind it.
        comment: Option<Token<'a>>,
    },
}

#[derive(Default)]
pub(super) struct Lines<'n, 'a> {
    pub(super) lines: Vec<Line<'n, 'a>>,
    /// The comment behind the opening bracket.
    pub(super) opener_comment: Option<Token<'a>>,
    /// Whether the last element is followed by a comma.
    pub(super) trailing_comma: bool,
}

impl<'n, 'a> Lines<'n, 'a> {
    /// The members of a block or of the file.
    pub(super) fn members(nodes: &'n [Node<'a>], marks: &Marks) -> Self {
        let mut starts = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let after = nodes.get(index + 1).map(|next| next.first().start);
            let start = match marks.starts.get(&node.first().start) {
                Some(start) => *start,
                None if node.is("stage") && after.is_some_and(|name| marks.stages.contains(&name)) => {
                    Start::Step
                }
                None => continue,
            };
            starts.push((index, start));
        }
        let mut lines = Self::default();
        let first = starts.first().map_or(nodes.len(), |(first, _)| *first);
        lines.segment(nodes.get(..first).unwrap_or_default(), None);
        for (number, (index, start)) in starts.iter().enumerate() {
            let end = starts.get(number + 1).map_or(nodes.len(), |(next, _)| *next);
            lines.segment(nodes.get(*index..end).unwrap_or_default(), Some(*start));
        }
        lines
    }

    /// What stands between the commas of a list, a map or a call.
    pub(super) fn elements(nodes: &'n [Node<'a>]) -> Self {
        let mut lines = Self::default();
        for segment in nodes.split_inclusive(|node| node.is(",")) {
            lines.segment(segment, None);
        }
        let last = nodes.iter().rfind(|node| !node.is_comment());
        lines.trailing_comma = last.is_some_and(|last| last.is(","));
        lines
    }

    /// The value of a comprehension and what follows from its `for`.
    pub(super) fn comprehension(nodes: &'n [Node<'a>], clause: usize) -> Self {
        let mut lines = Self::default();
        let (value, clause) = nodes.split_at_checked(clause).unwrap_or((nodes, &[]));
        lines.segment(value, None);
        lines.segment(clause, None);
        lines
    }

    /// At most one member, with comments and separators around it.
    fn segment(&mut self, nodes: &'n [Node<'a>], start: Option<Start>) {
        let is_outside = |node: &Node<'_>| node.is_comment() || node.is(",") || node.is(";");
        let first = nodes.iter().position(|node| !is_outside(node)).unwrap_or(nodes.len());
        let end = nodes.iter().rposition(|node| !is_outside(node)).map_or(first, |last| last + 1);
        self.comments(nodes.get(..first).unwrap_or_default());
        if let Some(member @ [head, ..]) = nodes.get(first..end) {
            let content = Content::Member { nodes: member, start, comment: None };
            self.lines.push(Line { content, blank: head.first().newlines > 1 });
        }
        self.comments(nodes.get(end..).unwrap_or_default());
    }

    fn comments(&mut self, nodes: &[Node<'a>]) {
        for node in nodes {
            let Node::Comment(token) = node else { continue };
            let on_line = token.newlines == 0;
            match self.lines.last_mut().map(|line| &mut line.content) {
                Some(Content::Member { comment: comment @ None, .. }) if on_line => *comment = Some(*token),
                None if on_line && self.opener_comment.is_none() => self.opener_comment = Some(*token),
                _ => self.lines.push(Line { content: Content::Comment(*token), blank: token.newlines > 1 }),
            }
        }
    }

    pub(super) fn has_comments(&self) -> bool {
        let is_commented = |line: &Line<'_, '_>| match &line.content {
            Content::Comment(_) => true,
            Content::Member { comment, .. } => comment.is_some(),
        };
        self.opener_comment.is_some() || self.lines.iter().any(is_commented)
    }
}

impl Line<'_, '_> {
    pub(super) fn start(&self) -> Option<Start> {
        match self.content {
            Content::Member { start, .. } => start,
            Content::Comment(_) => None,
        }
    }
}
