//! The blocks of a plan's waves: in each, steps run one after the other. Which block has ended before another starts.

use std::collections::HashSet;

use super::{Place, Plan, Stage, Step, Wave, WaveBody};

/// A block of a wave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    /// The place of its wave in the plan.
    pub(crate) wave: usize,
    pub(crate) part: Part,
    pub(crate) steps: &'a [Step],
}

/// Which of the blocks of a wave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The only one: the wave has no stages.
    Whole,
    Pre,
    /// By its place in the wave.
    Stage(usize),
    Post,
}

/// The blocks of the waves whose `when` holds, without the stages that do not run.
pub(crate) fn running(plan: &Plan) -> Vec<Block<'_>> {
    let waves = plan.waves.iter().enumerate().filter(|(_, wave)| wave.when);
    let blocks = waves.flat_map(|(index, wave)| of_wave(index, wave));
    blocks.filter(|block| block.stage(plan).is_none_or(|stage| stage.runs)).collect()
}

/// All blocks of a wave, in the order of the file.
pub(crate) fn of_wave(index: usize, wave: &Wave) -> Vec<Block<'_>> {
    let block = |part, steps| Block { wave: index, part, steps };
    match &wave.body {
        WaveBody::Steps { steps } => vec![block(Part::Whole, steps.as_slice())],
        WaveBody::Stages { pre, stages, post } => {
            let stages = stages.iter().enumerate();
            let stages = stages.map(|(at, stage)| block(Part::Stage(at), stage.steps.as_slice()));
            [block(Part::Pre, pre)].into_iter().chain(stages).chain([block(Part::Post, post)]).collect()
        }
    }
}

/// The stages that end before a stage of the same wave starts.
pub(crate) fn stages_before(stages: &[Stage], stage: usize) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut open = vec![stage];
    while let Some(next) = open.pop() {
        let after = stages.get(next).map(|stage| stage.after.as_slice()).unwrap_or_default();
        open.extend(after.iter().copied().filter(|before| found.insert(*before)));
    }
    found
}

impl<'a> Block<'a> {
    fn wave_of<'p>(&self, plan: &'p Plan) -> &'p Wave {
        plan.waves.get(self.wave).expect("a block is used with the plan that it is of")
    }

    pub(crate) fn stage<'p>(&self, plan: &'p Plan) -> Option<&'p Stage> {
        match self.part {
            Part::Stage(at) => self.wave_of(plan).stages().get(at),
            Part::Whole | Part::Pre | Part::Post => None,
        }
    }

    pub(crate) fn place(&self, plan: &Plan) -> Place {
        let wave = self.wave_of(plan);
        let block = match self.part {
            Part::Whole => None,
            Part::Pre => Some("pre".to_owned()),
            Part::Stage(_) => self.stage(plan).map(|stage| stage.name.clone()),
            Part::Post => Some("post".to_owned()),
        };
        let is_stage = block.is_some() && matches!(self.part, Part::Stage(_));
        Place { block, is_stage, ..Place::wave(&wave.name) }
    }

    /// What identifies a step of the block, in a plan that is the same.
    pub(crate) fn key(&self, plan: &Plan, index: usize) -> String {
        let wave = &self.wave_of(plan).name;
        match self.part {
            Part::Whole => format!("{wave}/{index}"),
            Part::Pre => format!("{wave}/pre/{index}"),
            Part::Stage(_) => {
                format!("{wave}/stage {}/{index}", self.stage(plan).map_or("", |stage| &stage.name))
            }
            Part::Post => format!("{wave}/post/{index}"),
        }
    }

    /// Whether this block has ended when the other one starts.
    pub(crate) fn is_before(&self, other: &Block<'_>, plan: &Plan) -> bool {
        match (self.part, other.part) {
            _ if self.wave != other.wave => self.wave < other.wave,
            (before, after) if before == after => false,
            (Part::Pre, _) | (_, Part::Post) => true,
            (Part::Stage(before), Part::Stage(after)) => {
                stages_before(other.wave_of(plan).stages(), after).contains(&before)
            }
            _ => false,
        }
    }
}
