//! A part of a plan: what was asked for by name, with what it needs.

use std::collections::{BTreeSet, HashSet};

use indexmap::IndexSet;

use super::blocks::{self, Block, Part};
use super::{Command, EnvValue, ImageId, Plan, Program, ScriptPiece, Step, Text, TextPiece, Wave, WaveBody};
use crate::diag::similar;

/// The wave that images are built and pushed in that were asked for, or that something needs. No wave of a file has
/// such a name.
const IMAGES: &str = "(images)";

/// A plan of less than the whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Selected {
    pub plan: Plan,
    /// What is run besides what was asked for, because that needs it: `deploy.staging`, `lambda`.
    pub also: Vec<String>,
}

/// A name that nothing in the plan has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no wave, stage or image is named `{name}`")]
#[non_exhaustive]
pub struct UnknownTarget {
    pub name: String,
    pub similar: Option<String>,
}

/// What of a plan is wanted.
#[derive(Default)]
struct Wanted {
    blocks: HashSet<(usize, Part)>,
    images: BTreeSet<ImageId>,
}

/// The plan of the waves (`deploy`), stages (`deploy.prod`, `deploy.pre`) and images (`lambda`, `worker["api"]`, `worker`
/// for a whole family) of these names. A stage needs what its wave orders in front of it; images whose `.ref` or `.digest`
/// is used, or that are promoted, are built and pushed first. Other waves are left out.
///
/// # Errors
/// When the plan has nothing of a name.
pub fn select(plan: &Plan, names: &[String]) -> Result<Selected, UnknownTarget> {
    let mut wanted = Wanted::default();
    for name in names {
        let is_named = |block: &Block<'_>| {
            let place = block.place(plan);
            place.wave == *name || place.is_called(name)
        };
        let blocks: Vec<_> =
            all_blocks(plan).filter(is_named).map(|block| (block.wave, block.part)).collect();
        let images = (0..plan.images.len()).map(ImageId);
        let images: Vec<_> = images.filter(|id| is_called(&plan.image(*id).name, name)).collect();
        if blocks.is_empty() && images.is_empty() {
            return Err(unknown(plan, name));
        }
        wanted.blocks.extend(blocks);
        wanted.images.extend(images);
    }
    Ok(selected(plan, &wanted))
}

/// The plan of a wave and all behind it.
///
/// # Errors
/// When the plan has no wave of this name.
pub fn from_wave(plan: &Plan, name: &str) -> Result<Selected, UnknownTarget> {
    let Some(first) = plan.waves.iter().position(|wave| wave.name == name) else {
        let known = plan.waves.iter().map(|wave| wave.name.as_str());
        let similar = similar(name, known).map(str::to_owned);
        return Err(UnknownTarget { name: name.to_owned(), similar });
    };
    let waves = plan.waves.iter().enumerate().skip(first);
    let blocks = waves.flat_map(|(index, wave)| blocks::of_wave(index, wave));
    let blocks = blocks.map(|block| (block.wave, block.part)).collect();
    Ok(selected(plan, &Wanted { blocks, images: BTreeSet::new() }))
}

/// Those of the names that are of no place with an `approve` step, each with one that is similar.
pub fn unknown_approvals<'n>(plan: &Plan, names: &'n [String]) -> Vec<(&'n str, Option<String>)> {
    let asking =
        all_blocks(plan).filter(|block| block.steps.iter().any(|step| matches!(step, Step::Approve { .. })));
    let places: Vec<_> = asking.map(|block| block.place(plan)).collect();
    let known: Vec<_> = places.iter().map(ToString::to_string).collect();
    let unknown = names.iter().filter(|name| !places.iter().any(|place| place.is_called(name)));
    let similar = |name: &str| similar(name, known.iter().map(String::as_str)).map(str::to_owned);
    unknown.map(|name| (name.as_str(), similar(name))).collect()
}

/// Whether it is the name of an image, or of the family that it is of.
fn is_called(image: &str, name: &str) -> bool {
    image.strip_prefix(name).is_some_and(|keys| keys.is_empty() || keys.starts_with('['))
}

fn all_blocks(plan: &Plan) -> impl Iterator<Item = Block<'_>> {
    plan.waves.iter().enumerate().flat_map(|(index, wave)| blocks::of_wave(index, wave))
}

fn unknown(plan: &Plan, name: &str) -> UnknownTarget {
    let places = all_blocks(plan).map(|block| block.place(plan).to_string());
    let waves = plan.waves.iter().map(|wave| wave.name.clone());
    let images = plan.images.iter().map(|image| image.name.clone());
    let known: IndexSet<String> = waves.chain(images).chain(places).collect();
    let similar = similar(name, known.iter().map(String::as_str)).map(str::to_owned);
    UnknownTarget { name: name.to_owned(), similar }
}

