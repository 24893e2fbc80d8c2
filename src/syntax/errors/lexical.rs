//! E0001 to E0014: strings, comments, characters, brackets.

use std::ops::Range;

use super::slice;
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

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
pub(in crate::syntax) fn single_quotes(text: &str, span: Span, content: Option<&str>) -> Diagnostic {
    // Beside a letter it may be an apostrophe, beside quotes a part of a text, and `${` is text in single quotes
    // elsewhere.
    let apart = !touches_word(text, span);
    let sure =
        content.filter(|content| apart && !content.contains(['\\', '`', '\'']) && !content.contains("${"));
    let double = sure.map(|content| format!("\"{}\"", content.replace('"', "\\\"")));
    let diagnostic = Diagnostic::new(Code::SingleQuotes, "strings use double quotes", span, "single-quoted")
        .with_edit_if(span, double.as_deref());
    match content {
        Some(_) if let Some(double) = double => diagnostic.with_help(format!("write `{double}`")),
        Some(content) if apart && !content.contains(['"', '\\']) => {
            diagnostic.with_help(format!("write `\"{}\"`", content.replace("''", "'")))
        }
        Some(_) => diagnostic.with_help("write `\"…\"`, and `\\\"` for a double quote inside"),
        None => diagnostic.with_help("write `\"…\"`"),
    }
}

pub(in crate::syntax) fn foreign_comment(text: &str, span: Span) -> Diagnostic {
    let marker = slice(text, span);
    let diagnostic = Diagnostic::new(
        Code::ForeignComment,
        format!("`{marker}` does not start a comment"),
        span,
        "use `#` here",
    )
    .with_help("comments start with `#` and run to the end of the line");
    let before = text.get(..span.range().start).unwrap_or_default();
    let is_sure = match marker {
        "//" | "/*" => before.is_empty() || before.ends_with([' ', '\t', '\n']),
        // Behind something it may be an argument of a command.
        _ => before
            .trim_end_matches([' ', '\t'])
            .rsplit_once('\n')
            .map_or(before, |(_, line)| line)
            .trim()
            .is_empty(),
    };
    match (is_sure, marker) {
        (true, "/*") => match closed_comment(text.get(span.range().end..).unwrap_or_default()) {
            Some(closer) => {
                let range = span.range().end + closer.start..span.range().end + closer.end;
                diagnostic.with_edit(span, "#").with_edit(Span::new(span.file, range), "")
            }
            None => diagnostic,
        },
        (true, _) => diagnostic.with_edit(span, "#"),
        (false, _) => diagnostic,
    }
}

/// Where the `*/` of a comment stands, with the blanks around it, if nothing else follows on the line.
fn closed_comment(text: &str) -> Option<Range<usize>> {
    // A line may be full of comments, and is not read to its end for each.
    const LONGEST: usize = 400;
    let end = text.bytes().take(LONGEST).position(|byte| byte == b'\n');
    let line = text.get(..end.or((text.len() < LONGEST).then_some(text.len()))?)?;
    let comment = line.trim_end().strip_suffix("*/").filter(|comment| !comment.contains("*/"))?;
    Some(comment.trim_end().len()..line.trim_end().len())
}

/// Whether a letter, a digit, `_` or a quote stands directly beside a span.
fn touches_word(text: &str, span: Span) -> bool {
    let is_word = |one: char| one.is_alphanumeric() || matches!(one, '_' | '"' | '\'');
    text.get(..span.range().start).is_some_and(|before| before.ends_with(is_word))
        || text.get(span.range().end..).is_some_and(|after| after.starts_with(is_word))
}

/// Blanks that are not: they can be read as a space after they are reported.
pub(in crate::syntax) fn is_blank_look_alike(character: char) -> bool {
    matches!(character, '\u{a0}' | '\u{2000}'..='\u{200d}' | '\u{202f}' | '\u{3000}' | '\u{feff}')
}

