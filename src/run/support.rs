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

/// A repository is used as it is, or created with the name alone: nothing is compared or changed.
fn repository(plan: &Plan, repository: &Repository) -> Option<String> {
    let registry = plan.registry(repository.registry);
    let setting = match &registry.kind {
        RegistryKind::EcrPublic { .. } => Some("public"),
        RegistryKind::Ecr { role: Some(_), .. } => Some("role"),
        _ => None,
    };
    if let Some(setting) = setting {
        return Some(format!("`{setting}` of registry `{}`", registry.name));
    }
    if !repository.create && !repository.manage {
        // The settings describe what somebody else takes care of.
        return None;
    }
    let given = [
        ("immutable", repository.immutable),
        ("mutable_tags", !repository.mutable_tags.is_empty()),
        ("scan_on_push", repository.scan_on_push.is_some()),
        ("kms_key", repository.kms_key.is_some()),
        ("lifecycle", repository.lifecycle.is_some()),
        ("manage", repository.manage),
    ];
    let (setting, _) = given.into_iter().find(|(_, given)| *given)?;
    Some(format!("`{setting}` of repository `{}`", repository.item))
}
