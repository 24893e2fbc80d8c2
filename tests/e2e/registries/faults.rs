//! Registries that fail: what is tried again how often, and what a user is told in the end. Nothing half-published is
//! ever to be seen.

use std::time::Duration;

use cachelang::host::Registry as _;

use super::super::harness::faults::{Fault, Faults};
use super::super::harness::images::text;
use super::super::harness::registry::Registry;
use super::super::harness::{part, unique};
use super::{Journey, location, registries, wait};

#[test]
fn a_busy_registry_is_asked_again() {
    let journey = Journey::prepare();
    journey.to.inject("PUT", "/manifests/", 2, Fault::busy(None));
    journey.arrives();
    assert_eq!(journey.to.count("PUT", "/manifests/"), 3);
}

#[test]
fn a_busy_registry_that_says_how_long_is_asked_after_that_time() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 1, Fault::busy(Some(1)));
    let ended = journey.arrives();
    assert!(ended.elapsed >= Duration::from_secs(1), "{:?}", ended.elapsed);
    assert_eq!(journey.from.count("GET", &journey.blob()), 2);
}

#[test]
fn a_registry_that_stays_busy_is_an_error_after_five_attempts() {
    let journey = Journey::prepare();
    journey.to.inject("POST", "/blobs/uploads/", 100, Fault::busy(None));
    let ended = journey.copy().result.expect_err("it cannot be copied");
    let cause = "(429 Too Many Requests: TOOMANYREQUESTS: slow down, tried 5 times)";
    assert!(ended.ends_with(cause) && ended.starts_with("writing "), "{ended}");
    assert_eq!(journey.target.digest(&journey.repository, &journey.digest), None);
}

#[test]
fn bursts_of_server_errors_are_waited_for() {
    let journey = Journey::prepare();
    for status in [500, 502, 503] {
        journey.to.inject("PUT", "/manifests/", 1, Fault::status(status));
        journey.from.inject("GET", "/manifests/", 1, Fault::status(status));
    }
    journey.arrives();
    assert_eq!(journey.to.count("PUT", "/manifests/"), 4);
    assert_eq!(journey.from.count("GET", "/manifests/"), 4);
}

#[test]
fn a_registry_that_does_not_recover_is_an_error_and_nothing_is_to_be_seen() {
    let journey = Journey::prepare();
    journey.to.inject("PUT", "/manifests/", 100, Fault::status(503));
    journey.fails("writing TO/REPO@IMAGE to TO failed (503 Service Unavailable, tried 5 times)");
    assert_eq!(journey.to.count("PUT", "/manifests/"), 5);
}

#[test]
fn an_upload_that_is_reset_is_begun_again() {
    let journey = Journey::prepare();
    journey.to.inject("PATCH", "/blobs/uploads/", 1, Fault::ResetUpload(100_000));
    journey.arrives();
    // The layer, its second time, and the config. Debian's registry forgets an upload that was broken.
    assert_eq!(journey.to.count("POST", "/blobs/uploads/"), 3);
    assert_eq!(journey.to.count("PATCH", "/blobs/uploads/"), 3);
}

#[test]
fn an_upload_that_the_registry_remembers_is_gone_on_with() {
    let journey = Journey::prepare();
    journey.to.inject("PATCH", "/blobs/uploads/", 1, Fault::BreakUpload(100));
    journey.arrives();
    assert_eq!(journey.to.count("POST", "/blobs/uploads/"), 2, "one for the layer, one for the config");
    assert_eq!(journey.to.count("GET", "/blobs/uploads/"), 1, "how much has arrived");
    assert_eq!(journey.to.count("PATCH", "/blobs/uploads/"), 3);
}

#[test]
fn an_upload_whose_last_answer_was_lost_is_found_to_be_there() {
    let journey = Journey::prepare();
    journey.to.inject("PUT", &format!("digest={}", journey.layer.replace(':', "%3A")), 1, Fault::LoseAnswer);
    journey.arrives();
    assert_eq!(journey.to.count("PATCH", "/blobs/uploads/"), 2, "nothing is sent again");
}

#[test]
fn a_download_that_is_reset_goes_on_where_it_was() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 2, Fault::ResetDownload(1_000_000));
    journey.arrives();
    assert_eq!(journey.from.count("GET", &journey.blob()), 3);
    assert_eq!(journey.from.count("GET", &format!("{} bytes=", journey.blob())), 2, "the rest only");
    assert_eq!(journey.to.count("POST", "/blobs/uploads/"), 2, "the upload does not notice");
}

#[test]
fn a_download_that_always_breaks_at_once_is_an_error() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 100, Fault::ResetDownload(0));
    let error = journey.copy().result.expect_err("it cannot be copied");
    assert!(error.starts_with("reading ") && error.contains("the connection broke"), "{error}");
    assert!(error.ends_with(", tried 5 times)"), "{error}");
    assert_eq!(journey.from.count("GET", &journey.blob()), 5);
    assert!(!journey.target.has_blob(&journey.repository, &journey.layer));
}

