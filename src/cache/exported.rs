//! What an engine has exported as registry cache (buildkit, cache/remotecache/v1/types/spec.go).

use serde::Deserialize;

use super::records::{BadRecords, Record, Records};

/// The media type of its config, which holds the records.
pub(super) const CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";

/// A registry cache.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// The layers of all stages.
    pub layers: Vec<ExportedLayer>,
    /// A position in a record names a layer with all those below it.
    pub records: Records,
}

/// A layer of a registry cache.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ExportedLayer {
    /// `sha256:…`
    pub blob: String,
    /// The position of the layer below it; -1 if there is none.
    #[serde(default)]
    parent: i64,
}

impl Exported {
    /// Reads the config of a registry cache.
    ///
    /// # Errors
    /// [`BadRecords`] for what no engine writes.
    pub fn parse(config: &[u8]) -> Result<Self, BadRecords> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            layers: Option<Vec<ExportedLayer>>,
            #[serde(default)]
            records: Option<Vec<Record>>,
        }
        let Config { layers, records } =
            serde_json::from_slice(config).map_err(|error| BadRecords::Malformed(error.to_string()))?;
        let layers = layers.unwrap_or_default();
        let records = Records::new(records.unwrap_or_default(), layers.len())?;
        Ok(Self { layers, records })
    }

    /// A layer with all those below it, from the base up. Empty if they are in a circle.
    pub fn chain(&self, layer: usize) -> Vec<&ExportedLayer> {
        let mut chain = Vec::new();
        let mut next = Some(layer);
        while let Some(layer) = next.and_then(|index| self.layers.get(index)) {
            if chain.len() == self.layers.len() {
                return Vec::new();
            }
            chain.push(layer);
            next = usize::try_from(layer.parent).ok();
        }
        chain.reverse();
        chain
    }
}
