//! Waves, stages and steps of a plan.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use super::{ImageId, PushTag, Secret};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Wave {
    pub name: String,
    /// `false`: the wave is skipped (its `when` does not hold).
    pub when: bool,
    /// Its `when` as it is written.
    pub condition: Option<String>,
    #[serde(flatten)]
    pub body: WaveBody,
}

/// What a wave does: steps in order, or stages with steps before and after them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum WaveBody {
    Steps { steps: Vec<Step> },
    Stages { pre: Vec<Step>, stages: Vec<Stage>, post: Vec<Step> },
}

impl Wave {
    /// Its stages; none if it holds steps.
    pub fn stages(&self) -> &[Stage] {
        match &self.body {
            WaveBody::Steps { .. } => &[],
            WaveBody::Stages { stages, .. } => stages,
        }
    }

    pub(super) fn stages_mut(&mut self) -> &mut [Stage] {
        match &mut self.body {
            WaveBody::Steps { .. } => &mut [],
            WaveBody::Stages { stages, .. } => stages,
        }
    }

    pub(super) fn each_step_mut(&mut self, change: &mut dyn FnMut(&mut Step)) {
        match &mut self.body {
            WaveBody::Steps { steps } => steps.iter_mut().for_each(change),
            WaveBody::Stages { pre, stages, post } => {
                let stages = stages.iter_mut().flat_map(|stage| &mut stage.steps);
                pre.iter_mut().chain(stages).chain(post).for_each(change);
            }
        }
    }

    /// All its steps, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let (first, stages, last): (&[Step], &[Stage], &[Step]) = match &self.body {
            WaveBody::Steps { steps } => (steps, &[], &[]),
            WaveBody::Stages { pre, stages, post } => (pre, stages, post),
        };
        let stages = stages.iter().flat_map(|stage| &stage.steps);
        first.iter().chain(stages).chain(last)
    }
}

/// Steps that run beside those of other stages.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stage {
    /// Its name in the file, with its keys if it is one of a family: `deploy["eu"]`.
    pub name: String,
    /// The stages, as indices into those of the wave, that have to end well before.
    pub after: Vec<usize>,
    /// `false`: its `when` does not hold.
    pub when: bool,
    /// Its `when` as it is written.
    pub condition: Option<String>,
    /// `false`: the stage is skipped. Its `when` does not hold, or that of the wave, or no stage of a name that it waits
    /// for runs.
    pub runs: bool,
    /// For its commands, which may override it.
    pub env: IndexMap<String, EnvValue>,
    /// For all its steps together.
    #[serde(serialize_with = "super::portable::duration")]
    pub timeout: Option<Duration>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    Build {
        images: Vec<ImageId>,
    },
    Push {
        images: Vec<ImageId>,
    },
    /// Gives a pushed image other tags, by its digest.
    Promote {
        image: ImageId,
        to: Vec<PushTag>,
    },
    Command(Command),
    /// Waits for a person.
    Approve {
        question: Text,
    },
}

/// A `run` or `sh` step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Command {
    pub program: Program,
    pub env: IndexMap<String, EnvValue>,
    /// The working folder; by default the one of the `.cachefile`.
    pub dir: PathBuf,
    #[serde(serialize_with = "super::portable::duration")]
    pub timeout: Option<Duration>,
    /// How often a failed command is started again.
    pub retries: u32,
}

/// The value of an environment variable of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EnvValue {
    Text(Text),
    Secret { secret: Secret },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// `run`: a program and its arguments, without a shell.
    Run(Vec<Text>),
    /// `sh`: a script for `/bin/sh -eu`.
    Sh(Vec<ScriptPiece>),
}

/// A piece of a shell script.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptPiece {
    /// Shell text as written in the file.
    Script(String),
    /// The value of a `${…}` hole, which the shell must see as one word.
    Word(Text),
    /// The value of a hole inside `"…"`, a here-document or a comment of the shell, which must not take it for code.
    Quoted(Text),
}

/// A text with holes for what only the run knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Text(pub Vec<TextPiece>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPiece {
    Literal(String),
    /// `host/name@sha256:…` of a pushed image.
    Ref(ImageId),
    /// `sha256:…` of a pushed image.
    Digest(ImageId),
}
