//! Messages about functions, caches and fields.

use super::{MAX_NAMES, a, quoted, suggest};
use crate::check::calls::{CACHE_METHODS, CacheSignature};
use crate::check::functions::{Callee, Function};
use crate::check::types::Type;
use crate::diag::{Code, Diagnostic, only_similar, similar};
use crate::environment::GitFact;
use crate::language::Language;
use crate::source::Span;
use crate::syntax::ast::Name;

/// "2 arguments were given"
fn given(count: usize) -> String {
    match count {
        0 => "none was given".to_owned(),
        1 => "1 was given".to_owned(),
        _ => format!("{count} were given"),
    }
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        _ => format!("{count} arguments"),
    }
}

pub(in crate::check) fn unknown_function(name: &str, span: Span, language: &Language) -> Diagnostic {
    let known = Function::ALL.iter().map(|(name, _)| *name).chain(language.function_names());
    let known: Vec<_> = known.collect();
    let diagnostic =
        Diagnostic::new(Code::UnknownName, format!("no function named `{name}`"), span, "unknown function");
    let diagnostic = diagnostic.with_edit_if(span, only_similar(name, known.iter().copied()));
    match similar(name, known.iter().copied()) {
        Some(found) => diagnostic.with_help(format!("a function with a similar name exists: `{found}`")),
        None => diagnostic.with_help(format!("functions: {}", quoted(known))),
    }
}

pub(in crate::check) fn function_not_called(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::WrongKindOfName, format!("`{name}` is a function, not a value"), span, "not called")
        .with_help(format!("call it: `{name}(…)`"))
}

pub(in crate::check) fn cache_not_called(span: Span) -> Diagnostic {
    Diagnostic::new(Code::WrongKindOfName, "`cache` is not a value", span, "needs a method")
        .with_help("either write `cache.registry(app:\"cache\")` for a cache in a registry")
        .with_help("or write `cache.inline()` for a cache inside the image")
}

pub(in crate::check) fn not_a_function(span: Span, source: Option<&str>) -> Diagnostic {
    let subject = source.map_or("this".to_owned(), |source| format!("`{source}`"));
    Diagnostic::new(Code::WrongKindOfName, format!("{subject} cannot be called"), span, "not a function")
}

pub(in crate::check) fn unknown_cache(field: &Name) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("no cache method named `{}`", field.value),
        field.span,
        "unknown method",
    );
    let known: Vec<_> = CACHE_METHODS.iter().map(|method| method.name).collect();
    suggest(diagnostic, "method", &field.value, &known)
}

pub(in crate::check) fn argument_count(
    function: &Callee,
    count: usize,
    first: Option<&str>,
    span: Span,
) -> Diagnostic {
    let wanted = function.signature().parameters;
    let diagnostic = Diagnostic::new(
        Code::WrongArguments,
        format!("`{}` takes {} but {}", function.name(), arguments(wanted.len()), given(count)),
        span,
        arguments(count),
    )
    .with_note(format!("`{function}`"));
    let example = |ty: &Type| match ty {
        Type::List(_) => "[…]",
        _ => "\"…\"",
    };
    let examples = wanted.iter().enumerate().map(|(index, ty)| match (index, first) {
        (0, Some(first)) => first,
        _ => example(ty),
    });
    diagnostic.with_help(format!("write `{}({})`", function.name(), examples.collect::<Vec<_>>().join(", ")))
}

pub(in crate::check) fn unknown_argument(signature: &str, name: &Name) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::WrongArguments,
        format!("no argument named `{}`", name.value),
        name.span,
        "unknown argument",
    )
    .with_note(format!("`{signature}`"));
    if signature.starts_with("cache.") {
        suggest(diagnostic, "argument", &name.value, &["mode"])
    } else {
        diagnostic.with_help(format!("write the value alone, without `{} =`", name.value))
    }
}

pub(in crate::check) fn repeated_argument(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::WrongArguments,
        format!("argument `{}` is given twice", name.value),
        name.span,
        "second value",
    )
    .with_help("remove one of them")
}

