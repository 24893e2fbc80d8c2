//! What makes a run fail.

use std::time::Duration;

use crate::host::{BuildError, CommandError, DockerfilePlace, Place, PushError, RegistryError};
use crate::plan::duration_text;

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
    #[error("image `{image}` was not built: it took longer than its `timeout` of {}", duration_text(*limit))]
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
    #[error("{}: `{command}` failed: {source}", words(place))]
    Command { place: Box<Place>, command: String, source: CommandError },
    #[error("{}: `{command}` took longer than its `timeout` of {}", words(place), duration_text(*limit))]
    CommandTimeout { place: Box<Place>, command: String, limit: Duration },
    #[error("{}: `{command}` was not started: {cause}", words(place))]
    CommandSecret { place: Box<Place>, command: String, cause: String },
    #[error("{} took longer than its `timeout` of {}", words(place), duration_text(*limit))]
    StageTimeout { place: Box<Place>, limit: Duration },
    #[error(
        "the last run had another plan{}",
        if differences.is_empty() { String::new() } else { format!(": {}", differences.join("; ")) }
    )]
    PlanDiffers { differences: Vec<String> },
    #[error("nobody can be asked for these approvals: {}", list(places))]
    ApprovalMissing { places: Vec<Place> },
    #[error("{}: \"{question}\" was answered with no", words(place))]
    NotApproved { place: Box<Place>, question: String },
    #[error("{}: \"{question}\" was not answered: {cause}", words(place))]
    Approver { place: Box<Place>, question: String, cause: String },
}

/// A place at the beginning of a message.
fn words(place: &Place) -> String {
    match &place.block {
        None => format!("wave `{}`", place.wave),
        Some(_) if place.is_stage => format!("stage `{place}`"),
        Some(_) => format!("`{place}`"),
    }
}

fn list(places: &[Place]) -> String {
    places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ")
}

impl RunError {
    /// Whether a person has to say yes before this can go on, and nothing else is wrong.
    pub fn is_missing_approval(&self) -> bool {
        matches!(
            self,
            RunError::ApprovalMissing { .. } | RunError::NotApproved { .. } | RunError::Approver { .. }
        )
    }

    /// Whether what failed may succeed when it is started again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            RunError::Build { source, .. } => source.may_pass(),
            RunError::BuildTimeout { .. } => true,
            _ => false,
        }
    }

    /// Whether the run could not be what was asked for, so that nothing was started.
    pub fn is_of_command_line(&self) -> bool {
        matches!(self, RunError::PlanDiffers { .. })
    }

    /// Why it failed, without what.
    pub(super) fn cause(&self) -> String {
        match self {
            RunError::Command { source, .. } => source.to_string(),
            RunError::CommandTimeout { limit, .. } => {
                format!("it took longer than {}", duration_text(*limit))
            }
            other => other.to_string(),
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
            | RunError::CommandTimeout { .. }
            | RunError::StageTimeout { .. }
            | RunError::NotApproved { .. }
            | RunError::Approver { .. } => None,
            RunError::PlanDiffers { .. } => {
                Some("nothing was started. Undo the change to go on where it ended, or leave out `--resume` to start again".to_owned())
            }
            RunError::CommandSecret { .. } => {
                Some("the secret is read when the command starts; set it, or give the command another one".to_owned())
            }
            RunError::ApprovalMissing { places } => {
                let flags: Vec<_> = places.iter().map(|place| format!("`--approve '{place}'`")).collect();
                Some(format!(
                    "nothing was started. Run it on a terminal, or say yes beforehand with {}, or to all with `--yes`",
                    flags.join(" ")
                ))
            }
        }
    }
}
