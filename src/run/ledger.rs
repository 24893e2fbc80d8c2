//! What a run has done so far: the one state that its parallel steps share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::journal::PushedImage;
use super::{ImageReport, Outcome, Report, RunError, StageReport, WaveReport};
use crate::host::Built;
use crate::plan::{ImageId, Plan};

/// Something did not end well. Why is in the ledger, once, however many steps had to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

/// How a piece of work ended.
pub(super) type Done = Result<(), Failed>;

/// How several pieces of work ended together.
pub(super) fn all(ended: impl IntoIterator<Item = Done>) -> Done {
    ended.into_iter().collect()
}

/// The report as it grows, the errors, and which images are built. Steps that run at the same time write to it through
/// a shared reference; nobody holds its lock while waiting.
pub(super) struct Ledger {
    state: Mutex<State>,
    /// By image.
    work: Vec<Work>,
}

/// What is done once for an image, whichever step comes first.
#[derive(Default)]
struct Work {
    build: OnceCell<Done>,
    /// The push of the tags that name one build.
    fixed: OnceCell<Done>,
    /// The push of the moving tags.
    moving: OnceCell<Done>,
}

struct State {
    report: Report,
    errors: Vec<RunError>,
}

impl Ledger {
    pub(super) fn new(plan: &Plan) -> Self {
        let state = State { report: Report::new(plan), errors: Vec::new() };
        Self { state: Mutex::new(state), work: plan.images.iter().map(|_| Work::default()).collect() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when the lock is given back.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an error down.
    pub(super) fn fail(&self, error: RunError) -> Failed {
        self.state().errors.push(error);
        Failed
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.state().errors.is_empty()
    }

    /// What is known of an image.
    pub(super) fn of_image<T>(&self, id: ImageId, read: impl FnOnce(&ImageReport) -> T) -> T {
        read(self.state().report.image(id))
    }

    pub(super) fn change_image(&self, id: ImageId, change: impl FnOnce(&mut ImageReport)) {
        change(self.state().report.image_mut(id));
    }

    pub(super) fn change_wave(&self, index: usize, change: impl FnOnce(&mut WaveReport)) {
        if let Some(wave) = self.state().report.waves.get_mut(index) {
            change(wave);
        }
    }

    pub(super) fn change_stage(&self, wave: usize, index: usize, change: impl FnOnce(&mut StageReport)) {
        self.change_wave(wave, |wave| {
            if let Some(stage) = wave.stages.get_mut(index) {
                change(stage);
            }
        });
    }

    /// Builds an image if no other step has or does, and waits for the end of its build.
    pub(super) async fn build_once<F>(&self, id: ImageId, build: impl FnOnce() -> F) -> Done
    where
        F: Future<Output = Result<(Built, Duration), Failed>>,
    {
        let ended = self.work(id).build.get_or_init(|| async {
            let (built, elapsed) = build().await?;
            self.change_image(id, |image| {
                image.built = Some(built);
                image.build_time = elapsed;
            });
            Ok(())
        });
        *ended.await
    }

    /// Pushes the moving or the other tags of an image if no other step has or does, and waits for the end of that.
    pub(super) async fn push_once<F>(&self, id: ImageId, moving: bool, push: impl FnOnce() -> F) -> Done
    where
        F: Future<Output = Done>,
    {
        let work = self.work(id);
        let cell = if moving { &work.moving } else { &work.fixed };
        *cell.get_or_init(push).await
    }

    /// Whether all tags of an image are pushed.
    pub(super) fn is_pushed(&self, id: ImageId) -> bool {
        let work = self.work(id);
        [&work.fixed, &work.moving].into_iter().all(|cell| cell.get() == Some(&Ok(())))
    }

    /// An image that another run has pushed is not pushed again.
    pub(super) fn restore(&self, id: ImageId, pushed: PushedImage) {
        let work = self.work(id);
        for cell in [&work.fixed, &work.moving] {
            // It was set: then it is pushed as well.
            let _ = cell.set(Ok(()));
        }
        self.change_image(id, |image| {
            image.digest = pushed.digest;
            image.reference = pushed.reference;
            image.pushed = pushed.pushed;
        });
    }

    fn work(&self, id: ImageId) -> &Work {
        self.work.get(id.0).expect("a ledger has every image of its plan")
    }

    pub(super) fn built(&self, id: ImageId) -> Option<Built> {
        self.of_image(id, |image| image.built.clone())
    }

    /// The report of a run that has ended: it failed if there are errors.
    pub(super) fn into_report(self, cancelled: bool) -> Report {
        let State { mut report, errors } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.outcome = match errors.is_empty() {
            _ if cancelled => Outcome::Cancelled,
            true => Outcome::Done,
            false => Outcome::Failed(errors),
        };
        report
    }
}
