//! Does what a [`Plan`] says, through the traits of [`crate::host`]: [`Plan`] → [`Report`].

mod build;
mod command;
mod error;
mod prepare;
mod publish;
mod report;
mod support;

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
    let mut runner = Runner { plan, host, report: Report::new(plan) };
    let outcome = tokio::select! {
        () = cancelled.cancelled() => Outcome::Cancelled,
        outcome = runner.waves() => outcome,
    };
    if matches!(outcome, Outcome::Cancelled) {
        host.commands.settle().await;
    }
    runner.report.outcome = outcome;
    runner.report
}

struct Runner<'a> {
    plan: &'a Plan,
    host: &'a Host,
    report: Report,
}

impl<'a> Runner<'a> {
    async fn waves(&mut self) -> Outcome {
        if let Some(what) = support::missing(self.plan) {
            return Outcome::Failed(vec![RunError::Unsupported { what }]);
        }
        let prepared = match Prepared::new(self.plan, self.host).await {
            Ok(prepared) => prepared,
            Err(error) => return Outcome::Failed(vec![error]),
        };
        for (index, wave) in self.plan.waves.iter().enumerate() {
            if !wave.when {
                let reason = "its `when` does not hold".to_owned();
                self.host.observer.observe(&Event::WaveSkipped { wave: wave.name.clone(), reason });
                continue;
            }
            self.host.observer.observe(&Event::WaveStarted { wave: wave.name.clone() });
            self.report.set_wave(index, WaveState::Started);
            let errors = self.wave(wave, &prepared).await;
            if !errors.is_empty() {
                self.report.set_wave(index, WaveState::Failed);
                return Outcome::Failed(errors);
            }
            self.report.set_wave(index, WaveState::Done);
        }
        Outcome::Done
    }

    /// Runs the steps of a wave in order, up to the first that fails.
    async fn wave(&mut self, wave: &'a Wave, prepared: &Prepared<'a>) -> Vec<RunError> {
        for step in wave.steps() {
            let errors = match step {
                Step::Build { images } => prepared.build(images, &mut self.report).await,
                Step::Push { images } => prepared.push(images, &mut self.report).await,
                Step::Command(command) => {
                    let done = command::run(self.plan, self.host, &wave.name, command, &self.report).await;
                    done.err().into_iter().collect()
                }
                Step::Promote { .. } | Step::Approve { .. } => {
                    support::step(step).map(|what| RunError::Unsupported { what }).into_iter().collect()
                }
            };
            if !errors.is_empty() {
                return errors;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
