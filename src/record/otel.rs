//! A record as OpenTelemetry spans: the run, in it waves, stages, steps, tasks and the steps of builds.
//!
//! The spans are made from the record when the run has ended, with the times that it says. Where they go, and as what
//! service, is said by the variables of the OpenTelemetry specification, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.

use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use uuid::Uuid;

use super::{
    BuildStepRecord, BuildStepState, Lapse, RunRecord, StageRecord, State, StepRecord, TaskRecord, WaveRecord,
};

/// Why spans were not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The variables ask for something that there is not.
    #[error("OpenTelemetry cannot be set up: {0}")]
    Settings(String),
    /// The collector did not take them.
    #[error("the OpenTelemetry collector did not take the spans: {0}")]
    Send(String),
}

/// Sends the spans of a record to the collector that the variables name. `parent` is the `traceparent` of the trace that the
/// run belongs to, as a header of W3C Trace Context has it.
///
/// # Errors
/// When there is no such collector, or it refuses them.
pub async fn export(record: &RunRecord, parent: Option<&str>) -> Result<(), ExportError> {
    let exporter = SpanExporter::builder().build();
    let mut exporter = exporter.map_err(|error| ExportError::Settings(error.to_string()))?;
    let resource = Resource::builder();
    // `unknown_service` is what the specification has for those that say nothing.
    let named = Resource::builder()
        .build()
        .get(&"service.name".into())
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let resource = if named { resource } else { resource.with_service_name("cachelang") };
    exporter.set_resource(&resource.build());
    exporter.export(spans(record, parent)).await.map_err(|error| ExportError::Send(error.to_string()))
}

/// The spans of a record, the run first.
pub fn spans(record: &RunRecord, parent: Option<&str>) -> Vec<SpanData> {
    let (trace, remote) = parent.and_then(traceparent).unwrap_or_else(|| (new_trace(), SpanId::INVALID));
    let mut spans = Spans { trace, scope: scope(record), all: Vec::new() };
    let lapse = Lapse { started: record.started, elapsed: record.elapsed };
    let attributes = vec![KeyValue::new("cachelang.outcome", word(record.outcome))];
    let status = match record.errors.first() {
        Some(error) => Status::error(error.message.clone()),
        None => status(record.outcome),
    };
    let run = spans.add(remote, format!("run {}", record.name), &lapse, (attributes, status));
    if let Some(span) = spans.all.first_mut() {
        span.parent_span_is_remote = remote != SpanId::INVALID;
    }
    record.waves.iter().for_each(|wave| spans.wave(run, wave));
    spans.all
}

struct Spans {
    trace: TraceId,
    scope: InstrumentationScope,
    all: Vec<SpanData>,
}

impl Spans {
    fn wave(&mut self, parent: SpanId, wave: &WaveRecord) {
        let Some(lapse) = &wave.lapse else { return };
        let said = (Vec::new(), status(wave.state));
        let span = self.add(parent, format!("wave {}", wave.name), lapse, said);
        wave.stages.iter().for_each(|stage| self.stage(span, stage));
    }

    fn stage(&mut self, parent: SpanId, stage: &StageRecord) {
        let Some(lapse) = &stage.lapse else { return };
        // The steps of a wave without stages are its own.
        let span = match &stage.name {
            Some(name) => self.add(parent, format!("stage {name}"), lapse, (Vec::new(), status(stage.state))),
            None => parent,
        };
        stage.steps.iter().for_each(|step| self.step(span, step));
    }

    fn step(&mut self, parent: SpanId, step: &StepRecord) {
        let Some(lapse) = &step.lapse else { return };
        let attributes = vec![KeyValue::new("cachelang.attempts", i64::from(step.attempts))];
        let span = self.add(parent, step.text.clone(), lapse, (attributes, status(step.state)));
        step.tasks.iter().for_each(|task| self.task(span, task));
    }

    fn task(&mut self, parent: SpanId, task: &TaskRecord) {
        let kind = super::html::task_word(task.kind);
        let mut attributes = vec![
            KeyValue::new("cachelang.image", task.image.clone()),
            KeyValue::new("cachelang.attempts", i64::from(task.attempts)),
        ];
        if let Some(target) = &task.target {
            attributes.push(KeyValue::new("cachelang.target", target.clone()));
            attributes.push(KeyValue::new("cachelang.bytes", i64::try_from(task.bytes).unwrap_or(i64::MAX)));
        }
        let name = format!("{kind} {}", task.target.as_deref().unwrap_or(&task.image));
        let span = self.add(parent, name, &task.lapse, (attributes, status(task.state)));
        task.steps.iter().for_each(|step| self.build_step(span, step));
    }

    fn build_step(&mut self, parent: SpanId, step: &BuildStepRecord) {
        let status = match step.state {
            BuildStepState::Failed => Status::error("failed"),
            BuildStepState::Cancelled => Status::error("cancelled"),
            BuildStepState::Cached | BuildStepState::Executed => Status::Unset,
        };
        let attributes = vec![KeyValue::new("cachelang.cached", step.state == BuildStepState::Cached)];
        self.add(parent, step.name.clone(), &step.lapse, (attributes, status));
    }

    /// Adds a span and returns its id.
    fn add(
        &mut self,
        parent: SpanId,
        name: String,
        lapse: &Lapse,
        (attributes, status): (Vec<KeyValue>, Status),
    ) -> SpanId {
        let id = new_span();
        let end_time: SystemTime = lapse.started + lapse.elapsed;
        self.all.push(SpanData {
            span_context: SpanContext::new(self.trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: lapse.started,
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
        id
    }
}

fn scope(record: &RunRecord) -> InstrumentationScope {
    InstrumentationScope::builder("cachelang").with_version(record.cachelang.clone()).build()
}

fn status(state: State) -> Status {
    match state {
        State::Done => Status::Ok,
        State::Failed => Status::error("failed"),
        State::Cancelled => Status::error("cancelled"),
        State::Skipped | State::Running => Status::Unset,
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Skipped => "skipped",
        State::Running => "running",
        State::Done => "done",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    }
}

fn new_trace() -> TraceId {
    TraceId::from_bytes(*Uuid::new_v4().as_bytes())
}

fn new_span() -> SpanId {
    let [a, b, c, d, e, f, g, h, ..] = *Uuid::new_v4().as_bytes();
    SpanId::from_bytes([a, b, c, d, e, f, g, h])
}

/// Trace and span of `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01` (<https://www.w3.org/TR/trace-context/>).
fn traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex(version, 2) || version == "ff" || !is_hex(trace, 32) || !is_hex(span, 16) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_or_left_out() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let found = traceparent(good).map(|(trace, span)| format!("{trace}/{span}"));
        assert_eq!(found.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7"));
        for bad in ["", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0-0-0"] {
            assert_eq!(traceparent(bad), None, "{bad}");
        }
    }
}
