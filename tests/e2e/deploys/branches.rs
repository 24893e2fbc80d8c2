//! Two branches with different requirements, which are deployed in turn.

use super::{AUTOMATIC, DEPLOYS, STAMP, Series};
use crate::harness::Parts;

#[test]
fn two_branches_in_turn_keep_each_others_cache() {
    let parts = Parts::take();
    let reason = "what these engines write is the cache of one build: branches with other dependencies need a tag each";
    if parts.skip_on("containerd", reason) {
        return;
    }
    deploy_in_turn(&parts, |_| AUTOMATIC.to_owned(), 1);
}

#[test]
fn two_branches_in_turn_with_a_cache_tag_each_keep_their_own() {
    let parts = Parts::take();
    let cachefile = |branch| {
        let tag = format!("cache.registry(repo:\"cache-{branch}\"");
        let cache = format!("cache {{ from = [{tag})], to = [{tag}, mode = \"max\")] }}");
        AUTOMATIC.replace("image app { ", &format!("image app {{ {cache}, "))
    };
    deploy_in_turn(&parts, cachefile, 2);
}

/// Deploys the branches 0 and 1, each with its file. From the deploy `shared` on, what they have in common is cached.
#[track_caller]
fn deploy_in_turn(parts: &Parts, cachefile: impl Fn(usize) -> String, shared: usize) {
    let instructions = format!(
        "COPY tool.conf /tool/\nRUN {STAMP} >/tool/stamp\nCOPY requirements.txt /app/\n\
         RUN sort /app/requirements.txt >/app/installed && {STAMP} >/app/stamp\nCOPY src /app/src"
    );
    let mut series = Series::of(parts, &instructions, "app/src/app.py");
    series.project.file("tool.conf", "tool\n");
    let branches = [("six==1\nhumanize==2\n", "humanize==2\nsix==1\n"), ("six==2\n", "six==2\n")];
    let mut stamps = Vec::new();
    for number in 0..DEPLOYS {
        let (requirements, installed) = branches[number % 2];
        series.project.file("requirements.txt", requirements);
        series.project.file(".cachefile", &cachefile(number % 2));
        let deployed = series.deploy();
        assert_eq!(deployed.image.text("app/installed"), installed);
        stamps.push((
            deployed.image.text("tool/stamp").to_owned(),
            deployed.image.text("app/stamp").to_owned(),
        ));
        if number >= shared {
            series.assert_cached(&deployed, &["COPY tool.conf", "RUN cat"]);
        }
        if number > 1 {
            series.assert_cached(&deployed, &["COPY requirements.txt", "RUN sort"]);
            assert_eq!(stamps[number], stamps[number % 2], "the steps were not executed");
        }
    }
}
