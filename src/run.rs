//! Does what a [`Plan`] says, through the traits of [`crate::host`]: [`Plan`] → [`Report`].

mod build;
mod cache;
mod command;
mod error;
mod ledger;
pub(crate) mod needs;
mod order;
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

use ledger::{Done, Failed, Ledger};
use prepare::Prepared;

/// Runs every wave of a plan in order. What is running when `cancelled` fires is stopped, in the engine too.
///
/// The report always says how far the run came; errors are in its [`Outcome`].
pub async fn run(plan: &Plan, host: &Host, cancelled: &CancellationToken) -> Report {
    let ledger = Ledger::new(plan);
    let is_cancelled = tokio::select! {
        () = cancelled.cancelled() => true,
        prepared = prepare(plan, host, &ledger) => match prepared {
            Err(Failed) => false,
            Ok(prepared) => {
                let is_cancelled = tokio::select! {
                    () = cancelled.cancelled() => true,
                    _ = waves(&prepared) => false,
                };
                prepared.forget_own_names().await;
                is_cancelled
            }
        },
    };
    if is_cancelled {
        host.commands.settle().await;
    }
    ledger.into_report(is_cancelled)
}

/// Finds out whether the run can start.
async fn prepare<'a>(plan: &'a Plan, host: &'a Host, ledger: &'a Ledger) -> Result<Prepared<'a>, Failed> {
    let prepared = match support::missing(plan) {
        Some(what) => Err(RunError::Unsupported { what }),
        None => Prepared::new(plan, host, ledger).await,
    };
    prepared.map_err(|error| ledger.fail(error))
}

async fn waves(prepared: &Prepared<'_>) -> Done {
    let Prepared { plan, host, ledger, .. } = prepared;
    for (index, wave) in plan.waves.iter().enumerate() {
        if !wave.when {
            let reason = "its `when` does not hold".to_owned();
            host.observer.observe(&Event::WaveSkipped { wave: wave.name.clone(), reason });
            continue;
        }
        host.observer.observe(&Event::WaveStarted { wave: wave.name.clone() });
        ledger.set_wave(index, WaveState::Started);
        let done = steps(prepared, wave).await;
        ledger.set_wave(index, if done.is_ok() { WaveState::Done } else { WaveState::Failed });
        done?;
    }
    Ok(())
}

/// Runs the steps of a wave in order, up to the first that fails.
async fn steps(prepared: &Prepared<'_>, wave: &Wave) -> Done {
    for step in wave.steps() {
        match step {
            Step::Build { images } => prepared.build(&prepared.selected(images)).await?,
            Step::Push { images } => prepared.push(&prepared.selected(images)).await?,
            Step::Command(command) => prepared.command(&wave.name, command).await?,
            Step::Promote { image, to } => prepared.promote(*image, to).await?,
            Step::Approve { .. } => {
                // Refused before the run.
                let what = support::step(step).unwrap_or_default();
                return Err(prepared.ledger.fail(RunError::Unsupported { what }));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
