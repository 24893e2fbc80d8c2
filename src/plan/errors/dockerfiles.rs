//! Messages about what images and their Dockerfiles say of each other. The token that one would edit is in the
//! `.cachefile`; the Dockerfile gives the reason.

use std::collections::HashSet;

use super::shown;
use crate::check::program::Image as Item;
use crate::diag::{Code, Diagnostic};
use crate::dockerfile::{BrokenFrom, HostMount};
use crate::plan::Image;
use crate::plan::value::quoted;
use crate::source::{FileId, SourceMap, Span, Spanned};

/// How many members of a circle a note names, and how many labels a message has.
const SHOWN: usize = 8;
const LABELS: usize = 3;

/// What messages call the Dockerfile of an image.
pub(in crate::plan) fn file_of(image: &Image) -> &str {
    match image.build.dockerfile_inline {
        Some(_) => "dockerfile_inline",
        None => &image.build.dockerfile,
    }
}

/// Where an image says which Dockerfile it has.
pub(in crate::plan) fn place_of(item: &Item) -> Span {
    let attributes = &item.attributes;
    let written = attributes.get("dockerfile").filter(|_| attributes.get("dockerfile_inline").is_none());
    written.map_or(item.name.span, |expr| expr.span)
}

/// A name on one line, of so many characters at most.
fn brief(name: &str, longest: usize) -> String {
    let mut escaped: Vec<_> = one_line(name).take(longest + 1).collect();
    if escaped.len() > longest {
        escaped.truncate(longest - 1);
        escaped.push('…');
    }
    escaped.into_iter().collect()
}

/// Quotes stay: they are part of the names of families.
fn one_line(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|one| if one.is_control() { '�' } else { one })
}

/// A file by the end of its path, which tells it apart.
fn file(name: &str) -> String {
    const LONGEST: usize = 24;
    let skipped = name.chars().count().saturating_sub(LONGEST);
    let end: String = one_line(name).skip(skipped).collect();
    if skipped > 0 { format!("`…{end}`") } else { format!("`{end}`") }
}

/// A key as it is written in a map.
fn key(name: &str) -> String {
    let is_word = |one: char| one.is_ascii_alphanumeric() || one == '_';
    if !name.starts_with(|one: char| one.is_ascii_digit()) && !name.is_empty() && name.chars().all(is_word) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// What labels in texts say that are no files, as notes.
pub(in crate::plan) fn without_labels_in(
    mut diagnostic: Diagnostic,
    sources: &SourceMap,
    inline: &HashSet<FileId>,
) -> Diagnostic {
    let (hidden, kept): (Vec<_>, Vec<_>) =
        diagnostic.secondary.into_iter().partition(|label| inline.contains(&label.span.file));
    diagnostic.secondary = kept;
    for label in hidden {
        let line = sources.file(label.span.file).position(label.span.start).line;
        let token = brief(sources.slice(label.span), 40);
        diagnostic = diagnostic.with_note(format!("line {line} of the text, `{token}`: {}", label.text));
    }
    diagnostic
}

pub(in crate::plan) fn unreadable(name: &str, item: &Item, reason: &str, place: Option<Span>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnreadableDockerfile,
        format!("{} is not understood", file(name)),
        place_of(item),
        "not checked against this Dockerfile",
    )
    .with_note(reason.to_owned())
    .with_note("BuildKit decides when it builds: it may know more than cachelang, or report the same");
    match place {
        Some(place) => diagnostic.with_label(place, "not read further than this"),
        None => diagnostic,
    }
}

pub(in crate::plan) fn no_stage(
    name: &str,
    stage: &str,
    at: Span,
    close: Option<&Spanned<String>>,
    stages: &[&str],
) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(
        Code::UnknownStageInDockerfile,
        format!("{} has no stage `{}`", file(name), brief(stage, 24)),
        at,
        "not a stage",
    );
    if let Some(close) = close {
        diagnostic = diagnostic.with_label(close.span, "similar stage");
    }
    match (stages.len(), close) {
        (0, _) => diagnostic.with_help("name a stage in its `FROM`: `FROM … AS name`"),
        (1..=8, _) => {
            let stages: Vec<_> = stages.iter().map(|stage| shown(stage)).collect();
            diagnostic.with_help(format!("stages: {}", stages.join(", ")))
        }
        (_, Some(close)) => {
            diagnostic.with_help(format!("a stage with a similar name exists: {}", shown(&close.value)))
        }
        (_, None) => diagnostic,
    }
}

