//! Cache policy: what an image's cache settings mean on a given engine.

pub mod defects;

use crate::host::{BuildError, CacheMethod, Engine};
use crate::plan::{Bucket, Cache, CacheMode, CacheSource, CacheTarget, Plan, Tag};

/// A cache that a build reads. A cache that does not exist is a miss, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheImport {
    /// `host/name:tag` of a registry cache or of an image with inline cache.
    Registry {
        reference: String,
    },
    /// The cache service of GitHub Actions.
    Gha {
        scope: Option<String>,
    },
    S3(Bucket),
}

/// A cache that a build writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheExport {
    /// Into the image's own config.
    Inline,
    /// To `host/name:tag`, as an image manifest with OCI media types: the only form that Amazon ECR accepts
    /// (<https://github.com/aws/containers-roadmap/issues/876>).
    Registry {
        reference: String,
        mode: CacheMode,
    },
    /// To the cache service of GitHub Actions.
    Gha {
        scope: Option<String>,
        mode: CacheMode,
    },
    S3 {
        bucket: Bucket,
        mode: CacheMode,
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

/// Resolves the cache settings of an image for an engine.
///
/// # Errors
/// [`BuildError::Unsupported`] if the file asks for a cache that the engine cannot read or write. A registry cache
/// would be missing only at the next build, on another machine: it must not be left out silently.
pub fn policy(plan: &Plan, cache: &Cache, engine: &Engine) -> Result<CachePolicy, BuildError> {
    match cache {
        Cache::Automatic(tag) => Ok(automatic(plan, tag, engine)),
        Cache::Explicit { from, to } => {
            let from = from.iter().map(|source| import(plan, source, engine)).collect::<Result<_, _>>()?;
            let to = to.iter().map(|target| export(plan, target, engine)).collect::<Result<_, _>>()?;
            Ok(CachePolicy { from, to, cache_tag: None })
        }
    }
}

fn automatic(plan: &Plan, tag: &Tag, engine: &Engine) -> CachePolicy {
    let from = vec![CacheImport::Registry { reference: plan.reference(tag) }];
    if engine.can_export(CacheMethod::Registry) {
        let to = CacheExport::Registry { reference: plan.reference(tag), mode: CacheMode::Max };
        CachePolicy { from, to: vec![to], cache_tag: None }
    } else {
        CachePolicy { from, to: vec![CacheExport::Inline], cache_tag: Some(tag.clone()) }
    }
}

fn import(plan: &Plan, source: &CacheSource, engine: &Engine) -> Result<CacheImport, BuildError> {
    let (method, import) = match source {
        CacheSource::Registry(tag) => {
            (CacheMethod::Registry, Some(CacheImport::Registry { reference: plan.reference(tag) }))
        }
        // It is read through a service for content that this client does not offer.
        CacheSource::Local(_) => (CacheMethod::Local, None),
        CacheSource::Gha { scope } => (CacheMethod::Gha, Some(CacheImport::Gha { scope: scope.clone() })),
        CacheSource::S3(bucket) => (CacheMethod::S3, Some(CacheImport::S3(bucket.clone()))),
    };
    import.filter(|_| engine.can_import(method)).ok_or_else(|| {
        unsupported(engine, "reading a cache with", method, |method| engine.can_import(method))
    })
}

fn export(plan: &Plan, target: &CacheTarget, engine: &Engine) -> Result<CacheExport, BuildError> {
    let (method, export) = match target {
        CacheTarget::Inline => (CacheMethod::Inline, Some(CacheExport::Inline)),
        CacheTarget::Registry { tag, mode } => {
            let export = CacheExport::Registry { reference: plan.reference(tag), mode: *mode };
            (CacheMethod::Registry, Some(export))
        }
        CacheTarget::Local { .. } => (CacheMethod::Local, None),
        CacheTarget::Gha { scope, mode } => {
            (CacheMethod::Gha, Some(CacheExport::Gha { scope: scope.clone(), mode: *mode }))
        }
        CacheTarget::S3 { bucket, mode } => {
            (CacheMethod::S3, Some(CacheExport::S3 { bucket: bucket.clone(), mode: *mode }))
        }
    };
    export.filter(|_| engine.can_export(method)).ok_or_else(|| {
        unsupported(engine, "writing a cache with", method, |method| engine.can_export(method))
    })
}

fn unsupported(
    engine: &Engine,
    doing: &str,
    method: CacheMethod,
    works: impl Fn(CacheMethod) -> bool,
) -> BuildError {
    let works = CacheMethod::ALL.into_iter().filter(|method| works(*method));
    let works = works.map(|method| format!("`cache.{method}`")).collect::<Vec<_>>().join(", ");
    let help = format!("this engine knows {works}; without a `cache` block, the best of them is chosen");
    engine.unsupported(&format!("{doing} `cache.{method}`"), help)
}
