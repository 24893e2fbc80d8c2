//! The text as tokens and comments, and these as a tree of brackets.

use std::borrow::Cow;
use std::collections::HashMap;

use super::marks::Marks;

/// A token, a comment, or a bracket with everything up to its closer.
pub(super) enum Node<'a> {
    Token(Token<'a>),
    Comment(Token<'a>),
    Group(Group<'a>),
}

#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Where it starts in the file.
    pub(super) start: usize,
    /// How many line breaks stand before it.
    pub(super) newlines: usize,
}

pub(super) struct Group<'a> {
    pub(super) open: Token<'a>,
    pub(super) inner: Vec<Node<'a>>,
    pub(super) close: Token<'a>,
}

impl<'a> Node<'a> {
    /// Its first token.
    pub(super) fn first(&self) -> Token<'a> {
        match self {
            Node::Token(token) | Node::Comment(token) => *token,
            Node::Group(group) => group.open,
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self, Node::Token(token) if token.text == text)
    }

    pub(super) fn is_comment(&self) -> bool {
        matches!(self, Node::Comment(_))
    }
}

impl<'a> Token<'a> {
    /// As it is written to the output: strings may hold line breaks.
    pub(super) fn output(self) -> Cow<'a, str> {
        if self.text.contains('\r') {
            Cow::Owned(self.text.replace("\r\n", "\n"))
        } else {
            Cow::Borrowed(self.text)
        }
    }
}

/// The tree of a text that was parsed without errors.
pub(super) fn tree<'a>(text: &'a str, holes: &HashMap<usize, usize>, marks: &Marks) -> Vec<Node<'a>> {
    let mut lexer = Lexer { text, at: 0, newlines: 0, holes, marks };
    let mut open: Vec<(Token<'a>, Vec<Node<'a>>)> = Vec::new();
    let mut nodes = Vec::new();
    while let Some(token) = lexer.next() {
        match token.text {
            "(" | "[" | "{" => open.push((token, std::mem::take(&mut nodes))),
            ")" | "]" | "}" => {
                let Some((opener, outer)) = open.pop() else { continue };
                let inner = std::mem::replace(&mut nodes, outer);
                nodes.push(Node::Group(Group { open: opener, inner, close: token }));
            }
            text if text.starts_with('#') => nodes.push(Node::Comment(token)),
            _ => nodes.push(Node::Token(token)),
        }
    }
    nodes
}

struct Lexer<'a, 'b> {
    text: &'a str,
    at: usize,
    newlines: usize,
    /// By where a `${` starts: where its `}` is.
    holes: &'b HashMap<usize, usize>,
    marks: &'b Marks,
}

impl<'a> Lexer<'a, '_> {
    fn next(&mut self) -> Option<Token<'a>> {
        let rest = loop {
            let rest = self.text.get(self.at..)?;
            match rest.chars().next()? {
                '\n' => self.newlines += 1,
                ' ' | '\t' | '\r' => {}
                _ => break rest,
            }
            self.at += 1;
        };
        let start = self.at;
        self.at += self.length(rest);
        let text = self.text.get(start..self.at)?;
        let text = if text.starts_with('#') { text.trim_end() } else { text };
        Some(Token { text, start, newlines: std::mem::take(&mut self.newlines) })
    }

    /// How long the token is that a text starts with.
    fn length(&self, rest: &str) -> usize {
        if let Some(end) = self.marks.types.get(&self.at) {
            return end - self.at;
        }
        let bytes = rest.as_bytes();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let word = |from: usize| from + bytes.iter().skip(from).take_while(|byte| is_word(byte)).count();
        match bytes {
            [b'"', ..] => self.string(),
            [b'#', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'-', b'0'..=b'9', ..] => word(1),
            [first, ..] if is_word(first) => word(0),
            [b'?', b'?', ..] | [b'|', b'|', ..] | [b'&', b'&', ..] | [b'=' | b'!', b'=', ..] => 2,
            _ => rest.chars().next().map_or(1, char::len_utf8),
        }
    }

    /// How long the string is that starts here, with everything in its holes.
    fn string(&self) -> usize {
        let rest = |at: usize| self.text.get(at..).unwrap_or_default();
        let quotes = if rest(self.at).starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
        let mut at = self.at + quotes.len();
        while let Some(character) = rest(at).chars().next() {
            at = match (character, self.holes.get(&at)) {
                ('"', _) if rest(at).starts_with(quotes) => return at + quotes.len() - self.at,
                ('$', Some(close)) => *close + 1,
                ('\\', _) => at + 1 + rest(at + 1).chars().next().map_or(0, char::len_utf8),
                _ => at + character.len_utf8(),
            };
        }
        at - self.at
    }
}
