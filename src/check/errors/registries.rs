//! Messages about registries of Amazon ECR and their repositories.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;

/// `public`: where the registry is said to be the public gallery.
pub(in crate::check) fn not_in_public(name: &str, value: Span, public: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownAttribute,
        format!("a public registry has no attribute `{name}`"),
        value,
        "would not be used",
    )
    .with_label(public, "this is the public gallery")
    .with_note("the public gallery of Amazon ECR is `public.ecr.aws` for everyone")
    .with_help(format!("remove `{name}`, or `public = true`"))
}

/// A setting of a repository in a registry that is not Amazon ECR.
pub(in crate::check) fn only_in_ecr(
    name: &str,
    value: Span,
    place: NotPrivate,
    registry: &Name,
) -> Diagnostic {
    let (whose, label, note) = match place {
        NotPrivate::OtherRegistry => (
            "outside Amazon ECR",
            "this registry is not Amazon ECR",
            "other registries have no API for it that is the same everywhere",
        ),
        NotPrivate::Gallery => (
            "of the public gallery",
            "this is the public gallery",
            "only repositories of private registries can be made and set up from here",
        ),
    };
    let headline = format!("a repository {whose} has no `{name}`");
    Diagnostic::new(Code::UnknownAttribute, headline, value, "would not be used")
        .with_label(registry.span, label)
        .with_note(note)
        .with_help(format!("remove `{name}`"))
}

/// Registries whose repositories have no settings.
#[derive(Clone, Copy)]
pub(in crate::check) enum NotPrivate {
    /// Any other than Amazon ECR.
    OtherRegistry,
    /// The public gallery of Amazon ECR.
    Gallery,
}

/// What is told to the owner of a role, without a role.
pub(in crate::check) fn without_role(name: &str, value: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingAttribute,
        format!("the registry has `{name}` but no `role`"),
        value,
        "needs `role = \"arn:…\"`",
    )
    .with_help(format!("remove `{name}`, or say which role is assumed"))
}
