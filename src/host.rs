//! What a run needs from the world: the traits that an embedding program can implement.
//!
//! [`crate::run::run`] works through a plan and reaches the outside only through these traits. [`crate::buildkit`],
//! [`crate::registry`] and [`commands`] hold the real implementations.

pub(crate) mod agents;
mod approver;
mod build;
pub mod commands;
mod engine;
mod error;
mod masks;
mod registry;
pub(crate) mod secrets;
mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;

use crate::cache::CacheServices;
use crate::cache::proof::CacheProof;
use crate::plan;

pub use crate::plan::Place;
pub use approver::{Approval, Approver, Nobody};
pub use build::{BuildProgress, BuildRequest, BuildStep, Built, BuiltStep, Interval, Logins, StepState};
pub use engine::{CacheMethod, Engine, Feature, ImageStore, Platforms};
pub use error::{BuildError, CommandError, DockerfilePlace, PushError, RegistryError};
pub use masks::Masks;
pub use registry::{
    Copied, CopyProgress, CopyRequest, Credentials, Document, Drift, Layer, Location, Login, Manifest,
    Registry, RepositoryState, TagRules,
};
pub use state::{StateError, StateFolder};

/// The parts of the world that a run uses.
#[derive(Clone)]
#[non_exhaustive]
pub struct Host {
    pub builders: Arc<dyn Builders>,
    pub registry: Arc<dyn Registry>,
    pub commands: Arc<dyn Commands>,
    pub observer: Arc<dyn Observer>,
    /// By default [`Nobody`].
    pub approver: Arc<dyn Approver>,
    /// For caches that are not in a registry.
    pub caches: CacheServices,
}

impl Host {
    pub fn new(
        builders: Arc<dyn Builders>,
        registry: Arc<dyn Registry>,
        commands: Arc<dyn Commands>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let (approver, caches) = (Arc::new(Nobody), CacheServices::default());
        Self { builders, registry, commands, observer, approver, caches }
    }

    /// The same host, with somebody who is asked by `approve` steps.
    #[must_use]
    pub fn with_approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = approver;
        self
    }

    /// The same host, with services that keep caches.
    #[must_use]
    pub fn with_caches(mut self, caches: CacheServices) -> Self {
        self.caches = caches;
        self
    }
}

/// The builders that a plan can name.
pub trait Builders: Send + Sync {
    /// The builder of an item, or without one that of the machine. The same item gives the same builder.
    ///
    /// # Errors
    /// When there is no way to reach it, such as an address that cannot be read.
    fn builder(&self, item: Option<&plan::Builder>) -> Result<Arc<dyn Builder>, BuildError>;
}

/// The builder of an item with what it is. The platforms that the item lists are a limit.
pub(crate) async fn open_builder(
    builders: &dyn Builders,
    item: Option<&plan::Builder>,
) -> Result<(Arc<dyn Builder>, Engine), BuildError> {
    let builder = builders.builder(item)?;
    let mut engine = builder.engine().await.map_err(|error| named(error, item))?;
    if let Some(item) = item.filter(|item| !item.platforms.is_empty()) {
        engine = engine.with_platforms(Platforms::Declared(item.platforms.clone()));
    }
    Ok((builder, engine))
}

/// The error with the item whose address it is about.
fn named(error: BuildError, item: Option<&plan::Builder>) -> BuildError {
    match error {
        BuildError::Unreachable { kind, address, cause, .. } => {
            let builder = item.filter(|item| item.endpoint.is_some()).map(|item| item.name.clone());
            BuildError::Unreachable { kind, address, cause, builder }
        }
        other => other,
    }
}

/// Builds images and pushes what it has built. Dropping a returned future cancels its work in the engine.
#[async_trait]
pub trait Builder: Send + Sync {
    /// What the engine is; also the check that it can be reached.
    async fn engine(&self) -> Result<Engine, BuildError>;

