//! The words of every diagnostic of this pass.

use super::attributes::Owner;
use super::exprs::Slot;
use super::functions::Function;
use super::items::literal_text;
use super::names::Declared;
use super::program::{Expr, ExprKind};
use super::schema::{Attribute, ITEMS, REGISTRY_KINDS};
use super::types::Type;
use crate::diag::{Code, Diagnostic, similar};
use crate::source::Span;
use crate::syntax::ast::Name;

pub(super) const REGISTRY_CACHE: &str = "cache.registry(tag, mode = \"min\" or \"max\") -> cache";

/// "a" or "an", by the sound of a word of this language.
fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" }
}

fn a(word: &str) -> String {
    format!("{} {word}", article(word))
}

/// `` `a`, `b` ``
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Adds "a … with a similar name exists", or the whole list when it is short.
fn suggest(diagnostic: Diagnostic, kind: &str, name: &str, known: &[&str]) -> Diagnostic {
    match similar(name, known.iter().copied()) {
        Some(found) => diagnostic.with_help(format!("{} with a similar name exists: `{found}`", a(kind))),
        None if (1..=8).contains(&known.len()) => {
            diagnostic.with_help(format!("{kind}s: {}", quoted(known.iter().copied())))
        }
        None => diagnostic,
    }
}

pub(super) fn not_yet(what: &str, span: Span) -> Diagnostic {
    let version = env!("CARGO_PKG_VERSION");
    Diagnostic::new(
        Code::NotYetSupported,
        format!("{what} is not supported by cachelang {version}"),
        span,
        "part of the language, but not of this version",
    )
}

pub(super) fn declared_twice(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("`{}` is declared twice", name.value),
        name.span,
        "second declaration",
    )
    .with_label(first, "first declared here")
    .with_note("images, repositories, registries, params, lets and secrets share one namespace")
    .with_help("rename one of them")
}

pub(super) fn wave_declared_twice(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("wave `{}` is declared twice", name.value),
        name.span,
        "second declaration",
    )
    .with_label(first, "first declared here")
    .with_help("rename one of them")
}

pub(super) fn unknown_name<'a>(
    name: &str,
    span: Span,
    declared: impl Iterator<Item = (&'a str, Declared)>,
) -> Diagnostic {
    let declared: Vec<_> = declared.collect();
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("no value named `{name}`"),
        span,
        "not declared in this file",
    );
    let Some(found) = similar(name, declared.iter().map(|(name, _)| *name)) else {
        return diagnostic.with_help(format!("either write `\"{name}\"` for a text, or declare `{name}`"));
    };
    let (_, item) = declared.iter().find(|(name, _)| *name == found).expect("the suggestion is one of them");
    let noun = item.kind.noun();
    diagnostic
        .with_label(item.span, "similar name")
        .with_help(format!("{} with a similar name exists: `{found}`", a(noun)))
}

pub(super) fn unknown_tag_name(name: &str, span: Span, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("no value named `{name}`"),
        span,
        "not declared in this file",
    )
    .with_note("a tag that is not a value is written in quotes");
    match similar(name, known.iter().copied()) {
        Some(found) => diagnostic.with_help(format!("a value with a similar name exists: `{found}`")),
        None => diagnostic.with_help(format!("either write `\"{name}\"`, or declare `{name}`")),
    }
}

pub(super) fn wrong_kind(
    name: &str,
    declared: Declared,
    span: Span,
    expected: &Type,
    candidates: &[&str],
) -> Diagnostic {
    let wanted = a(&expected.required().to_string());
    let noun = declared.kind.noun();
    let diagnostic = Diagnostic::new(
        Code::WrongKindOfName,
        format!("`{name}` is {}, not {wanted}", a(noun)),
        span,
        format!("expected {wanted}"),
    )
    .with_label(declared.span, format!("declared as {} here", a(noun)));
    match candidates {
        [] => diagnostic,
        [one] => diagnostic.with_help(format!("{wanted} is declared in this file: `{one}`")),
        many => diagnostic.with_help(format!(
            "{} of this file: {}",
            if expected.required() == &Type::Registry { "registries" } else { "candidates" },
            quoted(many.iter().copied())
        )),
    }
}

