//! Messages about waves, stages and the order of pushes that need values.

use super::Immutable;
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;

/// A digest that a step needs.
pub(in crate::plan) struct Use<'a> {
    /// `worker["api"]`
    pub(in crate::plan) image: &'a str,
    /// `None` for `promote`
    pub(in crate::plan) field: Option<&'static str>,
    pub(in crate::plan) span: Span,
    /// Of the step.
    pub(in crate::plan) wave: &'a str,
}

impl Use<'_> {
    /// `` `lambda.ref` is used ``, `` `lambda` is promoted ``
    fn sentence(&self) -> String {
        match self.field {
            Some(field) => format!("{} is used", headline(&format!("{}.{field}", self.image))),
            None => format!("{} is promoted", headline(self.image)),
        }
    }
}

/// A name with keys, not longer than a headline or a label has room for.
fn headline(name: &str) -> String {
    const LONGEST: usize = 24;
    let short: String = name.chars().take(LONGEST).collect();
    if short.len() < name.len() { format!("`{short}…`") } else { format!("`{name}`") }
}

/// What is not done in this run because of a `when`.
pub(in crate::plan) struct Skipped<'a> {
    /// `wave`, `stage`, `image`
    pub(in crate::plan) kind: &'static str,
    pub(in crate::plan) name: &'a str,
    pub(in crate::plan) when: Span,
}

/// A digest that is needed although what pushes the image is skipped.
pub(in crate::plan) fn push_is_skipped(one: &Use<'_>, push: Span, skipped: &Skipped<'_>) -> Diagnostic {
    let Skipped { kind, name, when } = skipped;
    let help = match *kind {
        "wave" => format!("give wave `{}` the same `when`", one.wave),
        "stage" => "move this step into a stage with the same `when`".to_owned(),
        _ => "move this step into a wave with the same `when`".to_owned(),
    };
    Diagnostic::new(
        Code::RefNeverPushed,
        format!("{} but its push is skipped", one.sentence()),
        one.span,
        format!("needed in wave `{}`", one.wave),
    )
    .with_label(push, "pushed here")
    .with_label(*when, format!("skips {kind} {} in this run", headline(name)))
    .with_help(help)
}

/// `siblings`: a push of other images of the family, with their names.
pub(in crate::plan) fn never_pushed(one: &Use<'_>, siblings: Option<(Span, &[&str])>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::RefNeverPushed,
        format!("{} but not pushed in this run", one.sentence()),
        one.span,
        "has no registry reference",
    );
    let family = one.image.split('[').next().unwrap_or(one.image);
    let Some((push, names)) = siblings else {
        return diagnostic.with_help(format!("add `push {}` before this step", one.image));
    };
    let pushed: Vec<_> = names.iter().take(4).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(4);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    diagnostic
        .with_label(push, "pushes others of the family")
        .with_note(format!("pushed: {}{more}", pushed.join(", ")))
        .with_help(format!("either add `push {}` before this step", one.image))
        .with_help(format!("or write `push {family}` for all of them"))
}

/// `stages`: those of the push and of the use, if they run in parallel.
pub(in crate::plan) fn pushed_later(one: &Use<'_>, push: Span, stages: Option<(&str, &str)>) -> Diagnostic {
    let name = headline(one.image);
    let participle = if one.field.is_some() { "used" } else { "promoted" };
    let Some((pushing, using)) = stages else {
        return Diagnostic::new(
            Code::RefBeforePush,
            format!("{name} is pushed after it is {participle}"),
            one.span,
            format!("needed in wave `{}`", one.wave),
        )
        .with_label(push, "pushed later")
        .with_help("move the `push` before this step");
    };
    Diagnostic::new(
        Code::RefBeforePush,
        format!("{name} may not be pushed when it is {participle}"),
        one.span,
        format!("needed in stage {}", headline(using)),
    )
    .with_label(push, format!("pushed in stage {}", headline(pushing)))
    .with_note(format!("stages `{pushing}` and `{using}` run in parallel"))
    .with_help("push it in `pre`, or in a stage that comes before both")
}

pub(in crate::plan) fn too_many_stages(wave: &str, count: usize, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ValueTooLarge,
        format!("wave {} has too many stages", headline(wave)),
        span,
        "most of them are made here",
    )
    .with_note(format!(
        "there are {count}; a wave has at most 10,000, which wait at most 1,000,000 times in all"
    ))
    .with_help("make shorter lists, or put a stage between two large families")
}

