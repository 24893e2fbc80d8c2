//! Does what a [`Plan`] says, through the traits of [`crate::host`]: [`Plan`] → [`Report`].

mod build;
mod cache;
mod command;
mod error;
pub(crate) mod needs;
mod preflight;
mod prepare;
mod promote;
mod publish;
mod report;
pub(crate) mod support;

use tokio_util::sync::CancellationToken;

use crate::host::{Event, Host};
use crate::plan::{Plan, Step, Wave};

pub use error::RunError;
pub use report::{ImageReport, Outcome, Report, WaveReport, WaveState};

use prepare::Prepared;

/// Runs every wave of a plan in order. What is running when `cancelled` fires is stopped, in the engine too.
///
/// The report always says how far the run came; errors are in its [`Outcome`].
pub async fn run(plan: &Plan, host: &Host, cancelled: &CancellationToken) -> Report {
    let mut report = Report::new(plan);
    report.outcome = tokio::select! {
        () = cancelled.cancelled() => Outcome::Cancelled,
        prepared = prepare(plan, host) => match prepared {
            Err(error) => Outcome::Failed(vec![error]),
            Ok(prepared) => {
                let outcome = tokio::select! {
                    () = cancelled.cancelled() => Outcome::Cancelled,
                    outcome = waves(&prepared, &mut report) => outcome,
                };
                prepared.forget_own_names().await;
                outcome
            }
        },
    };
    if matches!(report.outcome, Outcome::Cancelled) {
        host.commands.settle().await;
    }
    report
}

/// Finds out whether the run can start.
async fn prepare<'a>(plan: &'a Plan, host: &'a Host) -> Result<Prepared<'a>, RunError> {
    match support::missing(plan) {
        Some(what) => Err(RunError::Unsupported { what }),
        None => Prepared::new(plan, host).await,
    }
}

async fn waves(prepared: &Prepared<'_>, report: &mut Report) -> Outcome {
    let Prepared { plan, host, .. } = prepared;
    for (index, wave) in plan.waves.iter().enumerate() {
        if !wave.when {
            let reason = "its `when` does not hold".to_owned();
            host.observer.observe(&Event::WaveSkipped { wave: wave.name.clone(), reason });
            continue;
        }
        host.observer.observe(&Event::WaveStarted { wave: wave.name.clone() });
        report.set_wave(index, WaveState::Started);
        let errors = steps(prepared, wave, report).await;
        if !errors.is_empty() {
            report.set_wave(index, WaveState::Failed);
            return Outcome::Failed(errors);
        }
        report.set_wave(index, WaveState::Done);
    }
    Outcome::Done
}

/// Runs the steps of a wave in order, up to the first that fails.
async fn steps(prepared: &Prepared<'_>, wave: &Wave, report: &mut Report) -> Vec<RunError> {
    for step in wave.steps() {
        let errors = match step {
            Step::Build { images } => prepared.build(&prepared.selected(images), report).await,
            Step::Push { images } => prepared.push(&prepared.selected(images), report).await,
            Step::Command(command) => {
                let done = command::run(prepared.plan, prepared.host, &wave.name, command, report).await;
                done.err().into_iter().collect()
            }
            Step::Promote { image, to } => prepared.promote(*image, to, report).await,
            Step::Approve { .. } => {
                support::step(step).map(|what| RunError::Unsupported { what }).into_iter().collect()
            }
        };
        if !errors.is_empty() {
            return errors;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
