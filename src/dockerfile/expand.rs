//! Variables in the words of a Dockerfile: `$X`, `${X:-default}` and so on → text.
//!
//! The rules are those of BuildKit's `frontend/dockerfile/shell/lex.go`. A form that is not read here makes the word
//! unknown, and so does a variable that only the engine knows: what is not known is left to BuildKit.

use std::iter::Peekable;
use std::str::Chars;

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    Unset,
    Set(String),
    /// It has a value that only the engine knows, such as `TARGETARCH`.
    Unknown,
}

/// Values that are longer are unknown: no reference has this length, and variables that double each other must not
/// fill the memory.
const MAX_BYTES: usize = 1024;
/// `${A:-${B:-…}}` may be so deep.
const MAX_DEPTH: usize = 32;

/// The word has a mistake, or a form that is not read here.
struct Unreadable;

/// Text, or `None` when it depends on something unknown.
type Value = Option<String>;

/// The text of a word, `None` if it cannot be known.
pub(super) fn expand(word: &str, escape: char, variable: &dyn Fn(&str) -> Variable) -> Option<String> {
    let mut lexer = Lexer { rest: word.chars().peekable(), escape, variable };
    lexer.until(None, 0).ok().flatten()
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    escape: char,
    variable: &'a dyn Fn(&str) -> Variable,
}

impl Lexer<'_> {
    /// Reads up to `stop`, which is consumed, or to the end of the word.
    fn until(&mut self, stop: Option<char>, depth: usize) -> Result<Value, Unreadable> {
        let mut value = Some(String::new());
        while let Some(&next) = self.rest.peek() {
            match next {
                _ if Some(next) == stop => {
                    self.rest.next();
                    return Ok(value);
                }
                '\'' => append(&mut value, self.single_quoted()?)?,
                '"' => append(&mut value, self.double_quoted(depth)?)?,
                '$' => append(&mut value, self.dollar(depth)?)?,
                _ => {
                    self.rest.next();
                    let character = if next == self.escape { self.rest.next() } else { Some(next) };
                    append(&mut value, Some(character.map_or_else(String::new, String::from)))?;
                }
            }
        }
        if stop.is_none() { Ok(value) } else { Err(Unreadable) }
    }

    fn single_quoted(&mut self) -> Result<Value, Unreadable> {
        self.rest.next();
        let mut text = String::new();
        loop {
            match self.rest.next().ok_or(Unreadable)? {
                '\'' => return Ok(Some(text)),
                character => text.push(character),
            }
        }
    }

    fn double_quoted(&mut self, depth: usize) -> Result<Value, Unreadable> {
        self.rest.next();
        let mut value = Some(String::new());
        loop {
            let next = *self.rest.peek().ok_or(Unreadable)?;
            if next == '$' {
                append(&mut value, self.dollar(depth)?)?;
                continue;
            }
            self.rest.next();
            if next == '"' {
                return Ok(value);
            }
            let escaped = |after: &char| matches!(after, '"' | '$') || *after == self.escape;
            let character =
                if next == self.escape { self.rest.next_if(escaped).unwrap_or(next) } else { next };
            append(&mut value, Some(character.to_string()))?;
        }
    }

    fn dollar(&mut self, depth: usize) -> Result<Value, Unreadable> {
        self.rest.next();
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { Some("$".to_owned()) } else { self.get(&name).or_empty() });
        }
        if depth == MAX_DEPTH {
            return Err(Unreadable);
        }
        let name = self.name();
        if name.is_empty() {
            return Err(Unreadable);
        }
        let mut modifier = self.rest.next().ok_or(Unreadable)?;
        let empty_is_unset = modifier == ':';
        if empty_is_unset {
            modifier = self.rest.next().ok_or(Unreadable)?;
        } else if modifier == '}' {
            return Ok(self.get(&name).or_empty());
        }
        // `#`, `%` and `/` cut patterns off; they are not read here.
        if !matches!(modifier, '-' | '+' | '?') {
            return Err(Unreadable);
        }
        let word = self.until(Some('}'), depth + 1)?;
        let variable = match self.get(&name) {
            Variable::Set(text) if text.is_empty() && empty_is_unset => Variable::Unset,
            variable => variable,
        };
        match (modifier, variable) {
            (_, Variable::Unknown) => Ok(None),
            ('-', Variable::Unset) | ('+', Variable::Set(_)) => Ok(word),
            ('+', Variable::Unset) => Ok(Some(String::new())),
            (_, Variable::Set(text)) => Ok(Some(text)),
            // `${X?message}`: the build fails with the message.
            (_, Variable::Unset) => Err(Unreadable),
        }
    }

    /// A name, the number of a positional parameter or a special parameter such as `@`; empty if there is none.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.rest.peek() {
            Some(first) if first.is_ascii_digit() => {
                while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
                    name.push(digit);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.rest.next()),
            _ => {
                while let Some(part) = self.rest.next_if(|part| part.is_alphanumeric() || *part == '_') {
                    name.push(part);
                }
            }
        }
        name
    }

    fn get(&self, name: &str) -> Variable {
        (self.variable)(name)
    }
}

