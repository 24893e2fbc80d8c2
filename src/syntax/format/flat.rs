//! What can be written on one line, and how.

use super::lines::{Content, Lines};
use super::marks::{Marks, Start};
use super::tokens::{Group, Node};

/// Why something cannot be written on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A comment, or the author's own line breaks.
    Forced,
    TooLong,
}

/// Writes on one line, as long as it fits.
pub(super) struct Flat<'m> {
    marks: &'m Marks,
    pub(super) text: String,
    column: usize,
    limit: usize,
}

impl<'m> Flat<'m> {
    pub(super) fn new(marks: &'m Marks, column: usize, limit: usize) -> Self {
        Self { marks, text: String::new(), column, limit }
    }

    fn push(&mut self, text: &str) -> Result<(), Stop> {
        // Only strings have line breaks. The lines between the first and the last are as long as they are.
        let first = text.split('\n').next().unwrap_or_default();
        let widest = self.column + first.chars().count();
        self.column = match text.rsplit_once('\n') {
            Some((_, last)) => last.chars().count(),
            None => widest,
        };
        self.text.push_str(text);
        if widest.max(self.column) > self.limit { Err(Stop::TooLong) } else { Ok(()) }
    }

    pub(super) fn nodes(&mut self, nodes: &[Node<'_>]) -> Result<(), Stop> {
        if author_broke(nodes) {
            return Err(Stop::Forced);
        }
        let mut previous = None;
        for node in nodes {
            self.node(previous, node)?;
            previous = Some(node);
        }
        Ok(())
    }

    fn node(&mut self, previous: Option<&Node<'_>>, node: &Node<'_>) -> Result<(), Stop> {
        if previous.is_some_and(|previous| has_blank(self.marks, previous, node)) {
            self.push(" ")?;
        }
        match node {
            Node::Token(token) => self.push(&token.output()),
            Node::Comment(_) => Err(Stop::Forced),
            Node::Group(group) => self.group(group),
        }
    }

    /// What follows a group on its line, up to the next place where the line can be broken.
    pub(super) fn tail(&mut self, group: &Node<'_>, tail: &[Node<'_>]) -> Result<(), Stop> {
        let mut previous = group;
        for node in tail {
            if let Node::Group(next) = node {
                return self
                    .push(if has_blank(self.marks, previous, node) { " " } else { "" })
                    .and_then(|()| self.push(next.open.text));
            }
            if node.is_comment() {
                break;
            }
            self.node(Some(previous), node)?;
            previous = node;
        }
        Ok(())
    }

    pub(super) fn group(&mut self, group: &Group<'_>) -> Result<(), Stop> {
        let kind = Kind::of(group, self.marks);
        let lines = kind.lines(group, self.marks);
        self.push(group.open.text)?;
        if lines.has_comments() || (lines.trailing_comma && kind.may_end_with_comma()) {
            return Err(Stop::Forced);
        }
        let author_broke =
            || group.close.newlines > 0 || group.inner.iter().any(|node| node.first().newlines > 0);
        if kind == Kind::Block && !lines.lines.is_empty() && author_broke() {
            return Err(Stop::Forced);
        }
        let padding = if group.open.text == "{" && !lines.lines.is_empty() { " " } else { "" };
        self.push(padding)?;
        let mut previous: Option<Option<Start>> = None;
        for line in &lines.lines {
            let Content::Member { nodes, start, .. } = line.content else { continue };
            if let Some(previous) = previous {
                let steps = previous == Some(Start::Step) || start == Some(Start::Step);
                let separator = if kind == Kind::Comprehension {
                    " "
                } else if steps {
                    "; "
                } else {
                    ", "
                };
                self.push(separator)?;
            }
            previous = Some(start);
            self.nodes(nodes)?;
        }
        self.push(padding)?;
        self.push(group.close.text)
    }
}

/// What a bracket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Attributes, blocks and steps.
    Block,
    /// A list, a map or the arguments of a call.
    List,
    Comprehension,
    /// `(value)` or `[index]`
    Value,
}

