//! Cache policy: what an image's cache settings mean on a given engine.

pub mod defects;
mod services;

use crate::host::{BuildError, CacheMethod, Engine, Feature};
use crate::plan::{Bucket, Cache, CacheMode, CacheSource, CacheTarget, Plan, Tag};

pub use services::{AwsLogin, CacheServices, GhaService};

/// A cache that a build reads. A cache that does not exist is a miss, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheImport {
    /// `host/name:tag` of a registry cache or of an image with inline cache.
    Registry { reference: String },
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
    /// The image itself is pushed under this tag too, so that the inline cache in it is found there.
    pub cache_tag: Option<Tag>,
}

/// What a policy is made for.
struct Target<'a> {
    plan: &'a Plan,
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
    cache: &Cache,
    engine: &Engine,
    services: &CacheServices,
) -> Result<CachePolicy, BuildError> {
    let target = Target { plan, engine, services };
    match cache {
        Cache::Automatic(tag) => Ok(target.automatic(tag)),
        Cache::Explicit { from, to } => {
            if to.len() > 1 && !engine.can(Feature::SeveralCaches) {
                let help = "write one cache in `to`; Docker Engine 25.0 and later, and BuildKit 0.12 and later, take several";
                return Err(engine.unsupported("writing several caches", help));
            }
            let from = from.iter().map(|source| target.import(source)).collect::<Result<_, _>>()?;
            let to = to.iter().map(|written| target.export(written)).collect::<Result<_, _>>()?;
            Ok(CachePolicy { from, to, cache_tag: None })
        }
    }
}

impl Target<'_> {
    fn automatic(&self, tag: &Tag) -> CachePolicy {
        let reference = self.plan.reference(tag);
        let from = vec![CacheImport::Registry { reference: reference.clone() }];
        if self.engine.can_export(CacheMethod::Registry) {
            let to = CacheExport::Registry { reference, mode: CacheMode::Max };
            CachePolicy { from, to: vec![to], cache_tag: None }
        } else {
            CachePolicy { from, to: vec![CacheExport::Inline], cache_tag: Some(tag.clone()) }
        }
    }

    fn import(&self, source: &CacheSource) -> Result<CacheImport, BuildError> {
        let knows = |method| match self.engine.can_import(method) {
            true => Ok(()),
            false => Err(self.unsupported("reading a cache with", method, Engine::can_import)),
        };
        match source {
            CacheSource::Registry(tag) => {
                knows(CacheMethod::Registry)?;
                Ok(CacheImport::Registry { reference: self.plan.reference(tag) })
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
