//! What a plan can say but this version cannot run. It is refused before anything is built, never left out.

use crate::plan::{
    Attest, Build, Cache, CacheSource, CacheTarget, Command, Context, EnvValue, Image, Plan, RegistryKind,
    Step, WaveBody,
};

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
    let settings = settings(&image.build)
        .or_else(|| image.builder.map(|_| "builder"))
        .or_else(|| image.load.then_some("load"))
        .or_else(|| (image.retries > 0).then_some("retries"))
        .or_else(|| (!image.when).then_some("when"))
        .or_else(|| cache(&image.cache));
    if let Some(setting) = settings {
        return Some(format!("`{setting}` of image `{name}`"));
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

fn settings(build: &Build) -> Option<&'static str> {
    let given = [
        ("context", !matches!(build.context, Context::Folder(_))),
        ("dockerfile_inline", build.dockerfile_inline.is_some()),
        ("annotations", !build.annotations.is_empty()),
        ("contexts", !build.contexts.is_empty()),
        ("shm_size", build.shm_size.is_some()),
        ("ulimits", !build.ulimits.is_empty()),
        ("no_cache_stages", !build.no_cache_stages.is_empty()),
        ("attest", build.attest != Attest::None),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
}

fn cache(cache: &Cache) -> Option<&'static str> {
    let Cache::Explicit { from, to } = cache else { return None };
    let source = |source: &CacheSource| match source {
        CacheSource::Registry(_) => None,
        CacheSource::Local(_) => Some("cache.local"),
        CacheSource::Gha { .. } => Some("cache.gha"),
        CacheSource::S3(_) => Some("cache.s3"),
    };
    let target = |target: &CacheTarget| match target {
        CacheTarget::Inline | CacheTarget::Registry { .. } => None,
        CacheTarget::Local { .. } => Some("cache.local"),
        CacheTarget::Gha { .. } => Some("cache.gha"),
        CacheTarget::S3 { .. } => Some("cache.s3"),
    };
    from.iter().find_map(source).or_else(|| to.iter().find_map(target))
}
