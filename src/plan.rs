//! What a run will do, with every value known: [`crate::check::Program`] → [`Plan`].
//!
//! A plan can be printed and compared. It holds no expression and no secret value: what is known only during the
//! run (the digest of a pushed image) is a [`TextPiece`], a secret is its name and where it is read.

mod errors;
mod eval;
mod functions;
mod limits;
mod lower;
mod pushes;
mod rules;

use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use crate::check::Program as CheckedProgram;
use crate::diag::{Diagnostic, has_errors};

/// What evaluation may know of the world outside the file.
pub trait Environment {
    /// An environment variable; one that is empty counts as unset.
    fn var(&self, name: &str) -> Option<String>;

    /// What stands at a path, `None` for nothing.
    fn path_kind(&self, path: &Path) -> Option<PathKind>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    File,
    Folder,
    Other,
}

/// What a plan is made from besides the program.
pub struct Inputs<'a> {
    /// Values for params by name, which win over their defaults.
    pub params: &'a IndexMap<String, String>,
    pub environment: &'a dyn Environment,
    /// The folder that relative paths start from: the one of the `.cachefile`.
    pub folder: &'a Path,
}

/// Evaluates a program that was checked without errors.
///
/// # Errors
/// `Err` holds what was found when any of it is an error; `Ok` has the warnings.
pub fn plan(
    program: &CheckedProgram,
    inputs: &Inputs<'_>,
) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (plan, mut diagnostics) = lower::lower(program, inputs);
    crate::diag::sort(&mut diagnostics);
    if has_errors(&diagnostics) { Err(diagnostics) } else { Ok((plan, diagnostics)) }
}

/// The names in `params` that the program does not declare, each with a declared one that is similar.
pub fn unknown_params<'a>(
    program: &'a CheckedProgram,
    params: &'a IndexMap<String, String>,
) -> Vec<(&'a str, Option<&'a str>)> {
    let declared: Vec<_> = program.values.iter().filter(|value| value.param.is_some()).collect();
    let known = || declared.iter().map(|value| value.name.value.as_str());
    params
        .keys()
        .filter(|name| !known().any(|declared| declared == name.as_str()))
        .map(|name| (name.as_str(), crate::diag::similar(name, known())))
        .collect()
}

/// An index into [`Plan::images`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ImageId(pub(crate) usize);

/// An index into [`Plan::repositories`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepositoryId(pub(crate) usize);

/// An index into [`Plan::registries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RegistryId(pub(crate) usize);

/// Everything that one run of a program needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Values that came from outside the file, and from where.
    pub inputs: Vec<Input>,
    pub registries: Vec<Registry>,
    pub repositories: Vec<Repository>,
    pub images: Vec<Image>,
    pub waves: Vec<Wave>,
}

/// A value from outside the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// What asked for it: `param commit`, `env("REGISTRY_HOST")`.
    pub name: String,
    /// `None` when it was not set.
    pub value: Option<String>,
    /// Where it was found: `command line`, `environment`, `default`.
    pub source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Registry {
    /// The item's name in the file.
    pub name: String,
    pub kind: RegistryKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RegistryKind {
    /// A registry that speaks the OCI distribution API.
    Oci { host: String, username: Option<String>, password: Option<Secret>, insecure: bool },
    /// Amazon ECR. `endpoint` replaces the API endpoint, `host` the registry's host name.
    Ecr {
        account: String,
        region: String,
        profile: Option<String>,
        endpoint: Option<String>,
        host: Option<String>,
    },
}

impl Registry {
    /// The host, with a port if it has one, that image references to this registry start with.
    pub fn host(&self) -> String {
        match &self.kind {
            RegistryKind::Oci { host, .. } => host.clone(),
            RegistryKind::Ecr { host: Some(host), .. } => host.clone(),
            RegistryKind::Ecr { account, region, .. } => {
                // https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("{account}.dkr.ecr.{region}.{suffix}")
            }
        }
    }
}

/// A secret by name; its value is read only by the host, when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Secret {
    pub name: String,
    pub source: SecretSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; relative paths are relative to the `.cachefile`.
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Repository {
    /// The item's name in the file.
    pub item: String,
    pub registry: RegistryId,
    /// The name inside the registry: `my-lambda`, `team/app`.
    pub name: String,
    /// Create it when it does not exist.
    pub create: bool,
}

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Tag {
    pub repository: RepositoryId,
    pub tag: String,
}

/// A tag that an image is pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushTag {
    #[serde(flatten)]
    pub tag: Tag,
    /// The tag is the same in every run, so it moves from image to image; moving tags are pushed last.
    pub moving: bool,
}

