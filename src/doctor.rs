//! Looks at everything that a run would use, and changes nothing: [`Plan`] → [`Examination`].

use indexmap::IndexMap;

use crate::cache::CacheServices;
use crate::host::{self, BuildError, Builders, Engine, Registry, RegistryError, open_builder};
use crate::plan::{BuilderId, ImageId, Plan, RegistryId, RepositoryId};
use crate::run::needs::{self, Needs};
use crate::run::support;

/// What a run of the whole file would find.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// What the plan says and this version cannot run.
    pub unsupported: Option<String>,
    /// Those of the images that are built, and all that the file declares.
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
    /// Whether a run builds anything there.
    pub used: bool,
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
    /// Whether a run reads or writes there.
    pub used: bool,
    /// The host, with a port if it has one.
    pub host: String,
    /// Where the credentials come from, `None` if there are none; or why they cannot be found.
    pub login: Result<Option<String>, RegistryError>,
    /// The repositories of the file.
    pub repositories: Vec<RepositoryState>,
}

/// A repository as its registry answers now.
#[derive(Debug)]
#[non_exhaustive]
pub struct RepositoryState {
    /// Its name in the registry.
    pub name: String,
    /// Whether a run reads or writes there.
    pub used: bool,
    /// Whether the registry lets this machine use it, and how it differs from the file. One that a run would make is
    /// fine.
    pub found: Result<host::RepositoryState, RegistryError>,
}

impl Examination {
    /// Whether a run could start. What no wave uses does not count.
    pub fn is_healthy(&self) -> bool {
        let builder = |state: &BuilderState| !state.used || state.engine.is_ok() && state.problems.is_empty();
        let registry = |state: &RegistryState| {
            let repository = |state: &RepositoryState| !state.used || state.found.is_ok();
            !state.used || state.login.is_ok() && state.repositories.iter().all(repository)
        };
        self.unsupported.is_none()
            && self.builders.iter().all(builder)
            && self.registries.iter().all(registry)
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
    let needs = Needs::of(plan);
    let used = needs.built.iter().map(|id| plan.image(*id).builder);
    let declared = (0..plan.builders.len()).map(|index| Some(BuilderId(index)));
    let mut engines: IndexMap<Option<BuilderId>, Result<Engine, BuildError>> = IndexMap::new();
    for id in used.chain(declared) {
        if !engines.contains_key(&id) {
            let opened = open_builder(builders, id.map(|id| plan.builder(id))).await;
            engines.insert(id, opened.map(|(_, engine)| engine));
        }
    }
    let engine_of = |id: Option<BuilderId>| engines.get(&id).and_then(|engine| engine.as_ref().ok());
    let used = needs.repositories(plan, |image| engine_of(image.builder));
    let mut registries = Vec::new();
    for index in 0..plan.registries.len() {
        registries.push(registry_state(plan, registry, RegistryId(index), &used).await);
    }
    let problems: Vec<_> =
        needs.built.iter().filter_map(|id| problem(plan, *id, engine_of, caches)).collect();
    let mut states: Vec<_> = Vec::new();
    for (id, engine) in engines {
        let images = || needs.built.iter().map(|id| plan.image(*id)).filter(|image| image.builder == id);
        states.push(BuilderState {
            name: id.map(|id| plan.builder(id).name.clone()),
            used: images().next().is_some(),
            engine,
            problems: Vec::new(),
        });
    }
    for (id, builder, error) in problems {
        let name = builder.map(|id| plan.builder(id).name.clone());
        if let Some(state) = states.iter_mut().find(|state| state.name == name) {
            state.problems.push((plan.image(id).name.clone(), error));
        }
    }
    Examination { unsupported: support::missing(plan), builders: states, registries }
}

/// The builder of the machine, for a folder without a file.
pub async fn examine_machine(builders: &dyn Builders) -> BuilderState {
    let engine = open_builder(builders, None).await.map(|(_, engine)| engine);
    BuilderState { name: None, used: true, engine, problems: Vec::new() }
}

/// Why an image cannot be built on its engine, if that answers.
fn problem<'e>(
    plan: &Plan,
    id: ImageId,
    engine_of: impl Fn(Option<BuilderId>) -> Option<&'e Engine> + Copy,
    caches: &CacheServices,
) -> Option<(ImageId, Option<BuilderId>, BuildError)> {
    let builder = plan.image(id).builder;
    let error = needs::readiness(plan, id, engine_of(builder)?, engine_of, caches).err()?;
    Some((id, builder, error))
}

async fn registry_state(
    plan: &Plan,
    registry: &dyn Registry,
    id: RegistryId,
    used: &IndexMap<RepositoryId, ImageId>,
) -> RegistryState {
    let item = plan.registry(id);
    let login = registry.login(item).await.map(|login| login.map(|login| login.origin));
    let mut repositories = Vec::new();
    for (index, repository) in plan.repositories.iter().enumerate() {
        if repository.registry != id || login.is_err() {
            continue;
        }
        let found = registry.look(item, repository).await;
        let used = used.contains_key(&RepositoryId(index));
        repositories.push(RepositoryState { name: repository.name.clone(), used, found });
    }
    let used = used.keys().any(|used| plan.repository(*used).registry == id);
    RegistryState { name: item.name.clone(), used, host: item.host(), login, repositories }
}
