//! Registries as a run uses them: logins, repositories, and what a tag names.

use std::fmt;

use async_trait::async_trait;

use super::{Built, RegistryError};
use crate::plan;

/// Registries: credentials, repositories, what a tag names, and copies between repositories.
///
/// A failure that may pass (a busy registry, a connection that broke) has been tried again before it is returned.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The login for a registry, `None` if it is used without one. It is valid for some time from now on: ask again
    /// before each use.
    async fn login(&self, registry: &plan::Registry) -> Result<Option<Login>, RegistryError>;

    /// The login that this machine has for a registry host which the file does not declare: that of a base image.
    /// `None`: it has none.
    async fn machine_login(&self, host: &str) -> Result<Option<Login>, RegistryError>;

    /// Checks with the registry that the login is accepted, and that the repository is there; with `create`, makes
    /// it if it is missing; with `manage`, gives it the settings of the file.
    async fn prepare(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Result<RepositoryState, RegistryError>;

    /// The same without a change: what `create` would make is fine, and what `manage` would change is drift.
    async fn look(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Result<RepositoryState, RegistryError> {
        // The tag need not exist; whether the registry answers is what counts.
        self.manifest(registry, repository, "latest").await?;
        Ok(RepositoryState::default())
    }

    /// The manifest that a tag or digest of a repository names now, `None` if there is none.
    async fn manifest(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError>;

    /// The manifest or index that a tag or digest names now, as it is stored; `None` if there is none.
    async fn document(&self, at: &Location, reference: &str) -> Result<Option<Document>, RegistryError>;

    /// Writes a manifest or an index under a tag or its own digest. It says what it is (`mediaType`).
    async fn put_document(&self, at: &Location, content: &[u8], reference: &str)
    -> Result<(), RegistryError>;

    /// A blob that has at most `limit` bytes.
    async fn small_blob(&self, at: &Location, digest: &str, limit: usize) -> Result<Vec<u8>, RegistryError>;

    /// Whether the repository has a blob.
    async fn has_blob(&self, at: &Location, digest: &str) -> Result<bool, RegistryError>;

    /// Writes a blob, if the repository does not have it.
    async fn put_blob(&self, at: &Location, content: &[u8]) -> Result<(), RegistryError>;

    /// Gives a manifest that is in the repository another tag.
    async fn tag(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError>;

    /// Copies an image with all that belongs to it to another repository, under the same digest. It gets no tag there.
    async fn copy(
        &self,
        request: &CopyRequest,
        report: &(dyn Fn(CopyProgress) + Send + Sync),
    ) -> Result<Copied, RegistryError>;
}

/// Credentials with where they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Login {
    pub credentials: Credentials,
    /// For a person who looks for them: the name of a secret, a path, an API call.
    pub origin: String,
}

impl Login {
    pub fn new(credentials: Credentials, origin: impl Into<String>) -> Self {
        Self { credentials, origin: origin.into() }
    }
}

/// A user name and a password for one registry. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).field("password", &"***").finish()
    }
}

/// A repository as it was found, or made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepositoryState {
    /// It was made by this call.
    pub created: bool,
    /// The settings in which it differs from the file, or differed until now.
    pub drift: Vec<Drift>,
    /// Which tags can be pushed once only, if the registry tells.
    pub tags: Option<TagRules>,
}

/// A setting of a repository that is not as the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The attribute of the `repository` item.
    pub setting: String,
    /// What the registry has, in the words of the language.
    pub found: String,
    /// What the file says.
    pub wanted: String,
    /// It is now as the file says.
    pub mended: bool,
    /// No call can change it: it is decided when a repository is made.
    pub is_final: bool,
}

impl Drift {
    pub fn new(
        setting: impl Into<String>,
        found: impl Into<String>,
        wanted: impl Into<String>,
        mended: bool,
    ) -> Self {
        Self { setting: setting.into(), found: found.into(), wanted: wanted.into(), mended, is_final: false }
    }
}

/// Which tags of a repository can be pushed once only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagRules {
    /// Whether a tag that no pattern of `except` matches is fixed to its first image.
    pub fixed: bool,
    /// Patterns with `*` for tags that are the other way.
    pub except: Vec<String>,
}

impl TagRules {
    /// What the file says of a repository.
    pub fn of(repository: &plan::Repository) -> Self {
        let fixed = repository.immutable == Some(true);
        // They are exceptions from `immutable`, and of no meaning without it.
        let except = if fixed { repository.mutable_tags.clone() } else { Vec::new() };
        Self { fixed, except }
    }

    /// Whether a tag names one image for ever.
    pub fn is_fixed(&self, tag: &str) -> bool {
        self.fixed != self.except.iter().any(|pattern| plan::matches_pattern(pattern, tag))
    }
}

/// What to copy, and where to.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    pub from: Location,
    /// `sha256:…` of a manifest or an index in `from`.
    pub digest: String,
    pub to: Location,
}

/// A repository with its registry.
#[derive(Debug, Clone)]
pub struct Location {
    pub registry: plan::Registry,
    pub repository: plan::Repository,
}

/// A manifest or an index as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `sha256:…`
    pub digest: String,
    pub bytes: Vec<u8>,
}

/// Bytes copied so far, of those known to be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    pub sent: u64,
    pub total: u64,
}

/// A finished copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Bytes of blobs that went through this machine.
    pub sent: u64,
    /// Bytes of blobs that the target had already, or took over from another of its repositories.
    pub skipped: u64,
}

impl Copied {
    pub fn new(sent: u64, skipped: u64) -> Self {
        Self { sent, skipped }
    }
}

/// The part of an image manifest that a report needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// `sha256:…`
    pub digest: String,
    /// The digest of the image's config, `None` for an index.
    pub config: Option<String>,
    /// From the base up; empty for an index.
    pub layers: Vec<Layer>,
}

impl Manifest {
    pub fn new(digest: impl Into<String>, config: Option<String>, layers: Vec<Layer>) -> Self {
        Self { digest: digest.into(), config, layers }
    }

    /// Whether it is the manifest of an image that an engine has built.
    pub fn is_of(&self, built: &Built) -> bool {
        self.digest == built.image || self.config.as_deref() == Some(&built.image)
    }
}

/// A layer as a registry stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// `sha256:…`
    pub digest: String,
    /// In bytes, compressed if the layer is.
    pub size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_fixed_but_for_exceptions() {
        let rules = |fixed| TagRules { fixed, except: vec!["latest".into(), "cache-*".into()] };
        assert!(rules(true).is_fixed("1.2") && !rules(true).is_fixed("cache-api"));
        assert!(!rules(false).is_fixed("1.2") && rules(false).is_fixed("latest"));
    }

    #[test]
    fn mutable_tags_of_a_file_are_exceptions_from_immutable() {
        let repository = |immutable| plan::Repository {
            item: "app".into(),
            registry: plan::RegistryId(0),
            name: "app".into(),
            create: false,
            immutable,
            mutable_tags: vec!["latest".into()],
            scan_on_push: None,
            kms_key: None,
            lifecycle: None,
            resource_tags: indexmap::IndexMap::new(),
            manage: false,
        };
        let fixed = TagRules::of(&repository(Some(true)));
        assert!(fixed.is_fixed("1.2") && !fixed.is_fixed("latest"));
        for open in [None, Some(false)] {
            let rules = TagRules::of(&repository(open));
            assert!(!rules.is_fixed("1.2") && !rules.is_fixed("latest"));
        }
    }
}
