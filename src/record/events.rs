//! Events as lines of JSON while a run goes on, in the words of its record. `docs/report-schema.md` describes them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::form::{time_text, whole_milliseconds};
use super::{Recorder, RunRecord, State};
use crate::diag::render::printable_json;
use crate::host::{BuildProgress, BuildStep, Event, Observer, OutputStream, Place, StepState};

/// What `version` of the first line is now.
pub const VERSION: u32 = 1;

/// Writes each event as a line of JSON, flushed at once. It asks a [`Recorder`] to which step an event belongs, so the
/// recorder has to hear of it first.
pub struct EventLines {
    recorder: Arc<Recorder>,
    stream: Mutex<Stream>,
}

struct Stream {
    writer: Box<dyn Write + Send>,
    /// The first failure; nothing is written after it.
    lost: Option<io::Error>,
}

impl EventLines {
    /// Starts with a line `run_started`.
    pub fn new(recorder: Arc<Recorder>, writer: Box<dyn Write + Send>) -> Self {
        let lines = Self { recorder, stream: Mutex::new(Stream { writer, lost: None }) };
        lines.write(
            "run_started",
            json!({ "version": VERSION, "cachelang": env!("CARGO_PKG_VERSION"), "name": lines.recorder.name() }),
            None,
        );
        lines
    }

    /// Ends with a line `run_finished`.
    ///
    /// # Errors
    /// Why a line could not be written, this or an earlier one.
    pub fn finish(&self, record: &RunRecord) -> io::Result<()> {
        let (outcome, elapsed_ms) = (record.outcome, whole_milliseconds(record.elapsed));
        let fields = json!({ "outcome": outcome, "elapsed_ms": elapsed_ms, "errors": record.errors });
        self.write("run_finished", fields, None);
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.lost.take().map_or(Ok(()), Err)
    }

    fn write(&self, event: &str, fields: Value, step: Option<(Place, Option<usize>)>) {
        let mut line = Map::new();
        line.insert("time".to_owned(), json!(time_text(self.recorder.now())));
        line.insert("event".to_owned(), json!(event));
        if let Some((place, step)) = step {
            line.insert("wave".to_owned(), json!(place.wave));
            line.insert("stage".to_owned(), json!(place.block));
            if step.is_some() {
                line.insert("step".to_owned(), json!(step));
            }
        }
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let text = format!("{}\n", printable_json(&Value::Object(line).to_string()));
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.lost.is_none() {
            let written = stream.writer.write_all(text.as_bytes()).and_then(|()| stream.writer.flush());
            stream.lost = written.err();
        }
    }
}

impl Observer for EventLines {
    fn observe(&self, event: &Event) {
        let step = match event {
            Event::StepStarted { place, step } | Event::StepFinished { place, step, .. } => {
                Some((place.clone(), Some(*step)))
            }
            Event::StageStarted { wave, stage }
            | Event::StageSkipped { wave, stage, .. }
            | Event::StageFinished { wave, stage, .. } => {
                Some((Place::stage(wave.clone(), stage.clone()), None))
            }
            other => self.recorder.step_of(other).map(|(place, step)| (place, Some(step))),
        };
        let (name, fields) = described(event, &self.recorder);
        self.write(name, fields, step);
    }
}

/// The name of an event, and what it says besides its step.
fn described(event: &Event, recorder: &Recorder) -> (&'static str, Value) {
    match event {
        Event::WaveStarted { wave } => ("wave_started", json!({ "wave": wave })),
        Event::WaveSkipped { wave, reason } => ("wave_skipped", json!({ "wave": wave, "reason": reason })),
        Event::WaveFinished { wave, succeeded, elapsed } => {
            ("wave_finished", json!({ "wave": wave, "state": state(*succeeded), "elapsed_ms": ms(elapsed) }))
        }
        Event::StageStarted { .. } => ("stage_started", json!({})),
        Event::StageSkipped { reason, .. } => ("stage_skipped", json!({ "reason": reason })),
        Event::StageFinished { succeeded, elapsed, .. } => ("stage_finished", ended(*succeeded, elapsed)),
        Event::StepStarted { place, step } => {
            let shown = recorder.outline().shown(place, *step);
            (
                "step_started",
                shown.map_or_else(|| json!({}), |(kind, text)| json!({ "kind": kind, "text": text })),
            )
        }
        Event::StepFinished { succeeded, elapsed, .. } => ("step_finished", ended(*succeeded, elapsed)),
        Event::CommandStarted { command, .. } => ("command_started", json!({ "command": command })),
        Event::CommandOutput { stream, line, .. } => {
            ("command_output", json!({ "stream": stream_word(*stream), "line": line }))
        }
        Event::CommandRetried { command, cause, attempt, attempts, .. } => (
            "command_retried",
            json!({ "command": command, "cause": cause, "attempt": attempt, "attempts": attempts }),
        ),
        Event::CommandFinished { command, succeeded, elapsed, .. } => (
            "command_finished",
            json!({ "command": command, "state": state(*succeeded), "elapsed_ms": ms(elapsed) }),
        ),
        Event::ApprovalAwaited { question, .. } => ("approval_awaited", json!({ "question": question })),
        Event::Approved { question, .. } => ("approved", json!({ "question": question })),
        Event::RepositoryCreated { repository } => {
            ("repository_created", json!({ "repository": repository }))
        }
        Event::RepositoryDiffers { repository, drift } => (
            "repository_differs",
            json!({
                "repository": repository, "setting": drift.setting, "found": drift.found, "wanted": drift.wanted,
                "mended": drift.mended,
            }),
        ),
        other => of_image(other),
    }
}

