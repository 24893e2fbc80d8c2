//! What an engine is and what it can do: facts about its kind, its version and its image store.
//!
//! BuildKit says little about itself and ignores what it does not know, so that a build with a setting that an older
//! engine lacks would go on without it. The table in [`Engine::can`] and those of the cache methods are what
//! BuildKit's and Docker's sources say of each version.

mod repository;

use std::fmt;
use std::path::PathBuf;

use super::BuildError;
use crate::plan::{Attest, Build, BuilderKind, Context};
use repository::Form;

/// An engine, as far as a build depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Engine {
    /// Where it listens: `unix:///var/run/docker.sock`.
    pub address: String,
    /// A Docker Engine, or BuildKit on its own.
    pub kind: BuilderKind,
    /// Of the Docker Engine, or of buildkitd: `20.10.24`. Empty: a buildkitd that is too old to say.
    pub version: String,
    /// Where built images are.
    pub store: ImageStore,
    /// What it can build for.
    pub platforms: Platforms,
    /// Of a Docker Engine, the newest version of its API: `1.45`.
    pub api: Option<String>,
    /// The version of the BuildKit inside; `None` before 0.11, which does not say.
    pub buildkit: Option<String>,
    /// Where a Docker Engine keeps its data, on its machine.
    pub data_folder: Option<PathBuf>,
}

/// The platforms of an engine: `linux/amd64`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platforms {
    /// Those whose programs it can run, its own first. Empty when it does not say.
    Run(Vec<String>),
    /// Those that the `builder` item lists; nothing else is asked of it.
    Declared(Vec<String>),
}

/// Where an engine keeps what it has built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageStore {
    /// A classic storage driver of the Docker Engine, such as `overlay2`.
    Graphdriver,
    /// The containerd image store of the Docker Engine.
    Containerd,
    /// Nowhere: images leave the engine at the end of the build.
    None,
}

/// Something that not every engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// `contexts`
    NamedContexts,
    /// A `context` that is a folder of a Git repository.
    GitFolder,
    /// The address of a Git repository as `ssh://…` and in other forms that came late.
    GitAddresses,
    /// `shm_size`
    ShmSize,
    /// `ulimits`
    Ulimits,
    /// An image of several platforms.
    MultiPlatform,
    /// `annotations`
    Annotations,
    /// `attest`
    Attestations,
    /// More than one cache that is written.
    SeveralCaches,
    /// The second version of the cache service of GitHub Actions.
    GhaV2,
    /// A registry cache in the form of an image: older engines write another form, which Amazon ECR refuses, and read
    /// this one as an empty cache.
    CacheAsImage,
    /// Caches of several images that have keys in common. From BuildKit 0.25 on at the latest, which of them a key is
    /// found in is chance (buildkit, solver/combinedcache.go and cache/remotecache/v1/chains.go).
    SeveralCacheImages,
}

/// A way to keep the cache of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheMethod {
    /// `cache.inline`
    Inline,
    /// `cache.registry`
    Registry,
    /// `cache.local`
    Local,
    /// `cache.gha`
    Gha,
    /// `cache.s3`
    S3,
}

impl CacheMethod {
    /// Every method.
    pub const ALL: [CacheMethod; 5] =
        [CacheMethod::Inline, CacheMethod::Registry, CacheMethod::Local, CacheMethod::Gha, CacheMethod::S3];
}

impl Engine {
    /// An engine of which nothing more is known.
    pub fn new(
        address: impl Into<String>,
        kind: BuilderKind,
        version: impl Into<String>,
        store: ImageStore,
    ) -> Self {
        let (address, version) = (address.into(), version.into());
        let (api, buildkit, data_folder) = Default::default();
        Self {
            address,
            kind,
            version,
            store,
            platforms: Platforms::Run(Vec::new()),
            api,
            buildkit,
            data_folder,
        }
    }

    /// The same engine, with what it can build for.
    #[must_use]
    pub fn with_platforms(mut self, platforms: Platforms) -> Self {
        self.platforms = platforms;
        self
    }

