//! `cachelang run`

mod dry_run;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::approve::Terminal;
use super::load::{self, Loaded, Params, show_diagnostics};
use super::progress;
use super::report::{self, ReportArgs};
use super::say::{print_line, say_line};
use super::{FAILED, INTERRUPTED, NOT_APPROVED, Progress, WRONG, table};
use crate::buildkit::{Address, EngineBuilders};
use crate::cache::CacheServices;
use crate::diag::Label;
use crate::diag::render::printable;
use crate::environment::STATE_FOLDER;
use crate::host::commands::LocalCommands;
use crate::host::{DockerfilePlace, Host, Observer, StateError, StateFolder};
use crate::load::ProcessEnvironment;
use crate::plan::{self, Plan};
use crate::record::{Recorder, RunRecord};
use crate::registry::Registries;
use crate::run::{Approved, Options, Outcome, Report, RunError};
use crate::source::{SourceMap, Span};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// What to run: waves (`deploy`), stages (`deploy.staging`) and images (`lambda`), with what they need
    /// [default: all waves]
    #[arg(value_name = "WAVE[.STAGE] | IMAGE", conflicts_with = "from")]
    targets: Vec<String>,

    #[command(flatten)]
    input: load::InputArgs,

    /// Start with this wave
    #[arg(long, value_name = "WAVE")]
    from: Option<String>,

    /// Show what would be done, with what the registries have of it; nothing is built, pushed or started
    #[arg(long, conflicts_with_all = ["resume", "state"])]
    dry_run: bool,

    /// Go on where the last run ended, if its plan was the same
    #[arg(long)]
    resume: bool,

    /// The folder for the state of the run [default: `.cachelang` beside the file]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// How many builds and commands run at the same time [default: the number of cores]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Behind a failure, go on with what does not depend on it
    #[arg(short, long)]
    keep_going: bool,

    /// Say yes beforehand to the `approve` steps of a stage; may be repeated
    #[arg(long, value_name = "WAVE.STAGE")]
    approve: Vec<String>,

    /// Say yes beforehand to all `approve` steps
    #[arg(short, long, conflicts_with = "approve")]
    yes: bool,

    /// Fail if an instruction that matches was executed although its image has a cache; may be repeated. `*` stands for
    /// any text
    #[arg(long, value_name = "PATTERN")]
    require_cached: Vec<String>,

    /// How to show progress
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    progress: Progress,

    #[command(flatten)]
    report: ReportArgs,
}

/// Runs the pipeline and returns the exit code.
pub(super) async fn run(args: &RunArgs) -> u8 {
    let (plan, name) = match prepare(args) {
        Ok(found) => found,
        Err(code) => return code,
    };
    if args.dry_run {
        return dry_run::show(&plan, &name).await;
    }
    let options = match options(args, &plan) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let recorder = Arc::new(Recorder::new(name, &plan));
    let events = match args.report.open(&recorder) {
        Ok(events) => events,
        Err(code) => return code,
    };
    let progress = progress::observer(args.progress);
    let mut observers: Vec<Arc<dyn Observer>> = vec![recorder.clone()];
    observers.extend(events.clone().map(|events| events as Arc<dyn Observer>));
    observers.push(progress.clone());
    let environment = ProcessEnvironment::new();
    let host = Host::new(
        Arc::new(EngineBuilders::new(Address::of_machine(&environment))),
        Arc::new(Registries::new()),
        Arc::new(LocalCommands::new()),
        Arc::new(observers),
    )
    .with_approver(Arc::new(Terminal::default()))
    .with_caches(CacheServices::of_machine(&environment));
    let cancelled = CancellationToken::new();
    let signals = tokio::spawn(cancel_on_signal(cancelled.clone()));
    let report = crate::run::run(&plan, &host, &options, &cancelled).await;
    signals.abort();
    progress.finish();
    let mut record = recorder.record(&report);
    report::remember(&plan.folder, &mut record);
    args.report.end(events.as_deref(), &record);
    args.report.write(&record);
    show_tables(&record, args.progress);
    let code = show_end(&report);
    report::tell_ci(&record);
    #[cfg(feature = "otel")]
    report::trace(&record).await;
    code
}

/// The table of images is what a run prints; the others are for those who watch it.
fn show_tables(record: &RunRecord, progress: Progress) {
    if let Some(table) = table::images(record) {
        print_line(format_args!("\n{table}"));
    }
    if progress == Progress::Quiet {
        return;
    }
    for table in [table::waves(record), table::slowest(record), table::sums(record)].into_iter().flatten() {
        say_line(format_args!("\n{table}"));
    }
}

/// Says why a run did not end well, and returns the exit code.
fn show_end(report: &Report) -> u8 {
    match &report.outcome {
        Outcome::Done => 0,
        Outcome::Failed(errors) => {
            errors.iter().for_each(show_error);
            exit_code(errors)
        }
        Outcome::Cancelled => {
            say_line(format_args!("interrupted: running builds and commands were stopped"));
            INTERRUPTED
        }
    }
}

