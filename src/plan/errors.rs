//! The words of every diagnostic of this pass.

use std::path::Path;

use super::PathKind;
use crate::check::types::Type;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;

pub(super) fn not_known_before_the_run(span: Span) -> Diagnostic {
    Diagnostic::new(Code::RefTooEarly, "this is not known before the run", span, "known only after the push")
        .with_help("use it as an argument or in `env` of a step")
}

pub(super) fn bad_param_value(name: &Name, given: &str, ty: &Type) -> Diagnostic {
    let example = match ty {
        Type::Int => "2",
        Type::Bool => "true",
        Type::Duration => "5m",
        _ => "value",
    };
    Diagnostic::new(
        Code::BadParamValue,
        format!("`--param {}={given}` is not a value of type `{ty}`", name.value),
        name.span,
        format!("declared as `{ty}`"),
    )
    .with_note("given on the command line")
    .with_help(format!("pass `--param {}={example}`", name.value))
}

pub(super) fn param_not_one_of(name: &Name, value: &str, allowed: &[String], source: &str) -> Diagnostic {
    let choices: Vec<_> = allowed.iter().map(|choice| format!("`{choice}`")).collect();
    Diagnostic::new(
        Code::BadParamValue,
        format!("`{value}` is not a value of param `{}`", name.value),
        name.span,
        "takes one of a few values",
    )
    .with_note(format!("the value is from: {source}"))
    .with_help(format!("values: {}", choices.join(", ")))
}

pub(super) fn param_does_not_match(name: &Name, value: &str, pattern: &str, rule: Span) -> Diagnostic {
    Diagnostic::new(
        Code::BadParamValue,
        format!("`{value}` is not a value of param `{}`", name.value),
        name.span,
        format!("its value is `{value}`"),
    )
    .with_label(rule, format!("must match `{pattern}`"))
}

pub(super) fn bad_pattern(pattern: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::BadParamValue,
        format!("`{pattern}` is not a regular expression"),
        span,
        "cannot be read",
    )
}

pub(super) fn missing_param(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::MissingParamValue,
        format!("param `{}` has no value", name.value),
        name.span,
        "no default",
    )
    .with_help(format!("pass `--param {}=…`", name.value))
}

pub(super) fn bad_tag(tag: &str, span: Span, problem: &str) -> Diagnostic {
    Diagnostic::new(Code::BadTag, format!("`{}` is not a tag", tag.escape_debug()), span, problem)
        .with_note("tags match `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`")
        .with_help("make a tag of any text with `slug(…)`")
}

pub(super) fn not_a_choice(what: &str, value: &str, span: Span, choices: &[&str]) -> Diagnostic {
    let choices: Vec<_> = choices.iter().map(|choice| format!("`\"{choice}\"`")).collect();
    Diagnostic::new(Code::NotAChoice, format!("`{value}` is not {what}"), span, "unknown")
        .with_help(format!("write {}", choices.join(" or ")))
}

pub(super) fn bad_platform(value: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::NotAChoice, format!("`{value}` is not a platform"), span, "unknown")
        .with_help("write `\"linux/amd64\"` or `\"linux/arm64\"`")
}

pub(super) fn bad_repository_name(name: &str, span: Span, problem: &str, ecr: bool) -> Diagnostic {
    let kind = if ecr { "an ECR repository name" } else { "a repository name" };
    let suggestion: String = name
        .chars()
        .map(|character| match character.to_ascii_lowercase() {
            lower @ ('a'..='z' | '0'..='9' | '/' | '.') => lower,
            _ => '-',
        })
        .collect();
    let diagnostic = Diagnostic::new(
        Code::BadRepositoryName,
        format!("`{}` is not {kind}", name.escape_debug()),
        span,
        problem,
    )
    .with_note("lower-case words joined by `.`, `_` or `-`, in parts joined by `/`");
    match super::rules::repository_name_problem(&suggestion, ecr) {
        None => diagnostic.with_help(format!("write `\"{suggestion}\"`")),
        Some(_) => diagnostic,
    }
}

pub(super) fn tag_pushed_twice(reference: &str, first: (&str, Span), second: (&str, Span)) -> Diagnostic {
    Diagnostic::new(
        Code::TagPushedTwice,
        format!("tag `{reference}` is pushed by two images"),
        second.1,
        format!("also pushed by `{}`", second.0),
    )
    .with_label(first.1, format!("pushed by `{}`", first.0))
    .with_note("the later push wins")
    .with_help(format!("make one of them distinct, such as `\"{}-…\"`", second.0))
}

pub(super) fn missing_path(
    written: &str,
    looked_up: &Path,
    found: Option<PathKind>,
    wanted: PathKind,
    span: Span,
) -> Diagnostic {
    let wanted = if wanted == PathKind::File { "file" } else { "folder" };
    let message = match found {
        None => format!("`{written}` does not exist"),
        Some(_) => format!("`{written}` is not a {wanted}"),
    };
    Diagnostic::new(Code::MissingPath, message, span, format!("looked up as `{}`", looked_up.display()))
        .with_note("paths are relative to the `.cachefile`; `dockerfile` is relative to `context`")
}

pub(super) fn no_dockerfile(image: &Name, looked_up: &Path) -> Diagnostic {
    Diagnostic::new(
        Code::MissingPath,
        format!("image `{}` has no Dockerfile", image.value),
        image.span,
        format!("looked up as `{}`", looked_up.display()),
    )
    .with_help("either create it, or name another file with `dockerfile = \"…\"`")
}

pub(super) fn bad_account(account: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NotAChoice,
        format!("`{account}` is not an AWS account"),
        span,
        "an account has 12 digits",
    )
}

pub(super) fn bad_host(host: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::NotAChoice,
        format!("`{host}` is not the host of a registry"),
        span,
        "expected a host name, with a port if needed",
    );
    let bare = host.split("://").last().unwrap_or(host).split('/').next().unwrap_or_default();
    if bare.is_empty() || bare == host {
        diagnostic
    } else {
        diagnostic.with_help(format!("write `\"{bare}\"`"))
    }
}

pub(super) fn bad_count(span: Span) -> Diagnostic {
    Diagnostic::new(Code::NotAChoice, "`retries` is a number from 0 to 100", span, "out of range")
}
