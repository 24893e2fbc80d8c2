//! Merging is right for any images: checked with images of random histories.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::cache::image::tests::image;
use crate::cache::records::{ChainResult, Input, LayerResult};

/// A record that is linked to some of those before it.
#[derive(Debug, Clone)]
struct Draft {
    digest: u8,
    inputs: Vec<Vec<(bool, u8)>>,
    result: Option<u8>,
    chain: bool,
}

fn draft() -> impl Strategy<Value = Draft> {
    let inputs = vec(vec((any::<bool>(), any::<u8>()), 1..3), 0..3);
    // Few digests, so that they recur.
    (0..4_u8, inputs, proptest::option::of(any::<u8>()), any::<bool>())
        .prop_map(|(digest, inputs, result, chain)| Draft { digest, inputs, result, chain })
}

/// Layers as few contents on top of each other: two images often have the first ones in common.
fn draw_image() -> impl Strategy<Value = CacheImage> {
    (vec(0..2_u8, 1..5), vec(draft(), 0..9)).prop_map(|(layers, drafts)| {
        let diff_ids: Vec<_> = layers.iter().map(|layer| format!("sha256:{layer}")).collect();
        let records: Vec<_> =
            drafts.iter().enumerate().map(|(index, draft)| record(index, draft, diff_ids.len())).collect();
        image(&diff_ids, &records)
    })
}

fn record(index: usize, draft: &Draft, layers: usize) -> Record {
    let input = |(selector, link): &(bool, u8)| Input {
        selector: if *selector { "/x".to_owned() } else { String::new() },
        link: usize::from(*link) % index.max(1),
    };
    let inputs = match index {
        0 => Vec::new(),
        _ => draft.inputs.iter().map(|keys| keys.iter().map(input).collect()).collect(),
    };
    let mut record = Record { digest: format!("sha256:{}", draft.digest), inputs, ..Record::default() };
    if let Some(top) = draft.result.map(|top| usize::from(top) % layers) {
        match draft.chain {
            true => record.chains = vec![ChainResult { layers: vec![top, 0], created_at: None }],
            false => record.layers = vec![LayerResult { layer: top, created_at: None }],
        }
    }
    record
}

/// Every whole key of a record, as text: the definition that `twins` is measured against.
fn keys(records: &Records) -> Vec<BTreeSet<String>> {
    let mut found: Vec<BTreeSet<String>> = vec![BTreeSet::new(); records.all().len()];
    for index in records.order() {
        let record = &records.all()[*index];
        let mut keys = BTreeSet::from([record.digest.clone()]);
        for input in &record.inputs {
            let parts: Vec<_> = input
                .iter()
                .flat_map(|input| found[input.link].iter().map(|key| format!("{}:{key}", input.selector)))
                .take(40)
                .collect();
            keys =
                keys.iter().flat_map(|key| parts.iter().map(move |part| format!("{key}({part})"))).collect();
            // Enough to compare; more would take for ever.
            keys = keys.into_iter().take(400).collect();
        }
        found[*index] = keys;
    }
    found
}

