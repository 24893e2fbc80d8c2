//! The words of every diagnostic of this pass.

pub(super) mod dockerfiles;
mod images;
mod tags;
mod waves;

pub(super) use images::*;
pub(super) use tags::*;
pub(super) use waves::*;

use std::path::Path;

use super::limits::Excess;
use crate::check::types::Type;
use crate::diag::{Code, Diagnostic, similar};
use crate::environment::PathKind;
use crate::source::Span;
use crate::syntax::ast::Name;

/// A value in a sentence: on one line and not longer than it helps.
fn shown(text: &str) -> String {
    const LONGEST: usize = 32;
    if text.is_empty() {
        return "an empty string".to_owned();
    }
    let escaped: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST { format!("`{escaped}…`") } else { format!("`{escaped}`") }
}

fn a_type(ty: &Type) -> String {
    let article = if *ty == Type::Int { "an" } else { "a" };
    format!("{article} `{ty}`")
}

fn choices(known: &[&str]) -> String {
    let known: Vec<_> = known.iter().map(|choice| format!("`\"{choice}\"`")).collect();
    known.join(", ")
}

pub(super) fn not_known_before_the_run(span: Span) -> Diagnostic {
    Diagnostic::new(Code::RefTooEarly, "this is not known before the run", span, "known only after the push")
        .with_help("write it as an argument or in `env` of a step")
}

pub(super) fn value_too_large(excess: Excess, span: Span) -> Diagnostic {
    let message = match excess {
        Excess::Text => "this value has more than 1 MiB of text",
        Excess::Items => "this value has more than 100,000 items",
    };
    Diagnostic::new(Code::ValueTooLarge, message, span, "grows too large here")
        .with_note("a value has at most 1 MiB of text and 100,000 items")
        .with_help("write it to a file that the build or the command reads")
}

/// A function of the embedding program has no value for these arguments.
pub(super) fn host_function_failed(name: &str, reason: &str, span: Span) -> Diagnostic {
    let reason: String = reason.chars().flat_map(char::escape_debug).collect();
    Diagnostic::new(Code::WrongArguments, format!("`{name}` failed: {reason}"), span, "called here")
        .with_note(format!("`{name}` is a function of the program that runs this file"))
}

pub(super) fn bad_param_value(name: &Name, given: &str, ty: &Type) -> Diagnostic {
    let example = match ty {
        Type::Int => "2",
        Type::Bool => "true",
        Type::Duration => "5m",
        _ => "value",
    };
    let given: String = given.chars().take(24).flat_map(char::escape_debug).collect();
    Diagnostic::new(
        Code::BadParamValue,
        format!("`--param {}={given}` is not {}", name.value, a_type(ty)),
        name.span,
        format!("declared as `{ty}`"),
    )
    .with_note("given on the command line")
    .with_help(format!("pass `--param {}={example}`", name.value))
}

/// Where the value of a param that breaks a rule comes from.
pub(super) enum Origin {
    CommandLine,
    /// With the default's place.
    Default(Span),
}

fn broken_rule(name: &Name, value: &str, origin: &Origin) -> Diagnostic {
    let value = shown(value);
    let message = format!("{value} is not a value of param `{}`", name.value);
    match origin {
        Origin::CommandLine => Diagnostic::new(Code::BadParamValue, message, name.span, "declared here")
            .with_note("given on the command line"),
        Origin::Default(span) => {
            Diagnostic::new(Code::BadParamValue, message, *span, "the default breaks the rule")
                .with_note(format!("the default evaluates to {value}"))
        }
    }
}

pub(super) fn param_not_one_of(
    name: &Name,
    value: &str,
    allowed: &[String],
    rule: Span,
    origin: &Origin,
) -> Diagnostic {
    let help = match similar(value, allowed.iter().map(String::as_str)) {
        Some(found) if allowed.len() > 8 => format!("a value with a similar name exists: `{found}`"),
        _ => {
            let allowed: Vec<_> = allowed.iter().map(|choice| format!("`{choice}`")).collect();
            format!("values: {}", allowed.join(", "))
        }
    };
    broken_rule(name, value, origin).with_label(rule, "takes one of these").with_help(help)
}

pub(super) fn param_does_not_match(
    name: &Name,
    value: &str,
    pattern: &str,
    rule: Span,
    origin: &Origin,
) -> Diagnostic {
    broken_rule(name, value, origin)
        .with_label(rule, "must match this as a whole")
        .with_help(format!("give a value that matches `{pattern}`"))
}

