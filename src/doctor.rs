//! Looks at everything that a run would use, and changes nothing: [`Plan`] → [`Examination`].

use indexmap::{IndexMap, IndexSet};

use crate::cache::{self, CacheServices};
use crate::host::{BuildError, Builders, Engine, Registry, RegistryError, open_builder};
use crate::plan::{BuilderId, ImageId, Plan, RegistryId};

/// What a run would find.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// Those of the images, and all that the file declares.
    pub builders: Vec<BuilderState>,
    /// All that the file declares.
    pub registries: Vec<RegistryState>,
}

/// A builder as it answers now.
#[derive(Debug)]
#[non_exhaustive]
pub struct BuilderState {
    /// The item in the file; `None`: the builder of the machine.
    pub name: Option<String>,
    /// What it is, or why it cannot be used.
    pub engine: Result<Engine, BuildError>,
    /// The images that it cannot build, with why.
    pub problems: Vec<(String, BuildError)>,
}

/// A registry as it answers now.
#[derive(Debug)]
#[non_exhaustive]
pub struct RegistryState {
    /// The item in the file.
    pub name: String,
    /// The host, with a port if it has one.
    pub host: String,
    /// Where the credentials come from, `None` if there are none; or why they cannot be found.
    pub login: Result<Option<String>, RegistryError>,
    /// The repositories that were asked for, with whether the registry lets this machine use them. One that does not
    /// exist yet is fine.
    pub repositories: Vec<(String, Result<(), RegistryError>)>,
}

impl Examination {
    /// Whether a run could start.
    pub fn is_healthy(&self) -> bool {
        let builder = |state: &BuilderState| state.engine.is_ok() && state.problems.is_empty();
        let registry = |state: &RegistryState| {
            state.login.is_ok() && state.repositories.iter().all(|(_, found)| found.is_ok())
        };
        self.builders.iter().all(builder) && self.registries.iter().all(registry)
    }
}

/// Asks every builder and every registry of a plan. One after the other: the answers are few, and in this order easier
/// to follow in a log.
pub async fn examine(
    plan: &Plan,
    builders: &dyn Builders,
    registry: &dyn Registry,
    caches: &CacheServices,
) -> Examination {
    let mut images: IndexMap<Option<BuilderId>, IndexSet<ImageId>> = IndexMap::new();
    for (index, image) in plan.images.iter().enumerate() {
        images.entry(image.builder).or_default().insert(ImageId(index));
    }
    for index in 0..plan.builders.len() {
        images.entry(Some(BuilderId(index))).or_default();
    }
    let mut examination = Examination { builders: Vec::new(), registries: Vec::new() };
    for (id, images) in images {
        let item = id.map(|id| plan.builder(id));
        let engine = open_builder(builders, item).await.map(|(_, engine)| engine);
        let name = item.map(|item| item.name.clone());
        examination.builders.push(builder_state(plan, name, engine, &images, caches));
    }
    for index in 0..plan.registries.len() {
        examination.registries.push(registry_state(plan, registry, RegistryId(index)).await);
    }
    examination
}

/// The builder of the machine, for a folder without a file.
pub async fn examine_machine(builders: &dyn Builders) -> BuilderState {
    let engine = open_builder(builders, None).await.map(|(_, engine)| engine);
    BuilderState { name: None, engine, problems: Vec::new() }
}

fn builder_state(
    plan: &Plan,
    name: Option<String>,
    engine: Result<Engine, BuildError>,
    images: &IndexSet<ImageId>,
    caches: &CacheServices,
) -> BuilderState {
    let mut problems = Vec::new();
    if let Ok(engine) = &engine {
        for image in images.iter().map(|id| plan.image(*id)).filter(|image| image.when) {
            let checked = engine.check(&image.build);
            let checked = checked.and_then(|()| cache::policy(plan, &image.cache, engine, caches).map(drop));
            problems.extend(checked.err().map(|error| (image.name.clone(), error)));
        }
    }
    BuilderState { name, engine, problems }
}

async fn registry_state(plan: &Plan, registry: &dyn Registry, id: RegistryId) -> RegistryState {
    let item = plan.registry(id);
    let login = registry.login(item).await.map(|login| login.map(|login| login.origin));
    let mut repositories = Vec::new();
    for repository in plan.repositories.iter().filter(|repository| repository.registry == id && login.is_ok())
    {
        // The tag need not exist; whether the registry answers is what counts.
        let found = registry.manifest(item, repository, "latest").await.map(drop);
        repositories.push((repository.name.clone(), found));
    }
    RegistryState { name: item.name.clone(), host: item.host(), login, repositories }
}
