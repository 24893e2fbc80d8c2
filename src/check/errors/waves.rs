//! Messages about waves and what only the run knows.

use super::{MAX_LABELS, MAX_NAMES, path, quoted, suggest};
use crate::diag::{Code, Diagnostic};
use crate::shell::Misplaced;
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

/// A use of `.ref` or `.digest`, or a `promote`.
pub(in crate::check) struct Use<'a> {
    pub(in crate::check) image: &'a str,
    /// `None` for `promote`
    pub(in crate::check) field: Option<&'static str>,
    pub(in crate::check) span: Span,
    pub(in crate::check) wave: &'a str,
    /// How often it is used besides.
    pub(in crate::check) more: usize,
}

impl Use<'_> {
    /// `` `lambda.ref` is used ``, `` `lambda` is promoted ``
    fn sentence(&self) -> String {
        match self.field {
            Some(field) => format!("`{}.{field}` is used", self.image),
            None => format!("`{}` is promoted", self.image),
        }
    }

    fn with_more(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.more {
            0 => diagnostic,
            1 => diagnostic.with_note(format!("`{}` is used once more like this", self.image)),
            more => diagnostic.with_note(format!("`{}` is used {more} more times like this", self.image)),
        }
    }
}

pub(in crate::check) fn ref_never_pushed(one: &Use<'_>, declared: Span) -> Diagnostic {
    let Use { image, wave, .. } = one;
    let message = match one.field {
        Some(_) => format!("{} but `{image}` is never pushed", one.sentence()),
        None => format!("{} but never pushed", one.sentence()),
    };
    let diagnostic = Diagnostic::new(Code::RefNeverPushed, message, one.span, "has no registry reference")
        .with_label(declared, "not in any `push`");
    one.with_more(diagnostic)
        .with_help(format!("add `push {image}` before this step, or to a wave before `{wave}`"))
}

/// Why a push does not come before a use.
pub(in crate::check) enum Later<'a> {
    /// It is in this wave, which runs later.
    Wave(&'a str),
    /// It is in the same block, behind it.
    Step,
    /// The stages of the use and of the push.
    Parallel { usage: &'a str, push: &'a str },
    /// The stage of the push waits for that of the use.
    Follower { usage: &'a str, push: &'a str },
    /// The use is in `pre`, the push in a stage or `post`.
    BehindPre,
    /// The push is in `post`, the use in a stage.
    InPost,
    /// The use is in the `env` of the stage that pushes.
    StageEnv,
}

pub(in crate::check) fn ref_before_push(one: &Use<'_>, push: Span, why: &Later<'_>) -> Diagnostic {
    let Use { image, wave, .. } = one;
    let participle = if one.field.is_some() { "used" } else { "promoted" };
    let message = match why {
        Later::Parallel { .. } => format!("`{image}` may not be pushed yet when it is {participle}"),
        _ => format!("`{image}` is pushed after it is {participle}"),
    };
    let (here, there, note, help) = match why {
        Later::Wave(later) => (
            format!("needed in wave `{wave}`"),
            format!("pushed later, in wave `{later}`"),
            "waves run in file order".to_owned(),
            format!("move wave `{later}` above wave `{wave}`"),
        ),
        Later::Step => (
            format!("needed in wave `{wave}`"),
            "pushed later".to_owned(),
            "steps run in file order".to_owned(),
            format!("move `push {image}` above this step"),
        ),
        Later::Parallel { usage, push } => (
            format!("needed in stage `{usage}`"),
            format!("pushed in stage `{push}`"),
            format!("stages `{push}` and `{usage}` run in parallel"),
            format!("write `stage {usage} after {push}`"),
        ),
        Later::Follower { usage, push } => (
            format!("needed in stage `{usage}`"),
            format!("pushed later, in stage `{push}`"),
            format!("stage `{push}` waits for stage `{usage}`"),
            format!("move `push {image}` above this step"),
        ),
        Later::BehindPre => (
            "needed in `pre`".to_owned(),
            "pushed later".to_owned(),
            "`pre` ends before the stages start".to_owned(),
            format!("move `push {image}` into `pre`, above this step"),
        ),
        Later::StageEnv => (
            "needed before the first step".to_owned(),
            "pushed later".to_owned(),
            "the `env` of a stage is the same for all its steps".to_owned(),
            "write it in `env` of a step behind the push".to_owned(),
        ),
        Later::InPost => (
            "needed in a stage".to_owned(),
            "pushed later, in `post`".to_owned(),
            "`post` starts when all stages have ended".to_owned(),
            format!("either move `push {image}` into `pre`"),
        ),
    };
    let diagnostic =
        Diagnostic::new(Code::RefBeforePush, message, one.span, here).with_label(push, there).with_note(note);
    let diagnostic = one.with_more(diagnostic).with_help(help);
    match why {
        Later::InPost => diagnostic.with_help("or move this step into `post`, behind the push"),
        _ => diagnostic,
    }
}

