//! `cachelang run`

use std::num::NonZeroUsize;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::approve::Terminal;
use super::load::{self, Loaded, Params, show_diagnostics};
use super::progress;
use super::say::{print_line, say_line};
use super::{FAILED, INTERRUPTED, NOT_APPROVED, Progress, WRONG, table};
use crate::buildkit::{Address, EngineBuilders};
use crate::cache::CacheServices;
use crate::diag::Label;
use crate::diag::render::printable;
use crate::host::commands::LocalCommands;
use crate::host::{DockerfilePlace, Host};
use crate::load::ProcessEnvironment;
use crate::plan::Plan;
use crate::registry::Registries;
use crate::run::{Approved, Options, Outcome, RunError};
use crate::source::{SourceMap, Span};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    input: load::InputArgs,

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
}

impl RunArgs {
    fn options(&self) -> Options {
        let mut options = Options { keep_going: self.keep_going, ..Options::default() };
        options.jobs = self.jobs.unwrap_or(options.jobs);
        options.require_cached.clone_from(&self.require_cached);
        options.approved = match self.yes {
            true => Approved::Everything,
            false => Approved::Places(self.approve.clone()),
        };
        options
    }
}

/// Runs the pipeline and returns the exit code.
pub(super) async fn run(args: &RunArgs) -> u8 {
    let plan = match prepare(args) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let progress = progress::observer(args.progress);
    let environment = ProcessEnvironment::new();
    let host = Host::new(
        Arc::new(EngineBuilders::new(Address::of_machine(&environment))),
        Arc::new(Registries::new()),
        Arc::new(LocalCommands::new()),
        progress.clone(),
    )
    .with_approver(Arc::new(Terminal::default()))
    .with_caches(CacheServices::of_machine(&environment));
    let cancelled = CancellationToken::new();
    let signals = tokio::spawn(cancel_on_signal(cancelled.clone()));
    let report = crate::run::run(&plan, &host, &args.options(), &cancelled).await;
    signals.abort();
    progress.finish();
    if let Some(table) = table::images(&report) {
        print_line(format_args!("\n{table}"));
    }
    match &report.outcome {
        Outcome::Done => 0,
        Outcome::Failed(errors) => {
            errors.iter().for_each(show_error);
            if errors.iter().all(RunError::is_missing_approval) { NOT_APPROVED } else { FAILED }
        }
        Outcome::Cancelled => {
            say_line(format_args!("interrupted: running builds and commands were stopped"));
            INTERRUPTED
        }
    }
}

/// Everything before the run: the exit code if there is nothing to run.
fn prepare(args: &RunArgs) -> Result<Plan, u8> {
    let Loaded { checked, plan } = load::plan(load::check(&args.input)?, Params::Required);
    show_diagnostics(&checked, &args.input);
    if plan.as_ref().is_some_and(|plan| plan.waves.is_empty()) {
        let name = printable(checked.name());
        say_line(format_args!("nothing to do: {name} has no `wave`"));
    }
    plan.ok_or(WRONG)
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