/// Everything before the run: what was selected and the file's name, or the exit code if there is nothing to run.
fn prepare(args: &RunArgs) -> Result<(Plan, String), u8> {
    let Loaded { checked, plan } = load::plan(load::check(&args.input)?, Params::Required);
    show_diagnostics(&checked, &args.input);
    let name = printable(checked.name()).into_owned();
    let plan = plan.ok_or(WRONG)?;
    if let Some((unknown, similar)) = plan::unknown_approvals(&plan, &args.approve).into_iter().next() {
        say_line(format_args!("error: nothing named `{}` has an `approve`", printable(unknown)));
        show_similar(similar.as_deref());
        return Err(WRONG);
    }
    let selected = match &args.from {
        Some(wave) => plan::from_wave(&plan, wave),
        None if args.targets.is_empty() => {
            if plan.waves.is_empty() {
                say_line(format_args!("nothing to do: {name} has no `wave`"));
            }
            return Ok((plan, name));
        }
        None => plan::select(&plan, &args.targets),
    };
    let selected = selected.map_err(|error| {
        say_line(format_args!("error: {}", printable(&error.to_string())));
        show_similar(error.similar.as_deref());
        WRONG
    })?;
    if !selected.also.is_empty() {
        say_line(format_args!("needed for what was asked for, and run too: {}", selected.also.join(", ")));
    }
    Ok((selected.plan, name))
}

fn show_similar(similar: Option<&str>) {
    if let Some(similar) = similar {
        say_line(format_args!("  help: a similar name exists: `{similar}`"));
    }
}

/// The settings of the run, with the folder that keeps its state; or the exit code of what was said.
fn options(args: &RunArgs, plan: &Plan) -> Result<Options, u8> {
    let mut options = Options { keep_going: args.keep_going, resume: args.resume, ..Options::default() };
    options.jobs = args.jobs.unwrap_or(options.jobs);
    options.require_cached.clone_from(&args.require_cached);
    options.approved = match args.yes {
        true => Approved::Everything,
        false => Approved::Places(args.approve.clone()),
    };
    let folder = args.state.clone().unwrap_or_else(|| plan.folder.join(STATE_FOLDER));
    options.state = match StateFolder::open(&folder) {
        Ok(state) => Some(Arc::new(state)),
        Err(error @ StateError::Folder { .. }) if args.state.is_none() && !args.resume => {
            say_line(format_args!("warning: {error}: nothing can go on where this run ends"));
            None
        }
        Err(error) => {
            say_line(format_args!("error: {error}"));
            let help = match error {
                StateError::Busy { .. } => {
                    "wait for its end, or give this run a folder of its own with `--state DIR`"
                }
                _ => "choose a folder that can be written to with `--state DIR`",
            };
            say_line(format_args!("  help: {help}"));
            return Err(if matches!(error, StateError::Busy { .. }) { FAILED } else { WRONG });
        }
    };
    Ok(options)
}

/// The exit code of a run that failed.
fn exit_code(errors: &[RunError]) -> u8 {
    if errors.iter().all(RunError::is_missing_approval) {
        NOT_APPROVED
    } else if errors.iter().all(RunError::is_of_command_line) {
        WRONG
    } else {
        FAILED
    }
}

/// Cancels the run at the first signal; at the second the process ends at once.
async fn cancel_on_signal(cancelled: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let mut hangup = if ignores_hangup() { None } else { signal(SignalKind::hangup()).ok() };
    for again in [false, true] {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hung_up => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if again {
            std::process::exit(INTERRUPTED.into());
        }
        cancelled.cancel();
    }
}

/// `nohup` starts a program with SIGHUP ignored, and listening for it would undo that.
#[expect(clippy::disallowed_methods, reason = "a state of this process, not an input of the pipeline")]
fn ignores_hangup() -> bool {
    // Other systems than Linux have no such file; there the signal is listened for.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    ignored.is_some_and(|mask| mask & 1 != 0)
}

/// One failure, as the person reads it who is called at night: what failed, its last words, what to do.
fn show_error(error: &RunError) {
    say_line(format_args!("\n{} {error}", console::style("error:").for_stderr().red().bold()));
    if let Some(place) = error.place() {
        show_place(place);
    }
    if !error.output().is_empty() {
        say_line(format_args!("  its last lines:"));
        for line in error.output() {
            say_line(format_args!("  │ {line}"));
        }
    }
    if let Some(help) = error.help() {
        say_line(format_args!("  {} {help}", console::style("help:").for_stderr().cyan()));
    }
}

/// The instruction of a Dockerfile that failed, as `check` shows the lines of one.
fn show_place(place: &DockerfilePlace) {
    let mut sources = SourceMap::new();
    let file = sources.add(place.file.as_str(), place.file.as_str(), &place.text);
    let Some(range) = sources.file(file).lines(place.first_line, place.last_line) else { return };
    let label = Label { span: Span::new(file, range), text: "this instruction".to_owned() };
    say_line(format_args!("{}", load::snippet(&sources, &label).trim_end()));
}
