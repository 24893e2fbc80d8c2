//! Strings: escapes, holes, and the indentation of `"""` strings.

use super::{Lower, Node};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, StringPart};
use crate::syntax::errors::values as errors;
use crate::syntax::parse::Rule;

impl<'a> Lower<'a> {
    pub(super) fn string(&mut self, node: Node<'a>, height: usize) -> Expr {
        let span = self.span(&node);
        let mut nodes = node.into_inner().peekable();
        let multiline = nodes.peek().is_some_and(|node| node.as_rule() == Rule::multiline);
        let nodes: Vec<Node<'a>> =
            if multiline { nodes.flat_map(Node::into_inner).collect() } else { nodes.collect() };
        let layout = if multiline { Layout::of(&nodes) } else { None };
        let mut parts = Vec::new();
        let last = nodes.len().saturating_sub(1);
        for (index, node) in nodes.into_iter().enumerate() {
            match node.as_rule() {
                Rule::hole => parts.push(StringPart::Hole(self.hole(node, height))),
                Rule::escape => push_text(&mut parts, &self.escape(&node, multiline)),
                _ => {
                    let text = node.as_str();
                    match &layout {
                        Some(layout) => push_text(&mut parts, &layout.apply(text, index == 0, index == last)),
                        // A line ends with `\n`, however the file is stored.
                        None if multiline => push_text(&mut parts, &text.replace("\r\n", "\n")),
                        None => push_text(&mut parts, text),
                    }
                }
            }
        }
        Expr { kind: ExprKind::String(parts), span }
    }

    fn hole(&mut self, node: Node<'a>, height: usize) -> Expr {
        let span = self.span(&node);
        match node.into_inner().next() {
            Some(value) => self.value(value, height + 1),
            None => {
                self.report(errors::empty_hole(span));
                Expr { kind: ExprKind::Error, span }
            }
        }
    }

    fn escape(&mut self, node: &Node<'a>, multiline: bool) -> String {
        let source = node.as_str();
        let span = self.span(node);
        let text = match source.get(1..).unwrap_or_default() {
            "n" => "\n",
            "t" => "\t",
            "\"" => "\"",
            "\\" => "\\",
            "$" => "$",
            other => {
                if unicode(other) == Some('\0') {
                    self.report(errors::nul_escape(source, span));
                    return String::new();
                }
                if let Some(character) = unicode(other) {
                    return character.to_string();
                }
                self.report(errors::unknown_escape(source.trim_end(), multiline, trimmed(span, source)));
                source
            }
        };
        text.to_owned()
    }
}

/// The span without the line break that an escape at the end of a line holds.
fn trimmed(span: Span, source: &str) -> Span {
    let range = span.range();
    Span::new(span.file, range.start..range.start + source.trim_end().len())
}

/// `u{1f600}`; control characters may only be written this way.
fn unicode(escape: &str) -> Option<char> {
    let digits = escape.strip_prefix("u{")?.strip_suffix('}')?;
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
}

fn push_text(parts: &mut Vec<StringPart>, text: &str) {
    if text.is_empty() {
        return;
    }
    match parts.last_mut() {
        Some(StringPart::Text(previous)) => previous.push_str(text),
        _ => parts.push(StringPart::Text(text.to_owned())),
    }
}

/// How the lines of a `"""` string stand: the text begins on the line below the opening quotes and ends above the
/// closing ones, whose indentation every line loses.
struct Layout {
    indent: String,
}

impl Layout {
    /// None if the closing quotes stand behind text: then every blank counts.
    fn of(nodes: &[Node<'_>]) -> Option<Self> {
        let first = nodes.first()?;
        let last = nodes.last().filter(|node| node.as_rule() == Rule::multiline_text)?;
        let starts_below = first.as_str().trim_start_matches([' ', '\t', '\r']).starts_with('\n');
        let (_, indent) = last.as_str().rsplit_once('\n')?;
        let is_blank = indent.chars().all(|character| matches!(character, ' ' | '\t'));
        (starts_below && is_blank).then(|| Self { indent: indent.to_owned() })
    }

    fn apply(&self, text: &str, first: bool, last: bool) -> String {
        let text = text.replace("\r\n", "\n");
        let mut lines: Vec<&str> = text.split('\n').collect();
        if last {
            lines.pop();
        }
        let mut result = String::new();
        for (index, line) in lines.into_iter().enumerate() {
            // The first line goes on with what stands before this text: a hole, or the opening quotes.
            if index == 0 {
                result.push_str(if first { "" } else { line });
                continue;
            }
            if index > 1 || !first {
                result.push('\n');
            }
            let kept = line.strip_prefix(self.indent.as_str());
            result.push_str(kept.unwrap_or_else(|| line.trim_start_matches([' ', '\t'])));
        }
        result
    }
}
