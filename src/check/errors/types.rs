//! Messages about types.

use super::{a, noun};
use crate::check::exprs::Subject;
use crate::check::items::literal_text;
use crate::check::program::{Expr, ExprKind};
use crate::check::types::{MAX_DEPTH, Type};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::BinaryOperator;

/// What a headline starts with.
fn words(subject: Subject<'_>) -> String {
    match subject {
        Subject::Attribute(name) | Subject::Entry(name) => format!("`{}`", name.value),
        Subject::Item { attribute: Some(name), .. } => format!("an item of `{}`", name.value),
        Subject::Item { attribute: None, .. } => "an item of this list".to_owned(),
        Subject::Default(name) => format!("the default of `{}`", name.value),
        Subject::Condition => "the condition of `if`".to_owned(),
        Subject::Else { .. } => "`else`".to_owned(),
        Subject::Operand(operator @ (BinaryOperator::And | BinaryOperator::Or)) => {
            format!("an operand of `{}`", operator)
        }
        Subject::Operand(operator) => format!("the right side of `{}`", operator),
        Subject::Negated => "the operand of `!`".to_owned(),
        Subject::Argument(function) => format!("an argument of `{function}`"),
        Subject::Repository => "the left side of `:`".to_owned(),
        Subject::Tag(_) => "a tag".to_owned(),
        Subject::CacheArgument("tag") => "the place of a cache".to_owned(),
        Subject::CacheArgument(name) => format!("`{name}`"),
        Subject::BinderList => "the list of `for`".to_owned(),
        Subject::Index => "what stands in `[ ]`".to_owned(),
        Subject::PromoteTarget => "the target of `promote`".to_owned(),
        Subject::Question => "the question of `approve`".to_owned(),
        Subject::SecretSource(_) => "the source of a secret".to_owned(),
        Subject::StepArgument => "an argument of `run`".to_owned(),
        Subject::Script => "the script of `sh`".to_owned(),
        Subject::Hole => "a value inside `${ }`".to_owned(),
        Subject::StepOperand => "an operand of this step".to_owned(),
    }
}

/// `source` is the expression as written, if it is short; `repository` one of the file.
pub(in crate::check) fn type_mismatch(
    found: &Expr,
    expected: &Type,
    subject: Subject<'_>,
    source: Option<&str>,
    repository: &str,
) -> Diagnostic {
    let (have, want) = (&found.ty, expected.required());
    let this_is = format!("this is {}", a(&format!("`{have}`")));
    if let Subject::Item { first: Some(first), .. } = subject {
        let diagnostic =
            Diagnostic::new(Code::MixedList, "list items have different types", found.span, this_is)
                .with_label(first, format!("the first item is {}", a(&format!("`{want}`"))));
        return with_rewrite(diagnostic, found, want, source, repository);
    }
    if let Type::List(item) = want
        && have.fits(item)
    {
        return Diagnostic::new(
            Code::MixedList,
            format!("{} must be `{want}`, found one `{have}`", words(subject)),
            found.span,
            "a single value",
        )
        .with_help(format!("write `[{}]`", source.unwrap_or("…")))
        .with_edit_if(found.span, source.map(|source| format!("[{source}]")));
    }
    let headline = format!("{} must be `{want}`, found `{have}`", words(subject));
    let diagnostic = Diagnostic::new(Code::TypeMismatch, headline, found.span, this_is);
    if let (Subject::StepArgument, Type::List(_)) = (subject, have) {
        return list_of_words(diagnostic, found);
    }
    let diagnostic = match subject {
        Subject::Else { then } => diagnostic.with_label(then, format!("this is {}", a(&format!("`{want}`")))),
        Subject::Attribute(name) if name.value == "account" => {
            diagnostic.with_note("account IDs can start with 0")
        }
        _ => diagnostic,
    };
    with_rewrite(diagnostic, found, want, source, repository)
}

/// `run ["ls", "-l"]`
fn list_of_words(diagnostic: Diagnostic, found: &Expr) -> Diagnostic {
    let diagnostic = diagnostic.with_note("each word of `run` stands by itself, separated by blanks");
    let ExprKind::List(items) = &found.kind else { return diagnostic };
    let word = |item| {
        literal_text(item)
            .filter(|text| !text.contains(['"', '\\', '$', '`']) && !text.contains(char::is_control))
            .map(|text| format!("\"{text}\""))
    };
    let words: Option<Vec<_>> = items.iter().map(word).collect();
    match words.map(|words| words.join(" ")).filter(|words| !words.is_empty()) {
        Some(words) if words.len() <= 60 => {
            diagnostic.with_help(format!("write `{words}`")).with_edit(found.span, words)
        }
        _ => diagnostic.with_help("remove the `[`, the `]` and the `,` between the words"),
    }
}

