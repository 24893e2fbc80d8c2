//! Events of a run → its record.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::outline::{Outline, StepKey};
use super::{
    BuildStepRecord, BuildStepState, ErrorRecord, ImageRecord, Lapse, PlaceRecord, RunRecord, StageRecord,
    State, StepRecord, TaskKind, TaskRecord, WaveRecord,
};
use crate::host::{BuildProgress, BuildStep, Built, Event, Observer, Place, StepState};
use crate::plan::Plan;
use crate::run::{ImageReport, Outcome, Report, RunError};

/// Hears what a run does, and keeps it with the times. It keeps no output.
pub struct Recorder {
    name: String,
    started: SystemTime,
    clock: Instant,
    outline: Outline,
    state: Mutex<Progress>,
}

/// What has happened so far.
struct Progress {
    waves: Vec<WaveRecord>,
    /// The steps that run, in the order in which they began.
    running: Vec<StepKey>,
    /// Where the last task of a kind for an image and a target is: the step, and the number of the task in it.
    tasks: HashMap<(TaskKind, String, Option<String>), (StepKey, usize)>,
    /// Steps of the build of an image: by their ids, their numbers in the task.
    build_steps: HashMap<String, HashMap<String, usize>>,
}

impl Recorder {
    /// A recorder for a run of this plan that begins now; `name` is what the pipeline is called.
    #[expect(clippy::disallowed_methods, reason = "a record says when a run began")]
    pub fn new(name: impl Into<String>, plan: &Plan) -> Self {
        let outline = Outline::of(plan);
        let progress = Progress {
            waves: outline.waves().to_vec(),
            running: Vec::new(),
            tasks: HashMap::new(),
            build_steps: HashMap::new(),
        };
        Self {
            name: name.into(),
            started: SystemTime::now(),
            clock: Instant::now(),
            outline,
            state: Mutex::new(progress),
        }
    }

    /// The record of the run, which has ended with `report`. What had not ended by itself was cancelled.
    pub fn record(&self, report: &Report) -> RunRecord {
        let now = self.now();
        let mut waves = self.progress().waves.clone();
        waves.iter_mut().for_each(|wave| end_wave(wave, now));
        let (outcome, errors) = match &report.outcome {
            Outcome::Done => (State::Done, Vec::new()),
            Outcome::Failed(errors) => (State::Failed, errors.iter().map(error_record).collect()),
            Outcome::Cancelled => (State::Cancelled, Vec::new()),
        };
        RunRecord {
            version: RunRecord::VERSION,
            cachelang: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.name.clone(),
            outcome,
            started: self.started,
            elapsed: self.clock.elapsed(),
            errors,
            images: report.images.iter().filter(|image| is_used(image, &waves)).map(image_record).collect(),
            waves,
        }
    }

    /// The step that an event belongs to, if it belongs to one that runs: the names of its wave and block, and its
    /// number in the block, from 0.
    pub(super) fn step_of(&self, event: &Event) -> Option<(Place, usize)> {
        let progress = self.progress();
        let key = match event {
            Event::CommandStarted { place, .. }
            | Event::CommandOutput { place, .. }
            | Event::CommandRetried { place, .. }
            | Event::CommandFinished { place, .. }
            | Event::ApprovalAwaited { place, .. }
            | Event::Approved { place, .. } => progress.running_at(self.outline.block(place)?)?,
            other => self.outline.step_for(image_of(other)?, &progress.running)?,
        };
        Some((self.outline.place(key)?, key.step))
    }

    /// What the pipeline is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The time by the clock of this machine, which cannot jump during the run.
    pub(super) fn now(&self) -> SystemTime {
        self.started + self.clock.elapsed()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every change is complete when the lock is given back.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event) {
        let now = self.now();
        let mut progress = self.progress();
        match event {
            Event::WaveStarted { .. } | Event::WaveSkipped { .. } | Event::WaveFinished { .. } => {
                progress.wave_event(&self.outline, event, now);
            }
            Event::StageStarted { .. } | Event::StageSkipped { .. } | Event::StageFinished { .. } => {
                progress.stage_event(&self.outline, event, now);
            }
            Event::StepStarted { place, step } => {
                if let Some(key) = self.outline.step(place, *step) {
                    progress.start_step(key, now);
                }
            }
            Event::StepFinished { place, step, succeeded, elapsed } => {
                if let Some(key) = self.outline.step(place, *step) {
                    progress.end_step(key, *succeeded, *elapsed);
                }
            }
            Event::CommandRetried { place, attempt, .. } => {
                let key = self.outline.block(place).and_then(|block| progress.running_at(block));
                if let Some(step) = key.and_then(|key| progress.step_mut(key)) {
                    step.attempts = *attempt;
                }
            }
            Event::Build { image, progress: BuildProgress::Step(step) } => {
                progress.build_step(image, step, now)
            }
            other => progress.task_event(&self.outline, other, now),
        }
    }
}

