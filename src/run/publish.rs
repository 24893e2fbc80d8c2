//! Pushes the tags of built images, and reads them back.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use futures_util::future::join_all;
use indexmap::IndexSet;

use super::RunError;
use super::ledger::{Done, Failed};
use super::preflight::Existing;
use super::prepare::Prepared;
use crate::host::{Built, Event, Manifest, PushError, PushRequest, Pushed};
use crate::plan::{Image, ImageId, Tag};

/// How often a push is tried. The engine itself tries again to send a layer, not to write a manifest.
const PUSH_ATTEMPTS: usize = 4;
/// After this time a push that failed is not tried again: the engine has tried often enough.
const PUSH_PATIENCE: Duration = Duration::from_secs(60);

/// A tag that was pushed and read back.
pub(super) struct PublishedTag {
    reference: String,
    pub(super) digest: String,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
}

/// An image of a step on its way to its tags.
struct ToPush {
    id: ImageId,
    built: Built,
    existing: Existing,
}

/// What is done for all images of a step before the next is done for any.
#[derive(Clone, Copy)]
enum Phase {
    /// Tags that can be pushed once only.
    LookUp,
    /// The tags that name one build.
    Fixed,
    Moving,
}

impl Prepared<'_> {
    /// Builds the images and pushes all their tags: first those that name one build, then, if all of these are
    /// pushed, those that move. A moving tag never names an image of a step that failed; if the run keeps going behind
    /// a failure, it names no image of which a tag failed.
    pub(super) async fn push(&self, images: &[ImageId], behind: usize) -> Done {
        let images: IndexSet<_> = images.iter().copied().filter(|id| !self.ledger.is_pushed(*id)).collect();
        let done = self.build(&images.iter().copied().collect::<Vec<_>>(), behind).await;
        let built =
            |id: ImageId| self.ledger.built(id).map(|built| ToPush { id, built, existing: Existing::new() });
        let images: Vec<_> = images.into_iter().filter_map(built).collect();
        let all: Vec<_> = images.iter().map(|image| (image.id, image.built.clone())).collect();
        let done = self.push_phases(images, done).await;
        // What was sent is of use to the next build, whether all of it was or not.
        self.settle_caches(&all).await;
        done
    }

    async fn push_phases(&self, mut images: Vec<ToPush>, mut done: Done) -> Done {
        for phase in [Phase::LookUp, Phase::Fixed, Phase::Moving] {
            if done.is_err() && !self.options.keep_going {
                return done;
            }
            let ended = join_all(images.iter_mut().map(|image| self.push_phase(image, phase))).await;
            let mut ended = ended.into_iter();
            images.retain(|_| {
                let ended = ended.next().unwrap_or(Err(Failed));
                done = done.and(ended);
                ended.is_ok()
            });
        }
        done
    }

    async fn push_phase(&self, image: &mut ToPush, phase: Phase) -> Done {
        let moving = match phase {
            Phase::LookUp => {
                image.existing = self.existing(image.id, &image.built).await?;
                return Ok(());
            }
            Phase::Fixed => false,
            Phase::Moving => true,
        };
        let image = &*image;
        self.ledger.push_once(image.id, moving, || self.push_tags(image, moving)).await?;
        if moving {
            self.image_pushed(image.id).await;
        }
        Ok(())
    }

    /// Pushes the moving or the other tags of one image, one after the other, up to the first that fails.
    async fn push_tags(&self, image: &ToPush, moving: bool) -> Done {
        let ToPush { id, built, existing } = image;
        for pushed in self.plan.image(*id).tags.iter().filter(|pushed| pushed.moving == moving) {
            let published = match existing.get(&pushed.tag) {
                Some(manifest) => Ok(self.keep(*id, &pushed.tag, manifest)),
                None => self.push_one(self.plan.image(*id), built, &pushed.tag).await,
            };
            self.record(*id, published.map_err(|error| self.ledger.fail(error))?);
        }
        Ok(())
    }

    fn record(&self, id: ImageId, tag: PublishedTag) {
        let first = self.plan.image(id).tags.first();
        let repository = first.map(|first| self.plan.repository_reference(first.tag.repository));
        self.ledger.change_image(id, |image| {
            image.push_time += tag.elapsed;
            image.bytes_pushed += tag.bytes;
            image.pushed.push(tag.reference);
            if image.digest.is_none() {
                image.reference = repository.map(|repository| format!("{repository}@{}", tag.digest));
                image.digest = Some(tag.digest);
            }
        });
    }

    /// Counts a tag that is there as pushed.
    fn keep(&self, id: ImageId, tag: &Tag, manifest: &Manifest) -> PublishedTag {
        let (reference, digest) = (self.plan.reference(tag), manifest.digest.clone());
        self.host.observer.observe(&Event::TagKept {
            image: self.plan.image(id).name.clone(),
            reference: reference.clone(),
            digest: digest.clone(),
        });
        PublishedTag { reference, digest, bytes: 0, elapsed: Duration::ZERO }
    }

    pub(super) async fn push_one(
        &self,
        image: &Image,
        built: &Built,
        tag: &Tag,
    ) -> Result<PublishedTag, RunError> {
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
        let pushed = if built.published {
            self.tag_published(image, built, tag).await?
        } else {
            self.push_from_engine(image, built, tag).await?
        };
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

    async fn push_from_engine(&self, image: &Image, built: &Built, tag: &Tag) -> Result<Pushed, RunError> {
        let (name, reference) = (|| image.name.clone(), || self.plan.reference(tag));
        let repository = self.plan.repository(tag.repository);
        let login = self.host.registry.login(self.plan.registry(repository.registry)).await;
        let login = login.map_err(|source| RunError::Registry {
            image: name(),
            repository: self.plan.repository_reference(tag.repository),
            source,
        })?;
        let request = PushRequest {
            image: built.image.clone(),
            repository: self.plan.repository_reference(tag.repository),
            tag: tag.tag.clone(),
            credentials: login.map(|login| login.credentials),
        };
        let progress = |progress| {
            let event = Event::Push { image: name(), reference: reference(), progress };
            self.host.observer.observe(&event);
        };
        let started = Instant::now();
        let mut attempt = 1;
        let push = || self.builder(image).push(&request, &progress);
        let pushed = push
            .retry(ExponentialBuilder::default().with_max_times(PUSH_ATTEMPTS - 1).with_jitter())
            .when(|error: &PushError| error.may_pass() && started.elapsed() < PUSH_PATIENCE)
            .notify(|error: &PushError, _| {
                attempt += 1;
                self.host.observer.observe(&Event::PushRetried {
                    image: name(),
                    reference: reference(),
                    cause: error.to_string(),
                    attempt,
                    attempts: PUSH_ATTEMPTS,
                });
            })
            .await;
        pushed.map_err(|source| RunError::Push { image: name(), reference: reference(), source })
    }

    /// Tags an image that the engine has sent to the repository at the end of the build.
    async fn tag_published(&self, image: &Image, built: &Built, tag: &Tag) -> Result<Pushed, RunError> {
        let repository = self.plan.repository(tag.repository);
        let registry = self.plan.registry(repository.registry);
        let tagged = self.host.registry.tag(registry, repository, &built.image, &tag.tag).await;
        tagged.map_err(|source| RunError::Tag {
            image: image.name.clone(),
            reference: self.plan.reference(tag),
            source,
        })?;
        Ok(Pushed::new(built.image.clone(), Vec::new(), Vec::new()))
    }
}