/// The same for what happens to an image.
fn of_image(event: &Event) -> (&'static str, Value) {
    match event {
        Event::BuildStarted { image } => ("build_started", json!({ "image": image })),
        Event::Build { image, progress } => build(image, progress),
        Event::BuildFinished { image, built, elapsed } => (
            "build_finished",
            json!({
                "image": image, "cached": built.cached(), "steps": built.steps.len(), "elapsed_ms": ms(elapsed),
            }),
        ),
        Event::BuildFailed { image, elapsed } => {
            ("build_failed", json!({ "image": image, "elapsed_ms": ms(elapsed) }))
        }
        Event::BuildRetried { image, cause, attempt, attempts } => (
            "build_retried",
            json!({ "image": image, "cause": cause, "attempt": attempt, "attempts": attempts }),
        ),
        Event::ImageSkipped { image, reason } => {
            ("image_skipped", json!({ "image": image, "reason": reason }))
        }
        Event::PushStarted { image, reference } => {
            ("push_started", json!({ "image": image, "target": reference }))
        }
        Event::Push { image, reference, progress } => (
            "push_progress",
            json!({ "image": image, "target": reference, "sent": progress.sent, "total": progress.total }),
        ),
        Event::PushFinished { image, reference, digest, bytes, elapsed } => (
            "push_finished",
            json!({
                "image": image, "target": reference, "digest": digest, "bytes": bytes, "elapsed_ms": ms(elapsed),
            }),
        ),
        Event::PushFailed { image, reference, elapsed } => {
            ("push_failed", json!({ "image": image, "target": reference, "elapsed_ms": ms(elapsed) }))
        }
        Event::PushRetried { image, reference, cause, attempt, attempts } => (
            "push_retried",
            json!({
                "image": image, "target": reference, "cause": cause, "attempt": attempt, "attempts": attempts,
            }),
        ),
        other => of_tag(other),
    }
}

/// The same for tags that need no push, and for promotions.
fn of_tag(event: &Event) -> (&'static str, Value) {
    match event {
        Event::TagExists { image, reference, digest } => {
            ("tag_exists", json!({ "image": image, "target": reference, "digest": digest }))
        }
        Event::TagKept { image, reference, digest } => {
            ("tag_kept", json!({ "image": image, "target": reference, "digest": digest }))
        }
        Event::CopyStarted { image, repository } => {
            ("copy_started", json!({ "image": image, "target": repository }))
        }
        Event::Copy { image, repository, progress } => (
            "copy_progress",
            json!({ "image": image, "target": repository, "sent": progress.sent, "total": progress.total }),
        ),
        Event::CopyFinished { image, repository, copied, elapsed } => (
            "copy_finished",
            json!({
                "image": image, "target": repository, "bytes": copied.sent, "skipped": copied.skipped,
                "elapsed_ms": ms(elapsed),
            }),
        ),
        Event::CopyFailed { image, repository, elapsed } => {
            ("copy_failed", json!({ "image": image, "target": repository, "elapsed_ms": ms(elapsed) }))
        }
        Event::Promoted { image, reference, digest } => {
            ("promoted", json!({ "image": image, "target": reference, "digest": digest }))
        }
        // `described` has the others.
        _ => ("other", json!({})),
    }
}

fn build(image: &str, progress: &BuildProgress) -> (&'static str, Value) {
    match progress {
        BuildProgress::Step(step) => ("build_step", build_step(image, step)),
        BuildProgress::Output { step, line } => {
            ("build_output", json!({ "image": image, "id": step, "line": line }))
        }
        BuildProgress::Warning(text) => ("build_warning", json!({ "image": image, "text": text })),
    }
}

fn build_step(image: &str, step: &BuildStep) -> Value {
    let state = match step.state {
        StepState::Waiting => "waiting",
        StepState::Running => "running",
        StepState::Cached => "cached",
        StepState::Executed => "executed",
        StepState::Failed => "failed",
    };
    json!({
        "image": image, "id": step.id, "name": step.name, "state": state, "instruction": step.instruction,
        "elapsed_ms": ms(&step.elapsed),
    })
}

fn ended(succeeded: bool, elapsed: &Duration) -> Value {
    json!({ "state": state(succeeded), "elapsed_ms": ms(elapsed) })
}

fn state(succeeded: bool) -> State {
    if succeeded { State::Done } else { State::Failed }
}

fn ms(duration: &Duration) -> u64 {
    whole_milliseconds(*duration)
}

fn stream_word(stream: OutputStream) -> &'static str {
    match stream {
        OutputStream::Stdout => "stdout",
        OutputStream::Stderr => "stderr",
    }
}