/// The schema's attributes that this version can read.
fn names_of(schema: &'static [Attribute]) -> Vec<&'static str> {
    schema.iter().map(|attribute| attribute.name).collect()
}

pub(super) fn unknown_attribute(name: &Name, owner: &str, schema: &'static [Attribute]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownAttribute,
        format!("`{owner}` has no attribute `{}`", name.value),
        name.span,
        "unknown attribute",
    );
    let known = names_of(schema);
    let elsewhere = ITEMS.iter().find(|(item, attributes)| {
        *item != owner && attributes.iter().any(|attribute| attribute.name == name.value)
    });
    match (similar(&name.value, known.iter().copied()), elsewhere) {
        (None, Some((item, _))) => {
            diagnostic.with_help(format!("`{}` is an attribute of `{item}`", name.value))
        }
        _ => suggest(diagnostic, "attribute", &name.value, &known),
    }
}

pub(super) fn set_twice(name: &Name, first: Span, owner: Owner<'_>) -> Diagnostic {
    let place = if owner.kind == owner.name {
        format!("`{}`", owner.kind)
    } else {
        format!("`{} {}`", owner.kind, owner.name)
    };
    Diagnostic::new(
        Code::DuplicateAttribute,
        format!("`{}` is set twice in {place}", name.value),
        name.span,
        "second value",
    )
    .with_label(first, "first value")
    .with_help("remove one; attributes do not accumulate")
}

pub(super) fn duplicate_key(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateAttribute,
        format!("the key `{}` is set twice", name.value),
        name.span,
        "second value",
    )
    .with_label(first, "first value")
    .with_help("remove one of them")
}

pub(super) fn missing_attribute(name: &str, owner: Owner<'_>, registries: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::MissingAttribute,
        format!("`{} {}` has no `{name}`", owner.kind, owner.name),
        owner.span,
        format!("needs `{name} = …`"),
    );
    let example = match (name, registries) {
        ("registry", [one]) => {
            return diagnostic.with_help(format!("one registry is declared: add `registry = {one}`"));
        }
        ("registry", []) => "declare one with `registry main { … }` and add `registry = main`",
        ("registry", _) => "add `registry = …` with one of the registries of this file",
        ("kind", _) => "add `kind = \"ecr\"` for Amazon ECR or `kind = \"oci\"` for any other registry",
        ("account", _) => "add the AWS account's 12 digits: `account = \"123456789012\"`",
        ("region", _) => "add the AWS region: `region = \"eu-west-1\"`",
        ("host", _) => "add the registry's host: `host = \"registry.example.com\"`",
        _ => return diagnostic,
    };
    diagnostic.with_help(example)
}

pub(super) fn block_not_value(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::BlockNotValue,
        format!("`{}` is a block, not a value", name.value),
        name.span,
        "takes `{ … }` without `=`",
    )
    .with_help(format!("write `{} {{ … }}`", name.value))
}

pub(super) fn value_not_block(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::BlockNotValue,
        format!("`{}` is a value, not a block", name.value),
        name.span,
        "expected `=` after this",
    )
    .with_help(format!("write `{} = …`", name.value))
}

pub(super) fn cyclic_value(first: &Name, steps: &[(&Name, Span)], closing: Span) -> Diagnostic {
    let mut path = vec![first.value.as_str()];
    path.extend(steps.iter().map(|(name, _)| name.value.as_str()));
    path.push(&first.value);
    let last = path.iter().rev().nth(1).copied().unwrap_or_default();
    let mut diagnostic = Diagnostic::new(
        Code::CyclicValue,
        format!("`{}` is defined in terms of itself", first.value),
        closing,
        format!("`{last}` needs `{}`", first.value),
    );
    let edges = steps.iter().zip(&path);
    for ((name, at), from) in edges.take(3) {
        diagnostic = diagnostic.with_label(*at, format!("`{from}` needs `{}`", name.value));
    }
    if steps.is_empty() {
        return diagnostic.with_help("give it a literal value");
    }
    let arrows: Vec<_> = path.iter().map(|name| format!("`{name}`")).collect();
    diagnostic.with_note(arrows.join(" → ")).with_help("give one of them a literal value")
}

pub(super) fn unknown_param_type(name: &str, span: Span) -> Diagnostic {
    let known = ["string", "int", "bool", "duration", "list<string>"];
    let diagnostic =
        Diagnostic::new(Code::UnknownName, format!("no param type named `{name}`"), span, "unknown type");
    suggest(diagnostic, "type", name, &known)
}

