//! What `cachelang run` writes besides its lines: reports, events, the history of builds, what CI services and collectors
//! of traces are told.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::ci::Ci;
use super::say::{say_command, say_line, take_stdout};
use super::{WRONG, load};
use crate::diag::render::{printable, printable_json};
use crate::record::events::EventLines;
use crate::record::history::History;
use crate::record::{Recorder, RunRecord, html};

/// The folder that remembers things between runs, and the file in it for the times of builds.
const FOLDER: &str = ".cachelang";
const HISTORY: &str = "history.json";
/// A larger history is not one.
const MAX_HISTORY: usize = 4 * 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Write a report at the end, however the run ends: FILE.json or FILE.html; may be repeated
    #[arg(long = "report", value_name = "FILE")]
    reports: Vec<ReportFile>,

    /// Write a line of JSON for each thing that happens; `-` for standard output
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// A report with the form that the ending of its name stands for.
#[derive(Debug, Clone)]
struct ReportFile {
    path: PathBuf,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Html,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => Form::Json,
            Some("html") => Form::Html,
            _ => return Err("the name has to end with .json or .html".to_owned()),
        };
        Ok(Self { path, form })
    }
}

impl ReportArgs {
    /// Opens the file for events, and looks whether reports can be written: what is wrong with the command line is said
    /// before the run. `Err` is the exit code of what was said.
    pub(super) fn open(&self, recorder: &Arc<Recorder>) -> Result<Option<Arc<EventLines>>, u8> {
        for ReportFile { path, .. } in &self.reports {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) || path.is_dir() {
                let problem = if path.is_dir() { "it is a folder" } else { "there is no such folder" };
                say_line(format_args!("error: cannot write {} ({problem})", shown(path)));
                return Err(WRONG);
            }
        }
        let Some(path) = &self.events else { return Ok(None) };
        let stream: Box<dyn Write + Send> = if path == Path::new("-") {
            take_stdout();
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(|error| {
                say_line(format_args!("error: cannot write {} ({error})", shown(path)));
                WRONG
            })?)
        };
        Ok(Some(Arc::new(EventLines::new(Arc::clone(recorder), stream))))
    }

    /// Writes the reports. What cannot be written is said; the exit code is about the pipeline.
    pub(super) fn write(&self, record: &RunRecord) {
        for ReportFile { path, form } in &self.reports {
            let text = match form {
                Form::Html => html::page(record),
                Form::Json => match serde_json::to_string_pretty(record) {
                    Ok(json) => format!("{}\n", printable_json(&json)),
                    Err(error) => {
                        say_line(format_args!("error: cannot write {} ({error})", shown(path)));
                        continue;
                    }
                },
            };
            if let Err(error) = crate::load::write(path, &text) {
                load::wrong(&error);
            }
        }
    }

    /// Ends the events.
    pub(super) fn end(&self, events: Option<&EventLines>, record: &RunRecord) {
        let Some((Err(error), path)) = events.map(|events| events.finish(record)).zip(self.events.as_ref())
        else {
            return;
        };
        if error.kind() != io::ErrorKind::BrokenPipe {
            say_line(format_args!("error: cannot write {} ({error}): events are missing", shown(path)));
        }
    }
}

/// Says in the record how much time caches have saved, and remembers the builds that used none. Only where the folder is
/// there: nothing but a run makes it.
pub(super) fn remember(pipeline: &Path, record: &mut RunRecord) {
    let folder = pipeline.join(FOLDER);
    if !folder.is_dir() {
        return;
    }
    let path = folder.join(HISTORY);
    let known = File::open(&path).and_then(|file| crate::environment::read_at_most(file, MAX_HISTORY));
    let mut history = History::read(&known.unwrap_or_default());
    if history.compare(record)
        && let Ok(json) = serde_json::to_string_pretty(&history)
        && let Err(error) = crate::load::write(&path, &format!("{json}\n"))
    {
        load::wrong(&error);
    }
}

/// Tells the CI service of errors, and how the run ended.
pub(super) fn tell_ci(record: &RunRecord) {
    let Some(ci) = Ci::here() else { return };
    for annotation in record.errors.iter().filter_map(|error| ci.annotation(error)) {
        say_command(&annotation);
    }
    if let Err(error) = ci.summarize(record) {
        say_line(format_args!("error: cannot write the summary of the job ({error})"));
    }
}

/// Sends spans to the collector that the variables name, if they name one.
#[cfg(feature = "otel")]
#[expect(clippy::disallowed_methods, reason = "where traces go is a setting of the program, not of a plan")]
pub(super) async fn trace(record: &RunRecord) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is =
        |name: &str, wanted: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let collector =
        variable("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"));
    if collector.is_none() || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return;
    }
    if let Err(error) = crate::record::otel::export(record, variable("TRACEPARENT").as_deref()).await {
        say_line(format_args!("warning: {error}"));
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}
