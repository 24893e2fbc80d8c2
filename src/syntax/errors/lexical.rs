//! E0001 to E0014: strings, comments, characters, brackets.

use super::slice;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// `more` says whether other strings stand before it on the line.
pub(in crate::syntax) fn unterminated_string(span: Span, more: bool) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnterminatedString,
        "unterminated string",
        span,
        "no closing `\"` on this line",
    );
    if more {
        return diagnostic
            .with_note("the quotes of this line do not pair up; the missing one may be further left")
            .with_help("add `\"`; a string ends on the line where it starts");
    }
    diagnostic.with_help("add `\"` at the end; a string ends on the line where it starts")
}

pub(in crate::syntax) fn unterminated_multiline(opening: Span, item: Option<Span>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnterminatedString,
        "unterminated multi-line string",
        opening,
        "no closing `\"\"\"` follows",
    );
    let diagnostic = match item {
        Some(item) => diagnostic.with_label(item, "a new item starts here"),
        None => diagnostic,
    };
    diagnostic.with_help("add `\"\"\"` on a line of its own below the text")
}

/// `content` is what stands between the quotes, if they are closed.
pub(in crate::syntax) fn single_quotes(span: Span, content: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::SingleQuotes, "strings use double quotes", span, "single-quoted");
    match content {
        Some(content) if !content.contains(['"', '\\']) => {
            diagnostic.with_help(format!("write `\"{content}\"`"))
        }
        Some(_) => diagnostic.with_help("write `\"…\"`, and `\\\"` for a double quote inside"),
        None => diagnostic.with_help("write `\"…\"`"),
    }
}

pub(in crate::syntax) fn foreign_comment(text: &str, span: Span) -> Diagnostic {
    let marker = slice(text, span);
    Diagnostic::new(
        Code::ForeignComment,
        format!("`{marker}` does not start a comment"),
        span,
        "use `#` here",
    )
    .with_help("comments start with `#` and run to the end of the line")
}

/// Blanks that are not: they can be read as a space after they are reported.
pub(in crate::syntax) fn is_blank_look_alike(character: char) -> bool {
    matches!(character, '\u{a0}' | '\u{2000}'..='\u{200d}' | '\u{202f}' | '\u{3000}' | '\u{feff}')
}

