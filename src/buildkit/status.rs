//! Follows a build: BuildKit's status messages → [`BuildProgress`] and the list of built steps.

mod printable;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexWarning};
use indexmap::IndexMap;
use regex::Regex;

use crate::host::{BuildProgress, BuildStep, BuiltStep, Interval, StepState};

use printable::printable;

/// How many of a step's last lines an error shows.
const LAST_LINES: usize = 20;
/// How the names of steps that read a cache start; the reference follows.
const IMPORT: &str = "importing cache manifest from ";
/// A longer line is cut: a progress bar drawn with carriage returns never ends its line.
const MAX_LINE: usize = 4096;

/// What is known about the vertexes of one solve.
#[derive(Default)]
pub(super) struct Progress {
    steps: IndexMap<String, StepRecord>,
}

struct StepRecord {
    name: String,
    /// Ran or is running, by when each interval started: a step is loaded first and executed later.
    intervals: HashMap<(i64, i32), Duration>,
    state: StepState,
    /// It was taken from the cache, whatever is reported of it later.
    cached: bool,
    /// It has been reported as cached or executed.
    ended: bool,
    error: String,
    last_lines: VecDeque<String>,
    /// Bytes of unfinished lines, by the stream that they belong to.
    partial: BTreeMap<i64, Vec<u8>>,
    /// What it copies or downloads: by the id of each item, how many bytes so far.
    items: HashMap<String, u64>,
}

impl StepRecord {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            intervals: HashMap::new(),
            state: StepState::Waiting,
            cached: false,
            ended: false,
            error: String::new(),
            last_lines: VecDeque::new(),
            partial: BTreeMap::new(),
            items: HashMap::new(),
        }
    }

    fn built(&self, stage: &str) -> BuiltStep {
        let mut step = BuiltStep::new(&self.name, self.cached);
        stage.clone_into(&mut step.stage);
        let interval = |((seconds, nanos), took): (&(i64, i32), &Duration)| {
            let since = Duration::new(u64::try_from(*seconds).ok()?, u32::try_from(*nanos).ok()?);
            Some(Interval { started: UNIX_EPOCH.checked_add(since)?, took: *took })
        };
        step.intervals = self.intervals.iter().filter_map(interval).collect();
        step.intervals.sort();
        step.bytes = self.items.values().sum();
        step
    }

    /// Adds output and returns the lines that it completed.
    fn append(&mut self, stream: i64, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => lines.push(self.end_line(stream)),
                _ => {
                    let partial = self.partial.entry(stream).or_default();
                    if partial.len() < MAX_LINE {
                        partial.push(*byte);
                    }
                }
            }
        }
        lines
    }

    fn end_line(&mut self, stream: i64) -> String {
        let bytes = self.partial.remove(&stream).unwrap_or_default();
        let line = String::from_utf8_lossy(&bytes);
        // What a terminal would show of a line that was drawn several times.
        let shown = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        let shown = printable(shown);
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(shown.clone());
        shown
    }
}

/// A step that failed, for an error message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FailedStep {
    pub(super) name: String,
    pub(super) error: String,
    pub(super) output: Vec<String>,
}

impl Progress {
    /// Takes in one message and reports what is new in it.
    pub(super) fn update(&mut self, message: StatusResponse, report: &(dyn Fn(BuildProgress) + Send + Sync)) {
        for vertex in &message.vertexes {
            self.vertex(vertex, report);
        }
        for item in &message.statuses {
            if let (Some(record), Ok(bytes @ 1..)) =
                (self.steps.get_mut(&item.vertex), u64::try_from(item.current))
            {
                record.items.insert(item.id.clone(), bytes);
            }
        }
        for log in &message.logs {
            self.log(log, report);
        }
        for warning in &message.warnings {
            report(BuildProgress::Warning(warning_text(warning)));
        }
    }

