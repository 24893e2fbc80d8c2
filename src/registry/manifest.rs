//! Manifests and indexes as registries have them: the bytes, and what of them a copy and a report need.

use hyper::body::Bytes;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::host::{Layer, Manifest, RegistryError};

/// The forms of manifests that images have: as Docker writes them, and as OCI does.
pub(super) const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
];

/// A manifest as the registry has it.
pub(super) struct RawManifest {
    pub(super) bytes: Bytes,
    /// `sha256:…`
    pub(super) digest: String,
}

/// What an image or an index is made of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
}

impl Descriptor {
    pub(super) fn is_manifest(&self) -> bool {
        MANIFEST_TYPES.contains(&self.media_type.as_str())
    }

    /// Layers that no registry but that of their maker may have: those of Windows.
    pub(super) fn is_foreign(&self) -> bool {
        ["foreign", "nondistributable"].iter().any(|word| self.media_type.contains(word))
    }
}

impl Content {
    /// All that it names: the children of an index, or config and layers.
    pub(super) fn parts(self) -> impl Iterator<Item = Descriptor> {
        self.manifests.into_iter().flatten().chain(self.config).chain(self.layers)
    }

    /// As the header of a request. What does not say its type is of OCI, where it need not.
    pub(super) fn media_type(&self) -> Result<HeaderValue, String> {
        let [.., image, index] = MANIFEST_TYPES;
        let implied = if self.manifests.is_some() { index } else { image };
        HeaderValue::from_str(self.media_type.as_deref().unwrap_or(implied))
            .map_err(|error| error.to_string())
    }
}

impl RawManifest {
    pub(super) fn content(&self) -> Result<Content, RegistryError> {
        content(&self.bytes).map_err(|cause| RegistryError::Api {
            call: format!("reading the manifest {}", self.digest),
            cause,
        })
    }

    /// What a report needs of it.
    pub(super) fn parse(self) -> Result<Manifest, RegistryError> {
        let content = self.content()?;
        let layers = content.layers.into_iter();
        let layers = layers.map(|layer| Layer { digest: layer.digest, size: layer.size });
        Ok(Manifest::new(self.digest, content.config.map(|config| config.digest), layers.collect()))
    }
}

pub(super) fn content(manifest: &[u8]) -> Result<Content, String> {
    serde_json::from_slice(manifest).map_err(|error| error.to_string())
}

/// `sha256:…` of some content.
pub(super) fn digest(content: &[u8]) -> String {
    written(Sha256::new_with_prefix(content))
}

pub(super) fn written(hash: Sha256) -> String {
    hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_without_a_type_are_of_oci() {
        for (manifest, expected) in [
            (r#"{"manifests":[]}"#, "application/vnd.oci.image.index.v1+json"),
            (r#"{"config":{"digest":"sha256:aa","size":2}}"#, "application/vnd.oci.image.manifest.v1+json"),
            (r#"{"mediaType":"text/plain"}"#, "text/plain"),
        ] {
            let found = content(manifest.as_bytes()).and_then(|content| content.media_type());
            assert_eq!(found.expect("it can be read"), expected);
        }
    }

    #[test]
    fn an_empty_blob_has_the_digest_that_everybody_knows() {
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