    /// Builds one image; `report` is called for everything that happens.
    async fn build(
        &self,
        request: &BuildRequest,
        report: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, BuildError>;

    /// Pushes a tag of an image that was built under that reference.
    async fn push(
        &self,
        request: &PushRequest,
        report: &(dyn Fn(PushProgress) + Send + Sync),
    ) -> Result<Pushed, PushError>;

    /// Takes a name away from an image of the engine. That this fails harms nobody: the name is of no other use.
    async fn forget(&self, reference: &str);
}

/// A tag to push.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// [`Built::image`]. A name alone would not do: another run on the same engine may have given it to its image.
    pub image: String,
    /// `host/name`
    pub repository: String,
    pub tag: String,
    pub credentials: Option<Credentials>,
}

impl PushRequest {
    /// `host/name:tag`
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

/// Bytes sent so far, of those known to be needed. Both are counted as the engine reads them: before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushProgress {
    pub sent: u64,
    pub total: u64,
}

/// A finished push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// `sha256:…` of the manifest, as the engine reports it.
    pub digest: String,
    /// The layers whose content was sent; the others were in the registry already. Each is the start of a layer's
    /// digest or diff id (the digest of its uncompressed content), as engines name layers in their reports.
    pub layers_sent: Vec<String>,
    /// The diff ids of the image's layers, from the base up.
    pub diff_ids: Vec<String>,
}

impl Pushed {
    pub fn new(digest: impl Into<String>, layers_sent: Vec<String>, diff_ids: Vec<String>) -> Self {
        Self { digest: digest.into(), layers_sent, diff_ids }
    }

    /// The bytes that this push sent for layers, as the registry stores them in `manifest`.
    pub fn bytes_sent(&self, manifest: &Manifest) -> u64 {
        let names = |id: &str, sent: &str| id.strip_prefix("sha256:").unwrap_or(id).starts_with(sent);
        let mut counted = Vec::new();
        for (index, layer) in manifest.layers.iter().enumerate() {
            let diff_id = self.diff_ids.get(index).map_or("", String::as_str);
            let sent = self.layers_sent.iter().any(|sent| names(diff_id, sent) || names(&layer.digest, sent));
            if sent && !counted.contains(layer) {
                counted.push(layer.clone());
            }
        }
        counted.iter().map(|layer| layer.size).sum()
    }
}

/// Runs the commands of `run` and `sh` steps.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Runs a command to its end; dropping the future ends the command. `output` is called with whole lines.
    async fn run(&self, command: &CommandRequest, output: &OnLine<'_>) -> Result<(), CommandError>;

    /// Waits until the commands that were given up have ended; those that ignore SIGTERM are killed after a grace time.
    async fn settle(&self);
}

/// Receives the output of a command, line by line.
pub type OnLine<'a> = dyn Fn(OutputStream, &str) + Send + Sync + 'a;

/// A command with all its values.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CommandRequest {
    pub program: String,
    pub arguments: Vec<String>,
    /// Added to the environment of this process.
    pub env: IndexMap<String, String>,
    pub dir: PathBuf,
    /// What must not be seen in its output.
    pub masks: Masks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    Stdout,
    Stderr,
}

/// Receives what happens during a run. Called from several tasks; must not block.
pub trait Observer: Send + Sync {
    fn observe(&self, event: &Event);
}

/// Several observers, which hear of everything in this order.
impl Observer for Vec<Arc<dyn Observer>> {
    fn observe(&self, event: &Event) {
        self.iter().for_each(|observer| observer.observe(event));
    }
}

