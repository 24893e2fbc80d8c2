//! Cache policy: what an image's cache settings mean on a given engine.

pub mod defects;
pub mod exported;
pub mod image;
pub mod keep;
pub mod merge;
pub mod proof;
pub mod records;
mod services;
pub mod tag;
mod whole;

use crate::host::{BuildError, CacheMethod, Engine, Feature};
use crate::plan::{Bucket, Cache, CacheMode, CacheSource, CacheTarget, Image, Plan, PushTag, Tag};

pub use services::{AwsLogin, CacheServices, GhaService};

/// A cache that a build reads. A cache that does not exist is a miss, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheImport {
    /// A registry cache, a cache image, or an image with inline cache. `reference` is what the engine is told:
    /// `host/name:tag`, or `host/name:tag@sha256:…` once it is known what the tag names.
    Registry { tag: Tag, reference: String },
    /// The cache service of GitHub Actions.
    Gha { scope: Option<String>, service: GhaService },
    S3 {
        bucket: Bucket,
        /// `None`: as whom the builder itself is known to AWS.
        login: Option<AwsLogin>,
    },
}

/// A cache that a build writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheExport {
    /// Into the image's own config.
    Inline,
    /// To `host/name:tag`, as an image manifest with OCI media types: the only form that Amazon ECR accepts
    /// (<https://github.com/aws/containers-roadmap/issues/876>).
    Registry { reference: String, mode: CacheMode },
    /// To the cache service of GitHub Actions.
    Gha { scope: Option<String>, mode: CacheMode, service: GhaService },
    S3 {
        bucket: Bucket,
        mode: CacheMode,
        /// `None`: as whom the builder itself is known to AWS.
        login: Option<AwsLogin>,
    },
}

/// What a build does about its cache on one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePolicy {
    pub from: Vec<CacheImport>,
    pub to: Vec<CacheExport>,
    /// Where cache images are put after the push, by engines that cannot write a cache to a registry.
    pub images: Vec<CacheImageTarget>,
}

/// A tag for cache images.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheImageTarget {
    pub tag: Tag,
    /// With [`CacheMode::Max`], stages whose layers the image does not have are kept too.
    pub mode: CacheMode,
}

/// What a policy is made for.
struct Target<'a> {
    plan: &'a Plan,
    image: &'a Image,
    engine: &'a Engine,
    services: &'a CacheServices,
}

/// Resolves the cache settings of an image for an engine.
///
/// # Errors
/// [`BuildError::Unsupported`] if the file asks for a cache that the engine cannot read or write. A registry cache
/// would be missing only at the next build, on another machine: it must not be left out silently.
/// [`BuildError::NoCacheService`] if this machine does not say how a service is reached.
pub fn policy(
    plan: &Plan,
    image: &Image,
    engine: &Engine,
    services: &CacheServices,
) -> Result<CachePolicy, BuildError> {
    let target = Target { plan, image, engine, services };
    match &image.cache {
        Cache::Automatic(tag) => Ok(target.automatic(tag)),
        Cache::Explicit { from, to } => {
            let written = to.iter().filter(|written| !target.is_image(written)).count();
            if written > 1 && !engine.can(Feature::SeveralCaches) {
                let help = "write one cache in `to`; Docker Engine 25.0 and later, and BuildKit 0.12 and later, take several";
                return Err(engine.unsupported("writing several caches", help));
            }
            let from = from.iter().map(|source| target.import(source)).collect::<Result<_, _>>()?;
            let images =
                to.iter().filter_map(|written| target.image(written)).collect::<Result<Vec<_>, _>>()?;
            let written = to.iter().filter(|written| !target.is_image(written));
            let mut to = written.map(|written| target.export(written)).collect::<Result<Vec<_>, _>>()?;
            // The record comes from the image.
            if !images.is_empty() && !to.contains(&CacheExport::Inline) {
                to.push(CacheExport::Inline);
            }
            Ok(CachePolicy { from, to, images })
        }
    }
}

