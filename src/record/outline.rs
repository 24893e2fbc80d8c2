//! The waves, blocks and steps of a plan, before anything of them has run: where in a record an event belongs.

use std::collections::{HashMap, HashSet};

use super::{StageRecord, State, StepKind, StepRecord, WaveRecord};
use crate::host::Place;
use crate::plan::{ImageId, Plan, Program, Step, Wave, WaveBody};

/// A step by numbers: of its wave, of the block in the wave, and its own in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StepKey {
    pub(super) wave: usize,
    pub(super) block: usize,
    pub(super) step: usize,
}

/// The structure of a record, and which images each step has to do with.
pub(super) struct Outline {
    waves: Vec<WaveRecord>,
    wave_numbers: HashMap<String, usize>,
    blocks: HashMap<(String, Option<String>, bool), (usize, usize)>,
    places: HashMap<(usize, usize), Place>,
    images: HashMap<StepKey, Images>,
}

/// The images of a step: those that it names, and all that these need.
struct Images {
    named: HashSet<String>,
    needed: HashSet<String>,
}

impl Outline {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut outline = Self {
            waves: Vec::new(),
            wave_numbers: HashMap::new(),
            blocks: HashMap::new(),
            places: HashMap::new(),
            images: HashMap::new(),
        };
        for wave in &plan.waves {
            outline.add_wave(plan, wave);
        }
        outline
    }

    fn add_wave(&mut self, plan: &Plan, wave: &Wave) {
        let number = self.waves.len();
        self.wave_numbers.insert(wave.name.clone(), number);
        let mut stages = Vec::new();
        for (place, steps) in blocks(wave) {
            let block = stages.len();
            let key = (place.wave.clone(), place.block.clone(), place.is_stage);
            stages.push(StageRecord {
                name: place.block.clone(),
                state: State::Skipped,
                reason: None,
                lapse: None,
                steps: steps.iter().map(|step| step_record(plan, step)).collect(),
            });
            self.blocks.insert(key, (number, block));
            self.places.insert((number, block), place);
            for (index, step) in steps.iter().enumerate() {
                let key = StepKey { wave: number, block, step: index };
                self.images.insert(key, images(plan, step));
            }
        }
        let (name, state) = (wave.name.clone(), State::Skipped);
        self.waves.push(WaveRecord { name, state, reason: None, lapse: None, stages });
    }

    pub(super) fn waves(&self) -> &[WaveRecord] {
        &self.waves
    }

    pub(super) fn wave(&self, name: &str) -> Option<usize> {
        self.wave_numbers.get(name).copied()
    }

    /// The numbers of a wave and of a block in it.
    pub(super) fn block(&self, place: &Place) -> Option<(usize, usize)> {
        self.blocks.get(&(place.wave.clone(), place.block.clone(), place.is_stage)).copied()
    }

    pub(super) fn step(&self, place: &Place, step: usize) -> Option<StepKey> {
        let (wave, block) = self.block(place)?;
        Some(StepKey { wave, block, step })
    }

    /// What a step is, and how it is shown.
    pub(super) fn shown(&self, place: &Place, step: usize) -> Option<(StepKind, &str)> {
        let (wave, block) = self.block(place)?;
        let step = self.waves.get(wave)?.stages.get(block)?.steps.get(step)?;
        Some((step.kind, &step.text))
    }

    pub(super) fn place(&self, key: StepKey) -> Option<Place> {
        self.places.get(&(key.wave, key.block)).cloned()
    }

    /// The step that works on an image: of those that run the first that names it, else the first whose images need it.
    pub(super) fn step_for(&self, image: &str, running: &[StepKey]) -> Option<StepKey> {
        let is_named =
            |key: &&StepKey| self.images.get(key).is_some_and(|images| images.named.contains(image));
        let is_needed =
            |key: &&StepKey| self.images.get(key).is_some_and(|images| images.needed.contains(image));
        running.iter().find(is_named).or_else(|| running.iter().find(is_needed)).copied()
    }
}

/// The lists of steps of a wave, with their places.
fn blocks(wave: &Wave) -> Vec<(Place, &[Step])> {
    match &wave.body {
        WaveBody::Steps { steps } => vec![(Place::wave(&wave.name), steps.as_slice())],
        WaveBody::Stages { pre, stages, post } => {
            let around = |name: &str| Place { block: Some(name.to_owned()), ..Place::wave(&wave.name) };
            let mut blocks = Vec::new();
            if !pre.is_empty() {
                blocks.push((around("pre"), pre.as_slice()));
            }
            let stages = stages.iter();
            blocks
                .extend(stages.map(|stage| (Place::stage(&wave.name, &stage.name), stage.steps.as_slice())));
            if !post.is_empty() {
                blocks.push((around("post"), post.as_slice()));
            }
            blocks
        }
    }
}

fn step_record(plan: &Plan, step: &Step) -> StepRecord {
    let kind = match step {
        Step::Build { .. } => StepKind::Build,
        Step::Push { .. } => StepKind::Push,
        Step::Promote { .. } => StepKind::Promote,
        Step::Command(command) if matches!(command.program, Program::Run(_)) => StepKind::Run,
        Step::Command(_) => StepKind::Sh,
        Step::Approve { .. } => StepKind::Approve,
    };
    let text = step.shown(plan);
    StepRecord { kind, text, state: State::Skipped, lapse: None, attempts: 0, tasks: Vec::new() }
}

fn images(plan: &Plan, step: &Step) -> Images {
    let named: &[ImageId] = match step {
        Step::Build { images } | Step::Push { images } => images,
        Step::Promote { image, .. } => std::slice::from_ref(image),
        Step::Command(_) | Step::Approve { .. } => &[],
    };
    let name = |id: &ImageId| plan.image(*id).name.clone();
    let (mut needed, mut open) = (HashSet::new(), named.to_vec());
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            open.extend(&plan.image(id).needs);
        }
    }
    Images { named: named.iter().map(name).collect(), needed: needed.iter().map(name).collect() }
}