/// Something that happened during a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    WaveStarted {
        wave: String,
    },
    WaveSkipped {
        wave: String,
        reason: String,
    },
    WaveFinished {
        wave: String,
        succeeded: bool,
        elapsed: Duration,
    },
    /// The state of the run cannot be written: it goes on, but another run cannot go on where it ends.
    StateNotKept {
        cause: String,
    },
    /// What another run has done is not done again: steps, and images that are in their registries.
    Resumed {
        steps: usize,
        images: Vec<String>,
    },
    StageStarted {
        wave: String,
        stage: String,
    },
    StageSkipped {
        wave: String,
        stage: String,
        reason: String,
    },
    StageFinished {
        wave: String,
        stage: String,
        succeeded: bool,
        elapsed: Duration,
    },
    /// A step began; `step` is its number in its block, from 0.
    StepStarted {
        place: Place,
        step: usize,
    },
    StepFinished {
        place: Place,
        step: usize,
        succeeded: bool,
        elapsed: Duration,
    },
    BuildStarted {
        image: String,
    },
    Build {
        image: String,
        progress: BuildProgress,
    },
    BuildFinished {
        image: String,
        built: Built,
        elapsed: Duration,
    },
    BuildFailed {
        image: String,
        elapsed: Duration,
    },
    /// The build failed and is started again: attempt 2 of 3.
    BuildRetried {
        image: String,
        cause: String,
        attempt: u32,
        attempts: u32,
    },
    /// It is not built, and no tag of it is pushed.
    ImageSkipped {
        image: String,
        reason: String,
    },
    PushStarted {
        image: String,
        reference: String,
    },
    Push {
        image: String,
        reference: String,
        progress: PushProgress,
    },
    PushFinished {
        image: String,
        reference: String,
        digest: String,
        bytes: u64,
        elapsed: Duration,
    },
    PushFailed {
        image: String,
        reference: String,
        elapsed: Duration,
    },
    /// The push failed for a reason that may pass, and is started again: attempt 2 of 3.
    PushRetried {
        image: String,
        reference: String,
        cause: String,
        attempt: usize,
        attempts: usize,
    },
    /// A repository was made.
    RepositoryCreated {
        repository: String,
    },
    /// A setting of a repository is not as the file says, or was not until now.
    RepositoryDiffers {
        repository: String,
        drift: Drift,
    },
    /// A tag that can be pushed once only exists already: it is left alone if the image is the same, and else the run
    /// fails.
    TagExists {
        image: String,
        reference: String,
        digest: String,
    },
    /// The tag names the image already, so there is nothing to push.
    TagKept {
        image: String,
        reference: String,
        digest: String,
    },
    /// An image is copied to another repository.
    CopyStarted {
        image: String,
        repository: String,
    },
    Copy {
        image: String,
        repository: String,
        progress: CopyProgress,
    },
    CopyFinished {
        image: String,
        repository: String,
        copied: Copied,
        elapsed: Duration,
    },
    CopyFailed {
        image: String,
        repository: String,
        elapsed: Duration,
    },
    /// The cache of an image was read back from its registry.
    CacheProven {
        image: String,
        proof: CacheProof,
    },
    /// The image got another tag.
    Promoted {
        image: String,
        reference: String,
        digest: String,
    },
    /// A person is asked.
    ApprovalAwaited {
        place: Place,
        question: String,
    },
    /// It was said yes, now or before the run.
    Approved {
        place: Place,
        question: String,
    },
    CommandStarted {
        place: Place,
        command: String,
    },
    CommandOutput {
        place: Place,
        stream: OutputStream,
        line: String,
    },
    /// The command failed and is started again: attempt 2 of 3.
    CommandRetried {
        place: Place,
        command: String,
        cause: String,
        attempt: u32,
        attempts: u32,
    },
    CommandFinished {
        place: Place,
        command: String,
        succeeded: bool,
        elapsed: Duration,
    },
}

/// The innermost cause on one line: `Connection refused (os error 111)` and not "error sending request".
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_show_their_password() {
        let credentials = Credentials { username: "ci".into(), password: "hunter2".into() };
        let request = PushRequest {
            image: "sha256:aa".into(),
            repository: "r.io/a".into(),
            tag: "1".into(),
            credentials: Some(credentials),
        };
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[test]
    fn bytes_are_those_of_the_layers_that_were_sent() {
        let layer = |digest: &str, size| Layer { digest: digest.into(), size };
        let layers = vec![layer("sha256:aa11", 10), layer("sha256:bb22", 200), layer("sha256:bb22", 200)];
        let manifest = Manifest::new("sha256:ff", None, layers);
        let diff_ids = vec!["sha256:01".into(), "sha256:02".into(), "sha256:02".into()];
        let sent = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Pushed::new("sha256:ff", names, diff_ids.clone()).bytes_sent(&manifest)
        };
        assert_eq!(sent(&[]), 0);
        assert_eq!(sent(&["01"]), 10);
        assert_eq!(sent(&["02"]), 200, "a layer that is there twice is sent once");
        assert_eq!(sent(&["aa11", "bb22"]), 210, "the containerd store names blobs");
    }
}