impl Progress {
    fn wave_event(&mut self, outline: &Outline, event: &Event, now: SystemTime) {
        let (Event::WaveStarted { wave: name }
        | Event::WaveSkipped { wave: name, .. }
        | Event::WaveFinished { wave: name, .. }) = event
        else {
            return;
        };
        let Some(wave) = outline.wave(name).and_then(|index| self.waves.get_mut(index)) else { return };
        match event {
            Event::WaveSkipped { reason, .. } => wave.reason = Some(reason.clone()),
            Event::WaveFinished { succeeded, elapsed, .. } => {
                wave.state = ended(*succeeded);
                wave.lapse = wave.lapse.map(|lapse| Lapse { elapsed: *elapsed, ..lapse });
            }
            _ => {
                wave.state = State::Running;
                wave.lapse = Some(Lapse::begun(now));
            }
        }
    }

    fn stage_event(&mut self, outline: &Outline, event: &Event, now: SystemTime) {
        let (Event::StageStarted { wave, stage }
        | Event::StageSkipped { wave, stage, .. }
        | Event::StageFinished { wave, stage, .. }) = event
        else {
            return;
        };
        let block = outline.block(&Place::stage(wave.clone(), stage.clone()));
        let Some(stage) = block.and_then(|(wave, block)| self.stage_mut(wave, block)) else { return };
        match event {
            Event::StageSkipped { reason, .. } => stage.reason = Some(reason.clone()),
            Event::StageFinished { succeeded, elapsed, .. } => {
                stage.state = ended(*succeeded);
                stage.lapse = stage.lapse.map(|lapse| Lapse { elapsed: *elapsed, ..lapse });
            }
            _ => {
                stage.state = State::Running;
                stage.lapse = Some(Lapse::begun(now));
            }
        }
    }

    fn start_step(&mut self, key: StepKey, now: SystemTime) {
        self.running.push(key);
        if let Some(stage) = self.stage_mut(key.wave, key.block)
            && stage.lapse.is_none()
        {
            // `pre`, `post` and plain waves have no events of their own.
            stage.state = State::Running;
            stage.lapse = Some(Lapse::begun(now));
        }
        if let Some(step) = self.step_mut(key) {
            step.state = State::Running;
            step.lapse = Some(Lapse::begun(now));
            step.attempts = 1;
        }
    }

    fn end_step(&mut self, key: StepKey, succeeded: bool, elapsed: Duration) {
        self.running.retain(|running| *running != key);
        let Some(step) = self.step_mut(key) else { return };
        step.state = ended(succeeded);
        step.lapse = step.lapse.map(|lapse| Lapse { elapsed, ..lapse });
        let end = step.lapse.map(|lapse| lapse.started + lapse.elapsed);
        // Of a step that was given up.
        step.tasks.iter_mut().for_each(|task| end_task(task, end));
        let Some(stage) = self.stage_mut(key.wave, key.block) else { return };
        let is_last = key.step + 1 == stage.steps.len();
        if is_last || !succeeded {
            stage.state = ended(succeeded);
            if let (Some(lapse), Some(end)) = (&mut stage.lapse, end) {
                lapse.elapsed = end.duration_since(lapse.started).unwrap_or_default();
            }
        }
    }

