//! Builds images and pushes their tags.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use indexmap::{IndexMap, IndexSet};

use super::{Report, RunError};
use crate::cache::{self, CachePolicy};
use crate::host::{BuildError, BuildRequest, Built, Credentials, Event, Host, Logins, PushRequest};
use crate::plan::{Image, ImageId, Plan, PushTag, RepositoryId, Step, Tag};

/// What builds and pushes need of a plan and its host, found out once.
pub(super) struct Publisher<'a> {
    plan: &'a Plan,
    host: &'a Host,
    credentials: IndexMap<RepositoryId, Option<Credentials>>,
    /// By image, for those that the run needs.
    caches: IndexMap<ImageId, CachePolicy>,
}

/// A tag that was pushed and read back.
struct PublishedTag {
    reference: String,
    digest: String,
    bytes: u64,
    elapsed: Duration,
}

impl<'a> Publisher<'a> {
    /// Checks, before anything is built, that the engine and the registries can be used.
    pub(super) async fn prepare(plan: &'a Plan, host: &'a Host) -> Result<Publisher<'a>, RunError> {
        let mut publisher = Self { plan, host, credentials: IndexMap::new(), caches: IndexMap::new() };
        let built = images_of(plan, |step| match step {
            Step::Build { images } | Step::Push { images } => images,
            Step::Command(_) | Step::Promote { .. } | Step::Approve { .. } => &[],
        });
        let pushed = images_of(plan, |step| match step {
            Step::Push { images } => images,
            _ => &[],
        });
        if let Some(first) = built.first() {
            let engine_error =
                |id| move |source| RunError::Engine { image: plan.image(id).name.clone(), source };
            let engine = host.builder.engine().await.map_err(engine_error(*first))?;
            for id in &built {
                let policy =
                    cache::policy(plan, &plan.image(*id).cache, &engine).map_err(engine_error(*id))?;
                publisher.caches.insert(*id, policy);
                if plan.image(*id).build.platforms.len() > 1 && !engine.containerd_store {
                    let source = BuildError::Platforms { engine: engine.to_string() };
                    return Err(RunError::Engine { image: plan.image(*id).name.clone(), source });
                }
            }
        }
        for id in built {
            let image = plan.image(id);
            let tags = image.tags.iter().filter(|_| pushed.contains(&id)).map(|tag| tag.tag.repository);
            for repository in tags.chain(image.cache.repositories()) {
                publisher.prepare_repository(image, repository).await?;
            }
        }
        Ok(publisher)
    }

    async fn prepare_repository(&mut self, image: &Image, id: RepositoryId) -> Result<(), RunError> {
        if self.credentials.contains_key(&id) {
            return Ok(());
        }
        let repository = self.plan.repository(id);
        let registry = self.plan.registry(repository.registry);
        let found = self.host.registry.prepare(registry, repository).await;
        let credentials = found.map_err(|source| RunError::Registry {
            image: image.name.clone(),
            repository: self.plan.repository_reference(id),
            source,
        })?;
        self.credentials.insert(id, credentials);
        Ok(())
    }

    /// The tags of an image in push order, its cache tag included where the image itself is the cache.
    fn tags(&self, id: ImageId) -> Vec<PushTag> {
        let mut tags = self.plan.image(id).tags.clone();
        let cache_tag = self.caches.get(&id).and_then(|policy| policy.cache_tag.clone());
        if let Some(tag) = cache_tag
            && tags.iter().all(|pushed| pushed.tag != tag)
        {
            let first_moving = tags.iter().position(|pushed| pushed.moving).unwrap_or(tags.len());
            tags.insert(first_moving, PushTag { tag, moving: true });
        }
        tags
    }

    /// Builds those of the images that this run has not built yet, in parallel.
    pub(super) async fn build(&self, images: &[ImageId], report: &mut Report) -> Vec<RunError> {
        let images: IndexSet<_> = images.iter().copied().collect();
        let missing: Vec<_> = images.into_iter().filter(|id| report.image(*id).built.is_none()).collect();
        let results = join_all(missing.iter().map(|id| self.build_one(*id))).await;
        let mut errors = Vec::new();
        for (id, result) in missing.into_iter().zip(results) {
            match result {
                Ok((built, elapsed)) => {
                    let image = report.image_mut(id);
                    image.built = Some(built);
                    image.build_time = elapsed;
                }
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    async fn build_one(&self, id: ImageId) -> Result<(Built, Duration), RunError> {
        let image = self.plan.image(id);
        let name = || image.name.clone();
        let observer = &self.host.observer;
        observer.observe(&Event::BuildStarted { image: name() });
        let started = Instant::now();
        let request = self.build_request(id);
        let progress = |progress| observer.observe(&Event::Build { image: name(), progress });
        let build = self.host.builder.build(&request, &progress);
        let result = match image.timeout {
            Some(limit) => match tokio::time::timeout(limit, build).await {
                Ok(result) => result.map_err(|source| RunError::Build { image: name(), source }),
                Err(_) => Err(RunError::BuildTimeout { image: name(), limit }),
            },
            None => build.await.map_err(|source| RunError::Build { image: name(), source }),
        };
        let elapsed = started.elapsed();
        match &result {
            Ok(built) => {
                observer.observe(&Event::BuildFinished { image: name(), built: built.clone(), elapsed })
            }
            Err(_) => observer.observe(&Event::BuildFailed { image: name(), elapsed }),
        }
        result.map(|built| (built, elapsed))
    }

    fn build_request(&self, id: ImageId) -> BuildRequest {
        let image = self.plan.image(id);
        let cache = self.caches.get(&id);
        let host =
            |repository: RepositoryId| self.plan.registry(self.plan.repository(repository).registry).host();
        let declared = self.credentials.iter().filter_map(|(id, found)| Some((host(*id), found.clone()?)));
        BuildRequest {
            build: image.build.clone(),
            references: self.tags(id).iter().map(|pushed| self.plan.reference(&pushed.tag)).collect(),
            cache_from: cache.map(|policy| policy.from.clone()).unwrap_or_default(),
            cache_to: cache.map(|policy| policy.to.clone()).unwrap_or_default(),
            logins: Logins::new(declared.collect(), Arc::clone(&self.host.registry)),
        }
    }

    /// Builds the images and pushes all their tags: first those that name one build, then, if all of these are
    /// pushed, those that move. A moving tag never names an image of a step that failed.
    pub(super) async fn push(&self, images: &[ImageId], report: &mut Report) -> Vec<RunError> {
        let errors = self.build(images, report).await;
        if !errors.is_empty() {
            return errors;
        }
        let images: IndexSet<_> = images.iter().copied().collect();
        let built = |id: ImageId| report.image(id).built.clone().map(|built| (id, built));
        let images: Vec<_> = images.into_iter().filter_map(built).collect();
        for moving in [false, true] {
            let pushes = images.iter().map(|(id, built)| self.push_tags(*id, built, moving));
            let results = join_all(pushes).await;
            let mut errors = Vec::new();
            for ((id, _), (published, error)) in images.iter().zip(results) {
                let reports = published.into_iter();
                reports.for_each(|tag| record(report, self.plan, *id, tag));
                errors.extend(error);
            }
            if !errors.is_empty() {
                return errors;
            }
        }
        Vec::new()
    }

    /// Pushes the moving or the other tags of one image, one after the other, up to the first that fails.
    async fn push_tags(
        &self,
        id: ImageId,
        built: &Built,
        moving: bool,
    ) -> (Vec<PublishedTag>, Option<RunError>) {
        let mut published = Vec::new();
        for pushed in self.tags(id).iter().filter(|pushed| pushed.moving == moving) {
            match self.push_one(self.plan.image(id), built, &pushed.tag).await {
                Ok(tag) => published.push(tag),
                Err(error) => return (published, Some(error)),
            }
        }
        (published, None)
    }

    async fn push_one(&self, image: &Image, built: &Built, tag: &Tag) -> Result<PublishedTag, RunError> {
        let (name, reference) = (|| image.name.clone(), || self.plan.reference(tag));
        let observer = &self.host.observer;
        observer.observe(&Event::PushStarted { image: name(), reference: reference() });
        let started = Instant::now();
        let pushed = self.push_and_read_back(image, built, tag).await;
        let elapsed = started.elapsed();
        match &pushed {
            Ok((digest, bytes)) => observer.observe(&Event::PushFinished {
                image: name(),
                reference: reference(),
                digest: digest.clone(),
                bytes: *bytes,
                elapsed,
            }),
            Err(_) => {
                observer.observe(&Event::PushFailed { image: name(), reference: reference(), elapsed });
            }
        }
        pushed.map(|(digest, bytes)| PublishedTag { reference: reference(), digest, bytes, elapsed })
    }

    /// Returns the digest and the bytes sent. The tag is read from the registry afterwards: what counts is what the
    /// next machine will find there, and it must be what this run has built.
    async fn push_and_read_back(
        &self,
        image: &Image,
        built: &Built,
        tag: &Tag,
    ) -> Result<(String, u64), RunError> {
        let (name, reference) = (|| image.name.clone(), || self.plan.reference(tag));
        let request = PushRequest {
            image: built.image.clone(),
            repository: self.plan.repository_reference(tag.repository),
            tag: tag.tag.clone(),
            credentials: self.credentials.get(&tag.repository).cloned().flatten(),
        };
        let progress = |progress| {
            let event = Event::Push { image: name(), reference: reference(), progress };
            self.host.observer.observe(&event);
        };
        let pushed = self.host.builder.push(&request, &progress).await;
        let pushed =
            pushed.map_err(|source| RunError::Push { image: name(), reference: reference(), source })?;
        let repository = self.plan.repository(tag.repository);
        let registry = self.plan.registry(repository.registry);
        let manifest = self.host.registry.manifest(registry, repository, &tag.tag).await;
        let found = manifest.map_err(|source| RunError::ReadBack {
            image: name(),
            reference: reference(),
            source,
        })?;
        match found {
            Some(manifest) if manifest.digest == pushed.digest && manifest.is_of(built) => {
                let bytes = pushed.bytes_sent(&manifest);
                Ok((pushed.digest, bytes))
            }
            other => Err(RunError::NotPublished {
                image: name(),
                reference: reference(),
                expected: pushed.digest,
                found: other.map_or_else(|| "nothing".to_owned(), |manifest| manifest.digest),
            }),
        }
    }
}

/// The images that the selected waves' steps name, in the order of the file.
fn images_of(plan: &Plan, operands: impl Fn(&Step) -> &[ImageId]) -> IndexSet<ImageId> {
    let steps = plan.waves.iter().filter(|wave| wave.when).flat_map(|wave| wave.steps());
    steps.flat_map(operands).copied().collect()
}

fn record(report: &mut Report, plan: &Plan, id: ImageId, tag: PublishedTag) {
    let repository = plan.image(id).tags.first().map(|first| plan.repository_reference(first.tag.repository));
    let image = report.image_mut(id);
    image.push_time += tag.elapsed;
    image.bytes_pushed += tag.bytes;
    image.pushed.push(tag.reference);
    if image.digest.is_none() {
        image.reference = repository.map(|repository| format!("{repository}@{}", tag.digest));
        image.digest = Some(tag.digest);
    }
}