/// The same value in the type that is wanted.
fn with_rewrite(
    diagnostic: Diagnostic,
    found: &Expr,
    want: &Type,
    source: Option<&str>,
    repository: &str,
) -> Diagnostic {
    let text = literal_text(found);
    // Paths are written as strings.
    let want = if matches!(want, Type::Path | Type::Context) { &Type::String } else { want };
    let help = match (&found.kind, want) {
        (ExprKind::Int(_) | ExprKind::Bool(_) | ExprKind::Duration(_) | ExprKind::Size(_), Type::String) => {
            source.map(|source| format!("write `\"{source}\"`"))
        }
        (ExprKind::Int(number), Type::Duration) => {
            Some(format!("add a unit: `{number}s` for seconds, `{number}m` for minutes"))
        }
        (ExprKind::Duration(_), Type::Size) => {
            let number = source.and_then(|source| source.strip_suffix('m'));
            number.filter(|number| !number.ends_with('m')).map(|number| format!("write `{number}MiB`"))
        }
        (ExprKind::Int(number), Type::Size) => Some(format!("add a unit: `{number}MiB`")),
        (_, Type::String) if matches!(found.ty, Type::Int | Type::Bool) => {
            source.map(|source| format!("write `\"${{{source}}}\"`"))
        }
        (_, Type::String) if found.ty == Type::list(Type::String) => {
            source.map(|source| format!("join the items: `join({source}, \",\")`"))
        }
        (ExprKind::String(_), Type::Bool) => Some(match text.map(str::to_lowercase).as_deref() {
            Some("yes" | "true" | "on" | "1") => "write `true`".to_owned(),
            Some("no" | "false" | "off" | "0") => "write `false`".to_owned(),
            _ => "write `true` or `false`".to_owned(),
        }),
        (ExprKind::String(_), Type::Int) => text
            .filter(|text| text.parse::<i64>().is_ok())
            .map_or(Some("write a whole number, such as `2`".to_owned()), |text| {
                Some(format!("write `{text}`"))
            }),
        (ExprKind::String(_), Type::Duration) => Some("write a number and a unit, such as `5m`".to_owned()),
        (ExprKind::String(_), Type::Tag) => {
            Some(format!("write `{repository}:{}`", source.unwrap_or("\"…\"")))
        }
        (ExprKind::String(_), Type::Cache) => {
            Some(format!("write `cache.registry({repository}:{})`", source.unwrap_or("\"…\"")))
        }
        (_, Type::Cache) if found.ty == Type::Tag => {
            source.map(|source| format!("write `cache.registry({source})`"))
        }
        (_, Type::Secret) => {
            Some("declare `secret token = env(\"TOKEN\")` and write `token` here".to_owned())
        }
        (ExprKind::Cache { .. }, Type::Tag) => {
            Some("caches stand in `cache { from = […], to = […] }`; write the tag alone here".to_owned())
        }
        _ => None,
    };
    // Of a mixed list it may be the first item that is wrong; a duration may be meant to be one.
    let is_certain = diagnostic.code != Code::MixedList
        && match want {
            Type::String => !matches!(found.kind, ExprKind::Duration(_) | ExprKind::Size(_)),
            Type::Bool | Type::Int => matches!(found.kind, ExprKind::String(_)),
            _ => false,
        };
    let Some(help) = help else { return diagnostic };
    // The very code that the help tells to write, if it is the same value in the other type.
    let code = help.strip_prefix("write `").and_then(|code| code.strip_suffix('`'));
    let code = code.filter(|code| is_certain && !code.contains('`')).map(str::to_owned);
    diagnostic.with_help(help).with_edit_if(found.span, code)
}

pub(in crate::check) fn maybe_unset(
    found: &Expr,
    expected: &Type,
    subject: Subject<'_>,
    source: Option<&str>,
) -> Diagnostic {
    let wanted = expected.required();
    let headline = match source {
        Some(source) => format!("`{source}` may be unset"),
        None => format!("{} may be unset", words(subject)),
    };
    let diagnostic =
        Diagnostic::new(Code::MaybeUnset, headline, found.span, format!("this is `{}`", found.ty));
    let diagnostic = match subject {
        Subject::Tag(repository) => diagnostic.with_label(repository, "a tag needs `string`"),
        Subject::Attribute(name) | Subject::Entry(name) => {
            diagnostic.with_label(name.span, format!("`{}` needs `{wanted}`", name.value))
        }
        _ => diagnostic.with_note(format!("{} must be `{wanted}`", words(subject))),
    };
    let default = match found.ty.required() {
        Type::Int => "0",
        Type::Bool => "false",
        Type::Duration => "5m",
        Type::List(_) => "[]",
        _ => "\"value\"",
    };
    diagnostic.with_help(format!("add a default: `{} ?? {default}`", source.unwrap_or("…")))
}

