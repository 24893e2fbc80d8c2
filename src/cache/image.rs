//! An image that carries the record of its build: its manifest and config, checked.
//!
//! A *cache image* is such an image under a cache tag. It lists the layers of an image that was pushed and has the record
//! that the image should have had; engines read it like the image itself, and nobody runs it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::records::{BadRecords, Record, Records};
use crate::host::Document;

/// Where BuildKit keeps its record in a config, as JSON in base64 (buildkit, cache/remotecache/v1/types/spec.go).
const RECORDS: &str = "moby.buildkit.cache.v0";
/// Where cachelang keeps what it knows of the build.
const NOTE: &str = "cachelang.v1";
/// The longest manifest or config that is read. Amazon ECR takes manifests up to this size.
pub(super) const MAX_DOCUMENT: usize = 4 << 20;

/// An image with a record, all of whose parts fit together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CacheImage {
    /// `sha256:…` of the manifest.
    pub digest: String,
    /// `linux/amd64`, with a variant if it has one.
    pub platform: String,
    /// When it was built.
    pub created: Option<jiff::Timestamp>,
    /// The digests of the layers' uncompressed contents, from the base up.
    pub diff_ids: Vec<String>,
    /// As many as diff ids.
    pub layers: Vec<LayerBlob>,
    /// For each layer, the instruction that made it.
    pub instructions: Vec<String>,
    pub records: Records,
    /// What cachelang has written down of the build; `None` for an image of an engine.
    pub note: Option<Note>,
    manifest: Vec<u8>,
    config: Value,
}

/// A layer as a manifest describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LayerBlob {
    pub media_type: String,
    pub size: u64,
    pub digest: String,
    /// Annotations and what else there is.
    #[serde(flatten)]
    other: serde_json::Map<String, Value>,
}

/// What cachelang writes into the config of a cache image. Engines do not read it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Note {
    /// The stage of the Dockerfile; `None`: the image itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// It is all images of the tag as one ([`super::whole`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

/// The two documents of a cache image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    pub config: Document,
    pub manifest: Document,
}

/// Why an image is no cache.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadImage {
    #[error("it is not an image: {0}")]
    Malformed(String),
    #[error("it has no record of its build")]
    NoRecords,
    #[error("its config names {diff_ids} layers and its manifest {layers}")]
    Layers { diff_ids: usize, layers: usize },
    /// BuildKit looks for the time of each layer there and does not check that there is one.
    #[error("its history names {history} layers and its manifest {layers}, which makes engines crash")]
    History { history: usize, layers: usize },
    #[error("its record cannot be used: {0}")]
    Records(#[from] BadRecords),
}