/// What a result is: the diff ids of its layers, in order.
fn contents(image: &CacheImage, record: &Record) -> BTreeSet<Vec<String>> {
    let of = |layers: Vec<usize>| layers.iter().map(|layer| image.diff_ids[*layer].clone()).collect();
    let layers = record.layers.iter().map(|result| of((0..=result.layer).collect()));
    layers.chain(record.chains.iter().map(|chain| of(chain.layers.clone()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_result_is_taken_over_only_for_a_key_that_has_it(new in draw_image(), old in draw_image()) {
        let merged = merge(&new, &old);
        let (new_keys, old_keys) = (keys(&new.records), keys(&old.records));
        for (index, (before, after)) in new.records.all().iter().zip(merged.all()).enumerate() {
            prop_assert_eq!((&before.digest, &before.inputs), (&after.digest, &after.inputs));
            if before.has_result() {
                prop_assert_eq!(before, after, "what the engine has written stays");
                continue;
            }
            for content in contents(&new, after) {
                let has = |old_index: &usize| {
                    let same_key = !new_keys[index].is_disjoint(&old_keys[*old_index]);
                    same_key && contents(&old, &old.records.all()[*old_index]).contains(&content)
                };
                prop_assert!((0..old_keys.len()).any(|one| has(&one)), "{:?} has {:?}", index, content);
            }
        }
    }

    #[test]
    fn twins_are_the_records_with_a_common_key(new in draw_image(), old in draw_image()) {
        let (new_keys, old_keys) = (keys(&new.records), keys(&old.records));
        for (index, twins) in twins(&new.records, &old.records).into_iter().enumerate() {
            for (old_index, old_keys) in old_keys.iter().enumerate() {
                let is_cut = new_keys[index].len() >= 40 || old_keys.len() >= 40;
                let is_twin = twins.contains(&old_index);
                prop_assert!(is_cut || is_twin != new_keys[index].is_disjoint(old_keys));
            }
        }
    }

    #[test]
    fn merging_again_changes_nothing(new in draw_image(), old in draw_image()) {
        let merged = merge(&new, &old);
        let again = merge(&image(&new.diff_ids, merged.all()), &old);
        prop_assert_eq!(&merged, &again);
    }

    #[test]
    fn in_any_order_the_same_keys_get_a_result(new in draw_image(), one in draw_image(), other in draw_image()) {
        let both = |first, second| {
            let merged = merge(&image(&new.diff_ids, merge(&new, first).all()), second);
            merged.all().iter().map(Record::has_result).collect::<Vec<_>>()
        };
        prop_assert_eq!(both(&one, &other), both(&other, &one));
    }

    #[test]
    fn what_is_written_has_enough_history(new in draw_image(), old in draw_image()) {
        let written = new.assemble(&merge(&new, &old), &crate::cache::image::Note::default());
        let again = CacheImage::parse(&written.manifest.bytes, &written.config.bytes);
        prop_assert!(again.is_ok(), "{:?}", again.err());
    }
}

fn leaf(digest: &str) -> Record {
    Record { digest: digest.to_owned(), ..Record::default() }
}

fn step(digest: &str, link: usize, layer: Option<usize>) -> Record {
    let layers =
        layer.map(|layer| LayerResult { layer, created_at: Some("2026-01-01T00:00:00Z".to_owned()) });
    let inputs = vec![vec![Input { selector: String::new(), link }]];
    Record { inputs, layers: layers.into_iter().collect(), ..leaf(digest) }
}

fn diff_ids(layers: &[&str]) -> Vec<String> {
    layers.iter().map(|layer| (*layer).to_owned()).collect()
}

#[test]
fn a_lost_result_comes_back_with_its_time() {
    let old = image(&diff_ids(&["base", "deps", "src1"]), &[leaf("b"), step("run", 0, Some(1))]);
    let new = image(&diff_ids(&["base", "deps", "src2"]), &[leaf("b"), step("run", 0, None)]);
    assert_eq!(merge(&new, &old).all()[1], old.records.all()[1]);
}

#[test]
fn equal_digests_are_not_enough() {
    // The same instruction on another base, and the same copy of other files.
    let old = image(&diff_ids(&["base", "deps"]), &[leaf("other base"), step("run", 0, Some(1))]);
    let new = image(&diff_ids(&["base", "deps"]), &[leaf("base"), step("run", 0, None)]);
    assert!(!merge(&new, &old).all()[1].has_result());
}

#[test]
fn a_layer_on_top_of_other_layers_is_another_result() {
    let old = image(&diff_ids(&["base 1", "deps"]), &[leaf("b"), step("run", 0, Some(1))]);
    let new = image(&diff_ids(&["base 2", "deps"]), &[leaf("b"), step("run", 0, None)]);
    assert!(!merge(&new, &old).all()[1].has_result());
}

#[test]
fn platforms_share_nothing() {
    let old = image(&diff_ids(&["base", "deps"]), &[leaf("b"), step("run", 0, Some(1))]);
    let new = image(&diff_ids(&["base", "deps"]), &[leaf("b"), step("run", 0, None)]);
    let mut elsewhere = old;
    elsewhere.platform = "linux/arm64".to_owned();
    assert!(!merge(&new, &elsewhere).all()[1].has_result());
}

#[test]
fn a_registry_cache_fills_what_lies_on_the_same_layers() {
    let leaf = |digest: &str| Record { digest: digest.to_owned(), ..Record::default() };
    let run = Record { inputs: vec![vec![Input { selector: String::new(), link: 0 }]], ..leaf("sha256:run") };
    let new = |layers: &[&str]| {
        let diff_ids: Vec<_> = layers.iter().map(|layer| (*layer).to_owned()).collect();
        image(&diff_ids, &[leaf("sha256:base"), run.clone()])
    };
    let exported = r#"{
        "layers": [{"blob": "sha256:2", "parent": 1}, {"blob": "sha256:1", "parent": -1}],
        "records": [{"digest": "sha256:run", "layers": [{"layer": 0}], "inputs": [[{"link": 1}]]},
                    {"digest": "sha256:base"}]
    }"#;
    let exported = Exported::parse(exported.as_bytes()).expect("an engine writes this");
    let results = |layers: &[&str]| merge_exported(&new(layers), &exported).all()[1].layers.clone();
    assert_eq!(results(&["sha256:1", "sha256:2", "sha256:3"]), [LayerResult { layer: 1, created_at: None }]);
    assert_eq!(results(&["sha256:1", "sha256:3"]), []);
    assert_eq!(results(&["sha256:1"]), []);
}
