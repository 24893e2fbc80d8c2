//! What registries have of what a run would push: read, never changed.

use super::needs::Needs;
use crate::host::{Registry, RegistryError};
use crate::plan::{Cache, CacheSource, ImageId, Plan, Tag};

/// An image that a run would build.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImagePreview {
    pub name: String,
    /// Its tags, if they would be pushed.
    pub tags: Vec<TagPreview>,
    /// The tags that its cache would be read from.
    pub caches: Vec<TagPreview>,
}

/// A tag as it is now.
#[derive(Debug)]
#[non_exhaustive]
pub struct TagPreview {
    /// `host/name:tag`
    pub reference: String,
    /// The digest that it names; `None` if it does not exist.
    pub digest: Result<Option<String>, RegistryError>,
}

/// Looks up the tags and caches of the images that a run would build.
pub async fn preview(plan: &Plan, registry: &dyn Registry) -> Vec<ImagePreview> {
    let needs = Needs::of(plan);
    let mut found = Vec::new();
    for id in &needs.built {
        let image = plan.image(*id);
        let pushed = image.tags.iter().filter(|_| needs.pushed.contains(id)).map(|tag| &tag.tag);
        found.push(ImagePreview {
            name: image.name.clone(),
            tags: look_up(plan, registry, pushed).await,
            caches: look_up(plan, registry, caches(plan, *id)).await,
        });
    }
    found
}

fn caches(plan: &Plan, id: ImageId) -> impl Iterator<Item = &Tag> {
    let (automatic, explicit) = match &plan.image(id).cache {
        Cache::Automatic(tag) => (Some(tag), None),
        Cache::Explicit { from, .. } => (None, Some(from.iter().filter_map(CacheSource::tag))),
    };
    automatic.into_iter().chain(explicit.into_iter().flatten())
}

async fn look_up(plan: &Plan, registry: &dyn Registry, tags: impl Iterator<Item = &Tag>) -> Vec<TagPreview> {
    let mut found = Vec::new();
    for tag in tags {
        let repository = plan.repository(tag.repository);
        let manifest = registry.manifest(plan.registry(repository.registry), repository, &tag.tag).await;
        let digest = manifest.map(|manifest| manifest.map(|manifest| manifest.digest));
        found.push(TagPreview { reference: plan.reference(tag), digest });
    }
    found
}