/// An operand of `build` or `push` that is an image but not the name of one.
pub(in crate::check) fn operand_not_a_name(span: Span, images: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::WrongKindOfName,
        "`build` and `push` take names of images",
        span,
        "not the name of an image",
    );
    if (1..=MAX_NAMES).contains(&images.len()) {
        diagnostic.with_help(format!("images: {}", quoted(images.iter().copied())))
    } else {
        diagnostic
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

/// What a name behind `after` is, if not a stage of its wave.
pub(in crate::check) enum NotAStage<'a> {
    /// A stage of another wave, which runs `later` or before.
    Elsewhere {
        wave: &'a Name,
        stage: Span,
        later: bool,
    },
    /// A wave: this one, or another one that runs `later` or before.
    Wave {
        name: &'a Name,
        is_this: bool,
        later: bool,
    },
    /// `pre` or `post`
    Block,
    Unknown,
}

pub(in crate::check) fn unknown_stage(
    name: &Name,
    (stage, wave): (&Name, &Name),
    found: &NotAStage<'_>,
    known: &[&str],
) -> Diagnostic {
    let text = &name.value;
    let diagnostic = Diagnostic::new(
        Code::UnknownStage,
        format!("no stage `{text}` in wave `{}`", wave.value),
        name.span,
        "not a stage of this wave",
    );
    let ordered = |diagnostic: Diagnostic, other: &str, later: bool| match later {
        false => {
            diagnostic.with_note("waves already run in order").with_help(format!("remove `after {text}`"))
        }
        true => diagnostic
            .with_note("waves run in file order")
            .with_help(format!("move wave `{other}` above wave `{}`, and remove `after {text}`", wave.value)),
    };
    match found {
        NotAStage::Elsewhere { wave: other, stage, later } => {
            let diagnostic = diagnostic.with_label(*stage, format!("this one is in wave `{}`", other.value));
            ordered(diagnostic, &other.value, *later)
        }
        NotAStage::Wave { name: other, is_this: false, later } => {
            ordered(diagnostic.with_label(other.span, "this is a wave"), &other.value, *later)
        }
        NotAStage::Wave { name: other, .. } => diagnostic
            .with_label(other.span, "this is the wave of the stage")
            .with_help(format!("remove `after {text}`")),
        NotAStage::Block if text == "pre" => {
            diagnostic.with_note("`pre` always ends before the stages start").with_help("remove `after pre`")
        }
        NotAStage::Block => diagnostic
            .with_note("`post` always starts when the last stage has ended")
            .with_help(format!("move the steps of stage `{}` to the end of `post`", stage.value)),
        NotAStage::Unknown => suggest(diagnostic, "stage", text, known),
    }
}

/// `words`: how the text looks when it is split; `None` if only a shell can read it.
pub(in crate::check) fn one_word(span: Span, text: &str, words: Option<&str>) -> Diagnostic {
    let shown: String = text.chars().take(40).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    let diagnostic = Diagnostic::new(
        Code::OneWordCommand,
        format!("`run \"{shown}{dots}\"` is one word"),
        span,
        "the name of one program, blanks included",
    )
    .with_note("`run` starts a program without a shell, and nothing splits its words");
    match words {
        Some(words) => diagnostic
            .with_help(format!("either split it: `run {words}`"))
            .with_help("or write `sh` for a line of a shell"),
        None => diagnostic.with_help("write `sh` for a line of a shell"),
    }
}

