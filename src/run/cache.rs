//! Caches in registries: what a build may read, and what is written after a push by engines that cannot do it.

use std::collections::HashSet;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::RunError;
use super::prepare::Prepared;
use crate::cache::image::{CacheImage, Note};
use crate::cache::proof::{CacheProof, prove};
use crate::cache::tag::{CacheTag, Contents};
use crate::cache::{CacheExport, CacheImageTarget, CacheImport};
use crate::host::{BuildProgress, BuildRequest, Built, Event, RegistryError};
use crate::plan::{CacheMode, Image, ImageId, SideStage, Tag, matches_pattern, stage_tag};

/// How many layers are looked for at the same time.
const LOOKUPS: usize = 8;

/// A stage that was built and pushed for its cache.
struct PushedStage {
    digest: String,
    note: Note,
}

impl Prepared<'_> {
    /// The caches of an image that its engine may be told to read. Those in registries are named by their digests: a
    /// classic image store would take a local image of the same name in their place.
    ///
    /// What is not there, is of no use or would make the engine crash is left out with a warning.
    pub(super) async fn readable_caches(&self, id: ImageId) -> Vec<CacheImport> {
        let pinned = self.cache(id).from.iter().map(|import| self.pin(id, import));
        join_all(pinned).await.into_iter().flatten().collect()
    }

    async fn pin(&self, id: ImageId, import: &CacheImport) -> Option<CacheImport> {
        let CacheImport::Registry { tag, reference } = import else { return Some(import.clone()) };
        let problem = match self.cache_tag(tag).read().await {
            Ok(None) => format!("there is no cache at {reference} yet"),
            Ok(Some(contents)) => match unusable(&contents) {
                None => {
                    let engine = self.engine(self.plan.image(id));
                    let digest = contents.digest_for(engine);
                    let reference = format!("{reference}@{digest}");
                    return Some(CacheImport::Registry { tag: tag.clone(), reference });
                }
                Some(why) => format!("{reference} is not read as a cache: {why}"),
            },
            Err(error) => format!("the cache at {reference} cannot be read: {error}"),
        };
        self.warn(id, problem);
        None
    }

    /// Whether a step was executed that has to come from the cache. An image that has no cache yet is let through.
    pub(super) fn check_required(
        &self,
        id: ImageId,
        built: &Built,
        caches: &[CacheImport],
    ) -> Result<(), RunError> {
        let is_required = |instruction: &str| {
            self.options.require_cached.iter().any(|pattern| matches_pattern(pattern, instruction))
        };
        let executed = built.steps.iter().filter(|step| !step.cached && is_required(step.instruction()));
        let steps: Vec<_> = executed.map(|step| format!("`{}`", step.instruction())).collect();
        if steps.is_empty() || caches.is_empty() {
            return Ok(());
        }
        Err(RunError::NotCached { image: self.plan.image(id).name.clone(), steps })
    }

    /// Puts the images, as far as they were pushed, under the tags of their caches, and looks at what the next machine
    /// will find. That this fails is no failure of the run: everything is pushed, and only the next build takes longer.
    pub(super) async fn settle_caches(&self, images: &[(ImageId, Built)]) {
        join_all(images.iter().map(|(id, built)| self.settle_cache(*id, built))).await;
    }

    async fn settle_cache(&self, id: ImageId, built: &Built) {
        let image = self.plan.image(id);
        let (digest, is_settled) =
            self.ledger.of_image(id, |image| (image.digest.clone(), image.cache.is_some()));
        let (Some(digest), Some(first), false) = (digest, image.tags.first(), is_settled) else { return };
        for target in &self.cache(id).images {
            self.write_cache(id, built, &digest, target).await;
        }
        let Some(tag) = image.cache.written().first().copied() else { return };
        match self.prove(image, built, (&digest, &first.tag), tag).await {
            Ok(None) => {}
            Ok(Some(proof)) => {
                let event = Event::CacheProven { image: image.name.clone(), proof: proof.clone() };
                self.host.observer.observe(&event);
                self.ledger.change_image(id, |image| image.cache = Some(proof));
            }
            Err(error) => {
                self.warn(id, format!("the cache {} cannot be read back: {error}", self.plan.reference(tag)));
            }
        }
    }

    /// Reads the cache of a pushed image from its registry. `None` for an image of several platforms.
    async fn prove(
        &self,
        image: &Image,
        built: &Built,
        (digest, pushed): (&str, &Tag),
        tag: &Tag,
    ) -> Result<Option<CacheProof>, RegistryError> {
        let Ok(found) = self.cache_tag(pushed).image(digest).await? else { return Ok(None) };
        let at = self.cache_tag(tag);
        let contents = at.read().await?;
        let stages = contents.iter().flat_map(|contents| &contents.images);
        let layers = stages.chain([&found]).flat_map(|image| &image.layers);
        let blobs: HashSet<_> = layers.map(|layer| layer.digest.clone()).collect();
        let lookups = blobs.into_iter().map(|blob| async {
            let is_there = at.registry.has_blob(&at.at, &blob).await?;
            Ok::<_, RegistryError>((!is_there).then_some(blob))
        });
        let absent: Vec<_> = stream::iter(lookups).buffer_unordered(LOOKUPS).try_collect().await?;
        let absent = absent.into_iter().flatten().collect();
        let steps = prove(&built.steps, &image.stages, &found, contents.as_ref(), &absent);
        Ok(Some(CacheProof::new(self.plan.reference(tag), steps)))
    }

    async fn write_cache(&self, id: ImageId, built: &Built, digest: &str, target: &CacheImageTarget) {
        let (image, reference) = (self.plan.image(id), self.plan.reference(&target.tag));
        let mut images = vec![PushedStage { digest: digest.to_owned(), note: Note::default() }];
        if target.mode == CacheMode::Max {
            for stage in executed_stages(&image.stages.beside, built) {
                match self.push_stage(id, stage, target).await {
                    Ok(stage) => images.push(stage),
                    Err(why) => self.warn(id, format!("the stage `{}` is not cached: {why}", stage.label)),
                }
            }
        }
        match self.put_cache(&images, target).await {
            Ok(None) => self.warn(id, format!("{reference} is not written: the engine recorded no cache")),
            Ok(Some(_)) => {}
            Err(error) => self.warn(id, format!("the cache {reference} is not written: {error}")),
        }
    }

    /// `None`: the engine has recorded nothing.
    async fn put_cache(
        &self,
        pushed: &[PushedStage],
        target: &CacheImageTarget,
    ) -> Result<Option<Contents>, RegistryError> {
        let tag = self.cache_tag(&target.tag);
        let mut new: Vec<(CacheImage, Note)> = Vec::new();
        for stage in pushed {
            if let Ok(image) = tag.image(&stage.digest).await?
                && !image.records.is_empty()
            {
                new.push((image, stage.note.clone()));
            }
        }
        if new.is_empty() {
            return Ok(None);
        }
        let now = tag.read().await?;
        tag.add(&new, now).await.map(Some)
    }

    /// Builds a stage as an image, from what the engine has just built, and pushes it.
    async fn push_stage(
        &self,
        id: ImageId,
        stage: &SideStage,
        target: &CacheImageTarget,
    ) -> Result<PushedStage, String> {
        let tag = Tag { repository: target.tag.repository, tag: stage_tag(&target.tag.tag, &stage.label) };
        if !stage.has_name {
            return Err("it has no name; write `FROM … AS name`".to_owned());
        }
        if self.is_fixed(&tag) {
            return Err(format!(
                "its tag {} could not be moved later; `mutable_tags` must cover it",
                tag.tag
            ));
        }
        let said = |error: RunError| error.to_string();
        let image = self.plan.image(id);
        let request = self.build_request(id).map_err(said)?;
        let request = stage_request(request, stage, self.plan.reference(&tag));
        let built = self.builder(image).build(&request, &|_| {}).await.map_err(|error| error.to_string())?;
        let pushed = self.push_one(image, &built, &tag).await;
        self.builder(image).forget(&self.plan.reference(&tag)).await;
        let pushed = pushed.map_err(said)?;
        self.ledger.change_image(id, |image| {
            image.push_time += pushed.elapsed;
            image.bytes_pushed += pushed.bytes;
        });
        Ok(PushedStage {
            digest: pushed.digest,
            note: Note { stage: Some(stage.label.clone()), ..Note::default() },
        })
    }

    fn cache_tag(&self, tag: &Tag) -> CacheTag<'_> {
        CacheTag { registry: &*self.host.registry, at: self.location(tag.repository), tag: tag.tag.clone() }
    }

    fn warn(&self, id: ImageId, text: String) {
        let (image, progress) = (self.plan.image(id).name.clone(), BuildProgress::Warning(text));
        self.host.observer.observe(&Event::Build { image, progress });
    }
}

