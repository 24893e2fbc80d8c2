//! Messages about waves and what only the run knows.

use super::{quoted, suggest};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Name;

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

/// `parallel`: the stages of the push and of the use, if both are in one wave.
pub(in crate::check) fn ref_before_push(
    one: &Use<'_>,
    push: Span,
    push_wave: &str,
    parallel: Option<(&str, &str)>,
) -> Diagnostic {
    let Use { image, wave, .. } = one;
    let same = *wave == push_wave;
    let parallel = parallel.filter(|(first, second)| first != second);
    if let Some((push_stage, stage)) = parallel {
        let diagnostic = Diagnostic::new(
            Code::RefBeforePush,
            format!("`{image}` may not be pushed yet when it is used"),
            one.span,
            format!("needed in stage `{stage}`"),
        )
        .with_label(push, format!("pushed in stage `{push_stage}`"))
        .with_note(format!("stages `{push_stage}` and `{stage}` run in parallel"));
        return one.with_more(diagnostic).with_help(format!("write `stage {stage} after {push_stage}`"));
    }
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

pub(in crate::check) fn wave_in_include(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::WaveInInclude,
        format!("wave `{}` is in an included file", name.value),
        name.span,
        "waves are not allowed here",
    )
    .with_note("waves run in the order of one file, the one that is run")
    .with_help("move it to the file that includes this one")
}

pub(in crate::check) fn steps_beside_stages(wave: &Name, step: Span, block: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("wave `{}` has both steps and stages", wave.value),
        step,
        "when this would run is not said",
    )
    .with_label(block, "this wave has stages")
    .with_help("move it into `pre { … }`, `post { … }` or a stage")
}

pub(in crate::check) fn block_twice(word: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateAttribute,
        format!("`{word}` is written twice in this wave"),
        span,
        "second block",
    )
    .with_label(first, "first block")
    .with_help("put the steps into one of them")
}

pub(in crate::check) fn stage_declared_twice(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("stage `{}` is declared twice", name.value),
        name.span,
        "second declaration",
    )
    .with_label(first, "first declared here")
    .with_help("rename one of them")
}

pub(in crate::check) fn unknown_stage(name: &Name, wave: &Name, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownStage,
        format!("no stage `{}` in wave `{}`", name.value, wave.value),
        name.span,
        "not a stage of this wave",
    );
    suggest(diagnostic, "stage", &name.value, known)
}

/// Each stage with the place that names the next one.
pub(in crate::check) fn cyclic_stages(circle: &[(&Name, Span)]) -> Diagnostic {
    let names: Vec<_> = circle.iter().map(|(name, _)| name.value.as_str()).collect();
    let (Some((first, at)), Some(name)) = (circle.first(), names.first()) else {
        unreachable!("a circle has a member")
    };
    let message = match names.as_slice() {
        [_] => format!("stage `{name}` waits for itself"),
        [_, other] => format!("stages `{name}` and `{other}` wait for each other"),
        _ => format!("stages from `{name}` to `{name}` wait in a circle"),
    };
    let next = names.get(1).unwrap_or(name);
    let mut diagnostic =
        Diagnostic::new(Code::CyclicStages, message, *at, format!("`{}` waits for `{next}`", first.value));
    for (index, (one, at)) in circle.iter().enumerate().skip(1).take(3) {
        let next = names.get(index + 1).unwrap_or(name);
        diagnostic = diagnostic.with_label(*at, format!("`{}` waits for `{next}`", one.value));
    }
    let path: Vec<_> = names.iter().chain([name]).map(|name| format!("`{name}`")).collect();
    diagnostic.with_note(path.join(" → ")).with_help("remove one `after`")
}