pub(in crate::plan) fn unknown_build_argument(
    name: &str,
    argument: &str,
    at: Span,
    close: Option<&Spanned<String>>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnknownBuildArgument,
        format!("{} has no `ARG {}`", file(name), brief(argument, 32)),
        at,
        "not declared",
    )
    .with_note("BuildKit ignores unknown build arguments silently");
    match close {
        Some(close) => diagnostic
            .with_label(close.span, "similar name")
            .with_help(format!("rename the key to {}", shown(&close.value))),
        None => diagnostic
            .with_help("either declare it in the stage that uses it, with `ARG`")
            .with_help("or remove it from `args`"),
    }
}

/// `more`: the ids of other secrets that are required and not passed.
pub(in crate::plan) fn secret_not_passed(
    name: &str,
    mount: &HostMount,
    more: &[&str],
    (image, at): (&str, Span),
    has_secrets: bool,
) -> Diagnostic {
    let id = brief(&mount.id, 24);
    let long = format!("{} mounts secret `{id}` but `{image}` does not pass it", file(name));
    let message =
        if long.chars().count() <= 72 { long } else { format!("secret `{id}` is mounted but not passed") };
    let diagnostic =
        Diagnostic::new(Code::SecretNotPassed, message, at, format!("no `secrets` entry `{id}`"))
            .with_label(mount.span, "mounted here, and `required`");
    let diagnostic = match more {
        [] => diagnostic,
        _ => {
            let more: Vec<_> = more.iter().take(SHOWN).map(|id| shown(id)).collect();
            diagnostic.with_note(format!("also required and not passed: {}", more.join(", ")))
        }
    };
    let entry = format!("{} = …", key(&mount.id));
    diagnostic.with_help(match has_secrets {
        true => format!("add `{entry}` to `secrets`"),
        false => format!("add `secrets = {{ {entry} }}`"),
    })
}

pub(in crate::plan) fn secret_not_mounted(
    name: &str,
    id: &str,
    at: Span,
    close: Option<&HostMount>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::SecretNotMounted,
        format!("secret `{}` is never mounted", brief(id, 32)),
        at,
        format!("{} does not mount it", file(name)),
    );
    match close {
        Some(close) => diagnostic
            .with_label(close.span, "similar id")
            .with_help(format!("rename the key to {}", shown(&close.id))),
        None => diagnostic
            .with_note("a build sees a secret only in a `RUN` that mounts it")
            .with_help(format!("mount it with `RUN --mount=type=secret,id={}`", brief(id, 32))),
    }
}

pub(in crate::plan) fn context_not_used(
    name: &str,
    context: &str,
    at: Span,
    close: Option<&Spanned<String>>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::ContextNotUsed,
        format!("named context `{}` is not used by the Dockerfile", brief(context, 24)),
        at,
        "no `FROM` and no `--from` has this name",
    );
    match close {
        Some(close) => diagnostic
            .with_label(close.span, "similar name")
            .with_help(format!("rename the key to {}", shown(&close.value))),
        None => diagnostic.with_help("either remove it").with_help(format!(
            "or name it in {}, such as `COPY --from={} …`",
            file(name),
            brief(context, 24)
        )),
    }
}

pub(in crate::plan) fn argument_without_value(
    broken: &BrokenFrom<'_>,
    at: Span,
    has_args: bool,
) -> Diagnostic {
    let names: Vec<_> = broken.args.iter().map(|arg| brief(&arg.name.value, 32)).collect();
    let first = names.first().map_or("", String::as_str);
    let mut diagnostic = Diagnostic::new(
        Code::ArgumentWithoutValue,
        format!("`ARG {first}` has no default and is not passed"),
        at,
        if has_args { "has no such entry" } else { "has no `args`" },
    )
    .with_label(broken.from, "names no image with an empty value");
    for arg in broken.args.iter().take(LABELS - 1) {
        diagnostic = diagnostic.with_label(arg.name.span, "no default");
    }
    let entries: Vec<_> = broken.args.iter().map(|arg| format!("{} = …", key(&arg.name.value))).collect();
    let entries = entries.join(", ");
    diagnostic.with_help(match has_args {
        true => format!("add `{entries}` to `args`"),
        false => format!("add `args = {{ {entries} }}`"),
    })
}