    /// Every vertex message is a full snapshot: the last one counts.
    fn vertex(&mut self, vertex: &Vertex, report: &(dyn Fn(BuildProgress) + Send + Sync)) {
        let (name, error) = (printable(&vertex.name), printable_lines(&vertex.error));
        let record = self.steps.entry(vertex.digest.clone()).or_insert_with(|| StepRecord::new(&name));
        record.name.clone_from(&name);
        let before = record.state;
        record.state = state(vertex);
        if record.cached && record.state == StepState::Executed {
            // What was "executed" is the loading of layers that the cache named.
            record.state = StepState::Cached;
        }
        record.cached |= record.state == StepState::Cached;
        record.error.clone_from(&error);
        if let Some(started) = &vertex.started {
            let ran =
                vertex.completed.as_ref().map_or(Duration::ZERO, |completed| between(started, completed));
            record.intervals.insert((started.seconds, started.nanos), ran);
        }
        if record.state == before {
            return;
        }
        if let (StepState::Failed, Some(reference)) = (record.state, name.strip_prefix(IMPORT)) {
            report(BuildProgress::Warning(failed_import(reference, &error)));
        }
        report(BuildProgress::Step(BuildStep {
            id: vertex.digest.clone(),
            instruction: Instruction::parse(&name).is_some(),
            name,
            state: record.state,
            elapsed: record.intervals.values().sum(),
            again: record.ended,
        }));
        record.ended |= matches!(record.state, StepState::Cached | StepState::Executed);
    }

    fn log(&mut self, log: &VertexLog, report: &(dyn Fn(BuildProgress) + Send + Sync)) {
        let Some(record) = self.steps.get_mut(&log.vertex) else { return };
        for line in record.append(log.stream, &log.msg) {
            report(BuildProgress::Output { step: log.vertex.clone(), line });
        }
    }

    /// The instructions that the build needed, in the order of the Dockerfile. `FROM` is not one of them: it names
    /// an image and does no work that a cache could save.
    pub(super) fn built_steps(&self) -> Vec<BuiltStep> {
        let mut stages: Vec<&str> = Vec::new();
        let mut steps = Vec::new();
        for record in self.steps.values() {
            let Some(instruction) = Instruction::parse(&record.name).filter(|found| !found.is_from) else {
                continue;
            };
            let stage = stages.iter().position(|stage| *stage == instruction.stage).unwrap_or_else(|| {
                stages.push(instruction.stage);
                stages.len() - 1
            });
            let step = record.built(instruction.stage);
            steps.push(((stage, instruction.index), step));
        }
        steps.sort_by_key(|(order, _)| *order);
        steps.into_iter().map(|(_, step)| step).collect()
    }

    /// An instruction that has started and not ended.
    pub(super) fn running_step(&self) -> Option<String> {
        let running = |record: &&StepRecord| {
            record.state == StepState::Running && Instruction::parse(&record.name).is_some()
        };
        self.steps.values().find(running).map(|record| record.name.clone())
    }

    /// The step that made the build fail.
    pub(super) fn failed_step(&mut self) -> Option<FailedStep> {
        let failed =
            |record: &StepRecord| record.state == StepState::Failed && !record.name.starts_with(IMPORT);
        let record = self.steps.values_mut().find(|record| failed(record))?;
        while let Some(stream) = record.partial.keys().next().copied() {
            record.end_line(stream);
        }
        let output = record.last_lines.iter().cloned().collect();
        Some(FailedStep { name: record.name.clone(), error: record.error.clone(), output })
    }
}

/// BuildKit's words, behind the line that they are about.
fn warning_text(warning: &VertexWarning) -> String {
    let text = printable(&String::from_utf8_lossy(&warning.short));
    let line = warning.ranges.first().and_then(|range| range.start.as_ref()).map(|start| start.line);
    match (&warning.info, line) {
        (Some(info), Some(line)) => format!("{}:{line}: {text}", printable(&info.filename)),
        _ => text,
    }
}

/// An error may have several lines.
fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

fn state(vertex: &Vertex) -> StepState {
    if vertex.error.contains("context canceled") {
        // It was stopped because another one failed. That it ran is all there is to say of it.
        StepState::Running
    } else if !vertex.error.is_empty() {
        StepState::Failed
    } else if vertex.cached {
        StepState::Cached
    } else if vertex.completed.is_some() {
        StepState::Executed
    } else if vertex.started.is_some() {
        StepState::Running
    } else {
        StepState::Waiting
    }
}

