//! Requests of the distribution API: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>

use std::io;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{self, OciManifest};
use oci_client::{Reference, RegistryOperation};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::retry::retried;
use super::session::Session;
use crate::host::{Layer, Login, Manifest, RegistryError, root_cause};
use crate::plan;

/// The forms of manifests that images have.
const MANIFEST_TYPES: &[&str] = &[
    manifest::IMAGE_MANIFEST_MEDIA_TYPE,
    manifest::IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    manifest::OCI_IMAGE_MEDIA_TYPE,
    manifest::OCI_IMAGE_INDEX_MEDIA_TYPE,
];

/// A repository, with a session of its registry.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) session: Arc<Session>,
    host: String,
    name: String,
}

/// The content of a blob, piece by piece.
pub(super) type BlobStream = BoxStream<'static, Result<Bytes, RegistryError>>;

/// A manifest as the registry has it.
pub(super) struct RawManifest {
    pub(super) bytes: Bytes,
    /// `sha256:…`
    pub(super) digest: String,
}

impl Remote {
    pub(super) fn new(
        session: Arc<Session>,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Self {
        Self { session, host: registry.host(), name: repository.name.clone() }
    }

    /// Logs in. A login for pushing tells now whether pushing is allowed.
    pub(super) async fn log_in(&self) -> Result<(), RegistryError> {
        let Session { client, .. } = &*self.session;
        let (image, auth) = (self.reference("latest"), self.session.auth());
        let answer = retried(|| client.auth(&image, &auth, RegistryOperation::Push)).await;
        answer.map(drop).map_err(|error| self.failure("logging in to", &error))
    }

    /// The manifest of a tag or digest, `None` if there is none.
    pub(super) async fn manifest(&self, reference: &str) -> Result<Option<RawManifest>, RegistryError> {
        self.log_in().await?;
        let Session { client, .. } = &*self.session;
        let (image, auth) = (self.reference(reference), self.session.auth());
        match retried(|| client.pull_manifest_raw(&image, &auth, MANIFEST_TYPES)).await {
            Ok((bytes, digest)) => Ok(Some(RawManifest { bytes, digest })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.failure(&format!("reading {image} from"), &error)),
        }
    }

    /// Writes a manifest under a tag or its own digest.
    pub(super) async fn put_manifest(&self, bytes: &Bytes, reference: &str) -> Result<(), RegistryError> {
        self.log_in().await?;
        let Session { client, .. } = &*self.session;
        let image = self.reference(reference);
        let media_type = media_type(bytes).map_err(|cause| RegistryError::Api {
            call: format!("reading the manifest of {image}"),
            cause,
        })?;
        let put = || client.push_manifest_raw(&image, bytes.clone(), media_type.clone());
        let answer = retried(put).await;
        answer.map(drop).map_err(|error| self.failure(&format!("writing {image} to"), &error))
    }

    /// The content of a blob, piece by piece. The end of the stream is an error if it has not the digest.
    pub(super) async fn blob(&self, digest: &str) -> Result<BlobStream, RegistryError> {
        self.log_in().await?;
        let Session { client, .. } = &*self.session;
        let image = self.reference(digest);
        let answer = retried(|| client.pull_blob_stream(&image, digest)).await;
        let stream = answer.map_err(|error| self.failure(&format!("reading {image} from"), &error))?;
        let call = format!("reading {image} from {}", self.host);
        let failed =
            move |error: io::Error| RegistryError::Api { call: call.clone(), cause: error.to_string() };
        Ok(stream.stream.map_err(failed).boxed())
    }

    /// The content of a blob that has at most `limit` bytes.
    pub(super) async fn small_blob(&self, digest: &str, limit: usize) -> Result<Bytes, RegistryError> {
        let mut stream = self.blob(digest).await?;
        let mut content = Vec::new();
        while let Some(piece) = stream.try_next().await? {
            content.extend_from_slice(&piece);
            if content.len() > limit {
                return Err(RegistryError::Api {
                    call: format!("reading {}", self.reference(digest)),
                    cause: format!("it has more than {limit} bytes"),
                });
            }
        }
        Ok(content.into())
    }

    /// Whether the repository has a blob.
    pub(super) async fn has_blob(&self, digest: &str) -> Result<bool, RegistryError> {
        self.log_in().await?;
        let Session { client, .. } = &*self.session;
        let image = self.reference(digest);
        let answer = retried(|| client.blob_exists(&image, digest)).await;
        answer.map_err(|error| self.failure(&format!("looking for {image} in"), &error))
    }

    /// Writes a blob, if the repository does not have it. Returns its digest, `sha256:…`.
    pub(super) async fn put_blob(&self, content: &Bytes) -> Result<String, RegistryError> {
        let digest = digest(content);
        if self.has_blob(&digest).await? {
            return Ok(digest);
        }
        let Session { client, .. } = &*self.session;
        let image = self.reference(&digest);
        let answer = retried(|| client.push_blob(&image, content.clone(), &digest)).await;
        answer.map_err(|error| self.failure(&format!("writing {image} to"), &error))?;
        Ok(digest)
    }

    /// `host/name:tag`, or `host/name@digest`.
    fn reference(&self, reference: &str) -> Reference {
        let (host, name, reference) = (self.host.clone(), self.name.clone(), reference.to_owned());
        if reference.starts_with("sha256:") {
            Reference::with_digest(host, name, reference)
        } else {
            Reference::with_tag(host, name, reference)
        }
    }

    fn failure(&self, doing: &str, error: &OciDistributionError) -> RegistryError {
        let host = self.host.clone();
        let cause = one_line(error);
        match (error, &self.session.login) {
            (OciDistributionError::RequestError(error), _) if !error.is_decode() => {
                RegistryError::Unreachable { host, cause: root_cause(error) }
            }
            (error, Some(Login { origin, .. })) if is_denied(error) => {
                RegistryError::Denied { host, origin: origin.clone(), cause }
            }
            (error, None) if is_denied(error) => RegistryError::LoginNeeded { host },
            _ => RegistryError::Api { call: format!("{doing} {host}"), cause },
        }
    }
}

impl RawManifest {
    /// What a report needs of it.
    pub(super) fn parse(self) -> Result<Manifest, RegistryError> {
        let parsed = serde_json::from_slice(&self.bytes).map_err(|error| RegistryError::Api {
            call: format!("reading the manifest {}", self.digest),
            cause: error.to_string(),
        })?;
        Ok(match parsed {
            OciManifest::Image(image) => {
                let layers = image.layers.into_iter().map(|layer| Layer {
                    digest: layer.digest,
                    size: u64::try_from(layer.size).unwrap_or_default(),
                });
                Manifest::new(self.digest, Some(image.config.digest), layers.collect())
            }
            OciManifest::ImageIndex(_) => Manifest::new(self.digest, None, Vec::new()),
        })
    }
}

/// What a manifest says it is, as the header of a request. Manifests of images and indexes all do.
fn media_type(manifest: &[u8]) -> Result<HeaderValue, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: String,
    }
    let typed: Typed = serde_json::from_slice(manifest).map_err(|error| error.to_string())?;
    HeaderValue::from_str(&typed.media_type).map_err(|error| error.to_string())
}

fn is_absent(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code: 404, .. } => true,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|error| {
            matches!(
                error.code,
                OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
            )
        }),
        _ => false,
    }
}

fn is_denied(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
            true
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let denied = [OciErrorCode::Unauthorized, OciErrorCode::Denied];
            envelope.errors.iter().any(|error| denied.contains(&error.code))
        }
        _ => false,
    }
}

fn one_line(error: &OciDistributionError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `sha256:…` of some content.
fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
