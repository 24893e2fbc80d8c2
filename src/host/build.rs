//! Builds: what is asked of a builder, what it says meanwhile, and what comes of it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use indexmap::IndexMap;

use super::{Login, Registry, RegistryError};
use crate::cache::{CacheExport, CacheImport};
use crate::plan;

/// One build, with nothing left to decide.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    pub build: plan::Build,
    /// What stands in for the contexts of `build` that are images of the plan, and for images that the Dockerfile
    /// names: a context's name, or a reference, → `docker-image://…`.
    pub images: IndexMap<String, String>,
    /// `host/name:tag`: the names that the image gets in the engine.
    pub references: Vec<String>,
    /// Where the image goes at the end of the build if the engine has no store of its own: to these repositories
    /// (`host/name`), without a tag. Empty: it stays where it is.
    pub push_to: Vec<String>,
    pub cache_from: Vec<CacheImport>,
    pub cache_to: Vec<CacheExport>,
    /// The sockets of SSH agents, by the id under which `RUN --mount=type=ssh` asks for them.
    pub agents: IndexMap<String, PathBuf>,
    /// For base images and caches.
    pub logins: Logins,
}

/// Credentials by registry host: those of the file's registries, else those that the machine has.
#[derive(Clone)]
pub struct Logins {
    declared: Vec<plan::Registry>,
    registry: Arc<dyn Registry>,
}

impl Logins {
    /// Of several registries with one host, the first is taken.
    pub fn new(declared: Vec<plan::Registry>, registry: Arc<dyn Registry>) -> Self {
        Self { declared, registry }
    }

    /// The login for a host, `None` if it is to be used without. It is looked for when it is asked for: most builds
    /// need few of them.
    pub async fn find(&self, host: &str) -> Result<Option<Login>, RegistryError> {
        let host = canonical(host);
        match self.declared.iter().find(|registry| canonical(&registry.host()) == host) {
            Some(declared) => self.registry.login(declared).await,
            None => self.registry.machine_login(host).await,
        }
    }
}

/// Docker Hub has several names, by which images, engines and the `docker` program know it.
fn canonical(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io",
        other => other,
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("declared", &self.declared).finish_non_exhaustive()
    }
}

/// What a build is doing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BuildProgress {
    /// A step started, ended or changed; later snapshots of a step replace earlier ones.
    Step(BuildStep),
    /// Output of a step, whole lines.
    Output { step: String, line: String },
    /// BuildKit's opinion of the Dockerfile, or a cache that could not be read.
    Warning(String),
}

/// A step of a build as BuildKit sees it: an instruction, or work around them (loading the context, exporting).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BuildStep {
    /// Identifies the step within its build.
    pub id: String,
    /// `[2/4] COPY requirements.txt .`
    pub name: String,
    pub state: StepState,
    /// Time that it ran so far.
    pub elapsed: Duration,
    /// It had ended before: engines report the loading of a step's layers as more of the same step.
    pub again: bool,
    /// Whether it stands for an instruction of the Dockerfile.
    pub instruction: bool,
}

impl BuildStep {
    /// An instruction that has run for that time.
    pub fn new(id: impl Into<String>, name: impl Into<String>, state: StepState, elapsed: Duration) -> Self {
        Self { id: id.into(), name: name.into(), state, elapsed, again: false, instruction: true }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    Waiting,
    Running,
    /// Done without being executed.
    Cached,
    Executed,
    Failed,
}

/// A finished build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The image as the engine identifies it: the digest of its config or, with the containerd image store, of its
    /// manifest.
    pub image: String,
    /// Whether the image is in the repositories of [`BuildRequest::push_to`] already, under its digest.
    pub published: bool,
    /// The instructions of the Dockerfile in their order, with whether each came from the cache; `FROM` is left out.
    pub steps: Vec<BuiltStep>,
}

impl Built {
    pub fn new(image: impl Into<String>, steps: Vec<BuiltStep>) -> Self {
        Self { image: image.into(), published: false, steps }
    }

    /// The same image, which the engine has sent to its repositories.
    #[must_use]
    pub fn published(mut self) -> Self {
        self.published = true;
        self
    }

    pub fn cached(&self) -> usize {
        self.steps.iter().filter(|step| step.cached).count()
    }
}

/// An instruction that was carried out or taken from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltStep {
    /// `[builder 2/4] RUN make`
    pub name: String,
    /// `builder`, with the platform in front if there are several; empty when the Dockerfile has one stage.
    pub stage: String,
    /// Whether it was not executed.
    pub cached: bool,
    /// When the engine worked on it, in order. Of a cached step, the loading of its layers.
    pub intervals: Vec<Interval>,
    /// Bytes that it copied or downloaded, as far as the engine tells.
    pub bytes: u64,
}

/// A time in which a step ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// By the clock of the engine.
    pub started: SystemTime,
    pub took: Duration,
}

impl BuiltStep {
    /// The name without what stands in brackets in front of it: `RUN make`.
    pub fn instruction(&self) -> &str {
        let in_brackets = self.name.strip_prefix('[').and_then(|name| name.split_once("] "));
        in_brackets.map_or(&self.name, |(_, instruction)| instruction)
    }

    /// A step of which nothing more is known.
    pub fn new(name: impl Into<String>, cached: bool) -> Self {
        Self { name: name.into(), stage: String::new(), cached, intervals: Vec::new(), bytes: 0 }
    }
}
