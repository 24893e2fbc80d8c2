//! Which images stay under a cache tag when a new one comes: those that save work which the others do not, and first of
//! all those that the new build was served from.

use std::collections::HashSet;

use super::image::CacheImage;
use super::merge::twins;

/// No more images than these are under one tag.
pub const MAX_IMAGES: usize = 8;
/// An image that was built so many days before the newest one goes.
pub const MAX_DAYS: i64 = 30;

/// The images that stay, the newest first: all of `new`, and those of `old` that save work.
///
/// What was only copied from the context is done again in no time, so a deploy that changes nothing else leaves one image
/// behind it, and not one for each deploy.
pub fn keep(new: Vec<CacheImage>, old: Vec<CacheImage>) -> Vec<CacheImage> {
    let newest = new.iter().filter_map(|image| image.created).max();
    let is_recent = |image: &CacheImage| match (newest, image.created) {
        (Some(newest), Some(created)) => newest.duration_since(created).as_hours() < MAX_DAYS * 24,
        _ => true,
    };
    let fresh = new.len();
    let mut kept = new;
    for image in old.into_iter().filter(is_recent) {
        if worth(&image, kept.iter()) > 0 {
            kept.push(image);
        }
    }
    while kept.len() > MAX_IMAGES.max(fresh) {
        let value = |index: &usize| {
            let others = kept.iter().enumerate().filter(|(one, _)| one != index).map(|(_, image)| image);
            kept.get(*index).map(|image| (completes(image, kept.iter().take(fresh)), worth(image, others)))
        };
        // Of those that are worth the same, the oldest goes.
        let Some(least) = (fresh..kept.len()).rev().min_by_key(value) else { break };
        kept.remove(least);
    }
    kept
}

/// Whether an image has the result of a step that the new images know and have no result of: a stage that was served
/// from the cache. The next build asks for it again, however long ago it was executed.
fn completes<'a>(image: &CacheImage, new: impl Iterator<Item = &'a CacheImage>) -> bool {
    let (mut asked, mut answered) = (HashSet::new(), HashSet::new());
    for new in new.filter(|new| new.platform == image.platform) {
        for (record, twins) in new.records.all().iter().zip(twins(&new.records, &image.records)) {
            if record.has_result() { &mut answered } else { &mut asked }.extend(twins);
        }
    }
    asked.difference(&answered).any(|index| is_work(image, *index))
}

/// How many steps an image saves that none of the others does.
fn worth<'a>(image: &CacheImage, others: impl Iterator<Item = &'a CacheImage>) -> usize {
    let mut covered = HashSet::new();
    for other in others.filter(|other| other.platform == image.platform) {
        for (record, twins) in other.records.all().iter().zip(twins(&other.records, &image.records)) {
            if record.has_result() {
                covered.extend(twins);
            }
        }
    }
    let saves = |index: &usize| is_work(image, *index) && !covered.contains(index);
    (0..image.records.all().len()).filter(saves).count()
}

/// Whether a record saves more than copying some files of the context.
fn is_work(image: &CacheImage, index: usize) -> bool {
    let Some(record) = image.records.get(index).filter(|record| record.has_result()) else { return false };
    let mut instructions = image.instructions_of(record);
    let copies =
        instructions.any(|text| ["COPY ", "ADD ", "WORKDIR "].iter().any(|word| text.starts_with(word)));
    // What is copied from another stage took the work of that stage.
    let mut beside = record.inputs.iter().skip(1).flatten();
    let is_from_stage =
        beside.any(|input| image.records.get(input.link).is_some_and(super::records::Record::is_step));
    !copies || is_from_stage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::image::tests::image;
    use crate::cache::records::{Input, LayerResult, Record};

    fn leaf(digest: &str) -> Record {
        Record { digest: digest.to_owned(), ..Record::default() }
    }

    /// The build of a Dockerfile with `RUN` and then `COPY`, by what goes into them.
    fn build(requirements: &str, source: &str) -> CacheImage {
        let step = |digest: &str, links: &[usize], layer| Record {
            layers: vec![LayerResult { layer, created_at: None }],
            inputs: links.iter().map(|link| vec![Input { selector: String::new(), link: *link }]).collect(),
            ..leaf(digest)
        };
        let diff_ids = ["base", requirements, source].map(str::to_owned);
        let records = [leaf(requirements), step("run", &[0], 1), leaf(source), step("copy", &[1, 2], 2)];
        let mut image = image(&diff_ids, &records);
        image.instructions = ["base", "RUN pip", "COPY src"].map(str::to_owned).into();
        image.digest = format!("{requirements} {source}");
        image
    }

    fn digests(kept: &[CacheImage]) -> Vec<&str> {
        kept.iter().map(|image| image.digest.as_str()).collect()
    }

    #[test]
    fn an_image_of_the_same_dependencies_takes_the_place_of_the_last() {
        let kept = keep(vec![build("r1", "s2")], vec![build("r1", "s1")]);
        assert_eq!(digests(&kept), ["r1 s2"]);
    }

    #[test]
    fn another_branch_stays() {
        let mut kept = Vec::new();
        for deploy in ["r1 s1", "r2 s1", "r1 s2", "r2 s3", "r1 s4"] {
            let (requirements, source) = deploy.split_once(' ').expect("two words");
            kept = keep(vec![build(requirements, source)], kept);
        }
        assert_eq!(digests(&kept), ["r1 s4", "r2 s3"]);
    }

    #[test]
    fn there_are_never_too_many() {
        let mut kept = Vec::new();
        for deploy in 0..20 {
            kept = keep(vec![build(&format!("r{deploy}"), "s")], kept);
        }
        let newest: Vec<_> = (12..20).rev().map(|deploy| format!("r{deploy} s")).collect();
        assert_eq!(digests(&kept), newest);
    }

    #[test]
    fn a_stage_that_new_builds_are_served_from_stays() {
        let mut stage = build("tool", "conf");
        stage.digest = "stage".to_owned();
        let mut kept = vec![stage];
        for deploy in 0..20 {
            let (steps, tool) = (build(&format!("r{deploy}"), "s"), build("tool", "conf"));
            let mut records: Vec<_> = steps.records.all().to_vec();
            let offset = records.len();
            records.extend(tool.records.all().iter().map(|record| {
                let mut asked = Record { layers: Vec::new(), ..record.clone() };
                asked.inputs.iter_mut().flatten().for_each(|input| input.link += offset);
                asked
            }));
            let mut new = image(&steps.diff_ids, &records);
            (new.instructions, new.digest) = (steps.instructions.clone(), steps.digest.clone());
            kept = keep(vec![new], kept);
        }
        assert_eq!(kept.len(), MAX_IMAGES);
        assert!(digests(&kept).contains(&"stage"), "{:?}", digests(&kept));
    }

    #[test]
    fn what_is_old_goes() {
        let mut old = build("r1", "s1");
        old.created = "2026-10-01T00:00:00Z".parse().ok();
        assert_eq!(digests(&keep(vec![build("r2", "s2")], vec![old])), ["r2 s2"]);
    }
}
