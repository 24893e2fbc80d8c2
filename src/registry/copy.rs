//! Copies an image between repositories, blob by blob; the engine has no part in it.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::distribution::Remote;
use super::manifest::{Descriptor, RawManifest};
use super::transfer::{Moved, Progress, transfer};
use crate::host::{Copied, CopyProgress, RegistryError};

/// How many blobs are copied at the same time.
const PARALLEL: usize = 4;

/// Copies the manifest or index `digest` with all that belongs to it. Manifests are written as they were read, each
/// after all that it names, so that a repository never has a part of an image that looks like a whole one.
pub(super) async fn copy(
    from: &Remote,
    digest: &str,
    to: &Remote,
    report: &(dyn Fn(CopyProgress) + Send + Sync),
) -> Result<Copied, RegistryError> {
    let Tree { manifests, blobs } = Tree::read(from, digest).await?;
    if to.manifest(digest).await?.is_some() {
        return Ok(Copied::new(0, blobs.iter().map(|blob| blob.size).sum()));
    }
    let progress = Progress::new(report);
    let progress = &progress;
    let moves = blobs.into_iter().map(|blob| async move {
        let moved = transfer(from, &blob, to, progress).await?;
        Ok::<_, RegistryError>((blob.size, moved))
    });
    let moved: Vec<_> = stream::iter(moves).buffer_unordered(PARALLEL).try_collect().await?;
    for manifest in manifests {
        to.put_manifest(&manifest.bytes, &manifest.digest).await?;
    }
    let (mut sent, mut skipped) = (0, 0);
    for (size, moved) in moved {
        match moved {
            Moved::Sent => sent += size,
            Moved::Skipped => skipped += size,
        }
    }
    Ok(Copied::new(sent, skipped))
}

/// All that an image is made of, each part once.
struct Tree {
    /// Children before their parents.
    manifests: Vec<RawManifest>,
    blobs: Vec<Descriptor>,
}

impl Tree {
    async fn read(from: &Remote, digest: &str) -> Result<Self, RegistryError> {
        let (mut manifests, mut blobs) = (Vec::new(), Vec::new());
        let mut seen = HashSet::from([digest.to_owned()]);
        let mut unread = vec![digest.to_owned()];
        while let Some(digest) = unread.pop() {
            let found = from.manifest(&digest).await?;
            let manifest =
                found.ok_or_else(|| RegistryError::NoImage { reference: from.reference(&digest) })?;
            for part in manifest.content()?.parts().filter(|part| !part.is_foreign()) {
                if !seen.insert(part.digest.clone()) {
                    continue;
                }
                if part.is_manifest() { unread.push(part.digest) } else { blobs.push(part) }
            }
            manifests.push(manifest);
        }
        manifests.reverse();
        Ok(Self { manifests, blobs })
    }
}