impl Target<'_> {
    fn automatic(&self, tag: &Tag) -> CachePolicy {
        let reference = self.plan.reference(tag);
        let from = vec![CacheImport::Registry { tag: tag.clone(), reference: reference.clone() }];
        if self.engine.can_export(CacheMethod::Registry) {
            let to = CacheExport::Registry { reference, mode: CacheMode::Max };
            CachePolicy { from, to: vec![to], images: Vec::new() }
        } else {
            let target = CacheImageTarget { tag: tag.clone(), mode: CacheMode::Max };
            CachePolicy { from, to: vec![CacheExport::Inline], images: vec![target] }
        }
    }

    /// Whether a target is written as cache images: the engine itself writes none to a registry.
    fn is_image(&self, target: &CacheTarget) -> bool {
        matches!(target, CacheTarget::Registry { .. }) && !self.engine.can_export(CacheMethod::Registry)
    }

    fn image(&self, target: &CacheTarget) -> Option<Result<CacheImageTarget, BuildError>> {
        let CacheTarget::Registry { tag, mode } = target else { return None };
        if !self.is_image(target) {
            return None;
        }
        let has_layers = |pushed: &PushTag| pushed.tag.repository == tag.repository;
        if self.image.tags.iter().any(has_layers) {
            return Some(Ok(CacheImageTarget { tag: tag.clone(), mode: *mode }));
        }
        let what = "`cache.registry` in a repository that the image itself is not pushed to";
        let help =
            "write the cache to a repository of `tags`, or turn on the containerd image store of the engine";
        Some(Err(self.engine.unsupported(what, help)))
    }

    fn import(&self, source: &CacheSource) -> Result<CacheImport, BuildError> {
        let knows = |method| match self.engine.can_import(method) {
            true => Ok(()),
            false => Err(self.unsupported("reading a cache with", method, Engine::can_import)),
        };
        match source {
            CacheSource::Registry(tag) => {
                knows(CacheMethod::Registry)?;
                Ok(CacheImport::Registry { tag: tag.clone(), reference: self.plan.reference(tag) })
            }
            CacheSource::Local(_) => {
                Err(self.unsupported("reading a cache with", CacheMethod::Local, Engine::can_import))
            }
            CacheSource::Gha { scope } => {
                knows(CacheMethod::Gha)?;
                Ok(CacheImport::Gha { scope: scope.clone(), service: self.gha()? })
            }
            CacheSource::S3(bucket) => {
                knows(CacheMethod::S3)?;
                Ok(CacheImport::S3 { bucket: bucket.clone(), login: self.services.aws.clone() })
            }
        }
    }

    fn export(&self, target: &CacheTarget) -> Result<CacheExport, BuildError> {
        let knows = |method| match self.engine.can_export(method) {
            true => Ok(()),
            false => Err(self.unsupported("writing a cache with", method, Engine::can_export)),
        };
        match target {
            CacheTarget::Inline => {
                knows(CacheMethod::Inline)?;
                Ok(CacheExport::Inline)
            }
            CacheTarget::Registry { tag, mode } => {
                knows(CacheMethod::Registry)?;
                Ok(CacheExport::Registry { reference: self.plan.reference(tag), mode: *mode })
            }
            CacheTarget::Local { .. } => {
                Err(self.unsupported("writing a cache with", CacheMethod::Local, Engine::can_export))
            }
            CacheTarget::Gha { scope, mode } => {
                knows(CacheMethod::Gha)?;
                Ok(CacheExport::Gha { scope: scope.clone(), mode: *mode, service: self.gha()? })
            }
            CacheTarget::S3 { bucket, mode } => {
                knows(CacheMethod::S3)?;
                let login = self.services.aws.clone();
                Ok(CacheExport::S3 { bucket: bucket.clone(), mode: *mode, login })
            }
        }
    }

    /// The service of the job that this is; its second form is known to newer engines only.
    fn gha(&self) -> Result<GhaService, BuildError> {
        let service = self.services.gha.clone().ok_or(BuildError::NoCacheService)?;
        if service.url_v2.is_some() && !self.engine.can(Feature::GhaV2) {
            let help = "Docker Engine 28.0 and later with the containerd image store know it, and BuildKit 0.20 and later";
            return Err(self
                .engine
                .unsupported("the cache service of GitHub Actions in its second version", help));
        }
        Ok(service)
    }

    fn unsupported(
        &self,
        doing: &str,
        method: CacheMethod,
        works: impl Fn(&Engine, CacheMethod) -> bool,
    ) -> BuildError {
        let works = CacheMethod::ALL.into_iter().filter(|method| works(self.engine, *method));
        let works = works.map(|method| format!("`cache.{method}`")).collect::<Vec<_>>().join(", ");
        let help = format!("this engine knows {works}; without a `cache` block, the best of them is chosen");
        self.engine.unsupported(&format!("{doing} `cache.{method}`"), help)
    }
}
