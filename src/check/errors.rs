//! The words of every diagnostic of this pass.

mod calls;
mod images;
mod lints;
mod registries;
mod types;
mod waves;

pub(super) use calls::*;
pub(super) use images::*;
pub(super) use lints::*;
pub(super) use registries::*;
pub(super) use types::*;
pub(super) use waves::*;

use super::attributes::Owner;
use super::exprs::Subject;
use super::functions::Function;
use super::names::{Declared, Kind};
use super::program::{Expr, ExprKind};
use super::schema::{Attribute, ITEMS, PARAM_TYPES};
use super::types::Type;
use crate::diag::{Code, Diagnostic, only_similar, similar};
use crate::source::Span;
use crate::syntax::ast::Name;

/// How many labels besides the primary one a message has.
const MAX_LABELS: usize = 3;
/// How many names of a list or a circle a message says.
const MAX_NAMES: usize = 8;

/// "a" or "an", by the sound of a word of this language.
fn a(word: &str) -> String {
    let bare = word.trim_start_matches('`');
    let article = if bare.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {word}")
}

/// A type as a noun: an item kind as a word, everything else as code.
fn noun(ty: &Type) -> String {
    match ty {
        Type::Registry | Type::Repository | Type::Image | Type::Secret | Type::Tag | Type::Builder => {
            ty.to_string()
        }
        Type::Family => "family".to_owned(),
        _ => format!("`{ty}`"),
    }
}

/// `` `a`, `b` ``
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The names of a circle: `` `a` → `b` → `a` ``
fn path<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    let shown = names.iter().take(MAX_NAMES).cloned();
    let more = names.len().saturating_sub(MAX_NAMES);
    let more = (more > 0).then(|| format!("{more} more"));
    let path: Vec<_> = shown.chain(more).chain(names.first().cloned()).collect();
    path.join(" → ")
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    }
}

/// Adds "a … with a similar name exists", or the whole list when it is short.
fn suggest(diagnostic: Diagnostic, kind: &str, name: &str, known: &[&str]) -> Diagnostic {
    let span = diagnostic.primary.span;
    let diagnostic = diagnostic.with_edit_if(span, only_similar(name, known.iter().copied()));
    match similar(name, known.iter().copied()) {
        Some(found) => diagnostic.with_help(format!("{} with a similar name exists: `{found}`", a(kind))),
        None if (1..=MAX_NAMES).contains(&known.len()) => {
            diagnostic.with_help(format!("{}: {}", plural(kind), quoted(known.iter().copied())))
        }
        None => diagnostic,
    }
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

/// Whether an item can be what a place wants, as far as its kind says.
fn could_be(kind: Kind, wanted: &Type) -> bool {
    match (kind, wanted) {
        (_, Type::Error | Type::Nothing) | (Kind::Param(_) | Kind::Let(_) | Kind::Poisoned, _) => true,
        (kind, Type::Registry | Type::Repository | Type::Image | Type::Secret | Type::Builder) => {
            kind.noun() == wanted.to_string()
        }
        // `image.ref` stands for a string.
        (Kind::Image(_), _) => true,
        _ => false,
    }
}

/// What is declared that a name which nothing has may stand for.
pub(super) struct Nearby<'a> {
    /// The one with a similar name.
    similar: Option<(&'a str, Declared)>,
    /// The same, if no other one can be meant.
    certain: Option<&'a str>,
    /// All of the kind that is wanted.
    of_kind: Vec<&'a str>,
}

impl<'a> Nearby<'a> {
    pub(super) fn of(name: &str, wanted: &Type, declared: impl Iterator<Item = (&'a str, Declared)>) -> Self {
        let candidates: Vec<_> = declared.filter(|(_, item)| could_be(item.kind, wanted)).collect();
        let names = || candidates.iter().map(|(name, _)| *name);
        let found = similar(name, names());
        let kind = kind_of(wanted);
        let of_kind = candidates.iter().filter(|(_, item)| item.kind.noun() == kind);
        Self {
            similar: candidates.iter().find(|(name, _)| Some(*name) == found).copied(),
            certain: only_similar(name, names()),
            of_kind: of_kind.map(|(name, _)| *name).collect(),
        }
    }
}

/// The word for what a place wants.
fn kind_of(wanted: &Type) -> String {
    match wanted {
        Type::Registry | Type::Repository | Type::Image | Type::Secret | Type::Builder => wanted.to_string(),
        _ => "value".to_owned(),
    }
}

pub(super) fn unknown_name(
    name: &str,
    span: Span,
    wanted: &Type,
    subject: Subject<'_>,
    nearby: &Nearby<'_>,
) -> Diagnostic {
    let kind = kind_of(wanted);
    let mut diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("no {kind} named `{name}`"),
        span,
        "not declared in this file",
    );
    let is_tag = matches!(subject, Subject::Tag(_));
    if is_tag {
        diagnostic = diagnostic.with_note("a tag that is not the name of a value is written in quotes");
    }
    if let Some(function) = takes_written_name(subject) {
        // A variable or a file without quotes: a value of a similar name would be read instead.
        return diagnostic.with_help(format!("write `{function}(\"{name}\")`"));
    }
    if let Some(value) = boolean(name, wanted) {
        return diagnostic.with_edit(span, value).with_help(format!("write `{value}`"));
    }
    if matches!(name, "None" | "nil" | "undefined") {
        return diagnostic.with_help("leave the attribute out, or give a default with `??`");
    }
    if let Some((found, item)) = nearby.similar {
        let noun = item.kind.noun();
        return diagnostic
            .with_edit_if(span, nearby.certain)
            .with_label(item.span, "similar name")
            .with_help(format!("{} with a similar name exists: `{found}`", a(noun)));
    }
    match (wanted, nearby.of_kind.len()) {
        (Type::Registry | Type::Repository | Type::Image | Type::Builder, 1..=MAX_NAMES) => {
            let known = quoted(nearby.of_kind.iter().copied());
            diagnostic.with_help(format!("{}: {known}", plural(&kind)))
        }
        (Type::Registry | Type::Repository | Type::Image | Type::Builder, _) => {
            diagnostic.with_help(format!("declare it with `{kind} {name} {{ … }}`"))
        }
        (Type::Secret, _) => diagnostic
            .with_help(format!("declare it with `secret {name} = env(\"{}\")`", name.to_uppercase())),
        (Type::Int | Type::Bool | Type::Duration, _) => {
            diagnostic.with_help(format!("declare it with `let {name} = …`"))
        }
        _ if is_tag => {
            let quoted = format!("either write `\"{name}\"` for this very tag");
            diagnostic.with_help(quoted).with_help(format!("or declare `let {name} = …`"))
        }
        _ => diagnostic
            .with_help(format!("either write `\"{name}\"` if this is a string"))
            .with_help(format!("or declare `let {name} = …`")),
    }
}

/// What other languages write for `true` and `false`; words such as `on` only where a `bool` is wanted.
fn boolean(name: &str, wanted: &Type) -> Option<&'static str> {
    match name {
        "True" | "TRUE" => Some("true"),
        "False" | "FALSE" => Some("false"),
        _ if *wanted != Type::Bool => None,
        _ => match name.to_lowercase().as_str() {
            "yes" | "on" | "y" => Some("true"),
            "no" | "off" | "n" => Some("false"),
            _ => None,
        },
    }
}

