//! Gives pushed images more tags, by digest: in their own repository by a request, in others after a copy.

use std::time::Instant;

use futures_util::future::join_all;
use indexmap::IndexSet;

use super::RunError;
use super::ledger::{Done, all};
use super::prepare::Prepared;
use crate::host::{CopyRequest, Event, Location, RegistryError};
use crate::plan::{ImageId, PushTag, RepositoryId, Tag};

impl Prepared<'_> {
    /// Tags that can be pushed once only are looked at first, then the image is copied to where it is not yet, and at
    /// last it is tagged: moving tags after all others, and not at all if any of these failed.
    pub(super) async fn promote(&self, id: ImageId, to: &[PushTag]) -> Done {
        let image = self.plan.image(id);
        let Some(digest) = self.ledger.of_image(id, |image| image.digest.clone()) else {
            let reason = "it was not pushed, so there is nothing to promote".to_owned();
            self.host.observer.observe(&Event::ImageSkipped { image: image.name.clone(), reason });
            return Ok(());
        };
        let kept = self.kept(id, to, |manifest| manifest.digest == digest).await;
        let kept = kept.map_err(|error| self.ledger.fail(error))?;
        for (tag, _) in &kept {
            let reference = self.plan.reference(tag);
            let (image, digest) = (image.name.clone(), digest.clone());
            self.host.observer.observe(&Event::TagKept { image, reference, digest });
        }
        let to: Vec<_> = to.iter().filter(|to| !kept.contains_key(&to.tag)).collect();
        self.copy_where_missing(id, &digest, &to).await?;
        for moving in [false, true] {
            let tags = to.iter().filter(|to| to.moving == moving);
            let tagged = tags.map(|to| async {
                let promoted = self.promote_to(id, &digest, &to.tag).await;
                let reference = promoted.map_err(|error| self.ledger.fail(error))?;
                self.ledger.change_image(id, |image| image.promoted.push(reference));
                Ok(())
            });
            all(join_all(tagged).await)?;
        }
        Ok(())
    }

    /// Copies an image to those repositories that it is not pushed to.
    async fn copy_where_missing(&self, id: ImageId, digest: &str, to: &[&PushTag]) -> Done {
        let own: IndexSet<_> = self.plan.image(id).tags.iter().map(|tag| tag.tag.repository).collect();
        let Some(from) = own.first() else { return Ok(()) };
        let targets: IndexSet<_> = to.iter().map(|to| to.tag.repository).collect();
        let missing = targets.into_iter().filter(|target| !own.contains(target));
        let copies = missing.map(|target| async move {
            let copied = self.copy(id, digest, *from, target).await;
            let sent = copied.map_err(|error| self.ledger.fail(error))?;
            self.ledger.change_image(id, |image| image.bytes_copied += sent);
            Ok(())
        });
        all(join_all(copies).await)
    }

    /// Returns the bytes sent.
    async fn copy(
        &self,
        id: ImageId,
        digest: &str,
        from: RepositoryId,
        to: RepositoryId,
    ) -> Result<u64, RunError> {
        let (image, repository) =
            (|| self.plan.image(id).name.clone(), || self.plan.repository_reference(to));
        let observer = &self.host.observer;
        observer.observe(&Event::CopyStarted { image: image(), repository: repository() });
        let started = Instant::now();
        let request =
            CopyRequest { from: self.location(from), digest: digest.to_owned(), to: self.location(to) };
        let progress = |progress| {
            observer.observe(&Event::Copy { image: image(), repository: repository(), progress });
        };
        let copied = self.host.registry.copy(&request, &progress).await;
        let elapsed = started.elapsed();
        match copied {
            Ok(copied) => {
                let (image, repository) = (image(), repository());
                observer.observe(&Event::CopyFinished { image, repository, copied, elapsed });
                Ok(copied.sent)
            }
            Err(source) => {
                observer.observe(&Event::CopyFailed { image: image(), repository: repository(), elapsed });
                Err(RunError::Promote { image: image(), reference: repository(), source })
            }
        }
    }

    /// Tags an image that is in the repository, and reads the tag back.
    async fn promote_to(&self, id: ImageId, digest: &str, tag: &Tag) -> Result<String, RunError> {
        let (image, reference) = (|| self.plan.image(id).name.clone(), || self.plan.reference(tag));
        let failed =
            |source: RegistryError| RunError::Promote { image: image(), reference: reference(), source };
        let Location { registry, repository } = self.location(tag.repository);
        let host = &self.host;
        host.registry.tag(&registry, &repository, digest, &tag.tag).await.map_err(failed)?;
        let found = host.registry.manifest(&registry, &repository, &tag.tag).await.map_err(failed)?;
        let found = found.map_or_else(|| "nothing".to_owned(), |manifest| manifest.digest);
        if found != digest {
            let expected = digest.to_owned();
            return Err(RunError::NotPublished { image: image(), reference: reference(), expected, found });
        }
        let digest = digest.to_owned();
        host.observer.observe(&Event::Promoted { image: image(), reference: reference(), digest });
        Ok(reference())
    }
}