pub(in crate::syntax) fn unexpected_character(character: char, span: Span) -> Diagnostic {
    let code = u32::from(character);
    let shown = match character {
        _ if is_blank_look_alike(character) => format!("unexpected character U+{code:04X}"),
        '`' => "unexpected backquote".to_owned(),
        _ if character.is_ascii() => format!("unexpected character `{character}`"),
        _ => format!("unexpected character `{character}` (U+{code:04X})"),
    };
    let (label, help) = match character {
        '“' | '”' | '„' | '«' | '»' | '＂' => typographic('"'),
        '‘' | '’' | '‚' | '`' => ("not a string quote".into(), Some("write `\"…\"`".into())),
        '\u{a0}' => ("a no-break space".into(), Some("replace it with a space".into())),
        '\u{200b}'..='\u{200d}' | '\u{feff}' => {
            ("an invisible zero-width space".into(), Some("remove it".into()))
        }
        _ if is_blank_look_alike(character) => {
            ("an unusual space".into(), Some("replace it with a space".into()))
        }
        '–' | '—' | '−' => look_alike('-', "a typographic dash"),
        '…' => ("an ellipsis".into(), None),
        '\u{ff01}'..='\u{ff5e}' => full_width(character),
        '\\' => ("only strings have escapes".into(), Some("a line goes on after an operator".into())),
        '%' | '^' | '~' | '@' => ("not an operator".into(), None),
        _ => match latin_look_alike(character) {
            Some(latin) => look_alike(latin, "another letter"),
            None if character.is_alphabetic() => {
                ("names use ASCII letters".into(), Some("text goes into `\"…\"`".into()))
            }
            None => ("not allowed outside strings".into(), None),
        },
    };
    let diagnostic = Diagnostic::new(Code::UnexpectedCharacter, shown, span, label);
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

fn typographic(ascii: char) -> (String, Option<String>) {
    look_alike(ascii, "a typographic quote")
}

fn look_alike(ascii: char, really: &str) -> (String, Option<String>) {
    (format!("looks like `{ascii}` but is {really}"), Some(format!("replace it with `{ascii}`")))
}

/// Full-width forms lie at a fixed distance from ASCII.
fn full_width(character: char) -> (String, Option<String>) {
    let ascii = char::from_u32(u32::from(character) - 0xfee0).unwrap_or('?');
    look_alike(ascii, "full-width")
}

fn latin_look_alike(character: char) -> Option<char> {
    let pairs = [
        ('а', 'a'),
        ('с', 'c'),
        ('е', 'e'),
        ('о', 'o'),
        ('р', 'p'),
        ('х', 'x'),
        ('у', 'y'),
        ('і', 'i'),
        ('ѕ', 's'),
        ('ј', 'j'),
        ('А', 'A'),
        ('В', 'B'),
        ('С', 'C'),
        ('Е', 'E'),
        ('Н', 'H'),
        ('К', 'K'),
        ('М', 'M'),
        ('О', 'O'),
        ('Р', 'P'),
        ('Т', 'T'),
        ('Х', 'X'),
        ('ο', 'o'),
        ('α', 'a'),
        ('ν', 'v'),
    ];
    pairs.into_iter().find(|(look_alike, _)| *look_alike == character).map(|(_, latin)| latin)
}

pub(in crate::syntax) fn control_character(character: char, span: Span) -> Diagnostic {
    if character == '\u{fffd}' {
        return Diagnostic::new(
            Code::ControlCharacter,
            "the file holds bytes that are not UTF-8",
            span,
            "not UTF-8",
        )
        .with_help("save the file as UTF-8");
    }
    let code = u32::from(character);
    let (label, help) = match character {
        '\r' => ("a carriage return without a line feed", "end lines with LF or CRLF"),
        '\0' => ("a NUL character", "remove it"),
        _ if code > 0xff => ("changes the direction of the text", "remove it"),
        '\u{1b}' => ("an escape character", "remove it"),
        _ => ("a control character", "remove it"),
    };
    Diagnostic::new(Code::ControlCharacter, format!("control character U+{code:04X}"), span, label)
        .with_note("it shows a reader of the file something else than what is executed")
        .with_help(help)
}

pub(in crate::syntax) fn unclosed_interpolation(text: &str, hole: Span, quote: Option<Span>) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::UnclosedInterpolation, "interpolation is not closed", hole, "opened here");
    let Some(quote) = quote else {
        return diagnostic.with_help("add `}` after the value");
    };
    let value = text.get(hole.range().end..quote.range().start).unwrap_or_default().trim();
    let diagnostic = diagnostic.with_label(quote, "the string ends before `}`");
    if value.is_empty() {
        return diagnostic.with_help("write a value and `}`, or `\\$` for a dollar sign");
    }
    diagnostic.with_help(format!("add `}}` after `{value}`"))
}

fn closer_of(opener: &str) -> char {
    match opener {
        "(" => ')',
        "[" => ']',
        _ => '}',
    }
}

/// The first line behind an opener that is not indented more than the line of the opener: its contents end there.
fn line_after_contents(text: &str, opener: Span, opener_line: usize, latest: Span) -> usize {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let before = text.get(..opener.range().start).unwrap_or_default();
    let own = indent(before.rsplit('\n').next().unwrap_or_default());
    let between = text.get(opener.range().start..latest.range().start).unwrap_or_default();
    let mut last = opener_line;
    for (line, number) in between.split('\n').zip(opener_line..).skip(1) {
        last = number;
        if !line.trim().is_empty() && indent(line) <= own {
            break;
        }
    }
    last
}

/// `item` is the next item; without one, the file ends.
pub(in crate::syntax) fn unclosed_bracket(
    text: &str,
    opener: Span,
    opener_line: usize,
    item: Option<Span>,
) -> Diagnostic {
    let bracket = slice(text, opener);
    let closer = closer_of(bracket);
    let diagnostic =
        Diagnostic::new(Code::UnclosedBracket, format!("unclosed `{bracket}`"), opener, "never closed");
    match item {
        Some(item) => {
            let line = line_after_contents(text, opener, opener_line, item);
            diagnostic
                .with_label(item, "a new item starts here")
                .with_help(format!("add `{closer}` before line {line}"))
        }
        None => diagnostic.with_help(format!("add `{closer}` before the end of the file")),
    }
}