/// The function that a place belongs to, if what is written there is mostly the name of a variable or of a file.
fn takes_written_name(subject: Subject<'_>) -> Option<&'static str> {
    match subject {
        Subject::SecretSource(function) => Some(function),
        Subject::Argument("env") => Some(Function::Env.name()),
        Subject::Argument("read") => Some(Function::Read.name()),
        _ => None,
    }
}

/// The name of an item of one kind where another kind is wanted.
pub(super) fn wrong_kind(
    name: &str,
    declared: Declared,
    found: &Expr,
    expected: &Type,
    candidates: &[&str],
    has_ref: bool,
) -> Diagnostic {
    let expected = expected.required();
    let wanted = a(&noun(expected));
    let is_value = matches!(declared.kind, Kind::Param(_) | Kind::Let(_));
    let have = if is_value { a(&noun(&found.ty)) } else { a(declared.kind.noun()) };
    let diagnostic = Diagnostic::new(
        Code::WrongKindOfName,
        format!("`{name}` is {have}, not {wanted}"),
        found.span,
        format!("expected {wanted}"),
    )
    .with_label(declared.span, format!("declared as {} here", a(declared.kind.noun())));
    match (&found.kind, candidates) {
        (ExprKind::Image(_), _) if *expected == Type::String && has_ref => diagnostic
            .with_help(format!("write `{name}.ref` for its reference, `{name}.digest` for its digest")),
        (ExprKind::Repository(_), _) if *expected == Type::Tag => {
            diagnostic.with_help(format!("name a tag of it: `{name}:\"latest\"`"))
        }
        (_, []) => diagnostic,
        (_, [one]) => diagnostic.with_help(format!("{wanted} is declared in this file: `{one}`")),
        (_, many) if many.len() > MAX_NAMES => diagnostic,
        (_, many) => diagnostic.with_help(format!(
            "{} of this file: {}",
            plural(&expected.to_string()),
            quoted(many.iter().copied())
        )),
    }
}

pub(super) fn unknown_attribute(name: &Name, owner: &str, schema: &'static [Attribute]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownAttribute,
        format!("`{owner}` has no attribute `{}`", name.value),
        name.span,
        "unknown attribute",
    );
    let known: Vec<_> = schema.iter().map(|attribute| attribute.name).collect();
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
        format!("key `{}` is set twice in this map", name.value),
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
        ("registry", many) if many.len() > MAX_NAMES => "add `registry = …`",
        ("registry", many) => {
            let many = quoted(many.iter().copied());
            return diagnostic.with_help(format!("add `registry = …` with one of: {many}"));
        }
        ("kind", _) => {
            return diagnostic
                .with_help("either add `kind = \"ecr\"` for Amazon ECR")
                .with_help("or add `kind = \"oci\"` for any other registry");
        }
        ("account", _) => "add the 12 digits of the AWS account: `account = \"123456789012\"`",
        ("region", _) => "add the AWS region: `region = \"eu-west-1\"`",
        ("host", _) => "add the registry's host: `host = \"registry.example.com\"`",
        ("endpoint", _) => "add where it listens: `endpoint = \"tcp://build.example.com:1234\"`",
        _ => return diagnostic,
    };
    diagnostic.with_help(example)
}