    /// Builds, pushes and copies.
    fn task_event(&mut self, outline: &Outline, event: &Event, now: SystemTime) {
        match event {
            Event::BuildStarted { image } => {
                self.build_steps.insert(image.clone(), HashMap::new());
                self.start_task(outline, (TaskKind::Build, image, None), now);
            }
            Event::BuildFinished { image, elapsed, .. } => {
                self.end_task((TaskKind::Build, image, None), State::Done, *elapsed, 0);
            }
            Event::BuildFailed { image, elapsed } => {
                self.end_task((TaskKind::Build, image, None), State::Failed, *elapsed, 0);
            }
            Event::PushStarted { image, reference } => {
                self.start_task(outline, (TaskKind::Push, image, Some(reference)), now);
            }
            Event::PushRetried { image, reference, attempt, .. } => {
                if let Some(task) = self.task_mut((TaskKind::Push, image, Some(reference))) {
                    task.attempts = u32::try_from(*attempt).unwrap_or(u32::MAX);
                }
            }
            Event::PushFinished { image, reference, bytes, elapsed, .. } => {
                self.end_task((TaskKind::Push, image, Some(reference)), State::Done, *elapsed, *bytes);
            }
            Event::PushFailed { image, reference, elapsed } => {
                self.end_task((TaskKind::Push, image, Some(reference)), State::Failed, *elapsed, 0);
            }
            Event::CopyStarted { image, repository } => {
                self.start_task(outline, (TaskKind::Copy, image, Some(repository)), now);
            }
            Event::CopyFinished { image, repository, copied, elapsed } => {
                self.end_task((TaskKind::Copy, image, Some(repository)), State::Done, *elapsed, copied.sent);
            }
            Event::CopyFailed { image, repository, elapsed } => {
                self.end_task((TaskKind::Copy, image, Some(repository)), State::Failed, *elapsed, 0);
            }
            _ => {}
        }
    }

    fn start_task(&mut self, outline: &Outline, task: Task<'_>, now: SystemTime) {
        let Some(key) = outline.step_for(task.1, &self.running) else { return };
        if let Some(begun) = self.task_mut(task).filter(|begun| begun.state == State::Failed) {
            // A build that is tried again: its steps are those of the last attempt.
            begun.attempts += 1;
            begun.state = State::Running;
            begun.steps.clear();
            return;
        }
        let (kind, image, target) = task;
        let Some(step) = self.step_mut(key) else { return };
        step.tasks.push(TaskRecord {
            kind,
            image: image.to_owned(),
            target: target.cloned(),
            state: State::Running,
            lapse: Lapse::begun(now),
            attempts: 1,
            bytes: 0,
            steps: Vec::new(),
        });
        let index = step.tasks.len() - 1;
        self.tasks.insert((kind, image.to_owned(), target.cloned()), (key, index));
    }

    fn end_task(&mut self, task: Task<'_>, state: State, elapsed: Duration, bytes: u64) {
        let Some(task) = self.task_mut(task) else { return };
        task.state = state;
        task.bytes = bytes;
        if task.attempts == 1 {
            task.lapse.elapsed = elapsed;
        } else {
            // From the start of the first attempt.
            task.lapse.elapsed = task.lapse.elapsed.max(elapsed);
        }
        let end = task.lapse.started + task.lapse.elapsed;
        task.steps.iter_mut().for_each(|step| end_build_step(step, Some(end)));
    }

    fn build_step(&mut self, image: &str, step: &BuildStep, now: SystemTime) {
        let state = match step.state {
            // What comes again is the loading of its layers.
            _ if step.again => return,
            StepState::Waiting => return,
            StepState::Running => BuildStepState::Cancelled,
            StepState::Cached => BuildStepState::Cached,
            StepState::Executed => BuildStepState::Executed,
            StepState::Failed => BuildStepState::Failed,
        };
        let known = self.build_steps.get(image).and_then(|steps| steps.get(&step.id)).copied();
        let Some(task) = self.task_mut((TaskKind::Build, image, None)) else { return };
        match known.and_then(|index| task.steps.get_mut(index)) {
            Some(record) => {
                record.state = state;
                record.lapse.elapsed = step.elapsed;
            }
            None => {
                let started = now.checked_sub(step.elapsed).unwrap_or(now);
                task.steps.push(BuildStepRecord {
                    name: step.name.clone(),
                    instruction: step.instruction,
                    state,
                    lapse: Lapse { started, elapsed: step.elapsed },
                });
                let index = task.steps.len() - 1;
                self.build_steps.entry(image.to_owned()).or_default().insert(step.id.clone(), index);
            }
        }
    }

    /// The step that runs in a block; there is at most one.
    fn running_at(&self, (wave, block): (usize, usize)) -> Option<StepKey> {
        self.running.iter().copied().find(|key| (key.wave, key.block) == (wave, block))
    }

    fn stage_mut(&mut self, wave: usize, block: usize) -> Option<&mut StageRecord> {
        self.waves.get_mut(wave)?.stages.get_mut(block)
    }