impl Variable {
    fn or_empty(self) -> Value {
        match self {
            Variable::Unset => Some(String::new()),
            Variable::Set(text) => Some(text),
            Variable::Unknown => None,
        }
    }
}

fn append(value: &mut Value, more: Value) -> Result<(), Unreadable> {
    match (value.as_mut(), more) {
        (Some(text), Some(more)) if text.len() + more.len() > MAX_BYTES => Err(Unreadable),
        (Some(text), Some(more)) => {
            text.push_str(&more);
            Ok(())
        }
        _ => {
            *value = None;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Variable {
        match name {
            "A" => Variable::Set("a".to_owned()),
            "Bé_1" => Variable::Set("b".to_owned()),
            "EMPTY" => Variable::Set(String::new()),
            "ENGINE" => Variable::Unknown,
            _ => Variable::Unset,
        }
    }

    #[test]
    fn forms() {
        for (word, expected) in [
            ("plain:1.2@sha256:x", Some("plain:1.2@sha256:x")),
            ("$A", Some("a")),
            ("x$A.y", Some("xa.y")),
            ("$Ax", Some("")),
            ("${A}x", Some("ax")),
            ("$Bé_1-", Some("b-")),
            ("a$", Some("a$")),
            ("$-$@$1", Some("")),
            ("${X:-d}", Some("d")),
            ("${X-d}", Some("d")),
            ("${EMPTY:-d}", Some("d")),
            ("${EMPTY-d}", Some("")),
            ("${A:-d}${A-d}", Some("aa")),
            ("${A:+d}${A+d}", Some("dd")),
            ("${X:+d}${X+d}", Some("")),
            ("${EMPTY:+d}", Some("")),
            ("${EMPTY+d}", Some("d")),
            ("${A:?no}${A?no}", Some("aa")),
            ("${X:-${Y:-${A}b}}", Some("ab")),
            ("${X:-'}'}", Some("}")),
            ("${X:-\\}}", Some("}")),
            ("\\$A", Some("$A")),
            ("'$A'", Some("$A")),
            ("\"$A\\$\\x\"", Some("a$\\x")),
            ("a\\", Some("a")),
            // What cannot be known.
            ("$ENGINE", None),
            ("x${ENGINE:-d}", None),
            ("${X:-$ENGINE}", None),
            ("${A:-$ENGINE}", Some("a")),
            ("${ENGINE+d}", None),
            // What BuildKit refuses or is not read here.
            ("${X:?no}", None),
            ("${X?}", None),
            ("${", None),
            ("${}", None),
            ("${{A}}", None),
            ("${A", None),
            ("${A:", None),
            ("${A:}", None),
            ("${A:-", None),
            ("${A#x}", None),
            ("${A%%x}", None),
            ("${A/x/y}", None),
            ("${A!}", None),
            ("'a", None),
            ("\"a", None),
        ] {
            assert_eq!(expand(word, '\\', &variable).as_deref(), expected, "{word}");
        }
        assert_eq!(expand("`$A\\$A", '`', &variable).as_deref(), Some("$A\\a"));
    }

    #[test]
    fn hostile_words_end() {
        let deep = "${X:-".repeat(200_000);
        assert_eq!(expand(&deep, '\\', &variable), None);
        let long = |_: &str| Variable::Set("x".repeat(MAX_BYTES));
        assert_eq!(expand(&"$A".repeat(200_000), '\\', &long), None);
    }
}