impl BadImage {
    /// Whether an engine must not be told to read the image.
    pub fn is_dangerous(&self) -> bool {
        matches!(self, BadImage::History { .. })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    media_type: Option<String>,
    layers: Vec<LayerBlob>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: String,
    created: Option<String>,
    rootfs: RootFs,
    #[serde(default)]
    history: Option<Vec<History>>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct History {
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    empty_layer: bool,
}

impl CacheImage {
    /// Reads an image from its manifest and its config.
    ///
    /// # Errors
    /// [`BadImage`] if it is no image, has no record, or has parts that do not fit together.
    pub fn parse(manifest: &[u8], config: &[u8]) -> Result<Self, BadImage> {
        Self::read(manifest, config, false)
    }

    /// The same for an image that may have no record at all.
    ///
    /// # Errors
    /// As [`CacheImage::parse`], but for [`BadImage::NoRecords`].
    pub fn parse_without_records(manifest: &[u8], config: &[u8]) -> Result<Self, BadImage> {
        Self::read(manifest, config, true)
    }

    fn read(manifest: &[u8], config: &[u8], is_plain: bool) -> Result<Self, BadImage> {
        let malformed = |error: serde_json::Error| BadImage::Malformed(error.to_string());
        let listed: Manifest = serde_json::from_slice(manifest).map_err(malformed)?;
        let value: Value = serde_json::from_slice(config).map_err(malformed)?;
        let parsed = Config::deserialize(&value).map_err(malformed)?;
        let records = match value.get(RECORDS).and_then(Value::as_str) {
            Some(records) => records,
            // `[]` in base64.
            None if is_plain => "W10=",
            None => return Err(BadImage::NoRecords),
        };
        let (layers, diff_ids) = (listed.layers, parsed.rootfs.diff_ids.unwrap_or_default());
        let history = parsed.history.unwrap_or_default().into_iter().filter(|entry| !entry.empty_layer);
        let mut instructions: Vec<_> = history.map(|entry| entry.created_by).collect();
        if instructions.len() < layers.len() {
            return Err(BadImage::History { history: instructions.len(), layers: layers.len() });
        }
        if diff_ids.len() != layers.len() {
            return Err(BadImage::Layers { diff_ids: diff_ids.len(), layers: layers.len() });
        }
        instructions.truncate(layers.len());
        let decoded = STANDARD.decode(records).map_err(|error| BadRecords::Malformed(error.to_string()))?;
        let platform = [parsed.os, parsed.architecture, parsed.variant];
        let platform: Vec<_> = platform.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(Self {
            digest: digest(manifest),
            platform: platform.join("/"),
            created: parsed.created.and_then(|created| created.parse().ok()),
            records: Records::parse(&decoded, layers.len())?,
            note: value.get(NOTE).and_then(|note| Note::deserialize(note).ok()),
            diff_ids,
            layers,
            instructions,
            manifest: manifest.to_vec(),
            config: value,
        })
    }

    /// The same image with other records, as it is written under a cache tag. What runs a container is left out.
    pub fn assemble(&self, records: &Records, note: &Note) -> Assembled {
        let mut config = serde_json::Map::new();
        for key in ["rootfs", "history"] {
            if let Some(value) = self.config.get(key) {
                config.insert(key.to_owned(), value.clone());
            }
        }
        self.document(config, &self.layers.iter().collect::<Vec<_>>(), records, note)
    }

    /// An image for the same platform with these layers, each of an image at its position there.
    pub(super) fn assemble_with_layers(&self, layers: &[(&Self, usize)], records: &Records) -> Assembled {
        let diff_ids: Vec<_> =
            layers.iter().filter_map(|(image, layer)| image.diff_ids.get(*layer)).collect();
        let history: Vec<_> =
            layers.iter().filter_map(|(image, layer)| image.history().nth(*layer)).collect();
        let mut config = serde_json::Map::new();
        config.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
        config.insert("history".to_owned(), json!(history));
        let blobs: Vec<_> = layers.iter().filter_map(|(image, layer)| image.layers.get(*layer)).collect();
        self.document(config, &blobs, records, &Note { stage: None, whole: true })
    }

    /// What the config says of its layers, from the base up.
    fn history(&self) -> impl Iterator<Item = &Value> {
        let all = self.config.get("history").and_then(Value::as_array).into_iter().flatten();
        all.filter(|entry| entry.get("empty_layer").and_then(Value::as_bool) != Some(true))
    }

    fn document(
        &self,
        mut config: serde_json::Map<String, Value>,
        layers: &[&LayerBlob],
        records: &Records,
        note: &Note,
    ) -> Assembled {
        for key in ["architecture", "os", "os.version", "variant", "created"] {
            if let Some(value) = self.config.get(key) {
                config.insert(key.to_owned(), value.clone());
            }
        }
        config.insert("config".to_owned(), json!({}));
        config.insert(RECORDS.to_owned(), STANDARD.encode(records.to_json()).into());
        config.insert(NOTE.to_owned(), json!(note));
        let config = document(&Value::Object(config));
        let is_oci = self.media_type().contains("vnd.oci.");
        let config_type = match is_oci {
            true => "application/vnd.oci.image.config.v1+json",
            false => "application/vnd.docker.container.image.v1+json",
        };
        let manifest = document(&json!({
            "schemaVersion": 2,
            "mediaType": self.media_type(),
            "config": {"mediaType": config_type, "size": config.bytes.len(), "digest": config.digest},
            "layers": layers,
        }));
        Assembled { config, manifest }
    }

    /// The manifest that the registry has.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The media type of the manifest.
    pub fn media_type(&self) -> String {
        let manifest: Option<Manifest> = serde_json::from_slice(&self.manifest).ok();
        let oci = || "application/vnd.oci.image.manifest.v1+json".to_owned();
        manifest.and_then(|manifest| manifest.media_type).unwrap_or_else(oci)
    }

    /// The instruction behind the topmost layer of each result of a record.
    pub fn instructions_of(&self, record: &Record) -> impl Iterator<Item = &str> {
        let layers = record.layers.iter().map(|result| result.layer);
        let chains = record.chains.iter().filter_map(|chain| chain.layers.last().copied());
        let tops: Vec<_> = layers.chain(chains).collect();
        tops.into_iter().filter_map(|top| self.instructions.get(top).map(String::as_str))
    }
}

pub(super) fn document(value: &Value) -> Document {
    let bytes = value.to_string().into_bytes();
    Document { digest: digest(&bytes), bytes }
}

/// `sha256:…`
pub(super) fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cache::records::Record;

    /// An image with these layers, by their diff ids, and these records.
    pub(in crate::cache) fn image(diff_ids: &[String], records: &[Record]) -> CacheImage {
        let (manifest, config) = documents(diff_ids, diff_ids.len(), records);
        CacheImage::parse(&manifest, &config).expect("the image is fine")
    }

    pub(in crate::cache) fn documents(
        diff_ids: &[String],
        history: usize,
        records: &[Record],
    ) -> (Vec<u8>, Vec<u8>) {
        let layer = |diff_id| json!({"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 1, "digest": diff_id});
        let layers: Vec<_> = diff_ids.iter().map(layer).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "x", "size": 1, "digest": "sha256:c"},
            "layers": layers,
        });
        let history: Vec<_> =
            (0..history).map(|layer| json!({"created_by": format!("RUN {layer}")})).collect();
        let config = json!({
            "os": "linux", "architecture": "amd64", "created": "2026-11-28T01:00:00Z",
            "config": {"Env": ["SECRET=1"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
            RECORDS: STANDARD.encode(serde_json::to_vec(records).expect("records are JSON")),
        });
        (manifest.to_string().into_bytes(), config.to_string().into_bytes())
    }

    fn layers() -> [String; 2] {
        ["sha256:1".to_owned(), "sha256:2".to_owned()]
    }

    #[test]
    fn an_image_that_makes_engines_crash_is_known() {
        let parse = |(manifest, config): (Vec<u8>, Vec<u8>)| CacheImage::parse(&manifest, &config);
        assert!(parse(documents(&layers(), 2, &[])).is_ok());
        let error = parse(documents(&layers(), 1, &[])).expect_err("its history is short");
        assert!(error.is_dangerous(), "{error}");
        assert_eq!(error, BadImage::History { history: 1, layers: 2 });
    }

    #[test]
    fn what_is_not_an_image_is_said() {
        let (manifest, config) = documents(&layers(), 2, &[]);
        assert!(matches!(CacheImage::parse(b"{}", &config), Err(BadImage::Malformed(_))));
        assert!(matches!(CacheImage::parse(&manifest, b"[]"), Err(BadImage::Malformed(_))));
        let plain = br#"{"rootfs": {"diff_ids": null}, "history": null}"#;
        assert_eq!(CacheImage::parse(&manifest, plain), Err(BadImage::NoRecords));
    }

    #[test]
    fn a_cache_image_has_the_layers_and_nothing_of_the_container() {
        let image = image(&layers(), &[]);
        let note = Note { stage: Some("build".to_owned()), whole: false };
        let Assembled { config, manifest } = image.assemble(&Records::default(), &note);
        assert!(!String::from_utf8_lossy(&config.bytes).contains("SECRET"));
        let again = CacheImage::parse(&manifest.bytes, &config.bytes).expect("it is an image");
        assert_eq!((&again.layers, &again.diff_ids), (&image.layers, &image.diff_ids));
        assert_eq!((again.platform.as_str(), again.note), ("linux/amd64", Some(note)));
        assert_eq!(again.digest, manifest.digest);
    }
}