/// Why an engine is not told to read what a tag holds.
fn unusable(contents: &Contents) -> Option<String> {
    match (contents.danger(), contents.bad.first()) {
        (Some(danger), _) => Some(danger.to_string()),
        (None, Some(bad)) if !contents.is_usable() => Some(bad.to_string()),
        _ => None,
    }
}

/// The stages beside the image that were executed at least in part. Another one's cache is what it was. One that another
/// stage is based on is part of that one.
fn executed_stages<'a>(stages: &'a [SideStage], built: &Built) -> Vec<&'a SideStage> {
    let is_executed = |stage: &&SideStage| {
        let mut steps = built.steps.iter().filter(|step| !step.cached);
        steps.any(|step| step.stage == stage.label || stage.below.contains(&step.stage))
    };
    let executed: Vec<_> = stages.iter().filter(is_executed).collect();
    let is_part = |stage: &SideStage| executed.iter().any(|other| other.below.contains(&stage.label));
    executed.iter().copied().filter(|stage| !is_part(stage)).collect()
}

/// The same build up to a stage. All of it is in the engine; nothing is executed again.
fn stage_request(mut request: BuildRequest, stage: &SideStage, reference: String) -> BuildRequest {
    request.build.target = Some(stage.label.clone());
    request.build.no_cache = false;
    request.build.no_cache_stages.clear();
    request.references = vec![reference];
    request.cache_from.clear();
    request.cache_to = vec![CacheExport::Inline];
    request
}
