//! `approve` steps: who has said yes already, and asking those who have not.

use super::ledger::Done;
use super::prepare::Prepared;
use super::{RunError, resolve};
use crate::host::{Approval, Event, Place};
use crate::plan::{Step, Text, blocks};

/// What was approved before the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Approved {
    /// Nothing: somebody has to be asked.
    #[default]
    Nothing,
    /// The steps of these places: `deploy.prod`, `deploy.rollout["eu"]`, `deploy.rollout` for all of a family,
    /// `deploy.pre`, or `deploy` in a wave without stages.
    Places(Vec<String>),
    Everything,
}

impl Approved {
    fn includes(&self, place: &Place) -> bool {
        match self {
            Approved::Nothing => false,
            Approved::Places(names) => names.iter().any(|name| place.is_called(name)),
            Approved::Everything => true,
        }
    }
}

impl Prepared<'_> {
    /// Finds out before anything runs whether every `approve` step will find somebody to ask.
    pub(super) fn check_approvals(&self) -> Result<(), RunError> {
        if self.host.approver.is_present() {
            return Ok(());
        }
        let blocks = blocks::running(self.plan);
        let asking =
            blocks.iter().filter(|block| block.steps.iter().any(|step| matches!(step, Step::Approve { .. })));
        let places = asking.map(|block| block.place(self.plan));
        let places: Vec<_> = places.filter(|place| !self.options.approved.includes(place)).collect();
        if places.is_empty() { Ok(()) } else { Err(RunError::ApprovalMissing { places }) }
    }

    pub(super) async fn approve(&self, place: &Place, question: &Text) -> Done {
        let question = resolve(question, self.ledger);
        if !self.options.approved.includes(place) {
            self.tell(Event::ApprovalAwaited { place: place.clone(), question: question.clone() });
            let approval = Approval { place: place.clone(), question: question.clone() };
            let place = || Box::new(place.clone());
            match self.host.approver.approve(&approval).await {
                Ok(true) => {}
                Ok(false) => {
                    return Err(self.ledger.fail(RunError::NotApproved { place: place(), question }));
                }
                Err(cause) => {
                    return Err(self.ledger.fail(RunError::Approver { place: place(), question, cause }));
                }
            }
        }
        self.tell(Event::Approved { place: place.clone(), question });
        Ok(())
    }
}
