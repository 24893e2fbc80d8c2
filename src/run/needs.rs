//! What the waves of a plan need: images and repositories, and whether an engine can build an image. A run finds this out
//! before it builds anything, and the doctor without building.

use std::path::PathBuf;

use indexmap::{IndexMap, IndexSet};

use crate::cache::{self, CachePolicy, CacheServices};
use crate::host::{BuildError, Engine, agents};
use crate::plan::blocks::{self, Block};
use crate::plan::{BuilderId, Image, ImageId, Plan, PushTag, RepositoryId, Step};

/// The images and repositories of the waves whose `when` holds.
#[derive(Debug)]
pub(crate) struct Needs {
    /// The images that are built, those first that others need.
    pub(crate) built: IndexSet<ImageId>,
    /// Those whose tags are pushed.
    pub(crate) pushed: IndexSet<ImageId>,
    /// Those that another image which is built needs.
    needed: IndexSet<ImageId>,
}

/// What a build on an engine needs that can do what the image asks for.
#[derive(Debug)]
pub(crate) struct Readiness {
    pub(crate) cache: CachePolicy,
    /// The sockets of SSH agents by their id.
    pub(crate) agents: IndexMap<String, PathBuf>,
}

impl Needs {
    pub(crate) fn of(plan: &Plan) -> Self {
        let pushed = images_of(plan, |step| match step {
            Step::Push { images } => images,
            _ => &[],
        });
        let named = images_of(plan, |step| match step {
            Step::Build { images } | Step::Push { images } => images,
            Step::Command(_) | Step::Promote { .. } | Step::Approve { .. } => &[],
        });
        let built = with_needs(plan, named);
        let needed = built.iter().flat_map(|id| &plan.image(*id).needs).copied().collect();
        Self { built, pushed, needed }
    }

    pub(crate) fn is_needed(&self, id: ImageId) -> bool {
        self.needed.contains(&id)
    }

    /// Whether an image goes to its repositories: its tags are pushed or, since its engine keeps no images, another
    /// build finds it only there.
    pub(crate) fn is_sent(&self, id: ImageId, engine: &Engine) -> bool {
        self.pushed.contains(&id) || self.is_needed(id) && !engine.keeps_images()
    }

    /// The repositories that are written or read, each with the image that needs it first.
    pub(crate) fn repositories<'e>(
        &self,
        plan: &Plan,
        engine: impl Fn(&Image) -> Option<&'e Engine>,
    ) -> IndexMap<RepositoryId, ImageId> {
        let mut found = IndexMap::new();
        for id in &self.built {
            let image = plan.image(*id);
            let is_sent =
                self.pushed.contains(id) || engine(image).is_some_and(|engine| self.is_sent(*id, engine));
            let tags = image.tags.iter().filter(|_| is_sent).map(|tag| tag.tag.repository);
            for repository in tags.chain(image.cache.repositories()) {
                found.entry(repository).or_insert(*id);
            }
        }
        for (id, to) in promotions(plan) {
            for tag in to {
                found.entry(tag.tag.repository).or_insert(id);
            }
        }
        found
    }
}

/// Whether an engine can build an image, and what that needs.
pub(crate) fn readiness<'e>(
    plan: &Plan,
    id: ImageId,
    engine: &Engine,
    engine_of: impl Fn(Option<BuilderId>) -> Option<&'e Engine>,
    caches: &CacheServices,
) -> Result<Readiness, BuildError> {
    let image = plan.image(id);
    engine.check(&image.build)?;
    if image.load && !engine.keeps_images() {
        let help = "leave `load` out, and pull the image where it is needed after a `push`";
        return Err(engine.unsupported("`load`", help));
    }
    check_needs(plan, id, engine, engine_of)?;
    let cache = cache::policy(plan, image, engine, caches)?;
    let agents = agents::agents(&image.build.ssh, &plan.folder)?;
    Ok(Readiness { cache, agents })
}

/// Whether the engine finds the images that the image needs, at the time when it is built.
fn check_needs<'e>(
    plan: &Plan,
    id: ImageId,
    engine: &Engine,
    engine_of: impl Fn(Option<BuilderId>) -> Option<&'e Engine>,
) -> Result<(), BuildError> {
    let image = plan.image(id);
    if image.needs.is_empty() {
        return Ok(());
    }
    let pushed = pushed_before(plan, id);
    for need in image.needs.iter().filter(|need| !pushed.contains(*need)) {
        let base = plan.image(*need);
        let keeps = engine_of(base.builder).is_none_or(Engine::keeps_images);
        // It goes to its repositories at the end of its build.
        if !keeps && !base.tags.is_empty() {
            continue;
        }
        let name = &base.name;
        if !keeps || base.builder != image.builder {
            return Err(not_in_a_registry(engine, base));
        }
        // Such an engine looks for every base image in its registry, and nowhere else.
        if image.build.pull {
            let what = format!("`pull` with a base that it has built itself, here `{name}`");
            let help = format!("push `{name}` in an earlier step, or leave `pull` out");
            return Err(engine.unsupported(&what, help));
        }
    }
    Ok(())
}

/// The error for a base that the engine cannot find: it is on another one.
pub(super) fn not_in_a_registry(engine: &Engine, base: &Image) -> BuildError {
    let what = format!("image `{}`, which is in no registry yet,", base.name);
    let help = format!("give `{}` a tag and push it in an earlier step", base.name);
    engine.unsupported(&what, help)
}

/// The images that are in their registries whenever `id` is built: pushed by steps in front of each that may build it.
fn pushed_before(plan: &Plan, id: ImageId) -> IndexSet<ImageId> {
    let blocks = blocks::running(plan);
    let places = || blocks.iter().flat_map(|block| (0..block.steps.len()).map(move |index| (block, index)));
    let images = |(block, index): (&Block<'_>, usize)| match block.steps.get(index) {
        Some(Step::Build { images } | Step::Push { images }) => images.clone(),
        _ => Vec::new(),
    };
    let is_before = |before: (&Block<'_>, usize), (block, index): (&Block<'_>, usize)| {
        let same = before.0.wave == block.wave && before.0.part == block.part;
        if same { before.1 < index } else { before.0.is_before(block, plan) }
    };
    let builds = |at: &(&Block<'_>, usize)| with_needs(plan, images(*at).into_iter().collect()).contains(&id);
    let building: Vec<_> = places().filter(builds).collect();
    let first = building.iter().filter(|at| !building.iter().any(|before| is_before(*before, **at)));
    let pushes =
        |(block, index): &(&Block<'_>, usize)| matches!(block.steps.get(*index), Some(Step::Push { .. }));
    let before = |at: &(_, _)| -> IndexSet<ImageId> {
        places().filter(pushes).filter(|push| is_before(*push, *at)).flat_map(images).collect()
    };
    first.map(before).reduce(|one, other| one.intersection(&other).copied().collect()).unwrap_or_default()
}

/// The images that the selected waves' steps name and whose own `when` holds, in the order of the file.
fn images_of(plan: &Plan, operands: impl Fn(&Step) -> &[ImageId]) -> IndexSet<ImageId> {
    steps(plan).flat_map(operands).copied().filter(|id| plan.image(*id).when).collect()
}

fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    blocks::running(plan).into_iter().flat_map(|block| block.steps)
}

/// The images that the selected waves promote, with the tags that they get.
pub(super) fn promotions(plan: &Plan) -> impl Iterator<Item = (ImageId, &[PushTag])> {
    steps(plan).filter_map(|step| match step {
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