/// An opener that something further out closes, from how the lines are indented.
pub(in crate::syntax) fn unclosed_before_closer(
    text: &str,
    opener: Span,
    opener_line: usize,
    closer: Span,
) -> Diagnostic {
    let bracket = slice(text, opener);
    let line = line_after_contents(text, opener, opener_line, closer);
    Diagnostic::new(Code::UnclosedBracket, format!("unclosed `{bracket}`"), opener, "never closed")
        .with_label(closer, "this closes a bracket further out")
        .with_help(format!("add `{}` before line {line}", closer_of(bracket)))
}

pub(in crate::syntax) fn mismatched_bracket(text: &str, opener: Span, closer: Span) -> Diagnostic {
    let open = slice(text, opener);
    Diagnostic::new(
        Code::MismatchedBracket,
        format!("`{}` does not match `{open}`", slice(text, closer)),
        closer,
        format!("expected `{}`", closer_of(open)),
    )
    .with_label(opener, format!("`{open}` opened here"))
    .with_help(format!("close the `{open}` first"))
}

/// `early`: the line of an opener, and the closer in the middle of a later line that it was given.
pub(in crate::syntax) fn stray_closer(closer: char, span: Span, early: Option<(usize, Span)>) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::StrayCloser, format!("unexpected `{closer}`"), span, "nothing is open here");
    match early {
        Some((line, early)) => diagnostic
            .with_label(early, format!("this closes the bracket of line {line}"))
            .with_help("remove the earlier one, or add the bracket that it was meant to close"),
        None => diagnostic.with_help("remove it, or remove an earlier bracket that closes too much"),
    }
}

pub(in crate::syntax) fn merge_conflict(first: Span, last: Option<Span>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::MergeConflict, "merge conflict marker", first, "left by git");
    let diagnostic = match last {
        Some(last) => diagnostic.with_label(last, "end of the conflict"),
        None => diagnostic,
    };
    diagnostic.with_help("keep one side and delete the three marker lines")
}

pub(in crate::syntax) fn nesting_too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        format!("brackets nest more than {limit} deep"),
        span,
        format!("level {}", limit + 1),
    )
    .with_help("give an inner part a name with `let`")
}

/// A value whose tree would be too high, without brackets: `a + b + …`, `else if` after `else if`.
pub(in crate::syntax) fn value_too_long(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        "value is too long to be read in one piece",
        span,
        format!("more than {limit} operations deep"),
    )
    .with_help("give a part of it a name with `let`")
}

pub(in crate::syntax) fn unsupported_version(version: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnsupportedVersion,
        format!("`cachelang {version}` needs a newer version of cachelang"),
        span,
        "this program reads version 1",
    )
    .with_help("install a newer cachelang, or write `cachelang 1`")
}

pub(in crate::syntax) fn missing_version(first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingVersion,
        "the language version is missing",
        first,
        "expected `cachelang 1` before this",
    )
    .with_help("write `cachelang 1` as the first line")
}

/// `# cachelang: allow E0301`
pub(in crate::syntax) fn error_allowed(code: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UselessAllow, format!("`{code}` cannot be allowed"), span, "only warnings can be")
        .with_help("remove it from this comment, and fix what it is about")
}

/// `# cachelang: allow W9999`
pub(in crate::syntax) fn unknown_allowed(written: &str, similar: Option<&str>, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UselessAllow,
        format!("no warning has the code `{written}`"),
        span,
        "not a code of a warning",
    );
    match similar {
        Some(similar) => diagnostic.with_help(format!("write `{similar}`")),
        None => {
            diagnostic.with_help("write the code as it stands in the message: `# cachelang: allow W0209`")
        }
    }
}

pub(in crate::syntax) fn empty_allow(span: Span) -> Diagnostic {
    Diagnostic::new(Code::UselessAllow, "this comment allows nothing", span, "names no warning")
        .with_help("name the warnings behind it: `# cachelang: allow W0209`")
}
