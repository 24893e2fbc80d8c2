//! What a Dockerfile declares and what a build of it depends on: a text of a `SourceMap` → [`Dockerfile`] → [`Uses`].
//!
//! BuildKit is the judge of Dockerfiles. This room reads enough of one to say early what the build would say late: a
//! stage, build argument, secret or named context that does not exist, and which images the build starts from. What it
//! cannot read or know (variables of the engine, frontends with instructions of their own) it leaves out.
//!
//! ```text
//! text ──directives──▶ escape character ──heredoc──▶ text without here-documents ──read──▶ Dockerfile ──uses──▶ Uses
//! ```

mod args;
mod directives;
mod expand;
mod heredoc;
mod mounts;
mod read;
mod uses;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::source::{FileId, SourceMap, Span, Spanned};

pub(crate) use self::{
    args::{Arg, is_predefined_arg},
    uses::{BrokenFrom, Uses},
};

/// A Dockerfile with at least one stage.
#[derive(Debug)]
pub(crate) struct Dockerfile {
    /// The arguments in front of the first `FROM`.
    pub(crate) args: Vec<Arg>,
    pub(crate) stages: Vec<Stage>,
    escape: char,
}

/// A `FROM` and the instructions up to the next one.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: Option<Spanned<String>>,
    /// As written.
    pub(crate) from: Spanned<String>,
    /// As written.
    pub(crate) platform: Option<Spanned<String>>,
    pub(crate) body: Body,
    /// What `ONBUILD` adds to the stages, here or in other Dockerfiles, that are based on this one.
    pub(crate) onbuild: Option<Body>,
}

/// What the instructions of a stage ask for, in file order.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) args: Vec<Arg>,
    /// `COPY --from`: a stage's name or number, an image or a named context.
    pub(crate) copies_from: Vec<Spanned<String>>,
    /// `RUN --mount=from=`: a stage's name, an image or a named context.
    pub(crate) mounts_from: Vec<Spanned<String>>,
    pub(crate) secrets: Vec<HostMount>,
    /// Whether a secret is mounted whose id only the build knows.
    pub(crate) has_unknown_secret: bool,
    pub(crate) ssh: Vec<HostMount>,
}

/// A secret or an SSH agent that a `RUN` mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostMount {
    pub(crate) id: String,
    /// Without it the instruction runs although there is none.
    pub(crate) required: bool,
    /// The id, or the whole mount if it does not write one.
    pub(crate) span: Span,
}

/// Why a Dockerfile was not read. The build may still work: its frontend may know more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) span: Span,
    /// What is wrong, as a lower-case phrase.
    pub(crate) words: String,
}

/// The image of `# syntax=`, also of a text that is no Dockerfile.
pub(crate) fn frontend(text: &str) -> Option<&str> {
    directives::Directives::of(text).syntax
}

/// Whether a frontend is Docker's own: others have rules of their own.
pub(crate) fn is_docker_frontend(image: &str) -> bool {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    let name = image.split([':', '@']).next().unwrap_or_default();
    matches!(name, "docker/dockerfile" | "docker/dockerfile-upstream")
}

/// Reads a Dockerfile.
///
/// # Errors
/// [`Unreadable`] if it has a mistake or an instruction that the reference does not have.
pub(crate) fn parse(sources: &SourceMap, file: FileId) -> Result<Dockerfile, Unreadable> {
    read::read(file, sources.file(file).text())
}

impl Dockerfile {
    /// The index of the stage that a build makes: the last one, or the one of that name.
    ///
    /// As in BuildKit the case does not count, the last of several stages of a name does, and numbers are not names.
    pub(crate) fn target(&self, name: Option<&str>) -> Option<usize> {
        let Some(name) = name else { return self.stages.len().checked_sub(1) };
        let named = |stage: &Stage| stage.name.as_ref().is_some_and(|stage| same_name(&stage.value, name));
        self.stages.iter().rposition(named)
    }

    /// The names that a target can have, in file order.
    pub(crate) fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().filter_map(|stage| stage.name.as_ref()).map(|name| name.value.as_str())
    }

    /// Every declared argument: the global ones, then those of the stages.
    ///
    /// An image that a stage is based on may declare more, with `ONBUILD ARG`.
    pub(crate) fn declared_args(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().chain(self.bodies().flat_map(|body| &body.args))
    }

    /// The ids of the secrets that any stage mounts; `None` if only the build knows them all.
    pub(crate) fn secret_ids(&self) -> Option<HashSet<&str>> {
        if self.bodies().any(|body| body.has_unknown_secret) {
            return None;
        }
        Some(self.bodies().flat_map(|body| &body.secrets).map(|mount| mount.id.as_str()).collect())
    }

    fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.stages.iter().flat_map(|stage| std::iter::once(&stage.body).chain(&stage.onbuild))
    }
}

fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
