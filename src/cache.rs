//! Cache policy: what an image's cache settings mean on a given engine.

use crate::host::{BuildError, Engine};
use crate::plan::{Cache, CacheMode, CacheSource, CacheTarget, Plan, Tag};

/// A cache that a build reads. A cache that does not exist is a miss, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheImport {
    /// `host/name:tag` of a registry cache or of an image with inline cache.
    Registry { reference: String },
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
/// [`BuildError::CacheExport`] if the file asks for a registry export that the engine cannot do.
pub fn policy(plan: &Plan, cache: &Cache, engine: &Engine) -> Result<CachePolicy, BuildError> {
    match cache {
        Cache::Automatic(tag) => Ok(automatic(plan, tag, engine)),
        Cache::Explicit { from, to } => {
            let to = to.iter().map(|target| export(plan, target, engine)).collect::<Result<_, _>>()?;
            // Other places are refused before the run.
            let from = from.iter().filter_map(CacheSource::tag).map(|tag| import(plan, tag)).collect();
            Ok(CachePolicy { from, to, cache_tag: None })
        }
    }
}

fn automatic(plan: &Plan, tag: &Tag, engine: &Engine) -> CachePolicy {
    let from = vec![import(plan, tag)];
    if engine.containerd_store {
        let to = CacheExport::Registry { reference: plan.reference(tag), mode: CacheMode::Max };
        CachePolicy { from, to: vec![to], cache_tag: None }
    } else {
        CachePolicy { from, to: vec![CacheExport::Inline], cache_tag: Some(tag.clone()) }
    }
}

fn import(plan: &Plan, tag: &Tag) -> CacheImport {
    CacheImport::Registry { reference: plan.reference(tag) }
}

fn export(plan: &Plan, target: &CacheTarget, engine: &Engine) -> Result<CacheExport, BuildError> {
    match target {
        CacheTarget::Inline => Ok(CacheExport::Inline),
        CacheTarget::Registry { tag, mode } if engine.containerd_store => {
            Ok(CacheExport::Registry { reference: plan.reference(tag), mode: *mode })
        }
        CacheTarget::Registry { .. }
        | CacheTarget::Local { .. }
        | CacheTarget::Gha { .. }
        | CacheTarget::S3 { .. } => Err(BuildError::CacheExport { engine: engine.to_string() }),
    }
}