#[test]
fn connections_on_which_nothing_moves_are_given_up() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 1, Fault::StallDownload(500_000));
    journey.to.inject("PUT", "/manifests/", 1, Fault::Stall);
    let ended = journey.arrives();
    assert!(ended.elapsed >= Duration::from_secs(2), "a second each: {:?}", ended.elapsed);
    assert_eq!(journey.from.count("GET", &journey.blob()), 2);
    assert_eq!(journey.to.count("PUT", "/manifests/"), 2);
}

#[test]
fn a_registry_that_stalls_for_ever_is_an_error() {
    let journey = Journey::prepare();
    journey.to.inject("PUT", "/manifests/", 100, Fault::Stall);
    journey.fails("writing TO/REPO@IMAGE to TO failed (nothing has moved for 1s, tried 5 times)");
}

#[test]
fn a_manifest_that_was_cut_off_is_read_once_more() {
    let journey = Journey::prepare();
    journey.from.inject("GET", "/manifests/", 1, Fault::Truncate(100));
    journey.arrives();
    assert_eq!(journey.from.count("GET", "/manifests/"), 2);
}

#[test]
fn a_manifest_that_is_always_cut_off_is_an_error() {
    let journey = Journey::prepare();
    journey.from.inject("GET", "/manifests/", 100, Fault::Truncate(0));
    journey.fails(
        "reading FROM/REPO@IMAGE from FROM failed (it is damaged: its digest is \
         sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 and not IMAGE, tried 2 times)",
    );
    assert_eq!(journey.from.count("GET", "/manifests/"), 2);
}

#[test]
fn a_layer_that_was_damaged_is_read_once_more() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 1, Fault::Damage);
    journey.arrives();
    assert_eq!(journey.from.count("GET", &journey.blob()), 2);
}

#[test]
fn a_layer_with_another_digest_is_an_error_and_never_stored() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 100, Fault::Damage);
    let error = journey.copy().result.expect_err("it cannot be copied");
    assert!(error.contains("it is damaged: its digest is"), "{error}");
    assert!(error.ends_with(&format!("and not {}, tried 2 times)", journey.layer)), "{error}");
    assert_eq!(journey.from.count("GET", &journey.blob()), 2);
    assert!(!journey.target.has_blob(&journey.repository, &journey.layer));
    assert_eq!(journey.target.digest(&journey.repository, &journey.digest), None);
}

#[test]
fn what_is_final_is_tried_once() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;
    let immutable = r#"{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}"#;
    for (status, body, error) in [
        (
            400,
            immutable,
            "writing TO/REPO@IMAGE to TO failed (400 Bad Request: TAG_INVALID: the tag is immutable)",
        ),
        (403, denied, "TO wants a login, and no credentials for it were found"),
        (404, "", "writing TO/REPO@IMAGE to TO failed (404 Not Found)"),
    ] {
        let journey = Journey::prepare();
        journey.to.inject("PUT", "/manifests/", 100, Fault::Answer(status, String::new(), body.to_owned()));
        journey.fails(error);
        assert_eq!(journey.to.count("PUT", "/manifests/"), 1, "{status}");
    }
}

#[test]
fn a_layer_that_the_source_has_lost_is_an_error_at_once() {
    let journey = Journey::prepare();
    journey.from.inject("GET", &journey.blob(), 100, Fault::status(404));
    journey.fails("reading FROM/REPO@LAYER from FROM failed (404 Not Found)");
    assert_eq!(journey.from.count("GET", &journey.blob()), 1);
}

#[test]
fn a_token_that_runs_out_is_renewed_once() {
    let (host, repository) = (part("CACHELANG_E2E_REGISTRY"), unique("token"));
    let registry = Registry::at(&host);
    let digest = registry.put_image(&repository, Some("1"), &[text("t", 100)]);
    let faults = Faults::with_tokens(&host);
    let (place, registries) = (location(&faults.host(), &repository), registries());
    let tag = |tag: &'static str| {
        let tagged = registries.tag(&place.registry, &place.repository, &digest, tag);
        wait(tagged).expect("it is tagged");
    };
    tag("2");
    let before = faults.logins().len();
    faults.take_tokens_back();
    tag("3");
    assert_eq!(faults.logins().len(), before + 2, "one for reading, one for writing");
    assert_eq!(registry.tags(&repository), ["1", "2", "3"]);
}

#[test]
fn a_tag_moves_wholly_or_not_at_all() {
    let (host, repository) = (part("CACHELANG_E2E_REGISTRY"), unique("tag"));
    let registry = Registry::at(&host);
    let old = registry.put_image(&repository, Some("live"), &[text("old", 100)]);
    let new = registry.put_image(&repository, None, &[text("new", 100)]);
    let faults = Faults::before(&host);
    let place = location(&faults.host(), &repository);
    faults.inject("PUT", "/manifests/live", 5, Fault::status(503));
    let tag = || wait(registries().tag(&place.registry, &place.repository, &new, "live"));
    tag().expect_err("the registry has no service");
    assert_eq!(registry.digest(&repository, "live"), Some(old));
    tag().expect("it has recovered");
    assert_eq!(registry.digest(&repository, "live"), Some(new));
}