pub(super) fn unknown_function(name: &str, span: Span) -> Diagnostic {
    let known: Vec<_> = Function::ALL.iter().map(|(name, _)| *name).collect();
    let diagnostic =
        Diagnostic::new(Code::UnknownName, format!("no function named `{name}`"), span, "unknown function");
    match similar(name, known.iter().copied()) {
        Some(found) => diagnostic.with_help(format!("a function with a similar name exists: `{found}`")),
        None => diagnostic.with_help(format!("functions: {}", quoted(known))),
    }
}

pub(super) fn function_not_called(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnknownName, format!("no value named `{name}`"), span, "this is a function")
        .with_help(format!("call it: `{name}(…)`"))
}

pub(super) fn not_a_function(span: Span) -> Diagnostic {
    Diagnostic::new(Code::WrongKindOfName, "this cannot be called", span, "not a function")
}

pub(super) fn unknown_cache(field: &Name) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("no cache method named `{}`", field.value),
        field.span,
        "unknown method",
    );
    suggest(diagnostic, "method", &field.value, &["registry", "inline"])
}

pub(super) fn argument_count(function: Function, wanted: usize, given: usize, span: Span) -> Diagnostic {
    let count =
        |number: usize| if number == 1 { "1 argument".to_owned() } else { format!("{number} arguments") };
    let was = if given == 1 { "was" } else { "were" };
    Diagnostic::new(
        Code::WrongArguments,
        format!("`{}` takes {} but {given} {was} given", function.name(), count(wanted)),
        span,
        count(given),
    )
    .with_note(format!("`{function}`"))
}

pub(super) fn unknown_argument(signature: &str, name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::WrongArguments,
        format!("no argument named `{}`", name.value),
        name.span,
        "unknown argument",
    )
    .with_note(format!("`{signature}`"))
}

pub(super) fn cache_arguments(signature: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::WrongArguments,
        "these are not the arguments of this cache",
        span,
        "wrong arguments",
    )
    .with_note(format!("`{signature}`"))
}

pub(super) fn unused(noun: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnusedItem, format!("{noun} `{name}` is never used"), span, "not referenced")
        .with_help("remove it, or prefix the name with `_`")
}

pub(super) fn type_mismatch(found: &Expr, expected: &Type) -> Diagnostic {
    let (have, want) = (&found.ty, expected.required());
    if let Type::List(item) = want
        && have.fits(item)
    {
        return Diagnostic::new(
            Code::MixedList,
            format!("expected `{want}`, found one `{have}`"),
            found.span,
            "a single value",
        )
        .with_help("put it into brackets: `[…]`");
    }
    let diagnostic = Diagnostic::new(
        Code::TypeMismatch,
        format!("expected `{want}`, found `{have}`"),
        found.span,
        format!("this is a `{have}`"),
    );
    match (&found.kind, want) {
        (ExprKind::Int(number), Type::String) => diagnostic.with_help(format!("write `\"{number}\"`")),
        (ExprKind::Int(number), Type::Duration) => {
            diagnostic.with_help(format!("add a unit: `{number}s` or `{number}m`"))
        }
        (ExprKind::Bool(value), Type::String) => diagnostic.with_help(format!("write `\"{value}\"`")),
        (ExprKind::String(_), Type::Bool) => match literal_text(found).map(str::to_lowercase).as_deref() {
            Some("yes" | "true" | "on" | "1") => diagnostic.with_help("write `true`"),
            Some("no" | "false" | "off" | "0") => diagnostic.with_help("write `false`"),
            _ => diagnostic.with_help("write `true` or `false`"),
        },
        (ExprKind::String(_), Type::Int | Type::Duration) => match literal_text(found) {
            Some(text) if !text.is_empty() && text.chars().all(char::is_alphanumeric) => {
                diagnostic.with_help(format!("write `{text}` without quotes"))
            }
            _ => diagnostic,
        },
        (ExprKind::String(_), Type::Tag) => match literal_text(found) {
            Some(text) => diagnostic.with_help(format!("name the repository: `app:\"{text}\"`")),
            None => diagnostic,
        },
        (ExprKind::String(_), Type::Cache) => diagnostic.with_help("write `cache.registry(app:\"…\")`"),
        (_, Type::Cache) if *have == Type::Tag => {
            diagnostic.with_help("write `cache.registry(…)` around it, or `cache.inline()`")
        }
        _ => diagnostic,
    }
}

pub(super) fn maybe_unset(span: Span, found: &Type, expected: &Type) -> Diagnostic {
    Diagnostic::new(
        Code::MaybeUnset,
        "this value may be unset".to_owned(),
        span,
        format!("this is `{found}`, needed is `{}`", expected.required()),
    )
    .with_help("add a default: `… ?? \"value\"`")
}

