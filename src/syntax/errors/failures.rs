//! Messages about what the grammar could not read.

use crate::diag::{Code, Diagnostic, only_similar, similar};
use crate::source::Span;

/// The fallback: at most four alternatives.
pub(in crate::syntax) fn unexpected(expected: &[&str], found: &str, span: Span) -> Diagnostic {
    let expected: Vec<&str> = expected.iter().copied().take(4).collect();
    match expected.split_last() {
        None => {
            Diagnostic::new(Code::UnexpectedToken, format!("unexpected {found}"), span, "cannot be read here")
        }
        Some((last, rest)) => {
            let list =
                if rest.is_empty() { (*last).to_owned() } else { format!("{} or {last}", rest.join(", ")) };
            let side = if found == "end of line" { "after" } else { "before" };
            Diagnostic::new(
                Code::UnexpectedToken,
                format!("expected {list}, found {found}"),
                span,
                format!("expected {list} {side} this"),
            )
        }
    }
}

/// `run "x" timeout = 5m`
pub(in crate::syntax) fn option_without_braces(option: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("option `{option}` of a step outside `{{ }}`"),
        span,
        "not allowed in a step",
    )
    .with_help(format!("write `{{ {option} = … }}` at the end of the step"))
}

/// `eu-west-1` where a value stands.
pub(in crate::syntax) fn dashed_value(text: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{text}` is not a name"),
        span,
        "names use `_`, and text is quoted",
    )
    .with_help(format!("either write `\"{text}\"` for the text"))
    .with_help(format!("or write `{}` for the name", text.replace('-', "_")))
}

pub(in crate::syntax) fn unknown_block(word: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{word}` does not start a block here"),
        span,
        "unknown block",
    );
    let known = ["stage", "pre", "post", "cache", "lifecycle", "tls"];
    let diagnostic = diagnostic.with_edit_if(span, only_similar(word, known));
    match similar(word, known) {
        Some(block) => diagnostic.with_help(format!("a block with a similar name exists: `{block}`")),
        None => diagnostic,
    }
}

/// `param commit string`
pub(in crate::syntax) fn param_without_colon(name: &str, found: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("expected `:` after `{name}`"),
        span,
        "expected `:` before this",
    )
    .with_help(format!("write `param {name}: {found}`"))
}

/// `--flag`, `./deploy.sh`: text as a shell takes it.
pub(in crate::syntax) fn unquoted_argument(text: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{text}` is not quoted"),
        span,
        "text is written as a string",
    )
    .with_help(format!("write `\"{text}\"`"))
    .with_edit_if(span, is_argument(text).then(|| format!("\"{text}\"")))
}

/// Whether a text is certainly one word of a command: a path or a flag.
fn is_argument(text: &str) -> bool {
    let starts = ["./", "../", "/", "--", "-"].iter().any(|start| {
        text.strip_prefix(start).is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_alphanumeric()))
    });
    starts && text.chars().all(|one| one.is_ascii_alphanumeric() || "./_-=@:+".contains(one))
}

pub(in crate::syntax) fn for_needs_value(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ForeignExpression,
        "`[for …]` is not an expression",
        span,
        "the value comes before `for`",
    )
    .with_help("write the value first: `[y for x in xs]`")
}

pub(in crate::syntax) fn single_operator(operator: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, format!("`{operator}` is not an operator"), span, "write it twice")
        .with_help(format!("write `{operator}{operator}`"))
        .with_edit(span, operator.repeat(2))
}

/// `sh "a" && sh "b"`
pub(in crate::syntax) fn operator_between_steps(operator: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("expected a value beside `{operator}`"),
        span,
        "joins two values",
    )
    .with_help("steps are separated by a new line or `;`; inside `sh \"…\"` the shell joins commands")
}

pub(in crate::syntax) fn item_inside_block(keyword: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{keyword}` is an item and cannot stand inside another"),
        span,
        "not allowed here",
    )
    .with_help("move it to the top level of the file")
}

/// `stage b after: a`, `after [a]`, `after "a"`
pub(in crate::syntax) fn names_behind(clause: &str, found: &str, span: Span) -> Diagnostic {
    let found = if found.starts_with('"') { "a string".to_owned() } else { format!("`{found}`") };
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("expected a name after `{clause}`, found {found}"),
        span,
        "expected a name before this",
    )
    .with_help(format!("write the names alone: `{clause} a, b`"))
}

/// `image api:`
pub(in crate::syntax) fn colon_behind_header(keyword: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        "expected `{`, found `:`",
        span,
        "blocks stand between `{` and `}`",
    )
    .with_help(format!("write `{keyword} {name} {{ … }}`"))
}

/// `stage b needs a`, `wave w when x`: words of other tools, or of this one in the wrong place.
pub(in crate::syntax) fn foreign_clause(keyword: &str, found: &str, span: Span) -> Option<Diagnostic> {
    let help = match (found, keyword) {
        ("needs" | "depends_on" | "waits" | "dependsOn", "stage") => "write `after` and the names of stages",
        ("needs" | "depends_on" | "waits" | "dependsOn", "wave") => {
            "remove it; waves run in the order of the file"
        }
        ("when" | "if" | "unless", "wave" | "stage" | "image") => "write `when = …` between `{` and `}`",
        ("with" | "inherits" | "from" | "extend", "image" | "template") => {
            "write `extends` and the name of a template"
        }
        ("foreach" | "matrix" | "each", "image" | "stage") => "write `for x in […]`",
        _ => return None,
    };
    let diagnostic = Diagnostic::new(
        Code::UnexpectedToken,
        format!("expected `{{`, found `{found}`"),
        span,
        "expected `{` before this",
    );
    Some(diagnostic.with_help(help))
}

/// `header` is what stands before the missing `{`.
pub(in crate::syntax) fn brace_on_next_line(header: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnexpectedToken,
        "expected `{`, found end of line",
        span,
        "expected `{` after this",
    );
    diagnostic.with_help(format!("write `{{` on the same line: `{header} {{`"))
}

/// `a < b`
pub(in crate::syntax) fn no_such_comparison(operator: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{operator}` is not an operator"),
        span,
        "values are equal or not",
    )
    .with_help("compare with `==` or `!=`")
}

/// `1 - 2`
pub(in crate::syntax) fn arithmetic(operator: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{operator}` is not an operator"),
        span,
        "there is no arithmetic",
    )
    .with_help("write the result")
}

/// `list[string]`, `string[]`
pub(in crate::syntax) fn type_with_brackets(written: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{written}` is not a type"),
        span,
        "types of items stand in `< >`",
    )
    .with_note("types are `string`, `int`, `bool`, `duration` and `list<string>`")
    .with_help("write `list<string>`")
}
