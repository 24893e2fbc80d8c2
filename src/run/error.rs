//! What makes a run fail.

use std::time::Duration;

use crate::host::{BuildError, CommandError, DockerfilePlace, PushError, RegistryError};
use crate::plan::BuilderKind;

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
            RunError::Engine {
                source: BuildError::Unsupported { help, .. } | BuildError::Agent { help, .. }, ..
            }
            | RunError::Build { source: BuildError::Unsupported { help, .. }, .. } => Some(help.clone()),
            RunError::Engine { source: BuildError::NoCacheService, .. } => Some(
                "`cache.gha` works in jobs of GitHub Actions: there, let the action \
                 `crazy-max/ghaction-github-runtime` hand ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL to the step \
                 that runs cachelang; without a `cache` block, the cache is in the registry"
                    .to_owned(),
            ),
            RunError::Engine { source: BuildError::Unreachable { cause, .. }, .. }
                if cause.contains("ermission denied") =>
            {
                Some("let this user use the engine's socket: the group `docker` may".to_owned())
            }
            RunError::Engine {
                source: BuildError::Unreachable { kind: BuilderKind::Buildkit, address, .. },
                ..
            } => Some(format!(
                "check that a buildkitd listens at {address}, and the `endpoint` of the `builder` item"
            )),
            RunError::Engine { source: BuildError::Unreachable { address, .. }, .. } => Some(format!(
                "start the Docker Engine at {address}, or set DOCKER_HOST to the address of another one"
            )),
            RunError::Build { source: BuildError::DiskFull(_), .. } => Some(
                "free disk space where the engine keeps its data, for example with `docker system prune`"
                    .to_owned(),
            ),
            RunError::Build { source: BuildError::Step { cause, output, .. }, .. }
                if cause.contains("no space left")
                    || output.iter().any(|line| line.contains("No space left")) =>
            {
                Some(
                    "free disk space where the engine keeps its data, for example with `docker system prune`"
                        .to_owned(),
                )
            }
            // What Linux and BuildKit say of a program of another processor.
            RunError::Build { source: BuildError::Step { output, .. }, .. }
                if output.iter().any(|line| line.contains("exec format error")) =>
            {
                Some(
                    "the engine cannot run programs of this platform: set up emulation (binfmt_misc) for it, or \
                     build on another `builder`"
                        .to_owned(),
                )
            }
            RunError::TagTaken { .. } => Some(
                "nothing of this step was pushed. Give the image another tag, such as the version or the commit; if \
                 this tag is meant to move, name it in `mutable_tags` of the repository"
                    .to_owned(),
            ),
            RunError::Registry { source, .. }
            | RunError::Promote { source, .. }
            | RunError::Tag { source, .. }
            | RunError::ReadBack { source, .. } => registry_help(source),
            RunError::Push { source: PushError::Denied { host, .. }, .. } => Some(denied_help(host)),
            // Amazon ECR: "name unknown: The repository with name 'x' does not exist in the registry with id '…'"
            RunError::Push { source: PushError::Engine(cause), .. } if cause.contains("name unknown") => {
                Some("create the repository, or write `create = true` in the `repository` item".to_owned())
            }
            _ => None,
        }
    }
}

fn denied_help(host: &str) -> String {
    format!("log in with `docker login {host}`, or give `username` and `password` in the `registry` item")
}

fn registry_help(error: &RegistryError) -> Option<String> {
    match error {
        RegistryError::Unreachable { host, .. } => {
            Some(format!("check that a registry answers at {host}, and the `host` of the `registry` item"))
        }
        RegistryError::Denied { host, .. } | RegistryError::LoginNeeded { host } => Some(denied_help(host)),
        RegistryError::Api { call, .. } if call.starts_with("ecr:") => Some(
            "check the AWS credentials of this machine, and `account`, `region` and `endpoint` of the `registry` item"
                .to_owned(),
        ),
        RegistryError::Credentials { .. }
        | RegistryError::NoImage { .. }
        | RegistryError::Api { .. }
        | RegistryError::Unsupported(_) => None,
    }
}