    fn step_mut(&mut self, key: StepKey) -> Option<&mut StepRecord> {
        self.stage_mut(key.wave, key.block)?.steps.get_mut(key.step)
    }

    fn task_mut(&mut self, (kind, image, target): Task<'_>) -> Option<&mut TaskRecord> {
        let (key, index) = *self.tasks.get(&(kind, image.to_owned(), target.cloned()))?;
        self.step_mut(key)?.tasks.get_mut(index)
    }
}

/// A task by its kind, image and target.
type Task<'a> = (TaskKind, &'a str, Option<&'a String>);

fn ended(succeeded: bool) -> State {
    if succeeded { State::Done } else { State::Failed }
}

/// Ends what goes on in a wave.
fn end_wave(wave: &mut WaveRecord, now: SystemTime) {
    end(&mut wave.state, wave.lapse.as_mut(), now);
    for stage in &mut wave.stages {
        end(&mut stage.state, stage.lapse.as_mut(), now);
        for step in &mut stage.steps {
            end(&mut step.state, step.lapse.as_mut(), now);
            step.tasks.iter_mut().for_each(|task| end_task(task, Some(now)));
        }
    }
}

fn end(state: &mut State, lapse: Option<&mut Lapse>, now: SystemTime) {
    if *state == State::Running {
        *state = State::Cancelled;
        if let Some(lapse) = lapse {
            lapse.elapsed = now.duration_since(lapse.started).unwrap_or_default();
        }
    }
}

fn end_task(task: &mut TaskRecord, now: Option<SystemTime>) {
    let Some(now) = now.filter(|_| task.state == State::Running) else { return };
    end(&mut task.state, Some(&mut task.lapse), now);
    task.steps.iter_mut().for_each(|step| end_build_step(step, Some(now)));
}

/// Gives a step that had not ended the time up to the end of its build.
fn end_build_step(step: &mut BuildStepRecord, now: Option<SystemTime>) {
    if let (BuildStepState::Cancelled, Some(now)) = (step.state, now) {
        step.lapse.elapsed = now.duration_since(step.lapse.started).unwrap_or_default();
    }
}

fn error_record(error: &RunError) -> ErrorRecord {
    ErrorRecord {
        message: error.to_string(),
        help: error.help(),
        place: error.place().map(|place| PlaceRecord {
            file: place.file.clone(),
            first_line: place.first_line,
            last_line: place.last_line,
        }),
        output: error.output().to_vec(),
    }
}

/// Whether a run had to do with an image.
fn is_used(image: &ImageReport, waves: &[WaveRecord]) -> bool {
    let mut tasks = waves
        .iter()
        .flat_map(|wave| &wave.stages)
        .flat_map(|stage| &stage.steps)
        .flat_map(|step| &step.tasks);
    image.built.is_some() || image.digest.is_some() || tasks.any(|task| task.image == image.name)
}

fn image_record(image: &ImageReport) -> ImageRecord {
    ImageRecord {
        name: image.name.clone(),
        built: image.built.is_some(),
        steps: image.built.as_ref().map_or(0, |built| built.steps.len()),
        cached: image.built.as_ref().map_or(0, Built::cached),
        build_time: image.build_time,
        push_time: image.push_time,
        saved: None,
        bytes_pushed: image.bytes_pushed,
        bytes_copied: image.bytes_copied,
        pushed: image.pushed.clone(),
        promoted: image.promoted.clone(),
        digest: image.digest.clone(),
        reference: image.reference.clone(),
    }
}

/// The image that an event is about.
fn image_of(event: &Event) -> Option<&str> {
    match event {
        Event::BuildStarted { image }
        | Event::Build { image, .. }
        | Event::BuildFinished { image, .. }
        | Event::BuildFailed { image, .. }
        | Event::BuildRetried { image, .. }
        | Event::ImageSkipped { image, .. }
        | Event::PushStarted { image, .. }
        | Event::Push { image, .. }
        | Event::PushFinished { image, .. }
        | Event::PushFailed { image, .. }
        | Event::PushRetried { image, .. }
        | Event::TagExists { image, .. }
        | Event::TagKept { image, .. }
        | Event::CopyStarted { image, .. }
        | Event::Copy { image, .. }
        | Event::CopyFinished { image, .. }
        | Event::CopyFailed { image, .. }
        | Event::Promoted { image, .. } => Some(image),
        _ => None,
    }
}
