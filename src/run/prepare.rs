//! What is found out before anything is built: that engines and registries can be used, and can do what is asked.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use indexmap::{IndexMap, IndexSet};
use uuid::Uuid;

use super::RunError;
use crate::cache::{self, CachePolicy};
use crate::host::{BuildError, Builder, Engine, Event, Feature, Host, RepositoryState, agents, open_builder};
use crate::plan::{BuilderId, Image, ImageId, Plan, PushTag, RepositoryId, Step};

/// How long the end of a run waits for engines to take names away.
const FORGET_TIMEOUT: Duration = Duration::from_secs(5);

/// What builds and pushes need of a plan and its host, found out once.
pub(super) struct Prepared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) host: &'a Host,
    /// The images whose tags the run pushes.
    pub(super) pushed: IndexSet<ImageId>,
    /// As they were found, or made.
    pub(super) repositories: IndexMap<RepositoryId, RepositoryState>,
    /// Those that another image which is built needs.
    needed: HashSet<ImageId>,
    /// Tells the names that this run gives to images from those of another run on the same engine.
    id: String,
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
        let id = Uuid::new_v4().simple().to_string();
        let built = with_needs(plan, named);
        let needed = built.iter().flat_map(|id| &plan.image(*id).needs).copied().collect();
        let (engines, caches, repositories, agents) = Default::default();
        let mut prepared = Self { plan, host, pushed, repositories, needed, id, engines, caches, agents };
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
        for (image, to) in promotions(plan) {
            for tag in to {
                prepared.prepare_repository(plan.image(image), tag.tag.repository).await?;
            }
        }
        prepared.announce_existing().await?;
        Ok(prepared)
    }

    /// Asks the engine of an image whether it can do what the image asks for.
    async fn check(&mut self, id: ImageId, image: &Image) -> Result<(), BuildError> {
        if !self.engines.contains_key(&image.builder) {
            let item = image.builder.map(|builder| self.plan.builder(builder));
            let opened = open_builder(&*self.host.builders, item).await?;
            self.engines.insert(image.builder, opened);
        }
        let engine = self.engine(image);
        engine.check(&image.build)?;
        if image.load && !engine.keeps_images() {
            let help = "leave `load` out, and pull the image where it is needed after a `push`";
            return Err(engine.unsupported("`load`", help));
        }
        self.check_needs(id, image)?;
        let policy = cache::policy(self.plan, &image.cache, engine, &self.host.caches)?;
        let agents = agents::agents(&image.build.ssh, &self.plan.folder)?;
        self.caches.insert(id, policy);
        self.agents.insert(id, agents);
        Ok(())
    }

    /// With `pull`, engines look for every base image in its registry, and nowhere else.
    fn check_needs(&self, id: ImageId, image: &Image) -> Result<(), BuildError> {
        let engine = self.engine(image);
        if !image.build.pull || !engine.keeps_images() {
            return Ok(());
        }
        let pushed = self.pushed_before(id);
        match image.needs.iter().find(|need| !pushed.contains(*need)) {
            Some(need) => {
                let base = &self.plan.image(*need).name;
                let what = format!("`pull` with a base that it has built itself, here `{base}`");
                let help = format!("push `{base}` in an earlier step, or leave `pull` out");
                Err(engine.unsupported(&what, help))
            }
            None => Ok(()),
        }
    }

    /// The images that are in their registries when `id` is built.
    fn pushed_before(&self, id: ImageId) -> IndexSet<ImageId> {
        let mut pushed = IndexSet::new();
        let steps = self.plan.waves.iter().filter(|wave| wave.when).flat_map(|wave| wave.steps());
        for step in steps {
            let (Step::Build { images } | Step::Push { images }) = step else { continue };
            if with_needs(self.plan, images.iter().copied().collect()).contains(&id) {
                break;
            }
            if matches!(step, Step::Push { .. }) {
                pushed.extend(images.iter().copied());
            }
        }
        pushed
    }

    async fn prepare_repository(&mut self, image: &Image, id: RepositoryId) -> Result<(), RunError> {
        if self.repositories.contains_key(&id) {
            return Ok(());
        }
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
        self.agents.get(&id).expect("the agents of every image that is built were looked for")
    }

    /// Whether the image goes to its repositories: its tags are pushed or, since its engine keeps no images, another
    /// build finds it only there.
    pub(super) fn is_sent(&self, id: ImageId) -> bool {
        self.pushed.contains(&id)
            || self.needed.contains(&id) && !self.engine(self.plan.image(id)).keeps_images()
    }

    /// A name that only this run uses, by which the engine finds an image that another image needs: it may be in no
    /// registry yet. Engines with the containerd image store ask the registry first, so it names one that answers
    /// at once, and never with an image. `None` if nothing looks for it there.
    pub(super) fn own_name(&self, id: ImageId) -> Option<String> {
        let image = self.plan.image(id);
        let engine = self.engine(image);
        let is_found =
            self.needed.contains(&id) && engine.keeps_images() && engine.can(Feature::NamedContexts);
        let name: String = image.name.chars().filter(|one| one.is_ascii_alphanumeric()).collect();
        let (name, number) = (name.to_ascii_lowercase(), id.0);
        is_found.then(|| format!("127.0.0.1:1/cachelang/{name}-{number}:{}", self.id))
    }

    /// Takes the names of [`Prepared::own_name`] away again.
    pub(super) async fn forget_own_names(&self) {
        let forget = self.caches.keys().map(|id| async {
            if let Some(name) = self.own_name(*id) {
                self.builder(self.plan.image(*id)).forget(&name).await;
            }
        });
        // An engine that is lost must not keep anybody waiting; a name that stays does no harm.
        let _ = tokio::time::timeout(FORGET_TIMEOUT, join_all(forget)).await;
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

/// The images that the selected waves' steps name and whose own `when` holds, in the order of the file.
fn images_of(plan: &Plan, operands: impl Fn(&Step) -> &[ImageId]) -> IndexSet<ImageId> {
    let steps = plan.waves.iter().filter(|wave| wave.when).flat_map(|wave| wave.steps());
    steps.flat_map(operands).copied().filter(|id| plan.image(*id).when).collect()
}

/// The images that the selected waves promote, with the tags that they get.
pub(super) fn promotions(plan: &Plan) -> impl Iterator<Item = (ImageId, &[PushTag])> {
    let steps = plan.waves.iter().filter(|wave| wave.when).flat_map(|wave| wave.steps());
    steps.filter_map(|step| match step {
        Step::Promote { image, to } if plan.image(*image).when => Some((*image, to.as_slice())),
        _ => None,
    })
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
