//! What makes a run fail.

use std::time::Duration;

use crate::host::{BuildError, CommandError, DockerfilePlace, PushError, RegistryError};

/// A failure of a run, with what was being done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error("{what} cannot be run by cachelang {}", env!("CARGO_PKG_VERSION"))]
    Unsupported { what: String },
    #[error("image `{image}` cannot be built: {source}")]
    Engine { image: String, source: BuildError },
    #[error("image `{image}` cannot use `{repository}`: {source}")]
    Registry { image: String, repository: String, source: RegistryError },
    #[error("image `{image}` was not built: {source}")]
    Build { image: String, source: BuildError },
    #[error("image `{image}` was not built: it took longer than its `timeout` of {limit:?}")]
    BuildTimeout { image: String, limit: Duration },
    #[error("image `{image}` was built, but these steps did not come from its cache: {}", steps.join(", "))]
    NotCached { image: String, steps: Vec<String> },
    #[error("image `{image}` was not pushed to `{reference}`: {source}")]
    Push { image: String, reference: String, source: PushError },
    #[error("image `{image}` was built, but not tagged `{reference}`: {source}")]
    Tag { image: String, reference: String, source: RegistryError },
    #[error("image `{image}` was not promoted to `{reference}`: {source}")]
    Promote { image: String, reference: String, source: RegistryError },
    #[error(
        "image `{image}` cannot be tagged `{reference}`: that is another image, {digest}, and its repository is \
         immutable"
    )]
    TagTaken { image: String, reference: String, digest: String },
    #[error("image `{image}` was pushed, but `{reference}` names {found} in the registry and not {expected}")]
    NotPublished { image: String, reference: String, expected: String, found: String },
    #[error("image `{image}` was pushed, but `{reference}` cannot be read back: {source}")]
    ReadBack { image: String, reference: String, source: RegistryError },
    #[error("wave `{wave}`: `{command}` failed: {source}")]
    Command { wave: String, command: String, source: CommandError },
    #[error("wave `{wave}`: `{command}` took longer than its `timeout` of {limit:?}")]
    CommandTimeout { wave: String, command: String, limit: Duration },
}

impl RunError {
    /// Whether what failed may succeed when it is started again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            RunError::Build { source, .. } => source.may_pass(),
            RunError::BuildTimeout { .. } => true,
            _ => false,
        }
    }

    /// The instruction of the Dockerfile that it is about.
    pub fn place(&self) -> Option<&DockerfilePlace> {
        match self {
            RunError::Build { source, .. } => source.place(),
            _ => None,
        }
    }

    /// The last lines that the failed step printed.
    pub fn output(&self) -> &[String] {
        match self {
            RunError::Build { source: BuildError::Step { output, .. }, .. } => output,
            _ => &[],
        }
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            RunError::Engine { source, .. } | RunError::Build { source, .. } => source.help(),
            RunError::Push { source, .. } => source.help(),
            RunError::Registry { source, .. }
            | RunError::Promote { source, .. }
            | RunError::Tag { source, .. }
            | RunError::ReadBack { source, .. } => source.help(),
            RunError::TagTaken { .. } => Some(
                "nothing of this step was pushed. Give the image another tag, such as the version or the commit; if \
                 this tag is meant to move, name it in `mutable_tags` of the repository"
                    .to_owned(),
            ),
            RunError::NotCached { .. } => Some(
                "`--require-cached` asks for it, so nothing of the image was pushed. If what goes into these steps was \
                 changed on purpose, run once without it"
                    .to_owned(),
            ),
            RunError::Unsupported { .. }
            | RunError::BuildTimeout { .. }
            | RunError::NotPublished { .. }
            | RunError::Command { .. }
            | RunError::CommandTimeout { .. } => None,
        }
    }
}