/// `reference`: where the Dockerfile names the base.
pub(in crate::plan) fn platform_not_built(
    platform: &str,
    at: Span,
    (base, platforms, built): (&str, Span, &[String]),
    reference: Span,
) -> Diagnostic {
    let only = match built {
        [one] => format!("built for `{}` only", brief(one, 24)),
        _ => format!("built for {} other platforms only", built.len()),
    };
    Diagnostic::new(
        Code::PlatformNotBuilt,
        format!("`{}` is not built for `{platform}`", brief(base, 24)),
        at,
        "needs its bases for this platform",
    )
    .with_label(platforms, only)
    .with_label(reference, format!("a tag of `{}`", brief(base, 24)))
    .with_help(format!("add `\"{platform}\"` to `platforms` of `{base}`"))
}

/// `count` stages are copied from, `stage` is the first of them.
pub(in crate::plan) fn inline_keeps_final_stage(
    inline: Span,
    stage: Span,
    count: usize,
    repository: Option<&str>,
) -> Diagnostic {
    let label = match count {
        1 => "this stage is not cached".to_owned(),
        _ => format!("this stage and {} more are not cached", count - 1),
    };
    let cache = format!("cache.registry({}:\"cache\", mode = \"max\")", repository.unwrap_or("app"));
    Diagnostic::new(
        Code::InlineKeepsFinalStage,
        "inline cache keeps only the final stage",
        inline,
        "always mode `min`",
    )
    .with_label(stage, label)
    .with_help(format!("use `{cache}`"))
}

/// An image of a circle with what makes it need the next one.
pub(in crate::plan) struct Member {
    pub(in crate::plan) name: String,
    /// The image's name.
    pub(in crate::plan) item: Span,
    pub(in crate::plan) place: Span,
    /// Or else a reference in its Dockerfile.
    pub(in crate::plan) is_context: bool,
}

/// Images that need each other, each the next one and the last one the first.
pub(in crate::plan) struct Circle(Vec<Member>);

impl Circle {
    /// Begins with a member whose need is written in a `.cachefile`, if there is one.
    pub(in crate::plan) fn new(mut members: Vec<Member>) -> Self {
        let first = members.iter().position(|member| member.is_context).unwrap_or(0);
        members.rotate_left(first);
        Self(members)
    }

    pub(in crate::plan) fn first(&self) -> Option<&Member> {
        self.0.first()
    }
}

pub(in crate::plan) fn cyclic_images(circle: &Circle) -> Diagnostic {
    let members = &circle.0;
    let first = circle.first().expect("a circle has a member");
    let place = if first.is_context { first.place } else { first.item };
    if members.len() == 1 {
        let message = format!("image `{}` is its own base", brief(&first.name, 32));
        return match first.is_context {
            true => Diagnostic::new(Code::CyclicImages, message, place, "this is the image itself")
                .with_help("name another image, or remove this context"),
            false => Diagnostic::new(Code::CyclicImages, message, place, "is built from a tag of its own")
                .with_label(first.place, "a tag that this image is pushed to")
                .with_note("the tag is another one in another run, so no earlier run has pushed it")
                .with_help("start from a tag that stays the same, such as `latest`"),
        };
    }
    let message = match members.as_slice() {
        [one, other] => {
            format!("images `{}` and `{}` depend on each other", brief(&one.name, 16), brief(&other.name, 16))
        }
        _ => format!("image `{}` depends on itself", brief(&first.name, 32)),
    };
    let nexts = members.iter().skip(1).chain([first]);
    let mut diagnostic: Option<Diagnostic> = None;
    for (member, next) in members.iter().zip(nexts).take(LABELS + 1) {
        let needs = format!("`{}` is built from `{}`", brief(&member.name, 14), brief(&next.name, 14));
        diagnostic = Some(match diagnostic {
            None if member.is_context => Diagnostic::new(Code::CyclicImages, message.clone(), place, needs),
            None => Diagnostic::new(Code::CyclicImages, message.clone(), place, needs)
                .with_label(member.place, format!("a tag of `{}`", brief(&next.name, 24))),
            Some(diagnostic) if diagnostic.secondary.len() >= LABELS => diagnostic,
            Some(diagnostic) => diagnostic.with_label(member.place, needs),
        });
    }
    let names = members.iter().take(SHOWN).map(|member| format!("`{}`", member.name));
    let more = (members.len() > SHOWN).then(|| format!("{} more", members.len() - SHOWN));
    let path: Vec<_> = names.chain(more).chain([format!("`{}`", first.name)]).collect();
    let help = match members.iter().all(|member| member.is_context) {
        true => "remove one of the contexts",
        false => "start one of them from an image that none of them makes",
    };
    diagnostic.expect("a circle has a member").with_note(path.join(" → ")).with_help(help)
}
