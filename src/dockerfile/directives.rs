//! The comments at the top that mean something: `# syntax=…`, `# escape=…`.
//!
//! The rules are those of BuildKit's `frontend/dockerfile/parser/directives.go`.

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directives<'a> {
    pub(super) syntax: Option<&'a str>,
    pub(super) escape: char,
}

impl<'a> Directives<'a> {
    /// The first line that is no directive ends them.
    pub(super) fn of(text: &'a str) -> Self {
        let mut directives = Directives { syntax: None, escape: '\\' };
        for line in text.lines() {
            let Some((key, value)) = directive(line) else { break };
            match key.to_ascii_lowercase().as_str() {
                // What stands behind the image is for the frontend.
                "syntax" => directives.syntax = value.split_whitespace().next(),
                "escape" if value == "`" => directives.escape = '`',
                "escape" | "check" => {}
                _ => break,
            }
        }
        directives
    }
}

fn directive(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let is_key = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(|part| part.is_ascii_alphanumeric());
    (is_key && !value.is_empty()).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tops() {
        for (text, syntax, escape) in [
            ("", None, '\\'),
            ("# syntax=docker/dockerfile:1\nFROM a", Some("docker/dockerfile:1"), '\\'),
            ("#Syntax = a/b option\r\n# ESCAPE=`\r\nFROM a", Some("a/b"), '`'),
            ("# check=skip=all\n# syntax=a\n", Some("a"), '\\'),
            ("# a comment\n# syntax=a\n", None, '\\'),
            ("# other=1\n# syntax=a\n", None, '\\'),
            ("\n# escape=`\n", None, '\\'),
            ("FROM a\n# escape=`\n", None, '\\'),
            ("# syntax=\n", None, '\\'),
        ] {
            assert_eq!(Directives::of(text), Directives { syntax, escape }, "{text:?}");
        }
    }
}
