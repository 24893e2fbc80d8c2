//! Takes over from an earlier image what the record of a new one has lost.
//!
//! An engine with a classic image store writes, for a step that it took from the cache, a record without its layers
//! (moby/buildkit#2274 and others): the next machine finds the key and no result. The result is in the cache that the
//! engine has read. Filling it in is right only under conditions; without them, an image would get layers of other
//! content:
//!
//! 1. The whole keys are equal: the digests, and for each input the selector and again the whole key. Digests recur.
//! 2. The layers from the base up to the result are the same in both images: a position names all layers below it.
//! 3. Only a record without any result is filled. What an engine has written stays.
//! 4. In both images there is one layer for each diff id, and enough history ([`super::image`] sees to that).
//! 5. Both images are for one platform.

use std::collections::{HashMap, HashSet};

use super::exported::Exported;
use super::image::CacheImage;
use super::records::{LayerResult, Record, Records};

/// Of more records with one digest no more are looked at. A Dockerfile has seldom two.
const MAX_CANDIDATES: usize = 256;

/// The records of `new`, those without a result filled from `old` where that is right.
pub fn merge(new: &CacheImage, old: &CacheImage) -> Records {
    let mut merged = new.records.clone();
    if new.platform != old.platform {
        return merged;
    }
    let common = new.diff_ids.iter().zip(&old.diff_ids).take_while(|(new, old)| new == old).count();
    let twins = twins(&new.records, &old.records);
    for (index, twins) in twins.into_iter().enumerate() {
        let found = twins.into_iter().filter_map(|twin| old.records.get(twin)).find_map(|twin| {
            let layers: Vec<_> = twin.layers.iter().filter(|result| result.layer < common).cloned().collect();
            let is_common = |layers: &[usize]| layers.iter().all(|layer| *layer < common);
            let chains: Vec<_> =
                twin.chains.iter().filter(|chain| is_common(&chain.layers)).cloned().collect();
            (!layers.is_empty() || !chains.is_empty()).then_some((layers, chains))
        });
        if let Some((layers, chains)) = found {
            merged.fill(index, layers, chains);
        }
    }
    merged
}

/// The same from a registry cache, whose layers are known by their blobs: the tag was written by an engine that can export
/// one, and has now been read by one that cannot. A key is that of one platform, so the cache need not be.
pub fn merge_exported(new: &CacheImage, old: &Exported) -> Records {
    let mut merged = new.records.clone();
    let place = |layer: usize| {
        let chain = old.chain(layer);
        let is_below = chain.len() <= new.layers.len()
            && chain.iter().zip(&new.layers).all(|(old, new)| old.blob == new.digest);
        chain.len().checked_sub(1).filter(|_| is_below)
    };
    for (index, twins) in twins(&new.records, &old.records).into_iter().enumerate() {
        let results = twins.iter().filter_map(|twin| old.records.get(*twin)).flat_map(|twin| &twin.layers);
        let layers = results
            .filter_map(|result| Some(LayerResult { layer: place(result.layer)?, ..result.clone() }))
            .collect();
        merged.fill(index, layers, Vec::new());
    }
    merged
}

/// For each record of `new`, the records of `old` that have a key in common with it.
///
/// A record stands for several keys when an input is known by several: by what it was made from, and by its content. All
/// of them name one result; so one that both records have is enough.
pub fn twins(new: &Records, old: &Records) -> Vec<Vec<usize>> {
    let mut by_digest: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, record) in old.all().iter().enumerate() {
        by_digest.entry(&record.digest).or_default().push(index);
    }
    let mut found: Vec<HashSet<usize>> = vec![HashSet::new(); new.all().len()];
    for index in new.order() {
        let Some(record) = new.get(*index) else { continue };
        let candidates = by_digest.get(record.digest.as_str()).into_iter().flatten().copied();
        let candidates = candidates.take(MAX_CANDIDATES);
        let is_twin =
            |candidate: &usize| old.get(*candidate).is_some_and(|old| match_inputs(record, old, &found));
        let twins = candidates.filter(is_twin).collect();
        if let Some(place) = found.get_mut(*index) {
            *place = twins;
        }
    }
    let sorted = |twins: HashSet<usize>| {
        let mut twins: Vec<_> = twins.into_iter().collect();
        twins.sort_unstable();
        twins
    };
    found.into_iter().map(sorted).collect()
}

/// Whether each input of two records is known by a key that both have; `found` has the twins of the inputs of `new`.
fn match_inputs(new: &Record, old: &Record, found: &[HashSet<usize>]) -> bool {
    new.inputs.len() == old.inputs.len()
        && new.inputs.iter().zip(&old.inputs).all(|(new, old)| {
            new.is_empty() && old.is_empty()
                || new.iter().any(|new| {
                    let twins = found.get(new.link);
                    old.iter().any(|old| {
                        new.selector == old.selector && twins.is_some_and(|twins| twins.contains(&old.link))
                    })
                })
        })
}

#[cfg(test)]
mod tests;
