//! One pattern of `.dockerignore` kind, compiled: a cleaned pattern without its `!` → `Glob`, which a path matches or
//! does not. The dialect is moby/patternmatcher's (patternmatcher.go, compile), its oddities included: what an engine's
//! own client leaves out of a build, this must leave out too.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// A compiled pattern. Most patterns need no regular expression.
#[derive(Debug)]
pub(super) enum Glob {
    /// `docs/guide.md`: this path only.
    Exact(String),
    /// `docs/**`, kept as `docs/`: what starts with it.
    Prefix(String),
    /// `**/guide.md`, kept as `/guide.md`: what ends with it.
    Suffix(String),
    /// Anything else.
    Expression(Regex),
}

impl Glob {
    /// Compiles `pattern`; the error says what is wrong with it.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        check_syntax(pattern)?;
        let (kind, expression) = expression(pattern);
        match kind {
            Kind::Exact => Ok(Self::Exact(pattern.to_owned())),
            Kind::Prefix => Ok(Self::Prefix(pattern.trim_end_matches("**").to_owned())),
            Kind::Suffix => Ok(Self::Suffix(pattern.strip_prefix("**").unwrap_or(pattern).to_owned())),
            Kind::Expression => match Regex::new(&expression) {
                Ok(regex) => Ok(Self::Expression(regex)),
                Err(error) => Err(reason(&error)),
            },
        }
    }

    /// Whether the whole of `path`, clean and relative, matches.
    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Prefix(prefix) => path.starts_with(prefix),
            // `**/x` is also the `x` at the top.
            Self::Suffix(suffix) => path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path),
            Self::Expression(regex) => regex.is_match(path),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Expression,
}

/// The regular expression of `pattern`, and whether one is needed.
fn expression(pattern: &str) -> (Kind, String) {
    let mut kind = Kind::Exact;
    let mut out = String::from("^");
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(char) = chars.next() {
        match char {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    out.push_str("(?:.*/)?");
                    kind = Kind::Expression;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    out.push_str(".*");
                    kind = Kind::Expression;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                out.push_str("[^/]*");
                kind = Kind::Expression;
            }
            '?' => {
                out.push_str("[^/]");
                kind = Kind::Expression;
            }
            '[' => {
                class(&mut chars, &mut out);
                kind = Kind::Expression;
            }
            '\\' => {
                if let Some(escaped) = chars.next() {
                    push_escaped(&mut out, escaped);
                }
                kind = Kind::Expression;
            }
            // moby does not escape `^`: in a pattern that needs an expression, it is an anchor.
            '^' => out.push('^'),
            other => push_literal(&mut out, other),
        }
        first = false;
    }
    out.push('$');
    (kind, out)
}

/// `[a-z]`, its `[` already read. `check_syntax` has seen that it is closed and that each `-` stands in a range. A `*`
/// or `?` inside is itself, as Go's filepath.Match has it; moby's translation of those two is broken.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    while let Some(char) = chars.next() {
        match char {
            ']' => break,
            '-' => out.push('-'),
            '\\' => chars.next().into_iter().for_each(|escaped| push_literal(out, escaped)),
            other => push_literal(out, other),
        }
    }
    out.push(']');
}

/// moby hands an escape on to the regular expression, so `\*` is a star, but `\d` is a digit.
fn push_escaped(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric() {
        out.push('\\');
        out.push(char);
    } else {
        push_literal(out, char);
    }
}

fn push_literal(out: &mut String, char: char) {
    out.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
}

/// The syntax that Go's filepath.Match accepts: moby refuses the pattern otherwise.
fn check_syntax(pattern: &str) -> Result<(), String> {
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' if chars.next().is_none() => return Err("nothing follows the last `\\`".to_owned()),
            '[' => check_class(&mut chars)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_class(chars: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    chars.next_if_eq(&'^');
    let mut empty = true;
    while empty || chars.next_if_eq(&']').is_none() {
        check_class_char(chars)?;
        if chars.next_if_eq(&'-').is_some() {
            check_class_char(chars)?;
        }
        empty = false;
    }
    Ok(())
}

fn check_class_char(chars: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    let char = match chars.next() {
        Some('-') => return Err("a `-` in `[…]` must stand between two characters".to_owned()),
        Some(']') => return Err("`[]` has no characters".to_owned()),
        Some('\\') => chars.next(),
        other => other,
    };
    char.map(|_| ()).ok_or_else(|| "`[` is not closed".to_owned())
}

/// The one line that matters of a regular expression's error.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
