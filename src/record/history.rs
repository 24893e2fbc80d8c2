//! How long builds take without a cache: what earlier runs have measured, so that a record can say how much time was saved.

use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{RunRecord, form};

/// The last build without anything from a cache, for each image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct History {
    /// Of the form that it is written in: 1. A history of another version is as good as none.
    pub version: u32,
    /// By the name of the image; those that were built last come last.
    pub images: IndexMap<String, Uncached>,
}

/// A build that took nothing from a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Uncached {
    /// When it began.
    #[serde(with = "form::time")]
    pub started: SystemTime,
    /// How long it took.
    #[serde(rename = "build_ms", with = "form::milliseconds")]
    pub build_time: Duration,
}

impl Default for History {
    fn default() -> Self {
        Self { version: Self::VERSION, images: IndexMap::new() }
    }
}

impl History {
    /// What [`History::version`] is now.
    pub const VERSION: u32 = 1;
    /// How many images it remembers.
    const MAX_IMAGES: usize = 1000;

    /// Reads what was written; what cannot be read is as good as nothing.
    pub fn read(json: &[u8]) -> Self {
        let history: Option<Self> = serde_json::from_slice(json).ok();
        history.filter(|history| history.version == Self::VERSION).unwrap_or_default()
    }

    /// Says in a record how much time caches have saved, and takes the builds of the record without a cache in. Returns
    /// whether it has changed.
    pub fn compare(&mut self, record: &mut RunRecord) -> bool {
        let before = self.clone();
        for image in record.images.iter_mut().filter(|image| image.built && image.steps > 0) {
            if image.cached > 0 {
                let known = self.images.get(&image.name);
                image.saved = known.map(|uncached| uncached.build_time.saturating_sub(image.build_time));
            } else {
                self.images.shift_remove(&image.name);
                let uncached = Uncached { started: record.started, build_time: image.build_time };
                self.images.insert(image.name.clone(), uncached);
            }
        }
        let surplus = self.images.len().saturating_sub(Self::MAX_IMAGES);
        self.images.drain(..surplus);
        *self != before
    }
}
