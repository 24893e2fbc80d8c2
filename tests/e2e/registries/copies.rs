//! Copies between repositories of one registry and of two.

use super::super::harness::faults::{Fault, Faults};
use super::super::harness::images::{digest, text};
use super::super::harness::registry::Registry;
use super::super::harness::{part, unique};
use super::{copy, location};

fn here() -> Registry {
    Registry::at(&part("CACHELANG_E2E_REGISTRY"))
}

fn other() -> Registry {
    Registry::at(&part("CACHELANG_E2E_REGISTRY_OTHER"))
}

#[test]
fn an_image_has_the_same_digest_in_the_other_registry() {
    let (from, to, repository) = (here(), other(), unique("copied"));
    let layers = [text("a", 3_000_000), text("b", 1), text("c", 100_000)];
    let digest = from.put_image(&repository, Some("1"), &layers);
    let size = from.sizes(&repository, "1");
    let places = (location(&from.host, &repository), location(&to.host, &repository));

    let first = copy(&places.0, &digest, &places.1).result.expect("it is copied");
    let second = copy(&places.0, &digest, &places.1).result.expect("it is there");

    assert_eq!((first.sent, first.skipped), (size, 0));
    assert_eq!((second.sent, second.skipped), (0, size));
    assert_eq!(to.manifest_text(&repository, &digest), from.manifest_text(&repository, "1"));
    assert_eq!(to.tags(&repository), Vec::<String>::new(), "a copy gives no tag");
}

#[test]
fn only_the_layers_that_are_missing_are_sent() {
    let (from, to, repository) = (here(), other(), unique("shared"));
    let base = text("base", 500_000);
    let digest = from.put_image(&repository, None, &[base.clone(), text(&repository, 200_000)]);
    to.put_blob(&repository, &base);

    let copied = copy(&location(&from.host, &repository), &digest, &location(&to.host, &repository));

    let copied = copied.result.expect("it is copied");
    assert_eq!(copied.skipped, 500_000);
    assert_eq!(copied.sent, from.sizes(&repository, &digest) - 500_000);
}

#[test]
fn in_one_registry_no_content_moves() {
    let (registry, from, to) = (here(), unique("from"), unique("to"));
    let digest = registry.put_image(&from, None, &[text("m", 1_000_000), text("n", 10)]);
    let proxy = Faults::before(&registry.host);

    let copied = copy(&location(&proxy.host(), &from), &digest, &location(&proxy.host(), &to));

    let copied = copied.result.expect("it is copied");
    assert_eq!((copied.sent, copied.skipped), (0, registry.sizes(&from, &digest)));
    assert_eq!(proxy.count("GET", "/blobs/"), 0);
    assert_eq!(proxy.count("PATCH", "/blobs/"), 0);
    assert_eq!(proxy.count("POST", &format!("&from={from}")), 3, "two layers and the config");
    assert_eq!(registry.digest(&to, &digest), Some(digest));
}

/// As Amazon ECR does where mounting is not switched on.
#[test]
fn a_registry_that_does_not_mount_gets_the_content() {
    let (registry, from, to) = (here(), unique("from"), unique("to"));
    let digest = registry.put_image(&from, None, &[text("o", 1_000_000)]);
    let proxy = Faults::before(&registry.host);
    proxy.inject("POST", "mount=", 10, Fault::NoQuery);

    let copied = copy(&location(&proxy.host(), &from), &digest, &location(&proxy.host(), &to));

    let copied = copied.result.expect("it is copied");
    assert_eq!((copied.sent, copied.skipped), (registry.sizes(&from, &digest), 0));
    assert_eq!(proxy.count("POST", "/blobs/uploads/"), 2, "each answer is an upload, which is used");
    assert_eq!(registry.digest(&to, &digest), Some(digest));
}

#[test]
fn an_index_brings_all_its_images() {
    let (from, to, repository) = (here(), other(), unique("index"));
    let shared = text(&repository, 400_000);
    let images = ["x", "y"]
        .map(|seed| from.put_image(&repository, None, &[shared.clone(), text(seed, 1000)]))
        .to_vec();
    let index = from.put_index(&repository, "all", &images);
    let proxy = Faults::before(&from.host);

    let copied = copy(&location(&proxy.host(), &repository), &index, &location(&to.host, &repository));

    copied.result.expect("it is copied");
    assert_eq!(to.manifest_text(&repository, &index), from.manifest_text(&repository, "all"));
    for image in &images {
        assert_eq!(to.digest(&repository, image).as_ref(), Some(image));
    }
    assert_eq!(proxy.count("GET", &format!("/blobs/{}", digest(&shared))), 1, "what is shared comes once");
}

#[test]
fn an_index_without_one_of_its_images_is_not_copied() {
    let (from, to, repository) = (here(), other(), unique("part"));
    let images = ["x", "y"].map(|seed| from.put_image(&repository, None, &[text(seed, 1000)])).to_vec();
    let index = from.put_index(&repository, "all", &images);
    from.delete_manifest(&repository, &images[0]);

    let copied = copy(&location(&from.host, &repository), &index, &location(&to.host, &repository));

    let expected = format!("{}/{repository}@{} does not exist", from.host, images[0]);
    assert_eq!(copied.result, Err(expected));
    assert_eq!(to.digest(&repository, &index), None);
    assert_eq!(to.digest(&repository, &images[1]), None, "nothing was begun");
}