/// A build without its cache works, only slower; the first build of an image finds none.
fn failed_import(reference: &str, error: &str) -> String {
    if error.ends_with("not found") {
        format!("there is no cache at {reference} yet")
    } else {
        format!("the cache at {reference} cannot be read: {error}")
    }
}

fn between(start: &Timestamp, end: &Timestamp) -> Duration {
    let nanos = |time: &Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    Duration::from_nanos(u64::try_from(nanos(end) - nanos(start)).unwrap_or(0))
}

/// The `[linux/amd64 stage 2/4]` that names of instruction steps start with
/// (buildkit, frontend/dockerfile/dockerfile2llb/convert.go).
#[derive(Debug, PartialEq, Eq)]
struct Instruction<'a> {
    stage: &'a str,
    index: u32,
    is_from: bool,
}

impl<'a> Instruction<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^\[(?:([^\]]*) )? ?(\d+)/\d+\] (.*)").expect("the pattern is constant")
        });
        let found = PREFIX.captures(name)?;
        let stage = found.get(1).map_or("", |stage| stage.as_str());
        let index = found.get(2)?.as_str().parse().ok()?;
        let is_from = found.get(3).is_some_and(|rest| rest.as_str().starts_with("FROM "));
        Some(Self { stage: stage.trim(), index, is_from })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bollard_buildkit_proto::moby::buildkit::v1::VertexStatus;

    use super::*;

    fn vertex(name: &str, cached: bool, error: &str) -> Vertex {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        Vertex {
            digest: format!("digest of {name}"),
            name: name.into(),
            cached,
            started: at(10),
            completed: at(12),
            error: error.into(),
            ..Vertex::default()
        }
    }

    fn progress(vertexes: Vec<Vertex>, logs: Vec<VertexLog>) -> (Progress, Vec<BuildProgress>) {
        let seen = Mutex::new(Vec::new());
        let mut progress = Progress::default();
        progress.update(StatusResponse { vertexes, logs, ..StatusResponse::default() }, &|event| {
            seen.lock().expect("no test thread panicked").push(event);
        });
        (progress, seen.into_inner().expect("no test thread panicked"))
    }

    #[test]
    fn names_of_instructions_are_told_from_other_work() {
        for (name, expected) in [
            ("[1/4] FROM docker.io/library/base", Some(("", 1))),
            ("[builder 2/4] RUN make", Some(("builder", 2))),
            ("[linux/arm64 builder  3/12] RUN make", Some(("linux/arm64 builder", 3))),
            ("[internal] load build context", None),
            ("[auth] library/base:pull token for registry", None),
            ("exporting to image", None),
        ] {
            let parsed = Instruction::parse(name).map(|found| (found.stage, found.index));
            assert_eq!(parsed, expected, "{name}");
        }
    }

    #[test]
    fn built_steps_come_in_the_order_of_the_dockerfile() {
        let (progress, _) = progress(
            vec![
                vertex("[internal] load build definition from Dockerfile", false, ""),
                vertex("[3/3] ADD ./src .", false, ""),
                vertex("[1/3] FROM base", true, ""),
                vertex("[2/3] COPY requirements.txt .", true, ""),
            ],
            vec![],
        );
        let steps: Vec<_> = progress.built_steps().into_iter().map(|step| (step.name, step.cached)).collect();
        let expected = [("[2/3] COPY requirements.txt .", true), ("[3/3] ADD ./src .", false)];
        assert_eq!(steps, expected.map(|(name, cached)| (name.to_owned(), cached)));
    }

    #[test]
    fn a_step_tells_its_stage_its_times_and_its_bytes() {
        let run = vertex("[builder 2/2] RUN make", false, "");
        let again = Vertex { started: Some(Timestamp { seconds: 20, nanos: 5 }), ..run.clone() };
        let item = |id: &str, current| VertexStatus {
            id: id.into(),
            vertex: run.digest.clone(),
            current,
            ..VertexStatus::default()
        };
        let mut progress = Progress::default();
        let statuses = vec![item("a", 10), item("b", 5), item("a", 70)];
        let vertexes = vec![run.clone(), again];
        progress.update(StatusResponse { vertexes, statuses, ..StatusResponse::default() }, &|_| {});
        let steps = progress.built_steps();
        let [step] = steps.as_slice() else { panic!("one step") };
        assert_eq!((step.stage.as_str(), step.bytes), ("builder", 75));
        let times: Vec<_> = step.intervals.iter().map(|one| (one.started, one.took.as_secs())).collect();
        let at = |seconds, nanos| UNIX_EPOCH + Duration::new(seconds, nanos);
        assert_eq!(times, [(at(10, 0), 2), (at(20, 5), 0)]);
    }

    #[test]
    fn a_failed_step_has_its_last_lines_even_without_a_newline() {
        let name = "[2/2] RUN make";
        let log = |text: &str| VertexLog {
            vertex: format!("digest of {name}"),
            msg: text.into(),
            ..VertexLog::default()
        };
        let (mut progress, events) = progress(
            vec![vertex(name, false, "exit code: 2")],
            vec![log("one\ntw"), log("o\n10%\r50%\r\nlast")],
        );
        let failed = progress.failed_step().expect("a step failed");
        assert_eq!(failed.error, "exit code: 2");
        assert_eq!(failed.output, ["one", "two", "50%", "last"]);
        let lines: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                BuildProgress::Output { line, .. } => Some(line.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(lines, ["one", "two", "50%"]);
    }

    #[test]
    fn nothing_from_a_build_steers_the_terminal() {
        let name = "[2/2] RUN \u{1b}]0;title\u{7}make";
        let log = VertexLog {
            vertex: format!("digest of {name}"),
            msg: b"10%\r\x1b[2J\x1b[32m50%\x1b[0m\n".to_vec(),
            ..VertexLog::default()
        };
        let (mut progress, events) = progress(vec![vertex(name, false, "no\u{1b}[1m\nmake")], vec![log]);
        let failed = progress.failed_step().expect("a step failed");
        assert_eq!(failed.name, "[2/2] RUN make");
        assert_eq!(failed.error, "no\nmake");
        assert_eq!(failed.output, ["50%"]);
        let step = events.iter().find_map(|event| match event {
            BuildProgress::Step(step) => Some(step),
            _ => None,
        });
        assert!(step.is_some_and(|step| step.name == "[2/2] RUN make" && step.instruction));
    }

    #[test]
    fn a_step_that_was_stopped_has_not_failed() {
        let stopped = Vertex { completed: None, ..vertex("[b 2/2] RUN sleep 30", false, "") };
        let (mut progress, events) = progress(
            vec![
                stopped.clone(),
                vertex("[a 2/2] RUN false", false, "exit code: 1"),
                Vertex { error: "context canceled".into(), ..stopped },
            ],
            vec![],
        );
        let failed = progress.failed_step().expect("a step failed");
        assert_eq!(failed.name, "[a 2/2] RUN false");
        let failures = events
            .iter()
            .filter(|event| matches!(event, BuildProgress::Step(step) if step.state == StepState::Failed));
        assert_eq!(failures.count(), 1);
    }

    #[test]
    fn a_cache_that_cannot_be_read_is_a_warning_not_a_failure() {
        let (mut progress, events) =
            progress(vec![vertex("importing cache manifest from r.io/a:cache", false, "not found")], vec![]);
        assert_eq!(progress.failed_step(), None);
        let warning = "there is no cache at r.io/a:cache yet".to_owned();
        assert!(events.contains(&BuildProgress::Warning(warning)));
    }

    #[test]
    fn a_cached_step_stays_cached_while_its_layers_are_loaded() {
        let run = |cached| vertex("[2/2] RUN make", cached, "");
        let (progress, events) = progress(vec![run(true), run(false)], vec![]);
        assert!(progress.built_steps().iter().all(|step| step.cached));
        assert_eq!(events.len(), 1, "nothing new is reported: {events:?}");
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut record = StepRecord::new("[1/1] RUN yes");
        assert!(record.append(1, &vec![b'y'; 10 * MAX_LINE]).is_empty());
        assert_eq!(record.append(1, b"\n").first().map(String::len), Some(MAX_LINE));
    }
}