pub(in crate::check) fn missing_cache_argument(
    method: &CacheSignature,
    name: &str,
    span: Span,
) -> Diagnostic {
    let (label, example) = match name {
        "tag" => ("no place to keep the cache", "cache.registry(app:\"cache\")".to_owned()),
        "dir" => ("no folder to keep the cache in", "cache.local(\"./cache\")".to_owned()),
        _ => ("not complete", "cache.s3(bucket = \"…\", region = \"…\")".to_owned()),
    };
    Diagnostic::new(Code::WrongArguments, format!("`cache.{}` needs `{name}`", method.name), span, label)
        .with_note(format!("`{}`", method.signature))
        .with_help(format!("write `{example}`"))
}

pub(in crate::check) fn unnamed_cache_argument(
    method: &CacheSignature,
    span: Span,
    source: Option<&str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::WrongArguments,
        format!("`cache.{}` does not take this argument", method.name),
        span,
        "one unnamed argument too many",
    )
    .with_note(format!("`{}`", method.signature));
    match method.name {
        "inline" => diagnostic
            .with_note("an inline cache is stored inside the image and needs no place of its own")
            .with_help("write `cache.inline()`"),
        "gha" => diagnostic.with_help(format!("write `scope = {}`", source.unwrap_or("\"…\""))),
        "s3" => diagnostic.with_help(format!("write `bucket = {}`", source.unwrap_or("\"…\""))),
        _ => diagnostic
            .with_help(format!("write `mode = {}`", source.unwrap_or("\"max\"")))
            .with_edit(span.before(), "mode = "),
    }
}

pub(in crate::check) fn git_without_field(span: Span) -> Diagnostic {
    Diagnostic::new(Code::WrongKindOfName, "`git` is not a value", span, "needs a field")
        .with_help(format!("fields: {}", git_fields()))
}

pub(in crate::check) fn unknown_git_field(field: &Name) -> Diagnostic {
    let known: Vec<_> = GitFact::ALL.iter().map(|(name, _)| *name).collect();
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("`git` has no field `{}`", field.value),
        field.span,
        "unknown field",
    );
    suggest(diagnostic, "field", &field.value, &known)
}

fn git_fields() -> String {
    let fields: Vec<_> = GitFact::ALL.iter().map(|(name, _)| format!("`git.{name}`")).collect();
    fields.join(", ")
}

pub(in crate::check) fn inline_source(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NotAChoice,
        "`cache.inline()` is not a source of a cache",
        span,
        "says no image to read it from",
    )
    .with_note("an inline cache is a part of its image, which a tag names")
    .with_help("name a tag of the image, such as `app:\"latest\"`")
}

/// `.ref` of a value that holds an image; `image` is its name, if that is known.
pub(in crate::check) fn field_of_value(
    base: Span,
    field: &Name,
    image: Option<&str>,
    images: &[&str],
) -> Diagnostic {
    let field = &field.value;
    let diagnostic = Diagnostic::new(
        Code::WrongKindOfName,
        format!("`.{field}` stands behind the name of an image"),
        base,
        "a value, not the name of an image",
    )
    .with_note("the order of pushes is checked by the names of images, before anything is evaluated");
    match (image, images) {
        (Some(image), _) => diagnostic.with_help(format!("write `{image}.{field}`")),
        (None, images) if images.len() <= MAX_NAMES => {
            diagnostic.with_help(format!("images: {}", quoted(images.iter().copied())))
        }
        _ => diagnostic,
    }
}

pub(in crate::check) fn no_field(ty: &Type, field: &Name) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownName,
        format!("{} has no field `{}`", a(&super::noun(ty)), field.value),
        field.span,
        "unknown field",
    );
    match ty {
        Type::Image => suggest(diagnostic, "field", &field.value, &["ref", "digest"]),
        _ => diagnostic.with_note("images have fields: `ref` and `digest`"),
    }
}

pub(in crate::check) fn secret_source(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::WrongArguments,
        "a secret is read from outside the file",
        span,
        "expected `env(…)` or `file(…)`",
    )
    .with_help("either write `env(\"NAME\")` for an environment variable")
    .with_help("or write `file(\"path\")` for the text of a file")
}