/// An image with where it goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Image {
    /// The item's name in the file.
    pub name: String,
    #[serde(flatten)]
    pub build: Build,
    pub timeout: Option<Duration>,
    /// In push order: unique tags first, moving tags last.
    pub tags: Vec<PushTag>,
    pub cache: Cache,
}

/// What an image is built from, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Build {
    /// The folder of the build context.
    pub context: PathBuf,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    pub target: Option<String>,
    pub args: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    /// `linux/amd64`; empty: what the engine runs on.
    pub platforms: Vec<String>,
    pub network: Network,
    pub extra_hosts: IndexMap<String, String>,
    /// Look for newer base images even when one of the name is in the engine.
    pub pull: bool,
    pub no_cache: bool,
}

/// The network of `RUN` instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    #[default]
    Default,
    None,
    Host,
}

/// Where an image's build cache is read from and written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// No `cache` block: read and write this tag with the strongest method that the engine supports.
    Automatic(Tag),
    /// As written in the `cache` block, or nothing for an image without tags.
    Explicit { from: Vec<CacheSource>, to: Vec<CacheTarget> },
}

impl Cache {
    /// The repositories that it is read from and written to.
    pub(crate) fn repositories(&self) -> Vec<RepositoryId> {
        match self {
            Cache::Automatic(tag) => vec![tag.repository],
            Cache::Explicit { from, to } => {
                let from = from.iter().map(|CacheSource::Registry(tag)| tag.repository);
                let to = to.iter().filter_map(|target| match target {
                    CacheTarget::Registry { tag, .. } => Some(tag.repository),
                    CacheTarget::Inline => None,
                });
                from.chain(to).collect()
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// The layers of the final image.
    Min,
    /// The layers of every stage.
    Max,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Wave {
    pub name: String,
    /// `false`: the wave is skipped (its `when` does not hold).
    pub when: bool,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    Build { images: Vec<ImageId> },
    Push { images: Vec<ImageId> },
    Command(Command),
}

/// A `run` or `sh` step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Command {
    pub program: Program,
    pub env: IndexMap<String, Text>,
    /// The working folder; by default the one of the `.cachefile`.
    pub dir: PathBuf,
    pub timeout: Option<Duration>,
    /// How often a failed command is started again.
    pub retries: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// `run`: a program and its arguments, without a shell.
    Run(Vec<Text>),
    /// `sh`: a script for `/bin/sh -eu`.
    Sh(Vec<ScriptPiece>),
}

/// A piece of a shell script.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptPiece {
    /// Shell text as written in the file.
    Script(String),
    /// The value of a `${…}` hole, which the shell must see as one word.
    Word(Text),
}

/// A text with holes for what only the run knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Text(pub Vec<TextPiece>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPiece {
    Literal(String),
    /// `host/name@sha256:…` of a pushed image.
    Ref(ImageId),
    /// `sha256:…` of a pushed image.
    Digest(ImageId),
}

impl Plan {
    pub fn registry(&self, id: RegistryId) -> &Registry {
        self.registries.get(id.0).expect("a RegistryId is used with the plan that made it")
    }

    pub fn repository(&self, id: RepositoryId) -> &Repository {
        self.repositories.get(id.0).expect("a RepositoryId is used with the plan that made it")
    }

    pub fn image(&self, id: ImageId) -> &Image {
        self.images.get(id.0).expect("an ImageId is used with the plan that made it")
    }

    /// `host/name` of a repository.
    pub fn repository_reference(&self, id: RepositoryId) -> String {
        let repository = self.repository(id);
        format!("{}/{}", self.registry(repository.registry).host(), repository.name)
    }

    /// `host/name:tag`.
    pub fn reference(&self, tag: &Tag) -> String {
        format!("{}:{}", self.repository_reference(tag.repository), tag.tag)
    }
}