    /// Whether an image that is built can be used by the next build, or pushed later.
    pub fn keeps_images(&self) -> bool {
        self.store != ImageStore::None
    }

    /// Whether it does what a setting asks for.
    pub fn can(&self, feature: Feature) -> bool {
        match feature {
            // The Dockerfile frontend of BuildKit 0.8, in Docker 20.10, does not know them and says nothing.
            Feature::NamedContexts
            | Feature::GitFolder
            | Feature::GitAddresses
            | Feature::ShmSize
            | Feature::Ulimits => match self.kind {
                BuilderKind::Docker => self.is_at_least(23, 0),
                BuilderKind::Buildkit => self.is_at_least(0, 10),
            },
            // The exporter of classic storage drivers writes one manifest without annotations
            // (moby, daemon/internal/builder-next/exporter/mobyexporter/export.go).
            Feature::MultiPlatform => self.store != ImageStore::Graphdriver,
            Feature::Annotations | Feature::Attestations => match self.store {
                ImageStore::Graphdriver => false,
                ImageStore::Containerd => true,
                ImageStore::None => self.is_at_least(0, 11),
            },
            Feature::SeveralCaches | Feature::CacheAsImage => match self.kind {
                BuilderKind::Docker => self.is_at_least(25, 0),
                BuilderKind::Buildkit => self.is_at_least(0, 12),
            },
            Feature::SeveralCacheImages => match self.kind {
                BuilderKind::Docker => !self.is_at_least(27, 0),
                BuilderKind::Buildkit => !self.is_at_least(0, 14),
            },
            Feature::GhaV2 => match self.kind {
                BuilderKind::Docker => self.is_at_least(28, 0),
                BuilderKind::Buildkit => self.is_at_least(0, 20),
            },
        }
    }

    /// Whether a build can read a cache of this kind.
    pub fn can_import(&self, method: CacheMethod) -> bool {
        match method {
            CacheMethod::Inline | CacheMethod::Registry => true,
            method => self.can_export(method),
        }
    }

    /// Whether a build can write a cache of this kind (moby, daemon/internal/builder-next/controller.go; buildkit,
    /// cmd/buildkitd/main.go).
    pub fn can_export(&self, method: CacheMethod) -> bool {
        match method {
            CacheMethod::Inline => true,
            CacheMethod::Registry => self.store != ImageStore::Graphdriver && self.can(Feature::CacheAsImage),
            CacheMethod::Gha => self.store != ImageStore::Graphdriver,
            CacheMethod::S3 => self.store == ImageStore::None,
            // It is written through a service for content that this client does not offer.
            CacheMethod::Local => false,
        }
    }

