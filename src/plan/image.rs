//! An image of a plan: what it is built from, its tags and its caches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use super::portable;
use super::{BuilderId, ImageId, PushTag, RepositoryId, Secret, Tag};

/// An image with where it goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Image {
    /// The item's name in the file, with its keys if it is one of a family: `worker["api"]`.
    pub name: String,
    /// `false`: it is not built in this run (its `when` does not hold).
    pub when: bool,
    /// Its `when` as it is written.
    pub condition: Option<String>,
    /// `None`: the local Docker Engine.
    pub builder: Option<BuilderId>,
    /// The images that have to be built before: those in `contexts`, and those whose tags the Dockerfile names.
    pub needs: Vec<ImageId>,
    #[serde(flatten)]
    pub build: Build,
    /// Put the image into the image store of the engine.
    pub load: bool,
    #[serde(serialize_with = "portable::duration")]
    pub timeout: Option<Duration>,
    /// How often a failed build is started again.
    pub retries: u32,
    /// In push order: unique tags first, moving tags last.
    pub tags: Vec<PushTag>,
    pub cache: Cache,
    /// Where its layers come from, as far as the Dockerfile tells.
    #[serde(skip)]
    pub stages: Stages,
}

/// The stages of a Dockerfile that the build of an image uses. A stage has a label, by which the names of its steps call
/// it: its name in lower case or, without one, `stage-0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stages {
    /// The labels of those whose layers the image has, the lowest first; empty if the Dockerfile is not known before
    /// the build.
    pub own: Vec<String>,
    /// Those that it copies or mounts from.
    pub beside: Vec<SideStage>,
}

/// A stage that an image copies or mounts from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideStage {
    pub label: String,
    /// Only a stage with a name can be the target of a build.
    pub has_name: bool,
    /// The labels of the stages that it is based on, whose layers it has, the lowest first.
    pub below: Vec<String>,
}

/// What an image is built from, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Build {
    pub context: Context,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    /// The text to use in place of a file.
    pub dockerfile_inline: Option<String>,
    pub target: Option<String>,
    pub args: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    pub annotations: IndexMap<String, String>,
    /// By the id under which `RUN --mount=type=secret` asks for them.
    pub secrets: IndexMap<String, Secret>,
    /// `default` or `ID=SOCKET`, as `docker build --ssh` takes them.
    pub ssh: Vec<String>,
    /// Contexts besides the main one, by the name that the Dockerfile uses.
    pub contexts: IndexMap<String, Context>,
    /// `linux/amd64`; empty: what the engine runs on.
    pub platforms: Vec<String>,
    pub network: Network,
    pub extra_hosts: IndexMap<String, String>,
    /// Bytes of `/dev/shm` during `RUN`.
    pub shm_size: Option<u64>,
    /// `nofile` → `1024:2048`
    pub ulimits: IndexMap<String, String>,
    /// Look for newer base images even when one of the name is in the engine.
    pub pull: bool,
    pub no_cache: bool,
    /// Stages that are built without cache.
    pub no_cache_stages: Vec<String>,
    pub attest: Attest,
}

/// Files that a build works with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Context {
    Folder(PathBuf),
    /// `https://host/repository.git#reference:folder`, which the engine fetches.
    Git(String),
    /// Another image of the plan.
    Image(ImageId),
    /// `docker-image://…`
    Reference(String),
}

impl Context {
    /// The folder on this machine, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Context::Folder(folder) => Some(folder),
            Context::Git(_) | Context::Image(_) | Context::Reference(_) => None,
        }
    }
}

/// How much provenance is attached to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attest {
    /// None, so that what is pushed is one manifest.
    #[default]
    None,
    Min,
    Max,
}

/// The network of `RUN` instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Network {
    #[default]
    Default,
    None,
    Host,
}

/// Where an image's build cache is read from and written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cache {
    /// No `cache` block: read and write this tag with the strongest method that the engine supports.
    Automatic(Tag),
    /// As written in the `cache` block, or nothing for an image without tags.
    Explicit { from: Vec<CacheSource>, to: Vec<CacheTarget> },
}

impl Cache {
    /// The tags that a build may write it to.
    pub(crate) fn written(&self) -> Vec<&Tag> {
        match self {
            Self::Automatic(tag) => vec![tag],
            Self::Explicit { to, .. } => to.iter().filter_map(CacheTarget::tag).collect(),
        }
    }
}

impl Cache {
    /// The repositories that it is read from and written to.
    pub(crate) fn repositories(&self) -> Vec<RepositoryId> {
        match self {
            Cache::Automatic(tag) => vec![tag.repository],
            Cache::Explicit { from, to } => {
                let tags =
                    from.iter().filter_map(CacheSource::tag).chain(to.iter().filter_map(CacheTarget::tag));
                tags.map(|tag| tag.repository).collect()
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheSource {
    /// A cache or an image with inline cache under this tag.
    Registry(Tag),
    /// A folder that a build has exported its cache to.
    Local(PathBuf),
    /// The cache service of GitHub Actions.
    Gha {
        scope: Option<String>,
    },
    S3(Bucket),
}

impl CacheSource {
    pub(crate) fn tag(&self) -> Option<&Tag> {
        match self {
            CacheSource::Registry(tag) => Some(tag),
            CacheSource::Local(_) | CacheSource::Gha { .. } | CacheSource::S3(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheTarget {
    /// Inside the image itself: the steps of the final stage.
    Inline,
    Registry {
        tag: Tag,
        mode: CacheMode,
    },
    Local {
        folder: PathBuf,
        mode: CacheMode,
    },
    Gha {
        scope: Option<String>,
        mode: CacheMode,
    },
    S3 {
        #[serde(flatten)]
        bucket: Bucket,
        mode: CacheMode,
    },
}

impl CacheTarget {
    pub(crate) fn tag(&self) -> Option<&Tag> {
        match self {
            CacheTarget::Registry { tag, .. } => Some(tag),
            CacheTarget::Inline
            | CacheTarget::Local { .. }
            | CacheTarget::Gha { .. }
            | CacheTarget::S3 { .. } => None,
        }
    }
}

/// A place in Amazon S3 or a compatible store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bucket {
    pub bucket: String,
    pub region: String,
    pub prefix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheMode {
    /// The layers of the final image.
    Min,
    /// The layers of every stage.
    Max,
}
