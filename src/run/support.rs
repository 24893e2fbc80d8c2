//! What a plan can say but this version cannot run. It is refused before anything is built, never left out.

use crate::plan::{Command, EnvValue, Image, Plan, RegistryKind, Step, WaveBody};

/// The first thing in the plan that this version does not run, in words.
pub(super) fn missing(plan: &Plan) -> Option<String> {
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

fn step(step: &Step) -> Option<String> {
    match step {
        Step::Build { .. } | Step::Push { .. } => None,
        Step::Promote { .. } => Some("`promote`".to_owned()),
        Step::Approve { .. } => Some("`approve`".to_owned()),
        Step::Command(Command { env, .. }) => {
            let secret = env.values().any(|value| matches!(value, EnvValue::Secret { .. }));
            secret.then(|| "a secret in `env`".to_owned())
        }
    }
}

fn image(plan: &Plan, image: &Image) -> Option<String> {
    let name = &image.name;
    if !image.build.secrets.is_empty() {
        return Some(format!("`secrets` of image `{name}`"));
    }
    if !image.build.ssh.is_empty() {
        return Some(format!("`ssh` of image `{name}`"));
    }
    image.tags.iter().find_map(|tag| {
        let repository = plan.repository(tag.tag.repository);
        let registry = plan.registry(repository.registry);
        match &registry.kind {
            RegistryKind::Ecr { role: Some(_), .. } => {
                Some(format!("`role` of registry `{}`", registry.name))
            }
            RegistryKind::EcrPublic { .. } => Some(format!("`public` of registry `{}`", registry.name)),
            _ if repository.create && !repository.has_default_settings() => {
                Some(format!("a setting of repository `{}`", repository.item))
            }
            _ => None,
        }
    })
}