/// `repository:tag ?? default`, which is read as `(repository:tag) ?? default`; the three as written, if they are short.
pub(in crate::check) fn default_behind_tag(tag: &Expr, sources: Option<((&str, &str), &str)>) -> Diagnostic {
    let ((repository, text), default) = sources.unwrap_or((("…", "…"), "…"));
    let headline = match sources {
        Some(_) => format!("`{text}` may be unset"),
        None => "the text of this tag may be unset".to_owned(),
    };
    Diagnostic::new(Code::MaybeUnset, headline, tag.span, format!("this is `{}`", tag.ty))
        .with_note("the colon of a tag binds stronger than `??`: the default is the whole tag's")
        .with_help(format!("write `{repository}:({text} ?? {default})`"))
}

/// `left + right` of something that is not a list; both sides as written, if they are short.
pub(in crate::check) fn not_a_list(left: &Expr, operator: Span, sources: Option<(&str, &str)>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::TypeMismatch,
        format!("`+` joins lists, found `{}`", left.ty),
        operator,
        "only for lists",
    );
    match (&left.ty, sources) {
        (Type::String, Some((left, right))) => {
            let write = format!("write `\"{}{}\"`", hole(left), hole(right));
            diagnostic.with_help(write)
        }
        (Type::String, None) => diagnostic.with_help("put the values into one string: `\"${a}${b}\"`"),
        (Type::Tag, Some((left, right))) => diagnostic.with_help(format!("write `[{left}, {right}]`")),
        _ => diagnostic,
    }
}

/// An expression inside a string: a literal without its quotes, anything else as a hole.
fn hole(source: &str) -> String {
    match source.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => text.to_owned(),
        None => format!("${{{source}}}"),
    }
}

pub(in crate::check) fn not_comparable(left: &Expr, operator: Span) -> Diagnostic {
    Diagnostic::new(
        Code::TypeMismatch,
        format!("{} cannot be compared", a(&noun(&left.ty))),
        operator,
        "compares strings, numbers, durations and lists",
    )
    .with_help("compare what decides it, such as a param")
}

/// `what`: `registry kind`
pub(in crate::check) fn unknown_kind(
    what: &str,
    kinds: &[&str],
    found: Option<&str>,
    span: Span,
) -> Diagnostic {
    let known: Vec<_> = kinds.iter().map(|kind| format!("`\"{kind}\"`")).collect();
    let known = format!("kinds: {}", known.join(", "));
    let item = what.split(' ').next().unwrap_or(what);
    match found {
        Some(found) => {
            Diagnostic::new(Code::NotAChoice, format!("`{found}` is not a {what}"), span, "unknown kind")
                .with_help(known)
        }
        None => Diagnostic::new(
            Code::NotAChoice,
            format!("`kind` of a {item} must be written out"),
            span,
            "not a string literal",
        )
        .with_note(format!("the other attributes of a {item} depend on its kind"))
        .with_help(known),
    }
}

/// Lists and maps that lets put inside each other.
pub(in crate::check) fn value_too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        format!("lists and maps are more than {MAX_DEPTH} deep inside each other"),
        span,
        format!("level {}", MAX_DEPTH + 1),
    )
    .with_note("a value that is named with `let` counts with all its levels")
    .with_help("put the values side by side, into one list or map")
}

pub(in crate::check) fn not_iterable(list: &Expr) -> Diagnostic {
    Diagnostic::new(
        Code::TypeMismatch,
        format!("{} cannot be gone through with `for`", a(&noun(&list.ty))),
        list.span,
        "expected a list",
    )
}

pub(in crate::check) fn not_measurable(found: &Expr) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::TypeMismatch,
        format!("{} has no length", a(&noun(&found.ty))),
        found.span,
        "nothing to count",
    );
    match found.ty {
        Type::Family => diagnostic.with_help("count the list that the family is made from"),
        _ => diagnostic.with_note("`length` counts the items of a list, the entries of a map and characters"),
    }
}

pub(in crate::check) fn not_indexable(base: &Expr, index: Span) -> Diagnostic {
    Diagnostic::new(
        Code::TypeMismatch,
        format!("{} has no items to choose from", a(&noun(&base.ty))),
        index,
        "nothing to index",
    )
    .with_note("lists, maps and images with `for` are indexed with `[…]`")
}
