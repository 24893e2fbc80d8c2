//! What another run has done is not done again, and what this one does is written down.

use std::sync::Arc;

use super::RunError;
use super::journal::{Journal, PushedImage};
use super::prepare::Prepared;
use crate::host::Event;
use crate::plan::ImageId;
use crate::plan::blocks::Block;

impl Prepared<'_> {
    /// Opens the record of this run, with what it takes over from the last one.
    pub(super) async fn open_journal(&mut self) -> Result<(), RunError> {
        let Some(folder) = &self.options.state else { return Ok(()) };
        let (folder, observer) = (Arc::clone(folder), Arc::clone(&self.host.observer));
        let journal = Journal::begin(self.plan, folder, self.options.resume, observer).await?;
        let record = journal.read(Clone::clone);
        for (index, image) in self.plan.images.iter().enumerate() {
            if let Some(pushed) = record.images.get(&image.name) {
                self.ledger.restore(ImageId(index), pushed.clone());
            }
        }
        if !record.steps.is_empty() || !record.images.is_empty() {
            let images = record.images.keys().cloned().collect();
            self.tell(Event::Resumed { steps: record.steps.len(), images });
        }
        self.journal = Some(journal);
        Ok(())
    }

    /// Whether another run has done a step.
    pub(super) fn was_done(&self, block: &Block<'_>, index: usize) -> bool {
        let key = block.key(self.plan, index);
        self.journal.as_ref().is_some_and(|journal| journal.read(|record| record.steps.contains(&key)))
    }

    /// Writes down that a step has ended well. Nothing behind it starts before that is safe.
    pub(super) async fn step_done(&self, block: &Block<'_>, index: usize) {
        if let Some(journal) = &self.journal {
            let key = block.key(self.plan, index);
            journal.change(|record| record.steps.extend([key])).await;
        }
    }

    /// Writes down that all tags of an image are pushed.
    pub(super) async fn image_pushed(&self, id: ImageId) {
        if let Some(journal) = &self.journal {
            let pushed = self.ledger.of_image(id, |image| PushedImage {
                digest: image.digest.clone(),
                reference: image.reference.clone(),
                pushed: image.pushed.clone(),
            });
            let name = self.plan.image(id).name.clone();
            journal.change(|record| record.images.extend([(name, pushed)])).await;
        }
    }
}
