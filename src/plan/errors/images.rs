//! Messages about families, the settings of images and repositories, and what images have to do with each other.

use std::path::Path;

use super::{missing_path, shown};
use crate::diag::{Code, Diagnostic, similar};
use crate::environment::PathKind;
use crate::source::Span;
use crate::syntax::ast::Name;

/// How many names of a circle a message says, and how many labels it has.
pub(in crate::plan) const SHOWN: usize = 8;
const LABELS: usize = 3;

/// The longest tag that a headline has room for.
const LONGEST_TAG: usize = 16;

/// `` `app:"latest"` ``
fn tag_source(repository: &str, tag: &str) -> String {
    format!("`{repository}:\"{tag}\"`")
}

/// The same for a headline.
fn short_tag((repository, tag): (&str, &str)) -> String {
    if repository.len() + tag.len() <= LONGEST_TAG {
        return tag_source(repository, tag);
    }
    let tag: String = tag.chars().take(LONGEST_TAG).collect();
    format!("tag `{tag}`")
}

pub(in crate::plan) fn too_much_work(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ValueTooLarge,
        "this file takes too much work to evaluate",
        span,
        "given up when it came to this",
    )
    .with_note(
        "a plan takes at most 10,000,000 steps: one for each value that is made, and some for each item in it",
    )
    .with_help("give the values that are made again and again a shorter list to go through")
}

pub(in crate::plan) fn too_many_members(binder: &Name, list: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ValueTooLarge,
        "this `for` makes more than 10,000 members",
        list,
        "too many items here",
    )
    .with_label(binder.span, "each item makes at least one member")
    .with_note("a `for` makes at most 10,000 images or stages")
}

/// `family` with the keys before the one that is not known; `key` and `known` as literals.
pub(in crate::plan) fn unknown_key(
    family: &str,
    key: &str,
    known: &[&str],
    span: Span,
    declared: Span,
) -> Diagnostic {
    let key: String = key.chars().take(32).collect();
    let diagnostic =
        Diagnostic::new(Code::UnknownKey, format!("`{family}` has no item `{key}`"), span, "not an item")
            .with_label(declared, "made from this list");
    match (similar(&key, known.iter().copied()), known.len()) {
        (Some(found), _) => diagnostic.with_help(format!("an item with a similar name exists: `{found}`")),
        (None, 0) => diagnostic.with_note("the list is empty in this run"),
        (None, 1..=SHOWN) => {
            let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
            diagnostic.with_help(format!("items: {}", known.join(", ")))
        }
        (None, _) => diagnostic,
    }
}

/// A text that does not have the form that it must have; `key` is empty outside of maps.
pub(in crate::plan) fn bad_setting(what: &str, key: &str, text: &str, span: Span, help: &str) -> Diagnostic {
    let key: String = key.chars().take(16).collect();
    let has_key = matches!(what, "a limit" | "a tag of AWS");
    let subject = if has_key { format!("`{key} = {}`", shown(text).trim_matches('`')) } else { shown(text) };
    Diagnostic::new(Code::NotAChoice, format!("{subject} is not {what}"), span, "not of this form")
        .with_help(help)
}

/// A setting with more entries than Amazon ECR takes.
pub(in crate::plan) fn too_many(setting: &str, count: usize, most: usize, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NotAChoice,
        format!("{setting} has {count} entries, Amazon ECR takes {most}"),
        span,
        format!("at most {most}"),
    )
}

/// The address is not repeated: it holds what nobody else should read.
pub(in crate::plan) fn login_in_endpoint(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NotAChoice,
        "the address of a builder has a password or a user in it",
        span,
        "must not be in an address",
    )
    .with_note("it would be seen in messages and in the list of processes")
    .with_help("remove what stands before `@`: a connection over TCP is secured with `tls`, one over SSH with the keys of `ssh`")
}

/// `scheme`: how the builder is reached instead.
pub(in crate::plan) fn tls_not_used(tls: Span, endpoint: Span, scheme: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownAttribute,
        format!("a builder at `{scheme}://…` has no `tls`"),
        tls,
        "would not be used",
    )
    .with_label(endpoint, "no connection over TCP")
    .with_help("either remove `tls`, or write an endpoint `\"tcp://HOST:PORT\"`")
}

pub(in crate::plan) fn zero(what: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::NotAChoice, format!("{what} of 0 leaves no room"), span, "must be more than 0")
        .with_help("either write a larger one, or remove the attribute for none")
}

pub(in crate::plan) fn not_whole_days(span: Span) -> Diagnostic {
    Diagnostic::new(Code::NotAChoice, "`untagged_after` is counted in whole days", span, "not whole days")
        .with_note("the lifecycle rules of Amazon ECR know no hours")
        .with_help("write `1d`, `7d` or another number of days")
}