/// A certificate without its key, or the reverse: `found` is there, `missing` is not.
pub(super) fn half_identity(found: &str, value: Span, missing: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingAttribute,
        format!("`tls` has a `{found}` but no `{missing}`"),
        value,
        format!("needs `{missing} = …`"),
    )
    .with_note("the builder asks for a certificate, and for proof that its key is here")
    .with_help(format!("either add `{missing}`, or remove `{found}` if the builder asks for no certificate"))
}

/// `tls` of a builder that is found as the machine says.
pub(super) fn tls_without_endpoint(tls: Span, builder: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::MissingAttribute,
        format!("`builder {}` has `tls` but no `endpoint`", builder.value),
        tls,
        "would not be used",
    )
    .with_label(builder.span, "needs `endpoint = …`")
    .with_note("without an `endpoint` it is the engine of the machine, as DOCKER_HOST and its companions say")
    .with_help("either add `endpoint = \"tcp://HOST:PORT\"`, or remove `tls`")
}

/// An image that is pushed needs a tag to be pushed to.
pub(super) fn no_tags(image: &str, declared: Span, push: Span, repository: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::MissingAttribute,
        format!("`image {image}` has no `tags`"),
        declared,
        "needs `tags = […]`",
    )
    .with_label(push, "pushed here");
    match repository {
        Some(repository) => diagnostic.with_help(format!("add `tags = [{repository}:\"latest\"]`")),
        None => diagnostic.with_help("declare a `repository` and add `tags = [NAME:\"latest\"]`"),
    }
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

/// A circle of values, each with where it names the next one.
pub(super) fn cyclic_value(first: (&Name, Span), more: &[(&Name, Span)]) -> Diagnostic {
    let name = first.0.value.as_str();
    let next = |index: usize| more.get(index).map_or(name, |(next, _)| next.value.as_str());
    let message = format!("`{name}` is defined in terms of itself");
    if more.is_empty() {
        let label = format!("`{name}` needs itself");
        return Diagnostic::new(Code::CyclicValue, message, first.1, label)
            .with_help("remove it here; a value cannot be made from itself");
    }
    let label = format!("`{name}` needs `{}`", next(0));
    let mut diagnostic = Diagnostic::new(Code::CyclicValue, message, first.1, label);
    for (index, (one, at)) in more.iter().enumerate().take(MAX_LABELS) {
        diagnostic = diagnostic.with_label(*at, format!("`{}` needs `{}`", one.value, next(index + 1)));
    }
    let names = std::iter::once(name).chain(more.iter().map(|(one, _)| one.value.as_str()));
    diagnostic.with_note(path(names)).with_help("give one of them a literal value")
}

pub(super) fn unknown_param_type(name: &str, span: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::UnknownName, format!("no param type named `{name}`"), span, "unknown type");
    let (meant, is_same) = match name {
        "str" | "text" | "char" => ("string", true),
        "integer" | "i64" | "i32" | "u64" | "u32" => ("int", true),
        "boolean" => ("bool", true),
        "number" | "num" => ("int", false),
        "float" | "double" | "decimal" => ("string", false),
        "path" | "file" => ("string", false),
        "array" | "list" | "list<str>" | "set" | "list<int>" => ("list<string>", false),
        _ => return suggest(diagnostic, "type", name, PARAM_TYPES),
    };
    diagnostic.with_edit_if(span, is_same.then_some(meant)).with_help(format!("write `{meant}`"))
}

pub(super) fn rule_of_other_type(rule: &Name, param: &Name, ty: &Type) -> Diagnostic {
    Diagnostic::new(
        Code::TypeMismatch,
        format!("`{}` does not fit a param of type `{ty}`", rule.value),
        rule.span,
        "not a rule for this type",
    )
    .with_label(param.span, format!("declared as `{ty}`"))
    .with_help(format!("remove `{}`", rule.value))
}

pub(super) fn unused(noun: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnusedItem, format!("{noun} `{name}` is never used"), span, "not referenced")
        .with_note("unused items are still checked")
        .with_help("remove it, or prefix the name with `_`")
}
