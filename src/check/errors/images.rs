//! Messages about families, templates and secrets.

use super::{MAX_NAMES, a, path, quoted, suggest};
use crate::check::exprs::Slot;
use crate::check::families::FamilyKeys;
use crate::check::names::Declared;
use crate::check::templates::MAX_DEPTH;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;

/// A family, or a part of one, where one image is needed. `source` is what was written, `field` what was asked of it.
pub(in crate::check) fn family_not_image(
    keys: &FamilyKeys<'_>,
    source: &str,
    given: usize,
    span: Span,
    field: &str,
) -> Diagnostic {
    let missing: Vec<_> = keys.binders.iter().skip(given).collect();
    let count = missing.iter().map(|binder| binder.keys.as_ref().map(Vec::len)).product::<Option<usize>>();
    let headline = match count {
        Some(1) => format!("`{source}` is a family of 1 image"),
        Some(0) => format!("`{source}` is a family of no images"),
        Some(count) => format!("`{source}` is {count} images"),
        None => format!("`{source}` is several images"),
    };
    let label = match missing.first() {
        Some(binder) if given > 0 => format!("needs a key for `{}` too", binder.name),
        _ => "a family, not one image".to_owned(),
    };
    let diagnostic =
        Diagnostic::new(Code::FamilyNotImage, headline, span, label).with_label(keys.span, "made here");
    let indices: String = missing
        .iter()
        .map(|binder| match binder.keys.as_ref().and_then(|keys| keys.first()) {
            Some(key) => format!("[{key:?}]"),
            None => "[\"…\"]".to_owned(),
        })
        .collect();
    let items: Vec<_> = match missing.as_slice() {
        [one] => one.keys.iter().flatten().map(|key| format!("`{key:?}`")).collect(),
        _ => Vec::new(),
    };
    let known = match items.len() {
        2..=MAX_NAMES => format!(" (items: {})", items.join(", ")),
        _ => String::new(),
    };
    diagnostic.with_help(format!("write `{source}{indices}{field}`{known}"))
}

pub(in crate::check) fn binder_hides(name: &Name, declared: Declared) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("`{}` is declared twice", name.value),
        name.span,
        "a `for` gives the name again",
    )
    .with_label(declared.span, format!("declared as {} here", a(declared.kind.noun())))
    .with_help("rename one of them")
}

pub(in crate::check) fn binder_twice(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("`{}` is bound twice", name.value),
        name.span,
        "a `for` around this has the name",
    )
    .with_help("rename one of them")
}

pub(in crate::check) fn template_as_value(name: &str, declared: Declared, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::WrongKindOfName,
        format!("`{name}` is a template, not a value"),
        span,
        "templates are only extended",
    )
    .with_label(declared.span, "declared as a template here")
    .with_help(format!("declare an image: `image … extends {name} {{ … }}`"))
}

pub(in crate::check) fn not_a_template(
    name: &Name,
    declared: Option<Declared>,
    templates: &[&str],
) -> Diagnostic {
    let Some(declared) = declared else {
        let diagnostic = Diagnostic::new(
            Code::UnknownName,
            format!("no template named `{}`", name.value),
            name.span,
            "not declared in this file",
        );
        return match templates {
            [] => diagnostic.with_help(format!("declare it with `template {} {{ … }}`", name.value)),
            _ => suggest(diagnostic, "template", &name.value, templates),
        };
    };
    let diagnostic = Diagnostic::new(
        Code::WrongKindOfName,
        format!("`{}` is {}, not a template", name.value, a(declared.kind.noun())),
        name.span,
        "expected a template",
    )
    .with_label(declared.span, format!("declared as {} here", a(declared.kind.noun())));
    match templates {
        [] => diagnostic.with_help("declare what both have in common with `template NAME { … }`"),
        [one] => diagnostic.with_help(format!("a template is declared in this file: `{one}`")),
        many if many.len() <= MAX_NAMES => {
            diagnostic.with_help(format!("templates of this file: {}", quoted(many.iter().copied())))
        }
        _ => diagnostic,
    }
}

pub(in crate::check) fn cyclic_template(circle: &[&Name], span: Span) -> Diagnostic {
    let first = circle.first().map_or("", |name| name.value.as_str());
    let path = path(circle.iter().map(|name| name.value.as_str()));
    let label = if circle.len() == 1 { "this is the same template" } else { "closes the circle" };
    Diagnostic::new(Code::CyclicValue, format!("template `{first}` extends itself"), span, label)
        .with_note(path)
        .with_help(format!("remove `{first}` here"))
}

pub(in crate::check) fn templates_too_deep(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::NestingTooDeep,
        format!("more than {MAX_DEPTH} templates extend each other in a row"),
        name.span,
        format!("has {MAX_DEPTH} templates above it"),
    )
    .with_help("extend several templates side by side: `extends a, b`")
}

pub(in crate::check) fn extends_twice(parent: &Name, first: Span, image: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateAttribute,
        format!("`{}` extends `{}` twice", image.value, parent.value),
        parent.span,
        "named a second time",
    )
    .with_label(first, "named here first")
    .with_help("remove one of them")
}

/// A secret where it would become visible.
pub(in crate::check) fn secret_leaks(name: &str, span: Span, declared: Span, slot: Slot) -> Diagnostic {
    let elsewhere = "pass the secret itself where one is accepted: `secrets`, `password`, `env` of a step";
    let mounted = format!(
        "pass it as `secrets = {{ {name} = {name} }}` and mount it with `RUN --mount=type=secret,id={name}`"
    );
    let in_env = format!("write `{{ env = {{ {} = {name} }} }}` behind the step", name.to_uppercase());
    let (code, message, label, help) = match slot {
        Slot::BuildArguments => (
            Code::SecretInImage,
            format!("secret `{name}` would be stored in the image"),
            "build arguments are kept in the image history",
            mounted.as_str(),
        ),
        Slot::Stored => (
            Code::SecretInImage,
            format!("secret `{name}` would be stored in the image"),
            "labels are public to whoever has the image",
            "remove it from the labels",
        ),
        Slot::Annotations => (
            Code::SecretInImage,
            format!("secret `{name}` would be stored in the image"),
            "annotations are public to whoever has the image",
            "remove it from the annotations",
        ),
        Slot::Dockerfile => (
            Code::SecretInImage,
            format!("secret `{name}` would be stored in the image"),
            "a Dockerfile is kept in the image history",
            mounted.as_str(),
        ),
        Slot::CommandArgument => (
            Code::SecretInArguments,
            format!("secret `{name}` would be visible in the process list"),
            "command-line arguments are public on the host",
            in_env.as_str(),
        ),
        Slot::Hole => (
            Code::SecretInString,
            format!("secret `{name}` cannot be put into a string"),
            "would appear in plans and logs",
            elsewhere,
        ),
        Slot::Plain
        | Slot::CacheSource
        | Slot::CommandEnvironment
        | Slot::Context
        | Slot::NamedContext
        | Slot::Limits => (
            Code::SecretInString,
            format!("secret `{name}` cannot be used as a plain value"),
            "would appear in plans and logs",
            elsewhere,
        ),
    };
    Diagnostic::new(code, message, span, label).with_label(declared, "declared `secret` here").with_help(help)
}
