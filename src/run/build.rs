//! Builds images, those first that others need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::{IndexMap, IndexSet};

use super::RunError;
use super::ledger::{Done, Failed};
use super::needs::not_in_a_registry;
use super::order::Order;
use super::prepare::Prepared;
use crate::host::{BuildError, BuildProgress, BuildRequest, Built, Event, Feature, Logins, secrets};
use crate::plan::{Context, Image, ImageId, Registry};

/// The pause before a failed build is started again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Prepared<'_> {
    /// Builds those of the images that this run has not built yet, with all that they need. Each is started as soon
    /// as its needs are built; after a failure nothing more is, and what runs is waited for.
    ///
    /// `behind` is how many steps there are at least behind these builds.
    pub(super) async fn build(&self, images: &[ImageId], behind: usize) -> Done {
        let missing = self.missing(images);
        let needs: Vec<Vec<usize>> = missing.iter().map(|id| self.needs_among(*id, &missing)).collect();
        let order = Order::new(&needs, vec![1; missing.len()]);
        let build = |index: usize| {
            let id = *missing.get_index(index).expect("it is one of the missing");
            let behind = behind + order.behind(index);
            self.ledger.build_once(id, move || self.build_in_turn(id, behind))
        };
        order.run(|| self.may_start(), build).await
    }

    /// The images with their needs, as far as they are not built.
    fn missing(&self, images: &[ImageId]) -> IndexSet<ImageId> {
        let mut missing = IndexSet::new();
        let mut open = images.to_vec();
        while let Some(id) = open.pop() {
            if self.ledger.built(id).is_none() && missing.insert(id) {
                open.extend(&self.plan.image(id).needs);
            }
        }
        // In the order of the file, whatever the order in which they were found.
        missing.sort();
        missing
    }

    /// The places in `missing` of the images that an image needs.
    fn needs_among(&self, id: ImageId, missing: &IndexSet<ImageId>) -> Vec<usize> {
        let needs: IndexSet<_> = self.plan.image(id).needs.iter().collect();
        needs.into_iter().filter_map(|need| missing.get_index_of(need)).collect()
    }

    /// Builds an image when there is a job for it.
    async fn build_in_turn(&self, id: ImageId, behind: usize) -> Result<(Built, Duration), Failed> {
        let _job = self.jobs.take(behind).await;
        if !self.may_start() {
            return Err(Failed);
        }
        self.build_one(id).await.map_err(|error| self.ledger.fail(error))
    }

    /// Builds one image, again if that fails for a reason that may pass and the image has `retries`.
    async fn build_one(&self, id: ImageId) -> Result<(Built, Duration), RunError> {
        let image = self.plan.image(id);
        let mut request = self.build_request(id)?;
        request.cache_from = self.readable_caches(id).await;
        let attempts = image.retries + 1;
        let mut attempt = 1;
        loop {
            let ended = self.attempt(image, &request).await;
            let error = match &ended {
                Ok((built, _)) => {
                    self.check_required(id, built, &request.cache_from)?;
                    return ended;
                }
                Err(error) => error,
            };
            if attempt == attempts || !error.may_pass() {
                return ended;
            }
            attempt += 1;
            let (name, cause) = (image.name.clone(), error.to_string());
            self.host.observer.observe(&Event::BuildRetried { image: name, cause, attempt, attempts });
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    /// Returns what was built, and the time that it took.
    async fn attempt(&self, image: &Image, request: &BuildRequest) -> Result<(Built, Duration), RunError> {
        let name = || image.name.clone();
        let observer = &self.host.observer;
        observer.observe(&Event::BuildStarted { image: name() });
        let started = Instant::now();
        self.mask_secrets(image).await;
        let progress = |progress| {
            observer.observe(&Event::Build { image: name(), progress: self.hidden(progress) });
        };
        let build = self.builder(image).build(request, &progress);
        let failed =
            |source: BuildError| RunError::Build { image: name(), source: source.hidden(&self.masks) };
        let result = match image.timeout {
            Some(limit) => match tokio::time::timeout(limit, build).await {
                Ok(result) => result.map_err(failed),
                Err(_) => Err(RunError::BuildTimeout { image: name(), limit }),
            },
            None => build.await.map_err(failed),
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

    /// Hides the values of the secrets that a build is about to read. What has no value is no matter here.
    async fn mask_secrets(&self, image: &Image) {
        for secret in image.build.secrets.values() {
            if let Ok(value) = secrets::read(secret).await {
                self.masks.add(&String::from_utf8_lossy(&value));
            }
        }
    }

    fn hidden(&self, progress: BuildProgress) -> BuildProgress {
        match progress {
            BuildProgress::Output { step, line } => {
                BuildProgress::Output { step, line: self.masks.hide(&line).into_owned() }
            }
            other => other,
        }
    }

    pub(super) fn build_request(&self, id: ImageId) -> Result<BuildRequest, RunError> {
        let image = self.plan.image(id);
        let cache = self.cache(id);
        let repositories = image.tags.iter().filter(|_| self.is_sent(id)).map(|tag| tag.tag.repository);
        let repositories: IndexSet<_> = repositories.collect();
        Ok(BuildRequest {
            build: image.build.clone(),
            images: self.stand_ins(image)?,
            references: image
                .tags
                .iter()
                .map(|pushed| self.plan.reference(&pushed.tag))
                .chain(self.own_name(id))
                .collect(),
            push_to: repositories.into_iter().map(|id| self.plan.repository_reference(id)).collect(),
            cache_from: cache.from.clone(),
            cache_to: cache.to.clone(),
            agents: self.agents(id).clone(),
            logins: Logins::new(self.registries_of(image), Arc::clone(&self.host.registry)),
        })
    }

    /// The registries of the file, those first that the image itself uses: another may have the same host.
    fn registries_of(&self, image: &Image) -> Vec<Registry> {
        let tags = image.tags.iter().map(|tag| tag.tag.repository);
        let own = tags.chain(image.cache.repositories()).map(|id| self.plan.repository(id).registry);
        let mut registries: Vec<_> = own.map(|id| self.plan.registry(id).clone()).collect();
        registries.extend(self.plan.registries.iter().cloned());
        registries
    }

    /// Where the engine finds the images of the plan that a build uses.
    fn stand_ins(&self, image: &Image) -> Result<IndexMap<String, String>, RunError> {
        let mut found = IndexMap::new();
        for (name, context) in &image.build.contexts {
            if let Context::Image(needed) = context {
                found.insert(name.clone(), self.place(image, *needed)?);
            }
        }
        if !self.engine(image).can(Feature::NamedContexts) {
            return Ok(found);
        }
        // The Dockerfile may name them by a tag, which is not pushed yet.
        for needed in &image.needs {
            let place = self.place(image, *needed)?;
            for tag in &self.plan.image(*needed).tags {
                found.insert(self.plan.reference(&tag.tag), place.clone());
            }
        }
        Ok(found)
    }

    /// Where the engine of `image` finds an image that was built before: in a registry if it is there already, else in
    /// the engine's own store.
    fn place(&self, image: &Image, needed: ImageId) -> Result<String, RunError> {
        let base = self.plan.image(needed);
        let (built, reference) =
            self.ledger.of_image(needed, |image| (image.built.clone(), image.reference.clone()));
        let repository = base.tags.first().map(|tag| self.plan.repository_reference(tag.tag.repository));
        if let (Some(Built { published: true, image: digest, .. }), Some(repository)) = (&built, &repository)
        {
            return Ok(format!("docker-image://{repository}@{digest}"));
        }
        if let Some(reference) = reference {
            return Ok(format!("docker-image://{reference}"));
        }
        match self.own_name(needed).filter(|_| base.builder == image.builder) {
            Some(name) => Ok(format!("docker-image://{name}")),
            None => {
                let source = not_in_a_registry(self.engine(image), base);
                Err(RunError::Build { image: image.name.clone(), source })
            }
        }
    }
}