fn selected(plan: &Plan, wanted: &Wanted) -> Selected {
    let all: Vec<_> = all_blocks(plan).collect();
    let is_wanted = |block: &Block<'_>| wanted.blocks.contains(&(block.wave, block.part));
    let needed = |block: &&Block<'_>| {
        let behind =
            |other: &Block<'_>| other.wave == block.wave && is_wanted(other) && block.is_before(other, plan);
        !is_wanted(block) && !block.steps.is_empty() && all.iter().any(behind)
    };
    let needed: Vec<_> = all.iter().filter(needed).collect();
    let mut also: Vec<_> = needed.iter().map(|block| block.place(plan).to_string()).collect();
    let parts = needed.iter().map(|block| (block.wave, block.part));
    let kept: HashSet<_> = wanted.blocks.iter().copied().chain(parts).collect();

    let mut part = plan.clone();
    let waves = part.waves.drain(..).enumerate();
    part.waves = waves.filter_map(|(index, wave)| without_others(wave, index, &kept)).collect();
    let images = unpushed_uses(&part);
    also.extend(
        images.iter().filter(|id| !wanted.images.contains(id)).map(|id| plan.image(*id).name.clone()),
    );
    let images: BTreeSet<_> = images.into_iter().chain(wanted.images.iter().copied()).collect();
    if !images.is_empty() {
        part.waves.insert(0, wave_of(plan, images));
    }
    Selected { plan: part, also }
}

/// A wave with those of its blocks that are kept; `None` if none is.
fn without_others(mut wave: Wave, index: usize, kept: &HashSet<(usize, Part)>) -> Option<Wave> {
    let keeps = |part: Part| kept.contains(&(index, part));
    match &mut wave.body {
        WaveBody::Steps { .. } => return keeps(Part::Whole).then_some(wave),
        WaveBody::Stages { pre, stages, post } => {
            if !keeps(Part::Pre) {
                pre.clear();
            }
            if !keeps(Part::Post) {
                post.clear();
            }
            let left: IndexSet<_> = (0..stages.len()).filter(|at| keeps(Part::Stage(*at))).collect();
            if left.is_empty() && !keeps(Part::Pre) && !keeps(Part::Post) {
                return None;
            }
            let mut at = 0..;
            stages.retain(|_| at.next().is_some_and(|at| left.contains(&at)));
            for stage in stages {
                stage.after = stage.after.iter().filter_map(|before| left.get_index_of(before)).collect();
            }
        }
    }
    Some(wave)
}

/// The wave that builds these images and pushes those that have tags.
fn wave_of(plan: &Plan, images: BTreeSet<ImageId>) -> Wave {
    let (pushed, built): (Vec<_>, Vec<_>) =
        images.into_iter().partition(|id| !plan.image(*id).tags.is_empty());
    let steps = [Step::Push { images: pushed }, Step::Build { images: built }];
    let has_images =
        |step: &Step| matches!(step, Step::Push { images } | Step::Build { images } if !images.is_empty());
    let steps = steps.into_iter().filter(has_images).collect();
    Wave { name: IMAGES.to_owned(), when: true, condition: None, body: WaveBody::Steps { steps } }
}

/// The images that a step uses as pushed ones, without a push in front of it.
fn unpushed_uses(plan: &Plan) -> BTreeSet<ImageId> {
    let blocks = blocks::running(plan);
    let pushes = |id: ImageId, steps: &[Step]| {
        steps.iter().any(|step| matches!(step, Step::Push { images } if images.contains(&id)))
    };
    let mut found = BTreeSet::new();
    for block in &blocks {
        for (index, step) in block.steps.iter().enumerate() {
            let mut uses = Vec::new();
            each_use(step, &mut |id| uses.push(id));
            let stage_env = block.stage(plan).filter(|_| matches!(step, Step::Command(_)));
            stage_env.into_iter().for_each(|stage| {
                stage.env.values().for_each(|value| in_env(value, &mut |id| uses.push(id)))
            });
            let earlier = block.steps.get(..index).unwrap_or_default();
            let is_pushed = |id: ImageId| {
                pushes(id, earlier)
                    || blocks.iter().any(|before| before.is_before(block, plan) && pushes(id, before.steps))
            };
            found.extend(uses.into_iter().filter(|id| plan.image(*id).when && !is_pushed(*id)));
        }
    }
    found
}

/// Calls `found` for each image that a step uses as a pushed one.
fn each_use(step: &Step, found: &mut dyn FnMut(ImageId)) {
    match step {
        Step::Build { .. } | Step::Push { .. } => {}
        Step::Promote { image, .. } => found(*image),
        Step::Approve { question } => in_text(question, found),
        Step::Command(Command { program, env, .. }) => {
            match program {
                Program::Run(words) => words.iter().for_each(|word| in_text(word, found)),
                Program::Sh(pieces) => pieces.iter().for_each(|piece| match piece {
                    ScriptPiece::Script(_) => {}
                    ScriptPiece::Word(text) | ScriptPiece::Quoted(text) => in_text(text, found),
                }),
            }
            env.values().for_each(|value| in_env(value, found));
        }
    }
}

fn in_env(value: &EnvValue, found: &mut dyn FnMut(ImageId)) {
    match value {
        EnvValue::Text(text) => in_text(text, found),
        EnvValue::Secret { .. } => {}
    }
}

fn in_text(text: &Text, found: &mut dyn FnMut(ImageId)) {
    text.0.iter().for_each(|piece| match piece {
        TextPiece::Literal(_) => {}
        TextPiece::Ref(id) | TextPiece::Digest(id) => found(*id),
    });
}
