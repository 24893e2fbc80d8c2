//! Messages about waves: steps, stages and their options.

use super::{alternatives, similar_name};
use crate::diag::{Code, Diagnostic, only_similar};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::syntax::lower::{Place, PlaceKind};
use crate::syntax::scan::ITEM_KEYWORDS;

pub(super) const STEPS: [&str; 6] = ["build", "push", "promote", "run", "sh", "approve"];

pub(super) fn step_at_top_level(word: &Name, step: &str) -> Diagnostic {
    let text = &word.value;
    Diagnostic::new(
        Code::StepOutsideWave,
        format!("`{text}` is a step and cannot appear at top level"),
        word.span,
        "not allowed here",
    )
    .with_help(format!("steps go into a `wave`: `wave build {{ {step} }}`"))
}

/// `step` is the source of a short step.
pub(in crate::syntax) fn step_outside_wave(
    word: &str,
    step: Option<&str>,
    keyword: Span,
    place: &Place,
) -> Diagnostic {
    let container = &place.word;
    let step = step.unwrap_or("…");
    Diagnostic::new(
        Code::StepOutsideWave,
        format!("`{word}` is a step and cannot appear in `{container}`"),
        keyword,
        "not allowed here",
    )
    .with_label(place.head, format!("inside this `{container}`"))
    .with_help(format!("steps go into a `wave`; move it to `wave build {{ {step} }}`"))
}

pub(in crate::syntax) fn stage_outside_wave(keyword: Span, place: &Place) -> Diagnostic {
    let container = &place.word;
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`stage` cannot appear in `{container}`"),
        keyword,
        "not allowed here",
    )
    .with_label(place.head, format!("inside this `{container}`"))
    .with_help("stages stand directly in a `wave`")
}

/// A step without what it acts on.
pub(in crate::syntax) fn missing_argument(word: &str, keyword: Span) -> Diagnostic {
    let (needs, example) = match word {
        "build" => ("an image", "build lambda"),
        "push" => ("an image", "push lambda"),
        "promote" => ("an image and a tag", "promote lambda to app:\"stable\""),
        "run" => ("a program", "run \"pytest\" \"-q\""),
        "sh" => ("a script", "sh \"mypy . && ruff check\""),
        _ => ("a question", "approve \"Ship it?\""),
    };
    Diagnostic::new(
        Code::MissingStepArgument,
        format!("`{word}` needs {needs}"),
        keyword,
        format!("expected {needs} after this"),
    )
    .with_help(format!("write `{example}`"))
}

/// `run ""`
pub(in crate::syntax) fn empty_program(string: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingStepArgument,
        "`run` needs a program, not an empty string",
        string,
        "names no program",
    )
    .with_help("write `run \"pytest\" \"-q\"`")
}

pub(in crate::syntax) fn promote_without_to(image: &str, keyword: Span, end: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingStepArgument,
        "`promote` needs `to` and a tag",
        if end == keyword { keyword } else { end },
        "expected `to` after this",
    )
    .with_help(format!("write `promote {image} to app:\"stable\"`"))
}

pub(in crate::syntax) fn promote_without_tag(to: Span) -> Diagnostic {
    Diagnostic::new(Code::MissingStepArgument, "`promote` needs a tag", to, "expected a tag after this")
        .with_help("write `to app:\"stable\"`")
}

pub(in crate::syntax) fn comma_between_arguments(word: &str, comma: Span) -> Diagnostic {
    let (rule, help) = match word {
        "run" => ("arguments are separated by blanks", "remove this `,`"),
        _ => ("one string is enough", "write one string"),
    };
    Diagnostic::new(Code::UnexpectedToken, format!("unexpected `,` in `{word}`"), comma, rule)
        .with_help(help)
        .with_edit_if(comma, (word == "run").then_some(""))
}

pub(in crate::syntax) fn one_argument(word: &str, extra: Span) -> Diagnostic {
    let (takes, help) = match word {
        "promote" => ("one image", "promote every image in a step of its own"),
        "sh" => ("one script", "write `run` for a program with arguments"),
        _ => ("one question", "write one string"),
    };
    Diagnostic::new(Code::UnexpectedToken, format!("`{word}` takes {takes}"), extra, "one too many")
        .with_help(help)
}

pub(in crate::syntax) fn step_without_options(word: &str, open: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, format!("`{word}` has no options"), open, "not allowed here")
        .with_help("only `run` and `sh` have options; those of a build stand in its `image`")
}

/// A word in a wave that is neither a step nor an attribute.
pub(in crate::syntax) fn unknown_step(word: &Name, place: &Place) -> Diagnostic {
    let mut known = STEPS.to_vec();
    if place.kind == PlaceKind::Wave {
        known.extend(["stage", "pre", "post"]);
    }
    let help = similar_name("a step", &word.value, &known).unwrap_or_else(|| {
        if ITEM_KEYWORDS.contains(&word.value.as_str()) {
            format!("`{}` is an item; items do not stand inside others", word.value)
        } else {
            format!("steps are {}", alternatives(&STEPS))
        }
    });
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{}` is not a step", word.value),
        word.span,
        "unknown step",
    )
    .with_help(help)
    .with_edit_if(word.span, only_similar(&word.value, known))
}

pub(in crate::syntax) fn unknown_wave_block(word: &Name, place: &Place) -> Diagnostic {
    let known: &[&str] = if place.kind == PlaceKind::Wave { &["pre", "post", "stage"] } else { &["env"] };
    let diagnostic = Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{}` is not a block of `{}`", word.value, place.word),
        word.span,
        "unknown block",
    );
    let diagnostic = diagnostic.with_edit_if(word.span, only_similar(&word.value, known.iter().copied()));
    match similar_name("a block", &word.value, known) {
        Some(help) => diagnostic.with_help(help),
        None if place.kind == PlaceKind::Wave => {
            diagnostic.with_help("a `wave` holds steps, or `pre`, `stage NAME` and `post`")
        }
        None => diagnostic,
    }
}

pub(in crate::syntax) fn attribute_among_steps(name: &Name, place: &Place) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{}` has no attributes", place.word),
        name.span,
        "expected a step",
    )
    .with_help("options of one step go into `{ }` behind it")
}

pub(in crate::syntax) fn missing_operand_comma(span: Span, previous: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::MissingComma,
        "missing `,` between the names of a step",
        span,
        "expected `,` or a new line before this",
    );
    match previous {
        Some(previous) => diagnostic.with_help(format!("add `,` after `{previous}`")),
        None => diagnostic.with_help("add `,` before this"),
    }
}

/// A string at the start of a line in a wave; `string` is the source of a short one.
pub(in crate::syntax) fn string_without_step(string: Option<&str>, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        "expected a step, found a string",
        span,
        "expected a step before this",
    )
    .with_help(format!("write `run {}` for a program", string.unwrap_or("\"…\"")))
}

pub(in crate::syntax) fn is_step(word: &str) -> bool {
    STEPS.contains(&word)
}

/// `run: "x"`, as in YAML.
pub(in crate::syntax) fn colon_after_step(word: &str, colon: Span, source: Option<&str>) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{word}` is a step and takes no `:`"),
        colon,
        "remove this",
    )
    .with_help(format!("write `{word} {}`", source.unwrap_or("…")))
    .with_edit(colon, "")
}

/// `run "a""b"`
pub(in crate::syntax) fn words_touch(before: Span, word: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingSeparator,
        "two words of `run` without a blank",
        word,
        "expected a blank before this",
    )
    .with_label(before, "this word ends here")
    .with_help("either write a blank between them")
    .with_help("or write one word with a hole: `\"${a}b\"`")
}
