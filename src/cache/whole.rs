//! All images of a cache tag as one.
//!
//! BuildKit reads each image of an index as a cache of its own, and asks all of them for each key. Newer versions keep
//! one answer for a key that several of them have, whichever comes first (buildkit, solver/combinedcache.go): what the
//! others know of the steps behind it is lost, and it is chance whether a deploy is cached. One image that has the
//! layers and records of all of them leaves nothing to chance. It needs results that are lists of layers, which BuildKit
//! reads since 0.10; so the images themselves stay in the index for older engines.

use std::collections::HashSet;

use super::image::{Assembled, CacheImage};
use super::merge::twins;
use super::records::{ChainResult, Record, Records};

/// Registries take no images with many more layers.
const MAX_LAYERS: usize = 120;

/// One image in place of several for one platform. Of those with which it would become too large, or contradictory, only
/// the newer ones are part of it. `None` if it would have nothing that the first one has not.
pub(super) fn whole(images: &[CacheImage]) -> Option<Assembled> {
    let (first, others) = images.split_first()?;
    if others.iter().any(|other| other.platform != first.platform) {
        return None;
    }
    let mut parts = Parts::default();
    images.iter().for_each(|image| parts.add(image));
    if parts.images.len() < 2 {
        return None;
    }
    let records = Records::new(parts.records, parts.layers.len()).ok()?;
    Some(first.assemble_with_layers(&parts.layers, &records))
}

#[derive(Default)]
struct Parts<'a> {
    images: Vec<Part<'a>>,
    /// Layers, by an image that has them and their position in it.
    layers: Vec<(&'a CacheImage, usize)>,
    records: Vec<Record>,
}

/// An image, and for each of its records where its key is among the records of all.
struct Part<'a> {
    image: &'a CacheImage,
    keys: Vec<usize>,
}

impl<'a> Parts<'a> {
    fn add(&mut self, image: &'a CacheImage) {
        let Some(keys) = self.keys(image) else { return };
        let mut layers = self.layers.clone();
        let places: Vec<_> = (0..image.layers.len()).map(|layer| place(&mut layers, image, layer)).collect();
        if layers.len() > MAX_LAYERS {
            return;
        }
        for (key, record) in keys.iter().zip(image.records.all()) {
            let moved = moved(record, &places, &keys);
            match self.records.get_mut(*key) {
                Some(known) => complete(known, moved),
                None => self.records.push(moved),
            }
        }
        self.layers = layers;
        self.images.push(Part { image, keys });
    }

    /// Where the keys of an image's records are among the records of all; new ones come behind them. `None` if one of the
    /// records is two keys of those before: BuildKit takes no record with which two others would become one.
    fn keys(&self, image: &CacheImage) -> Option<Vec<usize>> {
        let mut known = vec![HashSet::new(); image.records.all().len()];
        for part in &self.images {
            for (known, twins) in known.iter_mut().zip(twins(&image.records, &part.image.records)) {
                known.extend(twins.into_iter().filter_map(|twin| part.keys.get(twin).copied()));
            }
        }
        let mut next = self.records.len();
        let key = |known: HashSet<usize>| match known.len() {
            0 => {
                next += 1;
                Some(next - 1)
            }
            1 => known.into_iter().next(),
            _ => None,
        };
        known.into_iter().map(key).collect()
    }
}

/// Adds what another record of the same key knows: by what else its inputs are known and, if there is none yet, its
/// result. Of two records with one key, BuildKit would use either, also the one without a result.
fn complete(known: &mut Record, other: Record) {
    for (inputs, more) in known.inputs.iter_mut().zip(other.inputs) {
        let new: Vec<_> = more.into_iter().filter(|input| !inputs.contains(input)).collect();
        inputs.extend(new);
    }
    if !known.has_result() {
        known.chains = other.chains;
    }
}

/// The position of a layer among all layers, to which it is added should it be new.
fn place<'a>(layers: &mut Vec<(&'a CacheImage, usize)>, image: &'a CacheImage, layer: usize) -> usize {
    let name = |(image, layer): &(&'a CacheImage, usize)| {
        (image.diff_ids.get(*layer), image.layers.get(*layer).map(|blob| &blob.digest))
    };
    let new = (image, layer);
    layers.iter().position(|known| name(known) == name(&new)).unwrap_or_else(|| {
        layers.push(new);
        layers.len() - 1
    })
}

