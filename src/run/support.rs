//! What a plan can say but this version cannot run. It is refused before anything is built, never left out.

use crate::plan::{Command, EnvValue, Image, Plan, RegistryKind, Repository, Step, WaveBody};

/// The first thing in the plan that this version does not run, in words.
pub(crate) fn missing(plan: &Plan) -> Option<String> {
    let waves = plan.waves.iter().filter(|wave| wave.when);
    let in_waves = waves.clone().find_map(|wave| match &wave.body {
        WaveBody::Stages { .. } => Some(format!("the stages of wave `{}`", wave.name)),
        WaveBody::Steps { steps } => steps.iter().find_map(step),
    });
    let images = waves.flat_map(|wave| wave.steps()).filter_map(|step| match step {
        Step::Build { images } | Step::Push { images } => Some(images),
        _ => None,
    });
    in_waves.or_else(|| images.flatten().find_map(|id| image(plan, plan.image(*id))))
}

/// What of a step this version does not run.
pub(super) fn step(step: &Step) -> Option<String> {
    match step {
        Step::Build { .. } | Step::Push { .. } | Step::Promote { .. } => None,
        Step::Approve { .. } => Some("`approve`".to_owned()),
        Step::Command(Command { env, .. }) => {
            let secret = env.values().any(|value| matches!(value, EnvValue::Secret { .. }));
            secret.then(|| "a secret in `env`".to_owned())
        }
    }
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