impl Kind {
    pub(super) fn of(group: &Group<'_>, marks: &Marks) -> Self {
        let attached = marks.attached.contains(&group.open.start);
        match group.open.text {
            "{" => {
                let first = group.inner.iter().find(|node| !node.is_comment());
                let is_map = first.is_some_and(|first| marks.maps.contains(&first.first().start));
                if is_map { Kind::List } else { Kind::Block }
            }
            "(" if attached => Kind::List,
            "(" => Kind::Value,
            _ if attached => Kind::Value,
            _ => clause(group).map_or(Kind::List, |_| Kind::Comprehension),
        }
    }

    pub(super) fn lines<'n, 'a>(self, group: &'n Group<'a>, marks: &Marks) -> Lines<'n, 'a> {
        match self {
            Kind::Block => Lines::members(&group.inner, marks),
            Kind::List | Kind::Value => Lines::elements(&group.inner),
            Kind::Comprehension => Lines::comprehension(&group.inner, clause(group).unwrap_or(0)),
        }
    }

    pub(super) fn may_end_with_comma(self) -> bool {
        self == Kind::List
    }
}

/// Where the `for` of a comprehension stands.
fn clause(group: &Group<'_>) -> Option<usize> {
    (0..group.inner.len()).find(|at| is_keyword(&group.inner, *at, "for"))
}

/// Whether a blank stands between two neighbours.
pub(super) fn has_blank(marks: &Marks, before: &Node<'_>, after: &Node<'_>) -> bool {
    match after {
        Node::Token(token) if matches!(token.text, "," | ";" | "." | ":") => return false,
        Node::Group(group) if marks.attached.contains(&group.open.start) => return false,
        _ => {}
    }
    match before {
        // The colon of a type is followed by a blank, that of a tag is not.
        Node::Token(token) if token.text == ":" => marks.types.contains_key(&after.first().start),
        Node::Token(token) => !matches!(token.text, "." | "!"),
        Node::Comment(_) | Node::Group(_) => true,
    }
}

/// The infix operators, loosest first.
const OPERATORS: [&[&str]; 5] = [&["??"], &["||"], &["&&"], &["==", "!="], &["+"]];

/// Before which nodes a line is broken if it does not stay one: the loosest operators, `then` and `else`; else behind
/// the commas of a step or a clause.
pub(super) fn break_points(nodes: &[Node<'_>]) -> Vec<usize> {
    let is_value_end = |at: &usize| is_keyword(nodes, *at, "if") || is_keyword(nodes, *at, "for");
    let end = (0..nodes.len()).find(is_value_end).unwrap_or(nodes.len());
    let chain = nodes.get(..end).unwrap_or_default();
    let positions = |operators: &[&str]| -> Vec<usize> {
        let is_one = |node: &Node<'_>| operators.iter().any(|operator| node.is(operator));
        chain.iter().enumerate().filter(|(_, node)| is_one(node)).map(|(at, _)| at).collect()
    };
    let mut found =
        OPERATORS.iter().map(|one| positions(one)).find(|found| !found.is_empty()).unwrap_or_default();
    let is_branch =
        |at: &usize| *at > 0 && (is_keyword(nodes, *at, "then") || is_keyword(nodes, *at, "else"));
    found.extend((end..nodes.len()).filter(is_branch));
    if found.is_empty() {
        let is_below =
            |at: usize| nodes.get(at).is_some_and(|node| !node.is_comment() || node.first().newlines > 0);
        let commas = nodes.iter().enumerate().filter(|(_, node)| node.is(",")).map(|(at, _)| at);
        // A comment behind the comma stays there.
        found.extend(commas.map(|at| if is_below(at + 1) { at + 1 } else { at + 2 }));
    }
    found
}

/// Whether the author broke the line at one of these places.
pub(super) fn author_broke(nodes: &[Node<'_>]) -> bool {
    let newline = |at: usize| nodes.get(at).is_some_and(|node| node.first().newlines > 0);
    nodes.iter().skip(1).any(|node| node.first().newlines > 0)
        && break_points(nodes).into_iter().any(|at| newline(at) || newline(at + 1))
}

/// Whether a word is meant as a keyword, and not as the name of a field, an attribute or an argument.
fn is_keyword(nodes: &[Node<'_>], at: usize, keyword: &str) -> bool {
    let is = |at: usize, text: &str| nodes.get(at).is_some_and(|node| node.is(text));
    is(at, keyword) && !is(at + 1, "=") && !at.checked_sub(1).is_some_and(|before| is(before, "."))
}