/// A hole of a script that the shell would not take as a value; `source` is what stands in it.
pub(in crate::check) fn misplaced_hole(span: Span, source: Option<&str>, why: Misplaced) -> Diagnostic {
    let hole = format!("${{{}}}", source.unwrap_or("…"));
    let (message, label, help) = match why {
        Misplaced::SingleQuotes => (
            "a hole stands in single quotes of the shell",
            "the shell replaces nothing in `'…'`",
            vec![
                format!(r#"either write double quotes: `\"…{hole}…\"`"#),
                format!("or end the quotes in front of it and open them again behind it: `'{hole}'`"),
            ],
        ),
        Misplaced::QuotedHeredoc => (
            "a hole stands in a here-document with a quoted delimiter",
            "the shell replaces nothing in this text",
            vec!["write `<<EOF` without quotes, and `\\\\$` for a dollar that is meant".to_owned()],
        ),
        Misplaced::Backquotes => (
            "a hole stands in backquotes of the shell",
            "backquotes have rules of their own",
            vec!["write `$(…)` instead of the backquotes".to_owned()],
        ),
        Misplaced::Backslash => (
            "a hole stands behind a backslash of the shell",
            "the backslash would take its first character",
            vec!["remove the backslash; a hole needs none, whatever its value is".to_owned()],
        ),
        Misplaced::Dollar => (
            "a hole stands behind a `$` of the shell",
            "the `$` would change what the shell reads here",
            vec![format!("either remove the `$`, or write `\\\\${hole}` for the character `$`")],
        ),
        Misplaced::Expansion => (
            "a hole stands in `${…}` or `$((…))` of the shell",
            "the shell would read its value as code",
            vec!["choose the value outside of the script, with `if` or a `let`".to_owned()],
        ),
        Misplaced::Unclear => (
            "how the shell reads this hole is not clear",
            "something in front of it is not clear",
            vec![
                "either close all quotes in front of it".to_owned(),
                r#"or put it into `env = { VALUE = … }` of the step, and write `\"$VALUE\"` here"#.to_owned(),
            ],
        ),
    };
    let diagnostic = Diagnostic::new(Code::MisplacedHole, message, span, label);
    let diagnostic = match why {
        Misplaced::Unclear => diagnostic.with_note(
            "shells disagree about `$'…'`, `((…))`, `case` in `$(…)` and a few others of that kind",
        ),
        Misplaced::SingleQuotes | Misplaced::QuotedHeredoc => diagnostic.with_note(
            "the shell gets the value in a variable, which it replaces only in `\"…\"` or without quotes",
        ),
        _ => diagnostic,
    };
    help.into_iter().fold(diagnostic, Diagnostic::with_help)
}

/// A circle of stages, each with the place that names the next one.
pub(in crate::check) fn cyclic_stages(first: (&Name, Span), more: &[(&Name, Span)]) -> Diagnostic {
    let name = first.0.value.as_str();
    let next = |index: usize| more.get(index).map_or(name, |(next, _)| next.value.as_str());
    let message = match more {
        [] => format!("stage `{name}` waits for itself"),
        [(other, _)] => format!("stages `{name}` and `{}` wait for each other", other.value),
        _ => format!("{} stages from `{name}` to `{name}` wait in a circle", more.len() + 1),
    };
    let label = format!("`{name}` waits for `{}`", next(0));
    let mut diagnostic = Diagnostic::new(Code::CyclicStages, message, first.1, label);
    if more.is_empty() {
        return diagnostic.with_help(format!("remove `{name}` behind `after`"));
    }
    for (index, (one, at)) in more.iter().enumerate().take(MAX_LABELS) {
        diagnostic = diagnostic.with_label(*at, format!("`{}` waits for `{}`", one.value, next(index + 1)));
    }
    let names = std::iter::once(name).chain(more.iter().map(|(one, _)| one.value.as_str()));
    diagnostic.with_note(path(names)).with_help("remove one `after`")
}
