//! What a run did.

use std::time::Duration;

use super::RunError;
use super::ledger::Done;
use crate::cache::proof::CacheProof;
use crate::host::Built;
use crate::plan::{ImageId, Plan};

/// The result of a run: how it ended, and what was done for each image and wave.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    pub outcome: Outcome,
    /// In the order of the file. Those that the run did not need were not built.
    pub images: Vec<ImageReport>,
    pub waves: Vec<WaveReport>,
}

/// How a run ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    Done,
    /// Why, in the order in which it happened; never empty.
    Failed(Vec<RunError>),
    Cancelled,
}

/// What was done for one image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageReport {
    pub name: String,
    /// `None` until it is built.
    pub built: Option<Built>,
    pub build_time: Duration,
    pub push_time: Duration,
    /// Bytes of layers that were sent to the registry.
    pub bytes_pushed: u64,
    /// The references that were pushed.
    pub pushed: Vec<String>,
    /// The references that it was promoted to.
    pub promoted: Vec<String>,
    /// Bytes of layers that promotions copied.
    pub bytes_copied: u64,
    /// `sha256:…` of the manifest, once it is in a registry.
    pub digest: Option<String>,
    /// `host/name@sha256:…`, once it is in a registry.
    pub reference: Option<String>,
    /// What the next machine will find of it; `None` if it has no cache in a registry or was not pushed.
    pub cache: Option<CacheProof>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaveReport {
    pub name: String,
    pub state: WaveState,
    /// None if it has none.
    pub stages: Vec<StageReport>,
}

/// What was done of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    pub name: String,
    pub state: WaveState,
}

/// How far a wave or a stage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaveState {
    /// Its `when` does not hold, or what is in front of it was skipped or failed.
    Skipped,
    Started,
    Done,
    Failed,
}

impl WaveState {
    /// How something has ended.
    pub(super) fn of(done: Done) -> Self {
        if done.is_ok() { WaveState::Done } else { WaveState::Failed }
    }
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        let image = |image: &crate::plan::Image| ImageReport {
            name: image.name.clone(),
            built: None,
            build_time: Duration::ZERO,
            push_time: Duration::ZERO,
            bytes_pushed: 0,
            pushed: Vec::new(),
            promoted: Vec::new(),
            bytes_copied: 0,
            digest: None,
            reference: None,
            cache: None,
        };
        let stage =
            |stage: &crate::plan::Stage| StageReport { name: stage.name.clone(), state: WaveState::Skipped };
        let wave = |wave: &crate::plan::Wave| WaveReport {
            name: wave.name.clone(),
            state: WaveState::Skipped,
            stages: wave.stages().iter().map(stage).collect(),
        };
        Self {
            outcome: Outcome::Cancelled,
            images: plan.images.iter().map(image).collect(),
            waves: plan.waves.iter().map(wave).collect(),
        }
    }

    pub(super) fn image(&self, id: ImageId) -> &ImageReport {
        self.images.get(id.0).expect("a report has every image of its plan")
    }

    pub(super) fn image_mut(&mut self, id: ImageId) -> &mut ImageReport {
        self.images.get_mut(id.0).expect("a report has every image of its plan")
    }
}