pub(super) fn bad_pattern(pattern: &str, reason: &str, span: Span) -> Diagnostic {
    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Diagnostic::new(
        Code::BadParamValue,
        format!("{} is not a regular expression", shown(pattern)),
        span,
        "cannot be read",
    )
    .with_note(format!("the reader of regular expressions says: {reason}"))
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

/// `source` is the expression as written, if it is not a literal and short.
pub(super) fn bad_tag(tag: &str, span: Span, problem: &str, source: Option<(&str, &str)>) -> Diagnostic {
    let message = format!("{} is not a tag", shown(tag));
    let rule = "tags match `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`";
    match source {
        Some((repository, expression)) => {
            let label =
                if tag.is_empty() { "evaluates to an empty string" } else { "evaluates to this text" };
            Diagnostic::new(Code::BadTag, message, span, label)
                .with_note(format!("{rule}; {problem}"))
                .with_help(format!("write `{repository}:slug({expression})`"))
        }
        None => Diagnostic::new(Code::BadTag, message, span, problem)
            .with_note(rule)
            .with_help("write letters, digits, `.`, `_` and `-`, or make a tag of any text with `slug(…)`"),
    }
}

pub(super) fn not_a_choice(what: &str, value: &str, span: Span, known: &[&str]) -> Diagnostic {
    let help = match similar(value, known.iter().copied()) {
        Some(found) => format!("write `\"{found}\"`"),
        None => format!("write one of {}", choices(known)),
    };
    Diagnostic::new(Code::NotAChoice, format!("{} is not {what}", shown(value)), span, "unknown")
        .with_help(help)
}

pub(super) fn bad_platform(value: &str, span: Span) -> Diagnostic {
    let help = match value.rsplit('/').next() {
        Some("x86_64" | "x86-64" | "amd64" | "x64") => "write `\"linux/amd64\"`",
        Some("aarch64" | "arm64" | "armv8") => "write `\"linux/arm64\"`",
        _ => "write the system and the architecture, such as `\"linux/amd64\"` or `\"linux/arm64\"`",
    };
    Diagnostic::new(Code::NotAChoice, format!("{} is not a platform", shown(value)), span, "unknown platform")
        .with_help(help)
}

pub(super) fn bad_repository_name(name: &str, span: Span, problem: &str, ecr: bool) -> Diagnostic {
    let kind = if ecr { "an ECR repository name" } else { "a repository name" };
    let lowered = name.chars().map(|character| match character.to_ascii_lowercase() {
        lower @ ('a'..='z' | '0'..='9' | '/' | '.') => lower,
        _ => '-',
    });
    let mut suggestion = String::new();
    for character in lowered {
        let separates = |one: char| matches!(one, '-' | '.' | '/');
        if !separates(character) || !(suggestion.is_empty() || suggestion.ends_with(separates)) {
            suggestion.push(character);
        }
    }
    let suggestion = suggestion.trim_end_matches(['-', '.', '/']);
    let note = if ecr {
        "ECR takes 2 to 256 characters that match \
         `(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*`"
    } else {
        "registries take lower-case words joined by `.`, `_` or `-`, in parts joined by `/`"
    };
    let diagnostic =
        Diagnostic::new(Code::BadRepositoryName, format!("{} is not {kind}", shown(name)), span, problem)
            .with_note(note);
    match super::rules::repository_name_problem(suggestion, ecr) {
        None => diagnostic.with_help(format!("write `\"{suggestion}\"`")),
        Some(_) => diagnostic,
    }
}

pub(super) fn missing_path(
    written: &str,
    looked_up: &Path,
    found: Option<PathKind>,
    wanted: PathKind,
    span: Span,
) -> Diagnostic {
    let wanted_word = if wanted == PathKind::File { "file" } else { "folder" };
    let (message, label) = match found {
        None => (format!("{} does not exist", shown(written)), format!("no such {wanted_word}")),
        Some(PathKind::File) => {
            (format!("{} is not a {wanted_word}", shown(written)), "this is a file".to_owned())
        }
        Some(PathKind::Folder) => {
            (format!("{} is not a {wanted_word}", shown(written)), "this is a folder".to_owned())
        }
        Some(PathKind::Other) => {
            (format!("{} is not a {wanted_word}", shown(written)), format!("not a {wanted_word}"))
        }
    };
    let relative = match wanted {
        PathKind::File => "`dockerfile` is relative to `context`",
        _ => "paths are relative to the `.cachefile`",
    };
    Diagnostic::new(Code::MissingPath, message, span, label)
        .with_note(format!("looked up as `{}`; {relative}", looked_up.display()))
}

pub(super) fn no_dockerfile(image: &Name, looked_up: &Path) -> Diagnostic {
    Diagnostic::new(
        Code::MissingPath,
        format!("image `{}` has no Dockerfile", image.value),
        image.span,
        "its context has no file `Dockerfile`",
    )
    .with_note(format!("looked up as `{}`", looked_up.display()))
    .with_help("either create this file")
    .with_help("or name another one with `dockerfile = \"…\"`, relative to the context")
}

pub(super) fn cannot_read(written: &str, path: &Path, cause: &std::io::Error, span: Span) -> Diagnostic {
    let (message, label) = match cause.kind() {
        std::io::ErrorKind::NotFound => (format!("`{written}` does not exist"), "no such file"),
        _ => (format!("`{written}` cannot be read"), "not readable"),
    };
    let diagnostic = Diagnostic::new(Code::MissingPath, message, span, label)
        .with_note(format!("looked up as `{}`", path.display()));
    match cause.kind() {
        std::io::ErrorKind::NotFound => diagnostic,
        _ => diagnostic.with_note(cause.to_string()),
    }
}

pub(super) fn not_a_text(written: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::MissingPath, format!("`{written}` is not a text"), span, "not UTF-8")
        .with_help("name a text file, or use `hash_files` for its contents")
}