/// What is never run: its kind and name. `is_list`: because a `for` goes through nothing.
pub(in crate::plan) fn never_runs(kind: &str, name: &Name, why: Span, is_list: bool) -> Diagnostic {
    Diagnostic::new(
        Code::StageNeverRuns,
        format!("{kind} {} never runs", headline(&name.value)),
        name.span,
        "unreachable",
    )
    .with_label(why, if is_list { "always empty" } else { "never holds" })
    .with_note("it is the same in every run: no param and nothing from outside is part of it")
    .with_help(format!("remove the {kind}, or {}", if is_list { "add an item" } else { "the condition" }))
}

/// A stage that waits for `other`, whose `when` never holds; `more` wait besides.
pub(in crate::plan) fn waits_for_never(
    stage: &Name,
    (after, other): (Span, &Name),
    when: Span,
    more: &[&str],
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::StageNeverRuns,
        format!("stage {} never runs", headline(&stage.value)),
        stage.span,
        "unreachable",
    )
    .with_label(after, "it waits for a stage that is always skipped")
    .with_label(when, format!("stage {} is skipped in every run", headline(&other.value)));
    let diagnostic = match more {
        [] => diagnostic,
        [one] => diagnostic.with_note(format!("stage `{one}` never runs either")),
        [first, rest @ ..] => {
            diagnostic.with_note(format!("stage `{first}` and {} more never run either", rest.len()))
        }
    };
    diagnostic.with_help(format!("remove `after {}` or the condition", other.value))
}

/// `copied`: the image is in another registry.
pub(in crate::plan) fn promote_to_immutable(span: Span, target: &Immutable<'_>, copied: bool) -> Diagnostic {
    let Immutable { repository, tag, .. } = target;
    let short: String = tag.chars().take(24).collect();
    let diagnostic = Diagnostic::new(
        Code::PromoteToImmutable,
        format!("`promote` moves immutable tag `{repository}:\"{short}\"`"),
        span,
        "taken by an earlier release on the second run",
    )
    .with_label(target.set, "set here")
    .with_note(target.rule());
    let diagnostic = if copied {
        diagnostic.with_note("the image is copied to another registry; both need credentials")
    } else {
        diagnostic
    };
    diagnostic.with_help(if target.has_mutable_tags {
        format!("add `\"{tag}\"` to `mutable_tags`")
    } else {
        format!("add `mutable_tags = [\"{tag}\"]` to `repository {repository}`")
    })
}

/// `names`: those of the images that are in no wave; `all`: how many the item makes.
pub(in crate::plan) fn in_no_wave(image: &Name, names: &[&str], all: usize, has_tags: bool) -> Diagnostic {
    let step = if has_tags { "push" } else { "build" };
    let name = match names.first() {
        Some(first) if names.len() < all => first,
        _ => image.value.as_str(),
    };
    let diagnostic = Diagnostic::new(
        Code::ImageInNoWave,
        format!("image {} is built by no wave", headline(name)),
        image.span,
        "not in any `build` or `push`",
    )
    .with_note("no other image needs it either");
    let diagnostic = if (2..all).contains(&names.len()) {
        let verb = if names.len() == 2 { "is" } else { "are" };
        diagnostic.with_note(format!("{} more of the family {verb} in no wave either", names.len() - 1))
    } else {
        diagnostic
    };
    diagnostic
        .with_help(format!("either add `{step} {name}` to a wave"))
        .with_help("or remove it, or prefix its name with `_`")
}

pub(in crate::plan) fn pushed_twice(image: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(Code::PushedTwice, format!("{} is pushed twice", headline(image)), span, "does nothing")
        .with_label(first, "pushed here already")
        .with_note("an image is built and pushed once in a run")
        .with_help("remove one of the two")
}

/// One `push` that every stage of a family has.
pub(in crate::plan) fn pushed_by_each(image: &str, span: Span, stage: &Name, count: usize) -> Diagnostic {
    Diagnostic::new(
        Code::PushedTwice,
        format!("{} is pushed by several stages", headline(image)),
        span,
        format!("in each of {count} stages"),
    )
    .with_label(stage.span, "a family of stages")
    .with_note("an image is built and pushed once in a run")
    .with_help(format!("push it in `pre`, or in a stage that `{}` comes after", stage.value))
}
