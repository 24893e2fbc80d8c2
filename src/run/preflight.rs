//! Tags that can be pushed once only: whether they exist, before anything is built and again before anything is pushed.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use indexmap::{IndexMap, IndexSet};

use super::RunError;
use super::ledger::Failed;
use super::needs::promotions;
use super::prepare::Prepared;
use crate::host::{Built, Event, Manifest, RepositoryState, TagRules};
use crate::plan::{ImageId, PushTag, RepositoryId, Tag};

/// How many tags are looked up at the same time.
const LOOKUPS: usize = 8;

/// Tags that name one image for ever and are in their repositories already.
pub(super) type Existing = IndexMap<Tag, Manifest>;

impl Prepared<'_> {
    /// Looks for the fixed tags that the run will write, and tells of those that exist: which image a build gives is
    /// known only when it has ended.
    pub(super) async fn announce_existing(&self) -> Result<(), RunError> {
        let pushed = self.needs.pushed.iter().flat_map(|id| {
            let tags = self.plan.image(*id).tags.iter();
            tags.map(|pushed| (*id, pushed.tag.clone()))
        });
        let promoted =
            promotions(self.plan).flat_map(|(id, to)| to.iter().map(move |to| (id, to.tag.clone())));
        let tags: IndexSet<_> = pushed.chain(promoted).collect();
        let fixed = tags.into_iter().filter(|(_, tag)| self.is_fixed(tag));
        let lookups = fixed.map(|(id, tag)| async move {
            let found = self.lookup(id, &tag).await?;
            Ok::<_, RunError>(found.map(|manifest| (id, tag, manifest)))
        });
        let found: Vec<_> = stream::iter(lookups).buffered(LOOKUPS).try_collect().await?;
        for (id, tag, manifest) in found.into_iter().flatten() {
            self.host.observer.observe(&Event::TagExists {
                image: self.plan.image(id).name.clone(),
                reference: self.plan.reference(&tag),
                digest: manifest.digest,
            });
        }
        Ok(())
    }

    /// Tells how a repository was found.
    pub(super) fn announce_state(&self, id: RepositoryId, state: &RepositoryState) {
        let repository = self.plan.repository_reference(id);
        if state.created {
            self.host.observer.observe(&Event::RepositoryCreated { repository: repository.clone() });
        }
        for drift in &state.drift {
            let (repository, drift) = (repository.clone(), drift.clone());
            self.host.observer.observe(&Event::RepositoryDiffers { repository, drift });
        }
    }

    /// Those tags of a built image that name it for ever already.
    ///
    /// # Errors
    /// When a fixed tag names another image: then nothing may be pushed.
    pub(super) async fn existing(&self, id: ImageId, built: &Built) -> Result<Existing, Failed> {
        let kept = self.kept(id, &self.plan.image(id).tags, |manifest| manifest.is_of(built)).await;
        kept.map_err(|error| self.ledger.fail(error))
    }

    /// Those of the tags that are fixed and exist. Each must be of the image.
    pub(super) async fn kept(
        &self,
        id: ImageId,
        tags: &[PushTag],
        is_of_image: impl Fn(&Manifest) -> bool,
    ) -> Result<Existing, RunError> {
        let mut kept = Existing::new();
        for tag in tags.iter().map(|pushed| &pushed.tag).filter(|tag| self.is_fixed(tag)) {
            match self.lookup(id, tag).await? {
                Some(manifest) if is_of_image(&manifest) => {
                    kept.insert(tag.clone(), manifest);
                }
                Some(manifest) => {
                    return Err(RunError::TagTaken {
                        image: self.plan.image(id).name.clone(),
                        reference: self.plan.reference(tag),
                        digest: manifest.digest,
                    });
                }
                None => {}
            }
        }
        Ok(kept)
    }

    /// Whether a tag names one image for ever: as its registry says or, if that does not tell, as the file says.
    pub(super) fn is_fixed(&self, tag: &Tag) -> bool {
        let state = self.repositories.get(&tag.repository);
        match state.and_then(|state| state.tags.as_ref()) {
            Some(rules) => rules.is_fixed(&tag.tag),
            None => TagRules::of(self.plan.repository(tag.repository)).is_fixed(&tag.tag),
        }
    }

    async fn lookup(&self, id: ImageId, tag: &Tag) -> Result<Option<Manifest>, RunError> {
        let repository = self.plan.repository(tag.repository);
        let registry = self.plan.registry(repository.registry);
        let found = self.host.registry.manifest(registry, repository, &tag.tag).await;
        found.map_err(|source| RunError::Registry {
            image: self.plan.image(id).name.clone(),
            repository: self.plan.repository_reference(tag.repository),
            source,
        })
    }
}