    /// The forms in which images leave it (moby, daemon/internal/builder-next/worker/worker.go; buildkit, exporter).
    pub fn exporters(&self) -> &'static [&'static str] {
        match self.store {
            ImageStore::Graphdriver => &["moby", "local", "tar"],
            ImageStore::Containerd => &["moby", "image", "oci", "docker", "local", "tar"],
            ImageStore::None => &["image", "oci", "docker", "local", "tar"],
        }
    }

    /// Whether everything that a build asks for is known to the engine.
    ///
    /// # Errors
    /// [`BuildError::Unsupported`] names the first setting that the engine does not know.
    pub fn check(&self, build: &Build) -> Result<(), BuildError> {
        for context in std::iter::once(&build.context).chain(build.contexts.values()) {
            if let Context::Git(url) = context {
                self.check_repository(url)?;
            }
        }
        let asked = [
            (
                Feature::GitFolder,
                "a folder of a repository as `context`",
                has_folder(&build.context),
                KNOWN_LATER,
            ),
            (Feature::NamedContexts, "`contexts`", !build.contexts.is_empty(), KNOWN_LATER),
            (Feature::ShmSize, "`shm_size`", build.shm_size.is_some(), KNOWN_LATER),
            (Feature::Ulimits, "`ulimits`", !build.ulimits.is_empty(), KNOWN_LATER),
            (
                Feature::MultiPlatform,
                "an image of several platforms",
                build.platforms.len() > 1,
                "either build for one platform, or turn on the containerd image store of the engine",
            ),
            (Feature::Annotations, "`annotations`", !build.annotations.is_empty(), OTHER_STORE),
            (Feature::Attestations, "`attest`", build.attest != Attest::None, OTHER_STORE),
        ];
        match asked.into_iter().find(|(feature, _, asked, _)| *asked && !self.can(*feature)) {
            Some((_, what, _, help)) => Err(self.unsupported(what, help)),
            None => self.check_platforms(&build.platforms),
        }
    }

    /// An engine takes an address of another form for a file to download, or for a folder of this machine.
    fn check_repository(&self, url: &str) -> Result<(), BuildError> {
        let help = match Form::of(url) {
            Form::Known => return Ok(()),
            Form::KnownLater if self.can(Feature::GitAddresses) => return Ok(()),
            Form::KnownLater => format!("write it as `git@host:path` or `https://host/path.git`; {KNOWN_LATER}"),
            Form::File => "write the address with `.git` at its end: that is how an engine tells a repository from a \
                           file"
                .to_owned(),
            Form::Other => "an engine fetches repositories from addresses like `https://host/path.git`, \
                            `ssh://git@host/path` and `git@host:path`; a folder of this machine is written without \
                            `git(…)`"
                .to_owned(),
        };
        Err(self
            .unsupported(&format!("the address `{}` of a repository", repository::without_login(url)), help))
    }

    /// What is not known of an engine is tried: an image for another platform can be built without running anything
    /// of that platform.
    fn check_platforms(&self, wanted: &[String]) -> Result<(), BuildError> {
        let declared = match &self.platforms {
            Platforms::Declared(declared) => declared,
            Platforms::Run(_) => return Ok(()),
        };
        let is_declared = |wanted: &String| declared.iter().any(|one| is_variant(wanted, one));
        match wanted.iter().find(|wanted| !is_declared(wanted)) {
            Some(platform) => {
                let help = format!(
                    "its `platforms` are {}; add this one, or choose another `builder`",
                    declared.join(", ")
                );
                Err(self.unsupported(&format!("the platform {platform}"), help))
            }
            None => Ok(()),
        }
    }

    /// The error for what this engine does not do; `help` says what would.
    pub fn unsupported(&self, what: &str, help: impl Into<String>) -> BuildError {
        BuildError::Unsupported { engine: self.to_string(), what: what.to_owned(), help: help.into() }
    }

    /// Compares the version, of which only the numbers count: `26.1.5+dfsg1`. One that is unknown is an old one.
    pub(crate) fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.version.trim_start_matches('v').split(|one: char| !one.is_ascii_digit());
        let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
        (next(), next()) >= (major, minor)
    }
}

/// What would work, for the help of an error.
const KNOWN_LATER: &str = "Docker Engine 23.0 and later, and BuildKit 0.10 and later, know it";
const OTHER_STORE: &str =
    "either turn on the containerd image store of the engine, or use a `builder` with `kind = \"buildkit\"`";

/// Whether it is `repository#reference:folder`.
fn has_folder(context: &Context) -> bool {
    match context {
        Context::Git(url) => url.split_once('#').is_some_and(|(_, fragment)| fragment.contains(':')),
        Context::Folder(_) | Context::Image(_) | Context::Reference(_) => false,
    }
}

/// `linux/arm64/v8` is what `linux/arm64` is short for.
fn is_variant(wanted: &str, known: &str) -> bool {
    let plain = |platform: &str| platform.trim_end_matches("/v8").to_owned();
    plain(wanted) == plain(known)
}

impl fmt::Display for ImageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ImageStore::Graphdriver => "classic image store",
            ImageStore::Containerd => "containerd image store",
            ImageStore::None => "no image store",
        })
    }
}

impl fmt::Display for CacheMethod {
    /// The word that the language has for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CacheMethod::Inline => "inline",
            CacheMethod::Registry => "registry",
            CacheMethod::Local => "local",
            CacheMethod::Gha => "gha",
            CacheMethod::S3 => "s3",
        })
    }
}

