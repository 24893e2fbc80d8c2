//! What a run will do, with every value known: [`crate::check::Program`] → [`Plan`].
//!
//! A plan can be printed and compared. It holds no expression and no secret value: what is known only during the
//! run (the digest of a pushed image) is a [`TextPiece`], a secret is its name and where it is read.

pub(crate) mod blocks;
mod cache_tag;
mod claims;
mod dockerfiles;
mod errors;
mod eval;
mod families;
mod functions;
mod graph;
mod host;
mod image;
mod images;
mod limits;
mod lower;
mod noted;
mod outside;
mod params;
mod partition;
mod place;
mod portable;
mod pushes;
mod rules;
mod select;
mod shown;
mod steps;
mod tags;
mod texts;
mod trace;
mod value;
mod waves;

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use crate::check::Program as CheckedProgram;
use crate::diag::{Diagnostic, has_errors};
use crate::environment::Environment;
use crate::source::SourceMap;

pub use cache_tag::stage_tag;
pub use functions::duration_text;
pub use image::{
    Attest, Bucket, Build, Cache, CacheMode, CacheSource, CacheTarget, Context, Image, Network, SideStage,
    Stages,
};
pub use params::{inputs, unknown_params};
pub(crate) use partition::Partition;
pub use place::Place;
pub(crate) use rules::matches_pattern;
pub use select::{Selected, UnknownTarget, from_wave, select, unknown_approvals};
pub use steps::{Command, EnvValue, Program, ScriptPiece, Stage, Step, Text, TextPiece, Wave, WaveBody};

/// What a plan is made from besides the program.
pub struct Inputs<'a> {
    /// Values for params by name, which win over their defaults.
    pub params: &'a IndexMap<String, String>,
    pub environment: &'a dyn Environment,
}

/// Evaluates a program that was checked without errors. Warnings that a comment allows are left out. The Dockerfiles of
/// its images join `sources`, so that messages can show them.
///
/// # Errors
/// `Err` holds what was found when any of it is an error; `Ok` has the warnings.
pub fn plan(
    sources: &mut SourceMap,
    program: &CheckedProgram,
    inputs: &Inputs<'_>,
) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (plan, mut diagnostics) = lower::lower(sources, program, inputs);
    program.allows.apply(sources, &mut diagnostics);
    crate::diag::sort(&mut diagnostics);
    if has_errors(&diagnostics) { Err(diagnostics) } else { Ok((plan, diagnostics)) }
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

/// An index into [`Plan::builders`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BuilderId(pub(crate) usize);

/// Everything that one run of a program needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Of the form that a plan is written in as JSON; see `docs/plan-schema.md`.
    pub version: u32,
    /// The folder of the file that is run, where [`Plan::portable`] lets paths start.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Values that came from outside the file, and from where.
    pub inputs: Vec<Input>,
    pub registries: Vec<Registry>,
    pub repositories: Vec<Repository>,
    pub builders: Vec<Builder>,
    pub images: Vec<Image>,
    pub waves: Vec<Wave>,
}

/// A value from outside the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Input {
    /// What asked for it: `param commit`, `env("REGISTRY_HOST")`, `read("VERSION")`.
    pub name: String,
    /// `None` when it was not set. Of a text that is long or has several lines, its SHA-256.
    pub value: Option<String>,
    /// Where it was found: `command line`, `environment`, `default`, `.git/HEAD`, the name of a variable, a file, `clock`.
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Registry {
    /// The item's name in the file.
    pub name: String,
    #[serde(flatten)]
    pub kind: RegistryKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RegistryKind {
    /// A registry that speaks the OCI distribution API.
    Oci { host: String, username: Option<String>, password: Option<Secret>, insecure: bool },
    /// Amazon ECR. `endpoint` replaces the API endpoint, `host` the registry's host name.
    Ecr {
        account: String,
        region: String,
        #[serde(flatten)]
        identity: Identity,
        endpoint: Option<String>,
        host: Option<String>,
    },
    /// The public gallery of Amazon ECR.
    EcrPublic {
        #[serde(flatten)]
        identity: Identity,
    },
}

/// As whom AWS is used; without anything, as whom the AWS tools use it on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Identity {
    /// A profile of the AWS configuration.
    pub profile: Option<String>,
    /// The ARN of the role that is assumed.
    pub role: Option<String>,
    /// What the role's owner wants to be told by those who assume it.
    pub external_id: Option<String>,
    /// By what CloudTrail tells this use of the role from others.
    pub session_name: Option<String>,
}

