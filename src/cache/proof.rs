//! What the next machine will find: the steps of a build against what its cache tag holds in the registry.
//!
//! BuildKit computes the key of a step itself and tells nobody, so a step is not looked up by its key. It is known by its
//! layer: the last layers of an image are those of its steps, in order. A step is found when a record in the cache has
//! exactly the layers from the base up to that one, under a key that the image's own record has.

use std::collections::HashSet;

use super::image::CacheImage;
use super::merge::twins;
use super::tag::Contents;
use crate::host::BuiltStep;
use crate::plan::Stages;

/// What is known of a cache after it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheProof {
    /// `host/name:tag`
    pub reference: String,
    /// The steps of the build, in its order.
    pub steps: Vec<ProvenStep>,
}

/// A step, and whether a machine without anything will find it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvenStep {
    /// `[builder 2/4] RUN make`
    pub name: String,
    /// Why it will not be found; `None`: it will.
    pub missing: Option<Missing>,
}

/// Why a step is not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    #[error("the cache is not there")]
    NotWritten,
    #[error("no record in the cache has its layers")]
    NotRecorded,
    #[error("the layers of its stage are not in the cache")]
    StageNotKept,
    #[error("its layer {0} is not in the registry")]
    LayerMissing(String),
    /// The steps and the layers do not correspond.
    #[error("it cannot be told")]
    Unknown,
}

impl CacheProof {
    pub fn new(reference: impl Into<String>, steps: Vec<ProvenStep>) -> Self {
        Self { reference: reference.into(), steps }
    }

    /// How many steps the next machine finds.
    pub fn found(&self) -> usize {
        self.steps.iter().filter(|step| step.missing.is_none()).count()
    }
}

/// The steps of a build with what the next machine will find of them; `absent` are blobs that the registry does not have.
pub fn prove(
    steps: &[BuiltStep],
    stages: &Stages,
    image: &CacheImage,
    contents: Option<&Contents>,
    absent: &HashSet<String>,
) -> Vec<ProvenStep> {
    let Some(contents) = contents.filter(|contents| contents.is_usable()) else {
        return steps.iter().map(|step| proven(step, Some(Missing::NotWritten))).collect();
    };
    let kept = Kept { image, contents, absent };
    let mut found: Vec<Option<Option<Missing>>> = vec![None; steps.len()];
    let own = positions(steps, |step| is_own(stages, step));
    kept.prove_chain(&own, steps, image, &mut found);
    for stage in &stages.beside {
        let of_stage = |step: &BuiltStep| step.stage == stage.label || stage.below.contains(&step.stage);
        let positions = positions(steps, of_stage);
        let is_of_stage =
            |one: &&CacheImage| one.note.as_ref().and_then(|note| note.stage.as_ref()) == Some(&stage.label);
        for image in contents.images.iter().filter(is_of_stage) {
            kept.prove_chain(&positions, steps, image, &mut found);
        }
    }
    let all_exported = contents.exported.as_ref().is_some_and(|exported| {
        exported.records.all().iter().all(|record| record.has_result() || !record.is_step())
    });
    let steps = steps.iter().zip(found);
    let with_result = steps.map(|(step, found)| match found {
        Some(found) => proven(step, found),
        None if all_exported => proven(step, None),
        None if is_own(stages, step) => proven(step, Some(Missing::Unknown)),
        None => proven(step, Some(Missing::StageNotKept)),
    });
    with_result.collect()
}

fn proven(step: &BuiltStep, missing: Option<Missing>) -> ProvenStep {
    ProvenStep { name: step.name.clone(), missing }
}

/// Whether the image has the layer of a step. If the Dockerfile is not known, it is taken to be so.
fn is_own(stages: &Stages, step: &BuiltStep) -> bool {
    stages.own.is_empty() || step.stage.is_empty() || stages.own.contains(&step.stage)
}

fn positions(steps: &[BuiltStep], is_wanted: impl Fn(&BuiltStep) -> bool) -> Vec<usize> {
    steps.iter().enumerate().filter(|(_, step)| is_wanted(step)).map(|(index, _)| index).collect()
}

/// What is in the registry for an image.
struct Kept<'a> {
    image: &'a CacheImage,
    contents: &'a Contents,
    absent: &'a HashSet<String>,
}

