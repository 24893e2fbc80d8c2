//! What is found out before anything is built: that engines and registries can be used, and can do what is asked.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::RunError;
use crate::cache::{self, CachePolicy};
use crate::host::{BuildError, Builder, Credentials, Engine, Host, agents};
use crate::plan::{BuilderId, Image, ImageId, Plan, PushTag, RepositoryId, Step};

/// What builds and pushes need of a plan and its host, found out once.
pub(super) struct Prepared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) host: &'a Host,
    /// The images whose tags the run pushes.
    pub(super) pushed: IndexSet<ImageId>,
    pub(super) credentials: IndexMap<RepositoryId, Option<Credentials>>,
    engines: IndexMap<Option<BuilderId>, (Arc<dyn Builder>, Engine)>,
    /// By image, for those that the run builds.
    caches: IndexMap<ImageId, CachePolicy>,
    agents: IndexMap<ImageId, IndexMap<String, PathBuf>>,
}

impl<'a> Prepared<'a> {
    pub(super) async fn new(plan: &'a Plan, host: &'a Host) -> Result<Self, RunError> {
        let pushed = images_of(plan, |step| match step {
            Step::Push { images } => images,
            _ => &[],
        });
        let named = images_of(plan, |step| match step {
            Step::Build { images } | Step::Push { images } => images,
            Step::Command(_) | Step::Promote { .. } | Step::Approve { .. } => &[],
        });
        let (engines, caches, credentials, agents) = Default::default();
        let mut prepared = Self { plan, host, pushed, credentials, engines, caches, agents };
        let built = with_needs(plan, named);
        for id in &built {
            let image = plan.image(*id);
            let checked = prepared.check(*id, image).await;
            checked.map_err(|source| RunError::Engine { image: image.name.clone(), source })?;
        }
        for id in built {
            let image = plan.image(id);
            let tags = if prepared.is_sent(id) { image.tags.as_slice() } else { &[] };
            let repositories = tags.iter().map(|tag| tag.tag.repository);
            for repository in repositories.chain(image.cache.repositories()) {
                prepared.prepare_repository(image, repository).await?;
            }
        }
        Ok(prepared)
    }

    /// Asks the engine of an image whether it can do what the image asks for.
    async fn check(&mut self, id: ImageId, image: &Image) -> Result<(), BuildError> {
        if !self.engines.contains_key(&image.builder) {
            let item = image.builder.map(|builder| self.plan.builder(builder));
            let builder = self.host.builders.builder(item)?;
            let mut engine = builder.engine().await?;
            if let Some(item) = item.filter(|item| !item.platforms.is_empty()) {
                engine = engine.with_platforms(item.platforms.clone());
            }
            self.engines.insert(image.builder, (builder, engine));
        }
        let engine = self.engine(image);
        engine.check(&image.build)?;
        let agents = agents::agents(&image.build.ssh, &self.plan.folder)?;
        let policy = cache::policy(self.plan, &image.cache, engine)?;
        self.caches.insert(id, policy);
        self.agents.insert(id, agents);
        Ok(())
    }

    async fn prepare_repository(&mut self, image: &Image, id: RepositoryId) -> Result<(), RunError> {
        if self.credentials.contains_key(&id) {
            return Ok(());
        }
        let repository = self.plan.repository(id);
        let registry = self.plan.registry(repository.registry);
        let found = self.host.registry.prepare(registry, repository).await;
        let credentials = found.map_err(|source| RunError::Registry {
            image: image.name.clone(),
            repository: self.plan.repository_reference(id),
            source,
        })?;
        self.credentials.insert(id, credentials);
        Ok(())
    }

    fn entry(&self, image: &Image) -> &(Arc<dyn Builder>, Engine) {
        self.engines.get(&image.builder).expect("the engine of every image that is built was asked")
    }

    pub(super) fn builder(&self, image: &Image) -> &dyn Builder {
        &*self.entry(image).0
    }

    pub(super) fn engine(&self, image: &Image) -> &Engine {
        &self.entry(image).1
    }

    pub(super) fn cache(&self, id: ImageId) -> &CachePolicy {
        self.caches.get(&id).expect("every image that is built has a policy")
    }

    pub(super) fn agents(&self, id: ImageId) -> &IndexMap<String, PathBuf> {
        self.agents.get(&id).expect("the agents of every image that is built were looked for")
    }

    /// Whether the image goes to its repositories: its tags are pushed or, since its engine keeps no images, another
    /// build finds it only there.
    pub(super) fn is_sent(&self, id: ImageId) -> bool {
        self.pushed.contains(&id) || self.is_needed(id) && !self.engine(self.plan.image(id)).keeps_images()
    }

    /// Whether another image that is built needs it.
    pub(super) fn is_needed(&self, id: ImageId) -> bool {
        self.caches.keys().any(|other| self.plan.image(*other).needs.contains(&id))
    }

    /// The tags of an image in push order, its cache tag included where the image itself is the cache.
    pub(super) fn tags(&self, id: ImageId) -> Vec<PushTag> {
        let mut tags = self.plan.image(id).tags.clone();
        if let Some(tag) = self.cache(id).cache_tag.clone()
            && tags.iter().all(|pushed| pushed.tag != tag)
        {
            let first_moving = tags.iter().position(|pushed| pushed.moving).unwrap_or(tags.len());
            tags.insert(first_moving, PushTag { tag, moving: true });
        }
        tags
    }
}

/// The images that the selected waves' steps name, in the order of the file.
fn images_of(plan: &Plan, operands: impl Fn(&Step) -> &[ImageId]) -> IndexSet<ImageId> {
    let steps = plan.waves.iter().filter(|wave| wave.when).flat_map(|wave| wave.steps());
    steps.flat_map(operands).copied().collect()
}

/// The images with all that they need, what is needed first.
fn with_needs(plan: &Plan, images: IndexSet<ImageId>) -> IndexSet<ImageId> {
    let mut found = IndexSet::new();
    // An image is taken up when it is met again behind its needs.
    let mut open: Vec<_> = images.into_iter().rev().map(|id| (id, false)).collect();
    while let Some((id, is_behind_its_needs)) = open.pop() {
        if is_behind_its_needs {
            found.insert(id);
        } else if !found.contains(&id) {
            open.push((id, true));
            open.extend(plan.image(id).needs.iter().map(|need| (*need, false)));
        }
    }
    found
}