/// A record of an image among the records of all, with its layers and inputs at these places.
fn moved(record: &Record, places: &[usize], keys: &[usize]) -> Record {
    let at = |layers: &[usize]| layers.iter().filter_map(|layer| places.get(*layer).copied()).collect();
    let from_base = record.layers.iter().map(|result| ChainResult {
        layers: places.iter().take(result.layer + 1).copied().collect(),
        created_at: result.created_at.clone(),
    });
    let lists = record
        .chains
        .iter()
        .map(|chain| ChainResult { layers: at(&chain.layers), created_at: chain.created_at.clone() });
    let chains = from_base.chain(lists).collect();
    let mut moved = Record { layers: Vec::new(), chains, ..record.clone() };
    for inputs in &mut moved.inputs {
        for input in inputs.iter_mut() {
            input.link = keys.get(input.link).copied().unwrap_or(usize::MAX);
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::image::tests::image;
    use crate::cache::records::{Input, LayerResult};

    fn leaf(digest: &str) -> Record {
        Record { digest: digest.to_owned(), ..Record::default() }
    }

    fn step(digest: &str, inputs: &[&[usize]], layer: usize) -> Record {
        let keys = |links: &&[usize]| -> Vec<_> {
            links.iter().map(|link| Input { selector: String::new(), link: *link }).collect()
        };
        let layers = vec![LayerResult { layer, created_at: None }];
        Record { layers, inputs: inputs.iter().map(keys).collect(), ..leaf(digest) }
    }

    fn layers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The build of a Dockerfile with one step on files with this content.
    fn build(content: &str) -> CacheImage {
        let records = [leaf("base"), leaf(content), step("copy", &[&[0], &[1]], 1)];
        image(&layers(&["base layer", content]), &records)
    }

    fn read(assembled: &Assembled) -> CacheImage {
        CacheImage::parse(&assembled.manifest.bytes, &assembled.config.bytes).expect("it is an image")
    }

    #[test]
    fn every_result_has_the_layers_that_it_had() {
        let all = [build("a"), build("b")];
        let whole = read(&whole(&all).expect("there are two"));
        assert_eq!(whole.diff_ids, ["base layer", "a", "b"]);
        let contents = whole.records.all().iter().flat_map(|record| &record.chains).map(|chain| {
            chain.layers.iter().map(|layer| whole.diff_ids[*layer].as_str()).collect::<Vec<_>>()
        });
        assert_eq!(contents.collect::<Vec<_>>(), [["base layer", "a"], ["base layer", "b"]]);
        assert!(whole.records.all().iter().all(|record| record.layers.is_empty()));
        for (one, twins) in all.iter().zip([[vec![0], vec![1], vec![2]], [vec![0], vec![3], vec![4]]]) {
            assert_eq!(super::twins(&one.records, &whole.records), twins);
        }
        assert!(whole.note.is_some_and(|note| note.whole));
    }

    #[test]
    fn a_result_is_found_whichever_image_has_it() {
        let mut served = build("a");
        let records =
            [leaf("base"), leaf("a"), Record { layers: Vec::new(), ..step("copy", &[&[0], &[1]], 1) }];
        served.records = Records::new(records.to_vec(), 2).expect("they fit");
        let whole = read(&whole(&[served, build("a"), build("b")]).expect("there are three"));
        let results: Vec<_> = whole.records.all().iter().map(|record| record.chains.len()).collect();
        assert_eq!(results, [0, 0, 1, 0, 1], "no key is there twice");
    }

    #[test]
    fn one_image_needs_no_other() {
        assert_eq!(whole(&[]), None);
        assert_eq!(whole(&[build("a")]), None);
        let mut other = build("b");
        other.platform = "linux/arm64".to_owned();
        assert_eq!(whole(&[build("a"), other]), None);
    }

    #[test]
    fn a_record_never_makes_one_key_of_two() {
        let use_of = |inputs: &[usize]| {
            let records = [leaf("x"), leaf("y"), step("run", &[inputs], 0)];
            image(&layers(&["layer"]), &records)
        };
        let whole = read(&whole(&[use_of(&[0]), use_of(&[1]), use_of(&[0, 1])]).expect("two of them fit"));
        assert_eq!(whole.records.all().len(), 4, "the third image is no part of it");
    }

    #[test]
    fn an_image_with_too_many_layers_is_left_out() {
        let many: Vec<_> = (0..MAX_LAYERS).map(|layer| format!("sha256:{layer}")).collect();
        assert_eq!(whole(&[build("a"), image(&many, &[leaf("base")])]), None);
    }
}