impl Kept<'_> {
    /// Looks for steps whose layers are the last ones of `layered`. What was found before stays.
    fn prove_chain(
        &self,
        positions: &[usize],
        steps: &[BuiltStep],
        layered: &CacheImage,
        found: &mut [Option<Option<Missing>>],
    ) {
        let Some(first) = layered.layers.len().checked_sub(positions.len()) else { return };
        let words = |index: &usize| steps.get(*index).and_then(|step| step.instruction().split(' ').next());
        let made_by = layered.instructions.iter().skip(first).map(|text| text.split(' ').next());
        if !positions.iter().map(words).eq(made_by) {
            return;
        }
        for (offset, position) in positions.iter().enumerate() {
            let missing = self.missing(layered, first + offset);
            if let Some(place) = found.get_mut(*position)
                && place.as_ref().is_none_or(Option::is_some)
            {
                *place = Some(missing);
            }
        }
    }

    /// Why the layers of an image up to `top` are not the result of any record.
    fn missing(&self, layered: &CacheImage, top: usize) -> Option<Missing> {
        let wanted = layered.diff_ids.get(..=top).unwrap_or_default();
        let blobs = layered.layers.get(..=top).unwrap_or_default();
        let is_in_images = self.contents.images.iter().any(|image| self.has_result(image, wanted));
        let is_exported = self.contents.exported.as_ref().is_some_and(|exported| {
            let mut results = exported.records.all().iter().flat_map(|record| &record.layers);
            let is_wanted = |chain: &[&super::exported::ExportedLayer]| {
                chain.iter().map(|layer| &layer.blob).eq(blobs.iter().map(|blob| &blob.digest))
            };
            results.any(|result| is_wanted(&exported.chain(result.layer)))
        });
        if !is_in_images && !is_exported {
            return Some(Missing::NotRecorded);
        }
        let absent = blobs.iter().find(|blob| self.absent.contains(&blob.digest));
        absent.map(|blob| Missing::LayerMissing(blob.digest.clone()))
    }

    /// Whether a record of an image has these layers, under a key that the built image has too.
    fn has_result(&self, image: &CacheImage, wanted: &[String]) -> bool {
        let known: HashSet<usize> =
            twins(&self.image.records, &image.records).into_iter().flatten().collect();
        let has_layers = |layers: &mut dyn Iterator<Item = usize>| {
            layers.map(|layer| image.diff_ids.get(layer)).eq(wanted.iter().map(Some))
        };
        image.records.all().iter().enumerate().filter(|(index, _)| known.contains(index)).any(
            |(_, record)| {
                record.layers.iter().any(|result| has_layers(&mut (0..=result.layer)))
                    || record.chains.iter().any(|chain| has_layers(&mut chain.layers.iter().copied()))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::image::tests::image;
    use crate::cache::records::{Input, LayerResult, Record};

    /// `FROM`, `RUN` and `RUN`, of which the first has a result if `kept`.
    fn built(kept: bool) -> CacheImage {
        let step = |digest: &str, layer, has_result: bool| Record {
            digest: digest.to_owned(),
            inputs: vec![vec![Input { selector: String::new(), link: layer - 1 }]],
            layers: has_result.then_some(LayerResult { layer, created_at: None }).into_iter().collect(),
            ..Record::default()
        };
        let base = Record { digest: "base".to_owned(), ..Record::default() };
        let diff_ids = ["0", "1", "2"].map(str::to_owned);
        image(&diff_ids, &[base, step("a", 1, kept), step("b", 2, true)])
    }

    fn contents(images: Vec<CacheImage>) -> Contents {
        Contents { digest: String::new(), whole: None, images, exported: None, bad: Vec::new() }
    }

    fn missing(contents: Option<&Contents>, absent: &[&str]) -> Vec<Option<Missing>> {
        let steps = ["[2/3] RUN a", "[3/3] RUN b"].map(|name| BuiltStep::new(name, false));
        let absent = absent.iter().map(|blob| (*blob).to_owned()).collect();
        let proven = prove(&steps, &Stages::default(), &built(true), contents, &absent);
        proven.into_iter().map(|step| step.missing).collect()
    }

    #[test]
    fn a_step_is_found_by_its_layers() {
        assert_eq!(missing(Some(&contents(vec![built(true)])), &[]), [None, None]);
        assert_eq!(missing(Some(&contents(vec![built(false)])), &[]), [Some(Missing::NotRecorded), None]);
        assert_eq!(missing(None, &[]), [Some(Missing::NotWritten), Some(Missing::NotWritten)]);
    }

    #[test]
    fn a_layer_that_is_gone_is_no_hit() {
        let gone = Some(Missing::LayerMissing("2".to_owned()));
        assert_eq!(missing(Some(&contents(vec![built(true)])), &["2"]), [None, gone]);
    }
}
