//! A repository over the distribution API: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use hyper::body::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::auth::Access;
use super::download::Download;
use super::endpoint::api_name;
use super::failure::{Failure, Kind};
use super::manifest::{self, MANIFEST_TYPES, RawManifest};
use super::request::{Answer, Call};
use super::retry::retried;
use super::session::Session;
use super::upload;
use crate::host::{Login, RegistryError};
use crate::plan;

/// The content of a blob, piece by piece.
pub(super) type BlobStream = BoxStream<'static, Result<Bytes, RegistryError>>;

/// A repository, with a session of its registry.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) session: Arc<Session>,
    /// As images carry it.
    host: String,
    name: String,
    /// As the API knows it.
    pub(super) api_name: String,
}

impl Remote {
    pub(super) fn new(
        session: Arc<Session>,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Self {
        let (host, name) = (registry.host(), repository.name.clone());
        let api_name = api_name(&host, &name);
        Self { session, host, name, api_name }
    }

    /// Checks that the login is accepted for pushing.
    pub(super) async fn log_in(&self) -> Result<(), RegistryError> {
        let access = Access::push(&self.api_name);
        let answer = self.session.authorize(&access).await;
        answer.map_err(|failure| self.error("logging in to", &failure))
    }

    /// The manifest of a tag or digest, `None` if there is none.
    pub(super) async fn manifest(&self, reference: &str) -> Result<Option<RawManifest>, RegistryError> {
        let access = Access::pull(&self.api_name);
        let types = HeaderValue::from_str(&MANIFEST_TYPES.join(", ")).expect("media types are plain text");
        let call = Call::new(Method::GET, self.url("manifests", reference), access).with(ACCEPT, types);
        let read = || async { checked(self.session.exchange_once(&call).await?, reference) };
        match retried(&self.session.patience, read).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(self.error(&format!("reading {} from", self.reference(reference)), &failure)),
        }
    }

    /// Writes a manifest under a tag or its own digest.
    pub(super) async fn put_manifest(&self, bytes: &Bytes, reference: &str) -> Result<(), RegistryError> {
        let doing = format!("writing {} to", self.reference(reference));
        let failed = |failure: Failure| self.error(&doing, &failure);
        let content = manifest::content(bytes).and_then(|content| content.media_type());
        let media_type = content.map_err(|cause| failed(Failure::malformed(cause)))?;
        let access = Access::push(&self.api_name);
        let mut call = Call::new(Method::PUT, self.url("manifests", reference), access);
        call.body = bytes.clone();
        let answer = self.session.exchange(&call.with(CONTENT_TYPE, media_type)).await.map_err(failed)?;
        same(manifest::digest(bytes), answered_digest(&answer.headers)).map_err(failed)
    }

    /// Whether the repository has a blob.
    pub(super) async fn has_blob(&self, digest: &str) -> Result<bool, RegistryError> {
        let call = Call::new(Method::HEAD, self.url("blobs", digest), Access::pull(&self.api_name));
        match self.session.exchange(&call).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_absent() => Ok(false),
            Err(failure) => Err(self.error(&format!("looking for {} in", self.reference(digest)), &failure)),
        }
    }

    /// The content of a blob, piece by piece. The end of the stream is an error if it has not the digest.
    pub(super) fn blob(&self, digest: &str) -> BlobStream {
        let (remote, doing) = (self.clone(), format!("reading {} from", self.reference(digest)));
        let failed = move |failure: Failure| remote.error(&doing, &failure);
        let download = Download::new(self.clone(), digest, 0);
        let pieces = stream::try_unfold(download, |mut download| async {
            Ok(download.next().await?.map(|piece| (piece, download)))
        });
        pieces.map_err(failed).boxed()
    }

    /// The content of a blob that has at most `limit` bytes.
    pub(super) async fn small_blob(&self, digest: &str, limit: usize) -> Result<Bytes, RegistryError> {
        let mut pieces = self.blob(digest);
        let mut content = Vec::new();
        while let Some(piece) = pieces.try_next().await? {
            content.extend_from_slice(&piece);
            if content.len() > limit {
                let failure = Failure::malformed(format!("it has more than {limit} bytes"));
                return Err(self.error(&format!("reading {} from", self.reference(digest)), &failure));
            }
        }
        Ok(content.into())
    }

    /// Writes a blob, if the repository does not have it. Returns its digest, `sha256:…`.
    pub(super) async fn put_blob(&self, content: &Bytes) -> Result<String, RegistryError> {
        let digest = manifest::digest(content);
        if !self.has_blob(&digest).await? {
            let written = retried(&self.session.patience, || upload::whole(self, content, &digest)).await;
            written.map_err(|failure| {
                self.error(&format!("writing {} to", self.reference(&digest)), &failure)
            })?;
        }
        Ok(digest)
    }

    /// `https://host/v2/name/KIND/REFERENCE`
    pub(super) fn url(&self, kind: &str, reference: &str) -> Url {
        let path = format!("v2/{}/{kind}/{reference}", self.api_name);
        self.session
            .base
            .join(&path)
            .expect("names and references have no character that a URL does not allow")
    }

    /// `host/name:tag`, or `host/name@digest`.
    pub(super) fn reference(&self, reference: &str) -> String {
        let separator = if reference.starts_with("sha256:") { '@' } else { ':' };
        format!("{}/{}{separator}{reference}", self.host, self.name)
    }

    /// The failure as what a user can do something about.
    pub(super) fn error(&self, doing: &str, failure: &Failure) -> RegistryError {
        let (host, cause) = (self.host.clone(), failure.to_string());
        match (&failure.kind, &self.session.login) {
            (Kind::Unreachable(_), _) => RegistryError::Unreachable { host, cause },
            (_, Some(Login { origin, .. })) if failure.is_denied() => {
                RegistryError::Denied { host, origin: origin.clone(), cause }
            }
            (_, None) if failure.is_denied() => RegistryError::LoginNeeded { host },
            _ => RegistryError::Api { call: format!("{doing} {host}"), cause },
        }
    }
}

/// A manifest whose content is what the request or else the answer has named.
fn checked(answer: Answer, reference: &str) -> Result<RawManifest, Failure> {
    let found = manifest::digest(&answer.body);
    let asked = Some(reference).filter(|reference| reference.starts_with("sha256:"));
    same(found.clone(), asked.or(answered_digest(&answer.headers)))?;
    Ok(RawManifest { bytes: answer.body, digest: found })
}

/// The digest that an answer names, if it is one that can be compared.
pub(super) fn answered_digest(headers: &HeaderMap) -> Option<&str> {
    let digest = headers.get("Docker-Content-Digest")?.to_str().ok()?;
    Some(digest).filter(|digest| digest.starts_with("sha256:"))
}

pub(super) fn same(found: String, expected: Option<&str>) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected != found => {
            Err(Kind::Corrupt { expected: expected.to_owned(), found }.into())
        }
        _ => Ok(()),
    }
}
