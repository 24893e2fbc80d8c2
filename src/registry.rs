//! Registries: any OCI registry over the distribution API, and Amazon ECR.
//!
//! [`Registries`] finds credentials, checks them, creates repositories where the file says so, and reads back what a
//! push has left in a registry. The layers themselves are sent by the engine that built them.

mod credentials;
#[cfg(feature = "ecr")]
mod ecr;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper::header::HeaderValue;
use indexmap::IndexMap;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use crate::host::{Credentials, Layer, Manifest, Registry, RegistryError, root_cause};
use crate::plan::{self, RegistryKind};

/// The forms of manifests that images have.
const MANIFEST_TYPES: &[&str] = &[
    oci_client::manifest::IMAGE_MANIFEST_MEDIA_TYPE,
    oci_client::manifest::IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    oci_client::manifest::OCI_IMAGE_MEDIA_TYPE,
    oci_client::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE,
];

/// The tag that is asked for to find out whether a registry answers and takes the credentials. It need not exist.
const PROBE_TAG: &str = "latest";

/// A registry that has not answered by then will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The pauses before reading again what failed for the moment.
const READ_RETRIES: &[Duration] =
    &[Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Registries over the network. Credentials are looked up once for each registry item of the file.
#[derive(Default)]
pub struct Registries {
    found: Mutex<IndexMap<String, Arc<OnceCell<Option<Found>>>>>,
}

/// Credentials with where they came from, for messages.
#[derive(Debug, Clone)]
struct Found {
    credentials: Credentials,
    origin: String,
}

impl Registries {
    pub fn new() -> Self {
        Self::default()
    }

    async fn credentials(&self, registry: &plan::Registry) -> Result<Option<Found>, RegistryError> {
        let cell = Arc::clone(self.found.lock().await.entry(registry.name.clone()).or_default());
        cell.get_or_try_init(|| find_credentials(registry)).await.cloned()
    }
}

async fn find_credentials(registry: &plan::Registry) -> Result<Option<Found>, RegistryError> {
    match &registry.kind {
        RegistryKind::Oci { host, username, password, .. } => {
            credentials::oci(host, username.as_deref(), password.as_ref()).await
        }
        #[cfg(feature = "ecr")]
        RegistryKind::Ecr { region, profile, endpoint, account, .. } => {
            ecr::login(account, region, profile.as_deref(), endpoint.as_deref()).await.map(Some)
        }
        RegistryKind::EcrPublic { .. } => Err(RegistryError::Unsupported("the public gallery of Amazon ECR")),
        #[cfg(not(feature = "ecr"))]
        RegistryKind::Ecr { .. } => Err(RegistryError::Unsupported("Amazon ECR (feature `ecr`)")),
    }
}

#[async_trait]
impl Registry for Registries {
    async fn prepare(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
    ) -> Result<Option<Credentials>, RegistryError> {
        let found = self.credentials(registry).await?;
        #[cfg(feature = "ecr")]
        if let (RegistryKind::Ecr { account, region, profile, endpoint, .. }, true) =
            (&registry.kind, repository.create)
        {
            ecr::ensure_repository(
                account,
                region,
                profile.as_deref(),
                endpoint.as_deref(),
                &repository.name,
            )
            .await?;
        }
        self.manifest(registry, repository, PROBE_TAG).await?;
        Ok(found.map(|found| found.credentials))
    }

    async fn machine_login(&self, host: &str) -> Option<Credentials> {
        // A configuration that cannot be read is no reason not to try without: most base images are public.
        let found = credentials::oci(host, None, None).await;
        found
            .inspect_err(|error| tracing::warn!(%error, host, "no login"))
            .ok()
            .flatten()
            .map(|found| found.credentials)
    }

    async fn manifest(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        let found = self.credentials(registry).await?;
        let auth = registry_auth(found.as_ref());
        let image = if reference.starts_with("sha256:") {
            Reference::with_digest(registry.host(), repository.name.clone(), reference.to_owned())
        } else {
            Reference::with_tag(registry.host(), repository.name.clone(), reference.to_owned())
        };
        let client = client(registry);
        // A token for pushing tells now whether pushing is allowed.
        let operation = oci_client::RegistryOperation::Push;
        let failed = |error| failure(registry, found.as_ref(), &error);
        client.auth(&image, &auth, operation).await.map_err(failed)?;
        match pull_manifest(&client, &image, &auth).await {
            Ok((OciManifest::Image(image), digest)) => {
                Ok(Some(Manifest::new(digest, Some(image.config.digest), layers(image.layers))))
            }
            Ok((OciManifest::ImageIndex(_), digest)) => Ok(Some(Manifest::new(digest, None, Vec::new()))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn login_origin(&self, registry: &plan::Registry) -> Result<Option<String>, RegistryError> {
        Ok(self.credentials(registry).await?.map(|found| found.origin))
    }

    async fn tag(
        &self,
        registry: &plan::Registry,
        repository: &plan::Repository,
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError> {
        let found = self.credentials(registry).await?;
        let auth = registry_auth(found.as_ref());
        let failed = |error| failure(registry, found.as_ref(), &error);
        let client = client(registry);
        let by_digest = Reference::with_digest(registry.host(), repository.name.clone(), digest.to_owned());
        let by_tag = Reference::with_tag(registry.host(), repository.name.clone(), tag.to_owned());
        client.auth(&by_tag, &auth, oci_client::RegistryOperation::Push).await.map_err(failed)?;
        let (manifest, _) =
            client.pull_manifest_raw(&by_digest, &auth, MANIFEST_TYPES).await.map_err(failed)?;
        let media_type = media_type(&manifest)
            .map_err(|cause| RegistryError::Api { call: format!("reading {by_digest}"), cause })?;
        client.push_manifest_raw(&by_tag, manifest, media_type).await.map_err(failed)?;
        Ok(())
    }
}

fn registry_auth(found: Option<&Found>) -> RegistryAuth {
    match found {
        Some(Found { credentials, .. }) => {
            RegistryAuth::Basic(credentials.username.clone(), credentials.password.clone())
        }
        None => RegistryAuth::Anonymous,
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

/// Reads a manifest, again if the registry answers that it has a passing problem.
async fn pull_manifest(
    client: &Client,
    image: &Reference,
    auth: &RegistryAuth,
) -> Result<(OciManifest, String), OciDistributionError> {
    for delay in READ_RETRIES {
        match client.pull_manifest(image, auth).await {
            Err(error) if is_passing(&error) => tokio::time::sleep(*delay).await,
            answer => return answer,
        }
    }
    client.pull_manifest(image, auth).await
}

fn is_passing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ServerError { code, .. } => *code == 429 || *code >= 500,
        OciDistributionError::RequestError(error) => !error.is_connect() && !error.is_timeout(),
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| error.code == OciErrorCode::Toomanyrequests)
        }
        _ => false,
    }
}

fn client(registry: &plan::Registry) -> Client {
    let insecure = match &registry.kind {
        RegistryKind::Oci { insecure, .. } => *insecure,
        RegistryKind::Ecr { .. } | RegistryKind::EcrPublic { .. } => false,
    };
    let plain = insecure || is_loopback(&registry.host());
    let protocol = if plain { ClientProtocol::Http } else { ClientProtocol::Https };
    Client::new(ClientConfig {
        protocol,
        user_agent: "cachelang",
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        ..ClientConfig::default()
    })
}

/// Registries of this machine are spoken to without TLS, as Docker Engines do.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn layers(descriptors: Vec<OciDescriptor>) -> Vec<Layer> {
    let layer = |layer: OciDescriptor| Layer {
        digest: layer.digest,
        size: u64::try_from(layer.size).unwrap_or_default(),
    };
    descriptors.into_iter().map(layer).collect()
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

fn failure(registry: &plan::Registry, found: Option<&Found>, error: &OciDistributionError) -> RegistryError {
    let host = registry.host();
    let cause = one_line(error);
    match (error, found) {
        (OciDistributionError::RequestError(error), _) if !error.is_decode() => {
            RegistryError::Unreachable { host, cause: root_cause(error) }
        }
        (error, Some(found)) if is_denied(error) => {
            RegistryError::Denied { host, origin: found.origin.clone(), cause }
        }
        (error, None) if is_denied(error) => RegistryError::LoginNeeded { host },
        _ => RegistryError::Api { call: format!("reading from {host}"), cause },
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

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, expected) in [
            ("127.0.0.1:5000", true),
            ("localhost:5000", true),
            ("localhost", true),
            ("[::1]:5000", true),
            ("10.0.0.1:5000", false),
            ("registry.example.com", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
