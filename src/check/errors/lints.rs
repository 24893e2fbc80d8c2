//! Messages about what is allowed and most likely not meant.

use crate::check::program::Expr;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;

/// A param that is named like a secret.
pub(in crate::check) fn secret_as_param(name: &Name, word: &str) -> Diagnostic {
    Diagnostic::new(
        Code::SecretAsParam,
        format!("param `{}` looks like a secret", name.value),
        name.span,
        format!("named like a {word}"),
    )
    .with_note("values of params are shown in plans and in logs")
    .with_help(format!("declare `secret {} = env(\"{}\")`", name.value, name.value.to_uppercase()))
}

/// `source`: the left side of `??` as written.
pub(in crate::check) fn useless_default(left: &Expr, right: Span, source: Option<&str>) -> Diagnostic {
    let message = match source {
        Some(source) => format!("the default of `{source}` is never used"),
        None => "a default is never used".to_owned(),
    };
    Diagnostic::new(Code::UselessDefault, message, right, "never taken")
        .with_label(left.span, format!("this is `{}`, which is never unset", left.ty.required()))
        .with_help("remove `??` and what stands behind it")
}

/// Says nothing of the text itself.
pub(in crate::check) fn looks_like_aws_key(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::LooksLikeAwsKey,
        "this string looks like an AWS key",
        span,
        format!("has the form of {what}"),
    )
    .with_note("a key in a file is known to everyone who can read the file, and to its history")
    .with_help("revoke the key, and read the new one with `secret NAME = env(\"…\")`")
}

/// `variable` is what stands behind the dollar; `meant` is a value of the file that has this name.
pub(in crate::check) fn dollar_in_string(variable: &str, span: Span, meant: Option<&str>) -> Diagnostic {
    let shown: String = variable.chars().take(32).collect();
    let diagnostic = Diagnostic::new(
        Code::DollarInString,
        format!("`${shown}` in a string is not interpolated"),
        span,
        "stays as it is written",
    )
    .with_note("no shell reads this string");
    if let Some(meant) = meant {
        diagnostic.with_help(format!("either write `${{{meant}}}` for the value of `{meant}`"))
    } else {
        let name = shown.to_lowercase();
        diagnostic.with_help(format!(
            "either declare `param {name}: string = env(\"{shown}\")` and write `${{{name}}}`"
        ))
    }
    .with_help(format!("or write `\\${shown}` for the dollar itself"))
}

pub(in crate::check) fn not_a_key(key: &Name, what: &str) -> Diagnostic {
    let shown: String = key.value.chars().take(32).flat_map(char::escape_debug).collect();
    let (message, label) = if key.value.trim().is_empty() {
        (format!("the name of {what} is empty"), "no name")
    } else if key.value.contains('=') {
        (format!("`{shown}` is not the name of {what}"), "has a `=`")
    } else {
        (format!("`{shown}` is not the name of {what}"), "has a blank")
    };
    let diagnostic = Diagnostic::new(Code::NotAChoice, message, key.span, label);
    match key.value.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            let value: String = value.trim().chars().take(32).flat_map(char::escape_debug).collect();
            diagnostic.with_help(format!("write `{} = \"{value}\"`", name.trim()))
        }
        _ => diagnostic,
    }
}
