//! What a run did and when, as a value that can be written down: events of a run → [`RunRecord`] → JSON, a page, Markdown.
//!
//! A [`Recorder`] is an [`Observer`](crate::host::Observer): it hears what [`crate::run::run`] does, and adds the time.
//! `docs/report-schema.md` describes the JSON of a record, and of each event while the run goes on.

pub mod events;
mod form;
pub mod history;
pub mod html;
pub mod markdown;
#[cfg(feature = "otel")]
pub mod otel;
mod outline;
mod recorder;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub use recorder::Recorder;

/// A run from its start to its end, however it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// Of the form that a record is written in; see [`RunRecord::VERSION`].
    pub version: u32,
    /// The version of cachelang.
    pub cachelang: String,
    /// What the pipeline is called: the path of its file, as messages show it.
    pub name: String,
    /// How the run ended.
    pub outcome: State,
    /// When it began.
    #[serde(with = "form::time")]
    pub started: SystemTime,
    /// How long it took.
    #[serde(rename = "elapsed_ms", with = "form::milliseconds")]
    pub elapsed: Duration,
    /// Why it failed, in the order of the file; empty unless it did.
    pub errors: Vec<ErrorRecord>,
    /// Every wave of the plan, also those that the run did not come to.
    pub waves: Vec<WaveRecord>,
    /// Every image of the plan that the run used.
    pub images: Vec<ImageRecord>,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It was not started: its condition does not hold, or something before it failed.
    Skipped,
    /// It goes on. No record of a run that has ended has this.
    Running,
    /// It ended well.
    Done,
    /// It failed.
    Failed,
    /// The run was interrupted before its end.
    Cancelled,
}

impl State {
    /// For people.
    fn word(self) -> &'static str {
        match self {
            State::Skipped => "skipped",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "interrupted",
        }
    }
}

/// A time in which something went on; `None` of what was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lapse {
    /// When it began, by the clock of this machine.
    #[serde(with = "form::time")]
    pub started: SystemTime,
    /// How long it took.
    #[serde(rename = "elapsed_ms", with = "form::milliseconds")]
    pub elapsed: Duration,
}

impl Lapse {
    /// From a time on.
    fn begun(started: SystemTime) -> Self {
        Self { started, elapsed: Duration::ZERO }
    }
}

/// A failure, as a message shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorRecord {
    /// What failed and why.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// The instruction of the Dockerfile that it is about.
    pub place: Option<PlaceRecord>,
    /// The last lines that the failed step printed.
    pub output: Vec<String>,
}

/// Lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceRecord {
    /// The file, as messages show it.
    pub file: String,
    /// Counted from 1.
    pub first_line: u32,
    /// Counted from 1, and part of the place.
    pub last_line: u32,
}

/// A wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaveRecord {
    /// Its name in the file.
    pub name: String,
    /// How it ended.
    pub state: State,
    /// Why it was skipped, where that is known.
    pub reason: Option<String>,
    /// When it ran.
    pub lapse: Option<Lapse>,
    /// What it consists of, in order: the steps of a plain wave, or `pre`, stages and `post`.
    pub stages: Vec<StageRecord>,
}

/// A list of steps in a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StageRecord {
    /// `pre`, `post`, or the name of a stage with its key if it is one of a family; `None`: the steps of a plain wave.
    pub name: Option<String>,
    /// How it ended.
    pub state: State,
    /// Why it was skipped, where that is known.
    pub reason: Option<String>,
    /// When it ran.
    pub lapse: Option<Lapse>,
    /// Its steps in order.
    pub steps: Vec<StepRecord>,
}

/// A step of a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// The word of the language for it.
    pub kind: StepKind,
    /// The step as it is shown: `push lambda, worker["api"]`.
    pub text: String,
    /// How it ended.
    pub state: State,
    /// When it ran.
    pub lapse: Option<Lapse>,
    /// How often it was started; more than once with `retries`.
    pub attempts: u32,
    /// The builds, pushes and copies that it consists of, in the order in which they began.
    pub tasks: Vec<TaskRecord>,
}

/// What kind of step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// Builds images.
    Build,
    /// Builds images and pushes their tags.
    Push,
    /// Gives a pushed image other tags.
    Promote,
    /// Runs a program.
    Run,
    /// Runs a script.
    Sh,
    /// Waits for a person.
    Approve,
}