pub(super) fn mixed_list(found: &Expr, first: Span, first_type: &Type) -> Diagnostic {
    Diagnostic::new(
        Code::MixedList,
        "list items have different types",
        found.span,
        format!("this is a `{}`", found.ty),
    )
    .with_label(first, format!("the first item is a `{first_type}`"))
}

pub(super) fn not_a_list(found: &Expr, operator: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::TypeMismatch,
        format!("`+` joins lists, found `{}`", found.ty),
        operator,
        "only for lists",
    );
    match found.ty {
        Type::String => diagnostic.with_help("write texts together with holes: `\"${a}${b}\"`"),
        _ => diagnostic,
    }
}

pub(super) fn registry_kind(found: Option<&str>, span: Span) -> Diagnostic {
    let Some(found) = found else {
        return Diagnostic::new(
            Code::NotAChoice,
            "the kind of a registry must be written out",
            span,
            "not a literal text",
        )
        .with_help("write `kind = \"ecr\"` or `kind = \"oci\"`");
    };
    let kinds: Vec<_> = REGISTRY_KINDS.iter().map(|kind| format!("`\"{kind}\"`")).collect();
    Diagnostic::new(Code::NotAChoice, format!("`{found}` is not a registry kind"), span, "unknown kind")
        .with_help(format!("kinds: {}", kinds.join(", ")))
}

pub(super) fn no_field(ty: &Type, field: &Name) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("{} has no field `{}`", a(&format!("{ty}")), field.value),
        field.span,
        "unknown field",
    );
    match ty {
        Type::Image => diagnostic.with_help("an image has `ref` and `digest`"),
        _ => diagnostic,
    }
}

pub(super) fn ref_too_early(image: &str, field: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::RefTooEarly,
        format!("`{image}.{field}` is not known yet"),
        span,
        format!("known only after `push {image}`"),
    )
    .with_help("use it in a `run` or `sh` step that follows the push")
}

pub(super) fn ref_never_pushed(image: &str, span: Span, declared: Span) -> Diagnostic {
    Diagnostic::new(
        Code::RefNeverPushed,
        format!("`{image}` is used by digest but never pushed"),
        span,
        "has no registry reference",
    )
    .with_label(declared, "not in any `push`")
    .with_help(format!("add `push {image}` before this step"))
}

pub(super) fn ref_before_push(image: &str, span: Span, push: Span) -> Diagnostic {
    Diagnostic::new(Code::RefBeforePush, format!("`{image}` is pushed after it is used"), span, "needed here")
        .with_label(push, "pushed later")
        .with_note("waves and their steps run in the order of the file")
        .with_help(format!("move `push {image}` above this step"))
}

pub(super) fn operand_not_a_name(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::WrongKindOfName,
        "`build` and `push` take names of images",
        span,
        "not the name of an image",
    )
}

pub(super) fn secret_source(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::WrongArguments,
        "a secret is read from outside the file",
        span,
        "expected `env(…)` or `file(…)`",
    )
    .with_help("write `env(\"NAME\")` or `file(\"path\")`")
}

/// A secret where it would become visible.
pub(super) fn secret_leaks(name: &str, span: Span, declared: Span, slot: Slot) -> Diagnostic {
    let (code, message, label, help) = match slot {
        Slot::BuildArguments => (
            Code::SecretInImage,
            format!("secret `{name}` would be stored in the image"),
            "build arguments are kept in the image history",
            "pass secrets only where a `secret` is accepted, such as `password` of a registry".to_owned(),
        ),
        Slot::Stored => (
            Code::SecretInImage,
            format!("secret `{name}` would be stored in the image"),
            "labels can be read by anyone who has the image",
            "remove it; nothing secret belongs into an image".to_owned(),
        ),
        Slot::CommandArgument => (
            Code::SecretInArguments,
            format!("secret `{name}` would be visible in the process list"),
            "command-line arguments are public on the host",
            "let the command read it from the environment itself".to_owned(),
        ),
        Slot::Plain | Slot::CacheSource | Slot::Hole => (
            Code::SecretInString,
            format!("secret `{name}` cannot be put into a value"),
            "would appear in plans and logs",
            "pass the secret itself where a `secret` is accepted, such as `password` of a registry"
                .to_owned(),
        ),
    };
    Diagnostic::new(code, message, span, label).with_label(declared, "declared `secret` here").with_help(help)
}