pub(in crate::plan) fn missing_file(
    written: &str,
    looked_up: &Path,
    found: Option<PathKind>,
    span: Span,
) -> Diagnostic {
    let mut diagnostic = missing_path(written, looked_up, found, PathKind::Folder, span);
    diagnostic.primary.text = if found.is_none() { "no such file" } else { "not a file" }.to_owned();
    if found.is_some() {
        diagnostic.message = format!("{} is not a file", shown(written));
    }
    diagnostic
}

/// A value of `contexts` that is no folder; what looks like the reference of an image may be one.
pub(in crate::plan) fn missing_context(
    written: &str,
    looked_up: &Path,
    found: Option<PathKind>,
    span: Span,
) -> Diagnostic {
    let diagnostic = missing_path(written, looked_up, found, PathKind::Folder, span);
    let last = written.rsplit('/').next().unwrap_or_default();
    if found.is_none() && !written.starts_with(['.', '/']) && last.contains([':', '@']) {
        diagnostic.with_help(format!("write `\"docker-image://{written}\"` for an image of a registry"))
    } else {
        diagnostic
    }
}

pub(in crate::plan) fn unknown_context(text: &str, span: Span) -> Diagnostic {
    let scheme = text.split("://").next().unwrap_or_default();
    let diagnostic = Diagnostic::new(
        Code::NotAChoice,
        format!("{} is not a context", shown(text)),
        span,
        "a scheme that contexts do not have",
    );
    match scheme {
        "http" | "https" | "ssh" | "git" if text.len() <= 48 => {
            diagnostic.with_help(format!("write `git(\"{text}\")` for a repository"))
        }
        "http" | "https" | "ssh" | "git" => diagnostic.with_help("write `git(\"…\")` for a repository"),
        _ => diagnostic.with_help("write a path, the name of an image, or `\"docker-image://…\"`"),
    }
}

/// A base that lacks a platform of what is built from it.
pub(in crate::plan) fn platform_not_built(
    base: &str,
    platform: &str,
    (context, platforms): (Span, Span),
    built: &[String],
) -> Diagnostic {
    let only = match built {
        [one] => format!("built for `{one}` only"),
        _ => format!("built for {} other platforms only", built.len()),
    };
    Diagnostic::new(
        Code::PlatformNotBuilt,
        format!("`{base}` is not built for `{platform}`"),
        context,
        format!("needs `{platform}`"),
    )
    .with_label(platforms, only)
    .with_help(format!("add `\"{platform}\"` to `platforms` of `{base}`"))
}

/// An image and one of its contexts that this run does not build.
pub(in crate::plan) fn skipped_base((image, base): (&str, &str), context: Span, when: Span) -> Diagnostic {
    Diagnostic::new(
        Code::BaseNotBuilt,
        format!("`{image}` needs `{base}`, which is not built in this run"),
        context,
        format!("needs image `{base}`"),
    )
    .with_label(when, format!("skips `{base}` in this run"))
    .with_help(format!("give `{image}` the same `when`, or remove that of `{base}`"))
}

/// What an immutable repository is told about.
pub(in crate::plan) struct Immutable<'a> {
    pub(in crate::plan) repository: &'a str,
    pub(in crate::plan) tag: &'a str,
    /// Where `immutable` is set.
    pub(in crate::plan) set: Span,
    pub(in crate::plan) is_ecr: bool,
    pub(in crate::plan) has_mutable_tags: bool,
}

impl Immutable<'_> {
    pub(super) fn rule(&self) -> &'static str {
        if self.is_ecr {
            "ECR rejects a second push of a tag (ImageTagAlreadyExistsException)"
        } else {
            "the tags of this repository are not to move"
        }
    }

    fn explain(&self, diagnostic: Diagnostic, pattern: &str) -> Diagnostic {
        let help = if self.has_mutable_tags {
            format!("either add `\"{pattern}\"` to `mutable_tags` of `{}`", self.repository)
        } else {
            format!("either add `mutable_tags = [\"{pattern}\"]` to `repository {}`", self.repository)
        };
        diagnostic.with_label(self.set, "set here").with_note(self.rule()).with_help(help)
    }
}

/// `unique`: a tag of the image that is another one in another commit, as written.
pub(in crate::plan) fn immutable_tag(one: &Immutable<'_>, tag: Span, unique: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::ImmutableTag,
        format!("{} would be pushed again to an immutable repository", short_tag((one.repository, one.tag))),
        tag,
        "moves on every run",
    );
    let diagnostic = one.explain(diagnostic, one.tag);
    match unique {
        Some(unique) => diagnostic.with_help(format!("or push only `{unique}`")),
        None => {
            diagnostic.with_help("or push a tag that is new in every run, such as one made of `git.commit`")
        }
    }
}