impl fmt::Display for Engine {
    /// As it stands in a message: `the Docker Engine 26.1.5 (containerd image store) at unix:///…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, version, store, .. } = self;
        match self.kind {
            BuilderKind::Docker => write!(f, "the Docker Engine {version} ({store}) at {address}"),
            BuilderKind::Buildkit if version.is_empty() => write!(f, "the buildkitd at {address}"),
            BuilderKind::Buildkit => write!(f, "the buildkitd {version} at {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker(version: &str, store: ImageStore) -> Engine {
        Engine::new("unix:///x", BuilderKind::Docker, version, store)
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let engine = docker("26.1.5+dfsg1", ImageStore::Graphdriver);
        assert!(engine.is_at_least(26, 1) && engine.is_at_least(23, 9));
        assert!(!engine.is_at_least(26, 2) && !engine.is_at_least(27, 0));
        assert!(!docker("", ImageStore::Graphdriver).is_at_least(0, 1));
        assert!(docker("v0.12.5", ImageStore::None).is_at_least(0, 11));
    }

    #[test]
    fn what_an_engine_would_ignore_is_not_asked_of_it() {
        assert!(!docker("20.10.24", ImageStore::Graphdriver).can(Feature::Ulimits));
        assert!(docker("23.0.0", ImageStore::Graphdriver).can(Feature::Ulimits));
        assert!(!docker("28.5.2", ImageStore::Graphdriver).can(Feature::Annotations));
        assert!(docker("28.5.2", ImageStore::Containerd).can(Feature::Annotations));
    }

    #[test]
    fn what_an_engine_would_take_for_a_file_is_no_repository() {
        let error = |version, url: &str| docker(version, ImageStore::Containerd).check_repository(url).err();
        assert!(error("20.10.24", "https://host/app.git").is_none());
        assert!(error("28.5.2", "ssh://git@host/app").is_none());
        let old = error("20.10.24", "ssh://git@host/app").and_then(|error| error.help());
        assert!(old.is_some_and(|help| help.starts_with("write it as `git@host:path` or")));
        let file = error("28.5.2", "https://ci:secret@host/app").expect("it is no repository");
        assert!(
            file.to_string().ends_with("does not support the address `https://…@host/app` of a repository")
        );
        assert!(file.help().is_some_and(|help| help.contains("`.git` at its end")));
    }

    #[test]
    fn caches_depend_on_the_store() {
        let exports = |store| {
            let engine = docker("28.5.2", store);
            CacheMethod::ALL.map(|method| engine.can_export(method))
        };
        assert_eq!(exports(ImageStore::Graphdriver), [true, false, false, false, false]);
        assert_eq!(exports(ImageStore::Containerd), [true, true, false, true, false]);
        assert_eq!(exports(ImageStore::None), [true, true, false, true, true]);
        let old = docker("24.0.9", ImageStore::Containerd);
        assert!(!old.can_export(CacheMethod::Registry), "it would write a form that ECR refuses");
    }

    #[test]
    fn only_declared_platforms_are_a_limit() {
        let wanted = ["linux/arm64".to_owned()];
        let engine = docker("28.5.2", ImageStore::Containerd);
        let amd64 = || vec!["linux/amd64".to_owned()];
        assert!(engine.clone().with_platforms(Platforms::Run(amd64())).check_platforms(&wanted).is_ok());
        let error = engine.with_platforms(Platforms::Declared(amd64())).check_platforms(&wanted);
        let error = error.map_err(|error| error.to_string());
        let expected = "the Docker Engine 28.5.2 (containerd image store) at unix:///x does not support the platform linux/arm64";
        assert_eq!(error, Err(expected.to_owned()));
    }

    #[test]
    fn variants_of_arm64_are_one_platform() {
        assert!(is_variant("linux/arm64", "linux/arm64/v8"));
        assert!(!is_variant("linux/arm/v7", "linux/arm/v6"));
    }
}
