//! What a plan can say but this version cannot run. It is refused before anything is built, never left out.

use crate::plan::{Image, Plan, RegistryKind, Repository, Step, blocks};

/// The first thing in the plan that this version does not run, in words.
pub(crate) fn missing(plan: &Plan) -> Option<String> {
    let blocks = blocks::running(plan);
    let images = blocks.iter().flat_map(|block| block.steps).filter_map(|step| match step {
        Step::Build { images } | Step::Push { images } => Some(images),
        _ => None,
    });
    images.flatten().find_map(|id| image(plan, plan.image(*id)))
}

fn image(plan: &Plan, image: &Image) -> Option<String> {
    let tags = image.tags.iter().map(|tag| tag.tag.repository);
    tags.chain(image.cache.repositories()).find_map(|id| repository(plan, plan.repository(id)))
}

/// The public gallery takes images, but has other settings than private repositories, and other calls for them.
fn repository(plan: &Plan, repository: &Repository) -> Option<String> {
    let registry = plan.registry(repository.registry);
    let RegistryKind::EcrPublic { .. } = &registry.kind else { return None };
    let given = [
        ("create", repository.create),
        ("scan_on_push", repository.scan_on_push.is_some()),
        ("kms_key", repository.kms_key.is_some()),
        ("lifecycle", repository.lifecycle.is_some()),
        ("resource_tags", !repository.resource_tags.is_empty()),
        ("manage", repository.manage),
    ];
    let (setting, _) = given.into_iter().find(|(_, given)| *given)?;
    Some(format!("`{setting}` of repository `{}`, which is in the public gallery,", repository.item))
}