pub(in crate::syntax) fn unexpected_character(text: &str, character: char, span: Span) -> Diagnostic {
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
    let diagnostic = plain_characters(diagnostic, text, character, span);
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// `"${f(\"x\")}"`: the backslashes of a string in a hole.
pub(in crate::syntax) fn escaped_quotes_in_hole(text: &str, [first, second]: [Span; 2]) -> Diagnostic {
    let content = text.get(first.range().end + 1..second.range().start).unwrap_or_default();
    let help = if content.contains('`') || content.chars().count() > 40 {
        "remove both backslashes".to_owned()
    } else {
        format!("write `\"{content}\"`, without backslashes")
    };
    Diagnostic::new(
        Code::UnexpectedCharacter,
        "unexpected `\\` inside `${ }`",
        first,
        "quotes inside a hole need no backslash",
    )
    .with_help(help)
    .with_edit(first, "")
    .with_edit(second, "")
}

/// Text that is UTF-16, or was before each wrong byte became U+FFFD.
pub(in crate::syntax) fn utf_16(file: FileId, text: &str) -> Option<Diagnostic> {
    let start: Vec<char> = text.chars().take(64).collect();
    // The mark of UTF-16 is two bytes that never stand in UTF-8; without it, every second byte of ASCII is NUL.
    let has_mark = start.starts_with(&['\u{fffd}', '\u{fffd}']) && start.contains(&'\0');
    let zeros = |parity: usize| {
        let mut half = start.iter().skip(parity).step_by(2).peekable();
        half.peek().is_some() && half.all(|one| *one == '\0')
    };
    if !has_mark && !zeros(0) && !zeros(1) {
        return None;
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    let diagnostic = Diagnostic::new(
        Code::ControlCharacter,
        "the file is UTF-16, not UTF-8",
        Span::new(file, 0..first),
        "two bytes for each character",
    );
    Some(
        diagnostic
            .with_help("save the file as UTF-8, or convert it: `iconv -f UTF-16 -t UTF-8 .cachefile > new`"),
    )
}

/// Adds the ASCII that is meant, where it is certain.
fn plain_characters(diagnostic: Diagnostic, text: &str, character: char, span: Span) -> Diagnostic {
    let rest = text.get(span.range().start..).unwrap_or_default();
    let quotes: &[char] = match character {
        '“' | '”' | '„' | '＂' => &['“', '”', '„', '＂'],
        '‘' | '’' | '‚' => &['‘', '’', '‚'],
        '\u{200b}'..='\u{200d}' | '\u{feff}' => return diagnostic.with_edit(span, ""),
        _ if is_blank_look_alike(character) => {
            let run = rest.find(|one| one != character).unwrap_or(rest.len());
            let count = rest.get(..run).map_or(1, |run| run.chars().count());
            let start = span.range().start;
            return diagnostic.with_edit(Span::new(span.file, start..start + run), " ".repeat(count));
        }
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = char::from_u32(u32::from(character) - 0xfee0).map(String::from);
            return diagnostic.with_edit_if(span, ascii);
        }
        _ => return diagnostic.with_edit_if(span, latin_look_alike(character).map(String::from)),
    };
    // Both quotes of the string, or none: half a string swallows the rest of its line.
    let line = rest.lines().next().unwrap_or_default();
    let Some(content) = line.get(character.len_utf8()..) else { return diagnostic };
    let Some((content, closer)) = content.find(quotes).and_then(|at| content.split_at_checked(at)) else {
        return diagnostic;
    };
    let closer = closer.chars().next().map_or(0, char::len_utf8);
    if content.contains(['"', '\\', '\'']) || content.contains("${") {
        return diagnostic;
    }
    let start = span.range().end + content.len();
    diagnostic.with_edit(span, "\"").with_edit(Span::new(span.file, start..start + closer), "\"")
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
    let value = text.get(hole.range().end..quote.range().start).unwrap_or_default();
    let value = value.lines().next().unwrap_or_default().trim();
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

pub(in crate::syntax) fn missing_version(text: &str, first: Span) -> Diagnostic {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Diagnostic::new(
        Code::MissingVersion,
        "the language version is missing",
        first,
        "expected `cachelang 1` before this",
    )
    .with_help("write `cachelang 1` as the first line")
    .with_edit(Span::new(first.file, 0..0), format!("cachelang 1{newline}{newline}"))
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
