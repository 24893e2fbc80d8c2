//! Registries: any OCI registry over the distribution API, and Amazon ECR.
//!
//! [`Registries`] finds credentials, checks them, creates repositories where the file says so, reads back what a
//! push has left in a registry, tags, and copies images between repositories. The layers of what is built are sent by
//! the engine that built them.

mod auth;
mod certificates;
mod copy;
mod credentials;
mod distribution;
mod download;
#[cfg(feature = "ecr")]
mod ecr;
mod endpoint;
mod failure;
mod manifest;
mod request;
mod retry;
mod session;
mod transfer;
mod upload;

use std::sync::Arc;

use async_trait::async_trait;
use hyper::body::Bytes;

use crate::host::{
    Copied, CopyProgress, CopyRequest, Document, Location, Login, Manifest, Registry, RegistryError,
    RepositoryState,
};
use crate::plan;

use distribution::Remote;
use session::Sessions;

pub use retry::Patience;

/// The tag that is asked for to find out whether a registry answers and takes the credentials. It need not exist.
const PROBE_TAG: &str = "latest";

/// Registries over the network. Each is logged in to once, and again before its login runs out.
#[derive(Default)]
pub struct Registries {
    sessions: Sessions,
}

impl Registries {
    pub fn new() -> Self {
        Self::default()
    }

    /// Registries that are asked more or less often and long than usual.
    pub fn with_patience(patience: Patience) -> Self {
        Self { sessions: Sessions::new(patience) }
    }

    /// Does some work with a session of a registry; once more with a new login if that of the session has been
    /// accepted before and is not any more.
    async fn logged_in<T, F>(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        work: impl Fn(Remote) -> F,
    ) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let session = self.sessions.get(registry).await?;
        match work(Remote::new(Arc::clone(&session), registry, repository)).await {
            Err(denied @ RegistryError::Denied { .. }) => {
                match self.sessions.renew(registry, &session).await? {
                    Some(session) => work(Remote::new(session, registry, repository)).await,
                    None => Err(denied),
                }
            }
            answer => answer,
        }
    }

    /// The same for a repository with its registry.
    async fn at<T, F>(&self, at: &Location, work: impl Fn(Remote) -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        self.logged_in(&at.registry, &at.repository, work).await
    }
}

#[async_trait]
impl Registry for Registries {
    async fn login(&self, registry: &plan::Registry) -> Result<Option<Login>, RegistryError> {
        Ok(self.sessions.get(registry).await?.login.clone())
    }

    async fn machine_login(&self, host: &str) -> Result<Option<Login>, RegistryError> {
        credentials::oci(host, None, None).await
    }

    async fn prepare(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Result<RepositoryState, RegistryError> {
        // A login that is refused says more than what fails behind it.
        self.logged_in(registry, repository, |remote| async move { remote.log_in().await }).await?;
        let session = self.sessions.get(registry).await?;
        #[cfg(feature = "ecr")]
        let state = match &session.ecr {
            Some(api) => ecr::prepare(api, repository).await?,
            None => RepositoryState::default(),
        };
        #[cfg(not(feature = "ecr"))]
        let (state, _) = (RepositoryState::default(), session);
        self.manifest(registry, repository, PROBE_TAG).await?;
        Ok(state)
    }

    async fn look(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Result<RepositoryState, RegistryError> {
        let session = self.sessions.get(registry).await?;
        #[cfg(feature = "ecr")]
        let state = match &session.ecr {
            Some(api) => ecr::look(api, repository).await?,
            None => RepositoryState::default(),
        };
        #[cfg(not(feature = "ecr"))]
        let (state, _) = (RepositoryState::default(), session);
        self.manifest(registry, repository, PROBE_TAG).await?;
        Ok(state)
    }

    async fn manifest(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        let found = self
            .logged_in(registry, repository, |remote| async move { remote.manifest(reference).await })
            .await?;
        found.map(manifest::RawManifest::parse).transpose()
    }

    async fn document(&self, at: &Location, reference: &str) -> Result<Option<Document>, RegistryError> {
        let found = self.at(at, |remote| async move { remote.manifest(reference).await }).await?;
        Ok(found.map(|found| Document { digest: found.digest, bytes: found.bytes.into() }))
    }

    async fn put_document(
        &self,
        at: &Location,
        content: &[u8],
        reference: &str,
    ) -> Result<(), RegistryError> {
        let content = Bytes::copy_from_slice(content);
        let put = |remote: Remote| {
            let content = content.clone();
            async move { remote.put_manifest(&content, reference).await }
        };
        self.at(at, put).await
    }

    async fn small_blob(&self, at: &Location, digest: &str, limit: usize) -> Result<Vec<u8>, RegistryError> {
        let read = |remote: Remote| async move { remote.small_blob(digest, limit).await };
        self.at(at, read).await.map(Into::into)
    }

    async fn has_blob(&self, at: &Location, digest: &str) -> Result<bool, RegistryError> {
        self.at(at, |remote| async move { remote.has_blob(digest).await }).await
    }

    async fn put_blob(&self, at: &Location, content: &[u8]) -> Result<(), RegistryError> {
        let content = Bytes::copy_from_slice(content);
        let put = |remote: Remote| {
            let content = content.clone();
            async move { remote.put_blob(&content).await.map(drop) }
        };
        self.at(at, put).await
    }

    async fn tag(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError> {
        self.logged_in(registry, repository, |remote| async move {
            match remote.manifest(digest).await? {
                Some(manifest) => remote.put_manifest(&manifest.bytes, tag).await,
                None => Err(RegistryError::NoImage {
                    reference: format!("{}/{}@{digest}", registry.host(), repository.name),
                }),
            }
        })
        .await
    }

    async fn copy(
        &self,
        request: &CopyRequest,
        report: &(dyn Fn(CopyProgress) + Send + Sync),
    ) -> Result<Copied, RegistryError> {
        let CopyRequest { from, digest, to } = request;
        // What has arrived by the time that a login runs out is there already when the copy is started again.
        self.logged_in(&from.registry, &from.repository, |source| {
            self.logged_in(&to.registry, &to.repository, move |target| {
                let source = source.clone();
                async move { copy::copy(&source, digest, &target, report).await }
            })
        })
        .await
    }
}
