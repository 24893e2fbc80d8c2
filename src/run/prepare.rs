//! What is found out before anything is built: that engines and registries can be used, and can do what is asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use indexmap::IndexMap;
use uuid::Uuid;

use super::jobs::Jobs;
use super::journal::Journal;
use super::ledger::Ledger;
use super::needs::{self, Needs, Readiness};
use super::{Options, RunError};
use crate::cache::CachePolicy;
use crate::host::{
    BuildError, Builder, Engine, Event, Feature, Host, Location, Masks, RepositoryState, open_builder,
};
use crate::plan::{BuilderId, Image, ImageId, Plan, RepositoryId};

/// How long the end of a run waits for engines to take names away.
const FORGET_TIMEOUT: Duration = Duration::from_secs(5);

/// What builds and pushes need of a plan and its host, found out once.
pub(super) struct Prepared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) host: &'a Host,
    pub(super) options: &'a Options,
    pub(super) jobs: Jobs,
    /// `None`: nothing is written down.
    pub(super) journal: Option<Journal>,
    /// The values of secrets that were read.
    pub(super) masks: Masks,
    /// What becomes of the run.
    pub(super) ledger: &'a Ledger,
    pub(super) needs: Needs,
    /// As they were found, or made.
    pub(super) repositories: IndexMap<RepositoryId, RepositoryState>,
    /// Tells the names that this run gives to images from those of another run on the same engine.
    id: String,
    engines: IndexMap<Option<BuilderId>, (Arc<dyn Builder>, Engine)>,
    /// By image, for those that the run builds.
    ready: IndexMap<ImageId, Readiness>,
}

impl<'a> Prepared<'a> {
    pub(super) async fn new(
        plan: &'a Plan,
        host: &'a Host,
        options: &'a Options,
        ledger: &'a Ledger,
    ) -> Result<Self, RunError> {
        let needs = Needs::of(plan);
        let id = Uuid::new_v4().simple().to_string();
        let jobs = Jobs::new(options.jobs);
        let (journal, masks) = (None, Masks::default());
        let (repositories, engines, ready) = Default::default();
        let mut prepared = Self {
            plan,
            host,
            options,
            jobs,
            journal,
            masks,
            ledger,
            needs,
            repositories,
            id,
            engines,
            ready,
        };
        prepared.check_approvals()?;
        prepared.open_journal().await?;
        for id in prepared.needs.built.clone() {
            let checked = prepared.check(id).await;
            checked.map_err(|source| RunError::Engine { image: plan.image(id).name.clone(), source })?;
        }
        let repositories = prepared.needs.repositories(plan, |image| Some(prepared.engine(image)));
        for (repository, image) in repositories {
            prepared.prepare_repository(plan.image(image), repository).await?;
        }
        prepared.announce_existing().await?;
        Ok(prepared)
    }

    /// Asks the engine of an image whether it can do what the image asks for.
    async fn check(&mut self, id: ImageId) -> Result<(), BuildError> {
        let image = self.plan.image(id);
        if !self.engines.contains_key(&image.builder) {
            let item = image.builder.map(|builder| self.plan.builder(builder));
            let opened = open_builder(&*self.host.builders, item).await?;
            self.engines.insert(image.builder, opened);
        }
        // Those that it needs were checked before.
        let engine_of = |builder| self.engines.get(&builder).map(|(_, engine)| engine);
        let ready = needs::readiness(self.plan, id, self.engine(image), engine_of, &self.host.caches)?;
        self.ready.insert(id, ready);
        Ok(())
    }

    async fn prepare_repository(&mut self, image: &Image, id: RepositoryId) -> Result<(), RunError> {
        let repository = self.plan.repository(id);
        let registry = self.plan.registry(repository.registry);
        let found = self.host.registry.prepare(registry, repository).await;
        let state = found.map_err(|source| RunError::Registry {
            image: image.name.clone(),
            repository: self.plan.repository_reference(id),
            source,
        })?;
        self.announce_state(id, &state);
        self.repositories.insert(id, state);
        Ok(())
    }

    /// Whether something new may be started: nothing has failed, or it does not matter for what does not depend on it.
    pub(super) fn may_start(&self) -> bool {
        self.options.keep_going || !self.ledger.has_failed()
    }

    pub(super) fn tell(&self, event: Event) {
        self.host.observer.observe(&event);
    }

    /// A repository with its registry.
    pub(super) fn location(&self, id: RepositoryId) -> Location {
        let repository = self.plan.repository(id);
        Location { registry: self.plan.registry(repository.registry).clone(), repository: repository.clone() }
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
        &self.ready(id).cache
    }

    /// The images of a step whose `when` holds.
    pub(super) fn selected(&self, images: &[ImageId]) -> Vec<ImageId> {
        let (selected, skipped): (Vec<_>, Vec<_>) = images.iter().partition(|id| self.plan.image(**id).when);
        for id in skipped {
            let image = self.plan.image(id).name.clone();
            let reason = "its `when` does not hold".to_owned();
            self.host.observer.observe(&Event::ImageSkipped { image, reason });
        }
        selected
    }

    pub(super) fn agents(&self, id: ImageId) -> &IndexMap<String, PathBuf> {
        &self.ready(id).agents
    }

    fn ready(&self, id: ImageId) -> &Readiness {
        self.ready.get(&id).expect("every image that is built was checked")
    }

    /// Whether the image goes to its repositories.
    pub(super) fn is_sent(&self, id: ImageId) -> bool {
        self.needs.is_sent(id, self.engine(self.plan.image(id)))
    }

    /// A name that only this run uses, by which the engine finds an image that another image needs: it may be in no
    /// registry yet. Engines with the containerd image store ask the registry first, so it names one that answers
    /// at once, and never with an image. `None` if nothing looks for it there.
    pub(super) fn own_name(&self, id: ImageId) -> Option<String> {
        let image = self.plan.image(id);
        let engine = self.engine(image);
        let is_found =
            self.needs.is_needed(id) && engine.keeps_images() && engine.can(Feature::NamedContexts);
        let name: String = image.name.chars().filter(|one| one.is_ascii_alphanumeric()).collect();
        let (name, number) = (name.to_ascii_lowercase(), id.0);
        is_found.then(|| format!("127.0.0.1:1/cachelang/{name}-{number}:{}", self.id))
    }

    /// Takes the names of [`Prepared::own_name`] away again.
    pub(super) async fn forget_own_names(&self) {
        let forget = self.ready.keys().map(|id| async {
            let image = self.plan.image(*id);
            // An engine deletes an image with its last name; one that is to be kept keeps this one.
            if image.load && image.tags.is_empty() {
                return;
            }
            if let Some(name) = self.own_name(*id) {
                self.builder(self.plan.image(*id)).forget(&name).await;
            }
        });
        // An engine that is lost must not keep anybody waiting; a name that stays does no harm.
        let _ = tokio::time::timeout(FORGET_TIMEOUT, join_all(forget)).await;
    }
}
