//! Does what a [`Plan`] says, through the traits of [`crate::host`]: [`Plan`] → [`Report`].

mod approvals;
mod build;
mod cache;
mod command;
mod error;
mod jobs;
mod journal;
mod ledger;
pub(crate) mod needs;
mod options;
mod order;
mod preflight;
mod prepare;
mod preview;
mod promote;
mod publish;
mod report;
mod resume;
pub(crate) mod support;
mod waves;

use tokio_util::sync::CancellationToken;

use crate::host::Host;
use crate::plan::Plan;

pub use approvals::Approved;
pub use error::RunError;
pub use options::Options;
pub use preview::{ImagePreview, TagPreview, preview};
pub use report::{ImageReport, Outcome, Report, StageReport, WaveReport, WaveState};

use command::resolve;
use ledger::{Failed, Ledger};
use prepare::Prepared;

/// Runs every wave of a plan in order. What is running when `cancelled` fires is stopped, in the engine too.
///
/// The report always says how far the run came; errors are in its [`Outcome`].
pub async fn run(plan: &Plan, host: &Host, options: &Options, cancelled: &CancellationToken) -> Report {
    let ledger = Ledger::new(plan);
    let is_cancelled = tokio::select! {
        () = cancelled.cancelled() => true,
        prepared = prepare(plan, host, options, &ledger) => match prepared {
            Err(Failed) => false,
            Ok(prepared) => {
                let is_cancelled = tokio::select! {
                    () = cancelled.cancelled() => true,
                    _ = prepared.waves() => false,
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
async fn prepare<'a>(
    plan: &'a Plan,
    host: &'a Host,
    options: &'a Options,
    ledger: &'a Ledger,
) -> Result<Prepared<'a>, Failed> {
    let prepared = match support::missing(plan) {
        Some(what) => Err(RunError::Unsupported { what }),
        None => Prepared::new(plan, host, options, ledger).await,
    };
    prepared.map_err(|error| ledger.fail(error))
}

#[cfg(test)]
pub(crate) mod tests;