impl Registry {
    /// A registry that no file declares.
    pub fn at(host: &str) -> Self {
        let kind =
            RegistryKind::Oci { host: host.to_owned(), username: None, password: None, insecure: false };
        Self { name: host.to_owned(), kind }
    }

    /// The host, with a port if it has one, that image references to this registry start with.
    pub fn host(&self) -> String {
        match &self.kind {
            RegistryKind::Oci { host, .. } => host.clone(),
            // https://docs.aws.amazon.com/AmazonECR/latest/public/public-registries.html
            RegistryKind::EcrPublic { .. } => "public.ecr.aws".to_owned(),
            RegistryKind::Ecr { host: Some(host), .. } => host.clone(),
            RegistryKind::Ecr { account, region, .. } => {
                // https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
                format!("{account}.dkr.ecr.{region}.{}", Partition::of(region).suffix)
            }
        }
    }
}

/// A secret by name; its value is read only by the host, when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Secret {
    pub name: String,
    pub source: SecretSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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
    /// Whether its tags do not move, except for `mutable_tags`. `None`: the file does not say, and moves them.
    pub immutable: Option<bool>,
    /// Patterns with `*` for tags that move although the others do not.
    pub mutable_tags: Vec<String>,
    /// `None`: as the registry has it.
    pub scan_on_push: Option<bool>,
    pub kms_key: Option<String>,
    pub lifecycle: Option<Lifecycle>,
    /// The tags of the repository itself, as AWS has them on all that it bills.
    pub resource_tags: IndexMap<String, String>,
    /// Bring settings that differ back to these.
    pub manage: bool,
}

impl Repository {
    /// Whether a tag is never given to a second image, as the file says.
    pub(crate) fn is_fixed(&self, tag: &str) -> bool {
        self.immutable == Some(true) && !self.mutable_tags.iter().any(|pattern| matches_pattern(pattern, tag))
    }

    /// A repository that no file declares.
    #[cfg(feature = "cli")]
    pub(crate) fn named(name: &str, registry: RegistryId) -> Self {
        Self {
            item: name.to_owned(),
            registry,
            name: name.to_owned(),
            create: false,
            immutable: None,
            mutable_tags: Vec::new(),
            scan_on_push: None,
            kms_key: None,
            lifecycle: None,
            manage: false,
            resource_tags: IndexMap::new(),
        }
    }
}

/// What a registry deletes by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lifecycle {
    /// How many images stay.
    pub keep_last: Option<u32>,
    /// How long images without a tag stay.
    #[serde(serialize_with = "portable::duration")]
    pub untagged_after: Option<Duration>,
}

/// Where images are built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Builder {
    /// The item's name in the file.
    pub name: String,
    pub kind: BuilderKind,
    /// `unix://…`, `tcp://…`, `ssh://…`; `None`: the local Docker Engine.
    pub endpoint: Option<String>,
    pub tls: Option<Tls>,
    pub platforms: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BuilderKind {
    Docker,
    Buildkit,
}

/// Files in PEM form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tls {
    pub ca: PathBuf,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Tag {
    pub repository: RepositoryId,
    pub tag: String,
}

/// A tag that an image is pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PushTag {
    #[serde(flatten)]
    pub tag: Tag,
    /// The tag is the same in every run, so it moves from image to image; moving tags are pushed last.
    pub moving: bool,
}

impl Plan {
    /// What [`Plan::version`] is now.
    pub const VERSION: u32 = 1;

    pub fn registry(&self, id: RegistryId) -> &Registry {
        self.registries.get(id.0).expect("a RegistryId is used with the plan that made it")
    }

    pub fn repository(&self, id: RepositoryId) -> &Repository {
        self.repositories.get(id.0).expect("a RepositoryId is used with the plan that made it")
    }

    pub fn builder(&self, id: BuilderId) -> &Builder {
        self.builders.get(id.0).expect("a BuilderId is used with the plan that made it")
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