pub(super) fn bad_glob(pattern: &str, reason: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingPath,
        format!("{} is not a pattern for files", shown(pattern)),
        span,
        "cannot be read as a pattern",
    )
    .with_note(reason.to_owned())
}

pub(super) fn no_file_matches(span: Span) -> Diagnostic {
    Diagnostic::new(Code::MissingPath, "no file matches", span, "matches nothing")
        .with_note("patterns are relative to the `.cachefile`; `*` stays in a folder, `**` goes through them")
}

pub(super) fn no_item(length: usize, position: i64, span: Span) -> Diagnostic {
    let items = if length == 1 { "1 item".to_owned() } else { format!("{length} items") };
    Diagnostic::new(
        Code::UnknownKey,
        format!("this list has no item {position}"),
        span,
        format!("the list has {items}"),
    )
    .with_note("the first item is 0")
}

pub(super) fn no_key(map: Option<&str>, key: &str, known: &[&str], span: Span) -> Diagnostic {
    let subject = map.map_or("this map".to_owned(), |map| format!("`{map}`"));
    let diagnostic =
        Diagnostic::new(Code::UnknownKey, format!("{subject} has no key {}", shown(key)), span, "not a key");
    match similar(key, known.iter().copied()) {
        Some(found) => diagnostic.with_help(format!("a key with a similar name exists: `\"{found}\"`")),
        None if (1..=8).contains(&known.len()) => diagnostic.with_help(format!("keys: {}", choices(known))),
        None => diagnostic,
    }
}

pub(super) fn key_twice(binder: &Name, key: &str, list: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("`{}` is `{key}` twice", binder.value),
        list,
        "an item is repeated",
    )
    .with_label(binder.span, "each item makes one member")
    .with_help("remove one of them")
}

/// An attribute that a registry of this kind needs.
pub(super) fn missing_setting(registry: &Name, attribute: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingAttribute,
        format!("`registry {}` has no `{attribute}`", registry.value),
        registry.span,
        format!("needs `{attribute} = …`"),
    )
    .with_note("`kind = \"ecr\"` needs `account` and `region`, unless `public` is `true`")
}

/// The same where the attribute is written, but has no value in this run; `source` is the value as written.
pub(super) fn unset_setting(
    registry: &Name,
    attribute: &str,
    span: Span,
    source: Option<&str>,
) -> Diagnostic {
    let source = source.unwrap_or("…");
    Diagnostic::new(
        Code::MaybeUnset,
        format!("`{attribute}` of `registry {}` is unset", registry.value),
        span,
        "has no value in this run",
    )
    .with_label(registry.span, format!("needs `{attribute}`"))
    .with_help(format!("add a default: `{source} ?? \"value\"`"))
}

pub(super) fn bad_account(account: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NotAChoice,
        format!("{} is not an AWS account ID", shown(account)),
        span,
        "an account ID has 12 digits",
    )
    .with_help("write the 12 digits without blanks and dashes")
}

pub(super) fn bad_host(host: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::NotAChoice,
        format!("{} is not the host of a registry", shown(host)),
        span,
        "expected a host name, with a port if needed",
    );
    let bare = host.split("://").last().unwrap_or(host).split('/').next().unwrap_or_default();
    if bare.is_empty() || bare == host {
        diagnostic.with_help("write it as `\"registry.example.com\"` or `\"127.0.0.1:5000\"`")
    } else {
        diagnostic.with_help(format!("write `\"{bare}\"`"))
    }
}

pub(super) fn bad_count(count: i64, span: Span, least: i64, most: i64) -> Diagnostic {
    Diagnostic::new(
        Code::NotAChoice,
        format!("`{count}` is out of range"),
        span,
        format!("expected {least} to {most}"),
    )
}

/// An image that is pushed although its list of tags turned out empty.
pub(super) fn no_tags(image: &str, tags: Span, push: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingAttribute,
        format!("`image {image}` has no tags in this run"),
        tags,
        "evaluates to an empty list",
    )
    .with_label(push, "pushed here")
    .with_help(format!("either add a tag that `{image}` always has"))
    .with_help("or skip the wave with `when`")
}