pub(in crate::plan) fn immutable_cache(one: &Immutable<'_>, cache: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::ImmutableTag,
        format!("{} would be pushed again to an immutable repository", short_tag((one.repository, one.tag))),
        cache,
        "every run writes this cache",
    );
    one.explain(diagnostic, one.tag).with_help("or keep the cache in a repository of its own")
}

/// The tag that an image without a `cache` block keeps its cache under.
pub(in crate::plan) fn immutable_automatic_cache(one: &Immutable<'_>, image: &Name) -> Diagnostic {
    let name: String = image.value.chars().take(20).collect();
    let diagnostic = Diagnostic::new(
        Code::ImmutableTag,
        format!("image `{name}` keeps its cache in an immutable repository"),
        image.span,
        "has no `cache` block, so it has a cache tag",
    )
    .with_note(format!("every run writes the cache of the image to {}", tag_source(one.repository, one.tag)));
    one.explain(diagnostic, "cache-*")
        .with_help("or say where the cache is with a `cache` block; `cache { from = [], to = [] }` is none")
}

/// A cache source that no part of the file writes, in a repository that the file writes to.
pub(in crate::plan) struct UnwrittenCache<'a> {
    pub(in crate::plan) repository: &'a str,
    pub(in crate::plan) tag: &'a str,
    pub(in crate::plan) source: Span,
    /// The `to` of the image, and whether all of it is inline.
    pub(in crate::plan) to: Option<(Span, bool)>,
    /// A tag of the repository that is written.
    pub(in crate::plan) similar: Option<&'a str>,
}

pub(in crate::plan) fn cache_never_written(one: &UnwrittenCache<'_>) -> Diagnostic {
    let tag = tag_source(one.repository, one.tag);
    let diagnostic = Diagnostic::new(
        Code::CacheNeverWritten,
        format!("cache source {} is never written", short_tag((one.repository, one.tag))),
        one.source,
        "nothing pushes or exports this",
    );
    let diagnostic = match one.to {
        Some((to, true)) => diagnostic.with_label(to, "exports only inside the image"),
        Some((to, false)) => diagnostic.with_label(to, "exports to other places"),
        None => diagnostic,
    };
    let diagnostic = diagnostic
        .with_note("BuildKit skips a missing cache silently, so every build is a full build")
        .with_note(format!("`{}` is looked at because this file pushes to it", one.repository));
    match one.similar {
        Some(found) => {
            let found = tag_source(one.repository, found);
            diagnostic.with_help(format!("a tag with a similar name is written: {found}"))
        }
        None => diagnostic.with_help(format!("write `to = [cache.registry({})]`", tag.trim_matches('`'))),
    }
}

/// An index that a step gives to AWS Lambda.
pub(in crate::plan) fn pushed_as_index(image: &str, (at, label): (Span, &str), used: Span) -> Diagnostic {
    Diagnostic::new(Code::PushedAsIndex, format!("`{image}` is pushed as an image index"), at, label)
        .with_label(used, "AWS Lambda accepts only single manifests")
        .with_note("the Lambda API refuses an index: its media type is not supported")
        .with_help("set `attest = \"none\"` and one platform")
}

/// A lifecycle that deletes parts of the run that has just ended.
pub(in crate::plan) fn tags_expire(
    repository: &str,
    (keep_last, kept): (Span, u32),
    (images, caches): (usize, usize),
) -> Diagnostic {
    let count =
        |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    Diagnostic::new(
        Code::TagsExpire,
        "`keep_last` keeps fewer images than one run pushes",
        keep_last,
        format!("keeps {kept} of {}", images + caches),
    )
    .with_note(format!(
        "one run pushes {} and {} to `{repository}`; ECR counts both and deletes the oldest, moving tags and caches \
         too",
        count(images, "image"),
        count(caches, "cache"),
    ))
    .with_help(format!("keep the images of several runs: `keep_last = {}`", (images + caches) * 10))
}

/// `.ref` of an image that is tagged in several repositories, each with a place of a tag.
pub(in crate::plan) fn two_references(image: &str, used: Span, tagged: &[(&str, Span)]) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(
        Code::TwoReferences,
        format!("`{image}.ref` is in {} repositories", tagged.len()),
        used,
        "does not say which one is meant",
    );
    for (repository, tag) in tagged.iter().take(LABELS) {
        diagnostic = diagnostic.with_label(*tag, format!("tagged in `{repository}`"));
    }
    let other = tagged.get(1).map_or("other", |(repository, _)| repository);
    diagnostic
        .with_help(format!(
            "either tag it in one of them and `promote {image} to {other}:\"…\"` after the push"
        ))
        .with_help(format!("or name the repository: `\"HOST/NAME@${{{image}.digest}}\"`"))
}
