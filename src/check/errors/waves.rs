//! Messages about waves and what only the run knows.

use super::quoted;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// `because` is what is evaluated too early.
pub(in crate::check) fn ref_too_early(
    image: &str,
    field: &str,
    span: Span,
    because: Option<Span>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::RefTooEarly,
        format!("`{image}.{field}` is not known yet"),
        span,
        format!("known only after `push {image}`"),
    );
    let diagnostic = match because {
        Some(because) => diagnostic.with_label(because, "evaluated before any wave runs"),
        None => diagnostic,
    };
    diagnostic
        .with_help(format!("write `{image}.{field}` as an argument or in `env` of a step after the push"))
}

/// A use of `.ref` or `.digest`.
pub(in crate::check) struct Use<'a> {
    pub(in crate::check) image: &'a str,
    pub(in crate::check) field: &'static str,
    pub(in crate::check) span: Span,
    pub(in crate::check) wave: &'a str,
    /// How often it is used besides.
    pub(in crate::check) more: usize,
}

impl Use<'_> {
    fn with_more(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.more {
            0 => diagnostic,
            1 => diagnostic.with_note(format!("`{}` is used once more like this", self.image)),
            more => diagnostic.with_note(format!("`{}` is used {more} more times like this", self.image)),
        }
    }
}

pub(in crate::check) fn ref_never_pushed(one: &Use<'_>, declared: Span) -> Diagnostic {
    let Use { image, field, wave, .. } = one;
    let diagnostic = Diagnostic::new(
        Code::RefNeverPushed,
        format!("`{image}.{field}` is used but `{image}` is never pushed"),
        one.span,
        "has no registry reference",
    )
    .with_label(declared, "not in any `push`");
    one.with_more(diagnostic)
        .with_help(format!("add `push {image}` before this step, or to a wave before `{wave}`"))
}

pub(in crate::check) fn ref_before_push(one: &Use<'_>, push: Span, push_wave: &str) -> Diagnostic {
    let Use { image, wave, .. } = one;
    let same = *wave == push_wave;
    let (label, help) = if same {
        ("pushed later".to_owned(), format!("move `push {image}` above this step"))
    } else {
        (
            format!("pushed later, in wave `{push_wave}`"),
            format!("move wave `{push_wave}` above wave `{wave}`"),
        )
    };
    let diagnostic = Diagnostic::new(
        Code::RefBeforePush,
        format!("`{image}` is pushed after it is used"),
        one.span,
        format!("needed in wave `{wave}`"),
    )
    .with_label(push, label)
    .with_note(if same { "steps run in file order" } else { "waves run in file order" });
    one.with_more(diagnostic).with_help(help)
}

/// An operand of `build` or `push` that is an image but not the name of one.
pub(in crate::check) fn operand_not_a_name(span: Span, images: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::WrongKindOfName,
        "`build` and `push` take names of images",
        span,
        "not the name of an image",
    );
    if images.is_empty() {
        diagnostic
    } else {
        diagnostic.with_help(format!("images: {}", quoted(images.iter().copied())))
    }
}