/// A build, a push or a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskRecord {
    /// What is done.
    pub kind: TaskKind,
    /// The image.
    pub image: String,
    /// The reference that is pushed, or the repository that is copied to; `None` of a build.
    pub target: Option<String>,
    /// How it ended.
    pub state: State,
    /// When it ran.
    pub lapse: Lapse,
    /// How often it was started.
    pub attempts: u32,
    /// Bytes that were sent to a registry.
    pub bytes: u64,
    /// The steps of a build, in the order in which they began: instructions and the work around them.
    pub steps: Vec<BuildStepRecord>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskKind {
    /// Builds an image.
    Build,
    /// Pushes a tag.
    Push,
    /// Copies an image to another repository.
    Copy,
}

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BuildStepRecord {
    /// `[2/4] COPY requirements.txt .`, `exporting to image`
    pub name: String,
    /// Whether it stands for an instruction of the Dockerfile.
    pub instruction: bool,
    /// How it ended.
    pub state: BuildStepState,
    /// When it ran: of a cached step, when that was known.
    pub lapse: Lapse,
}

/// How a step of a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BuildStepState {
    /// It was taken from the cache.
    Cached,
    /// It was carried out.
    Executed,
    /// It failed.
    Failed,
    /// It had not ended when the build did.
    Cancelled,
}

/// What was done for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageRecord {
    /// Its name in the file, with its key if it is one of a family.
    pub name: String,
    /// Whether it was built.
    pub built: bool,
    /// How many instructions the build consists of, without `FROM`.
    pub steps: usize,
    /// How many of these came from the cache.
    pub cached: usize,
    /// How long the build took.
    #[serde(rename = "build_ms", with = "form::milliseconds")]
    pub build_time: Duration,
    /// How long its pushes took, one after the other.
    #[serde(rename = "push_ms", with = "form::milliseconds")]
    pub push_time: Duration,
    /// How much shorter the build was than the last one of this image that found nothing in the cache; `None`: no such
    /// build is known.
    #[serde(rename = "saved_ms", with = "form::optional_milliseconds")]
    pub saved: Option<Duration>,
    /// Bytes of layers that its pushes sent, as the registry stores them.
    pub bytes_pushed: u64,
    /// Bytes that promotions copied.
    pub bytes_copied: u64,
    /// The references that were pushed.
    pub pushed: Vec<String>,
    /// The references that it was promoted to.
    pub promoted: Vec<String>,
    /// `sha256:…`, once it is in a registry.
    pub digest: Option<String>,
    /// `host/name@sha256:…`, once it is in a registry.
    pub reference: Option<String>,
}

impl RunRecord {
    /// What [`RunRecord::version`] is now. Within one version keys are neither removed nor renamed.
    pub const VERSION: u32 = 1;

    /// Bytes that were sent to registries.
    pub fn bytes_sent(&self) -> u64 {
        self.images.iter().map(|image| image.bytes_pushed + image.bytes_copied).sum()
    }

    /// The time that caches saved, as far as it is known.
    pub fn saved(&self) -> Option<Duration> {
        self.images.iter().filter_map(|image| image.saved).reduce(|sum, one| sum + one)
    }

    /// What took longest, longest first, at most `count`: instructions of builds that were carried out, pushes, copies
    /// and commands.
    pub fn slowest(&self, count: usize) -> Vec<Slow<'_>> {
        let steps = self.waves.iter().flat_map(|wave| &wave.stages).flat_map(|stage| &stage.steps);
        let mut found: Vec<_> = steps.flat_map(slow_parts).collect();
        found.sort_by_key(|slow| std::cmp::Reverse(slow.elapsed));
        found.truncate(count);
        found
    }
}

/// Something that took its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slow<'a> {
    /// The image that it was for, if it was for one.
    pub image: Option<&'a str>,
    /// The instruction, the reference or the command.
    pub name: &'a str,
    /// How long it took.
    pub elapsed: Duration,
}

/// The parts of a step that are not made of others.
fn slow_parts(step: &StepRecord) -> Vec<Slow<'_>> {
    if let (StepKind::Run | StepKind::Sh, Some(lapse)) = (step.kind, &step.lapse) {
        return vec![Slow { image: None, name: &step.text, elapsed: lapse.elapsed }];
    }
    let mut found = Vec::new();
    for task in &step.tasks {
        let image = Some(task.image.as_str());
        if let Some(target) = &task.target {
            found.push(Slow { image, name: target, elapsed: task.lapse.elapsed });
        }
        let ran = task.steps.iter().filter(|step| step.state != BuildStepState::Cached);
        found.extend(ran.map(|step| Slow { image, name: &step.name, elapsed: step.lapse.elapsed }));
    }
    found
}

#[cfg(test)]
mod tests;
