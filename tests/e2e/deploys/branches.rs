//! Two branches with different requirements, which are deployed in turn.

use super::{DEPLOYS, STAMP, Series};
use crate::harness::Parts;

#[test]
fn two_branches_in_turn_keep_each_others_cache() {
    let parts = Parts::take();
    let instructions = format!(
        "COPY tool.conf /tool/\nRUN {STAMP} >/tool/stamp\nCOPY requirements.txt /app/\n\
         RUN sort /app/requirements.txt >/app/installed && {STAMP} >/app/stamp\nCOPY src /app/src"
    );
    let mut series = Series::of(&parts, &instructions, "app/src/app.py");
    series.project.file("tool.conf", "tool\n");
    let branches = [("six==1\nhumanize==2\n", "humanize==2\nsix==1\n"), ("six==2\n", "six==2\n")];
    let mut stamps = Vec::new();
    for number in 0..DEPLOYS {
        let (requirements, installed) = branches[number % 2];
        series.project.file("requirements.txt", requirements);
        let deployed = series.deploy();
        assert_eq!(deployed.image.text("app/installed"), installed);
        stamps.push((
            deployed.image.text("tool/stamp").to_owned(),
            deployed.image.text("app/stamp").to_owned(),
        ));
        if number > 0 {
            series.assert_cached(&deployed, &["COPY tool.conf", "RUN cat"]);
        }
        if number > 1 {
            series.assert_cached(&deployed, &["COPY requirements.txt", "RUN sort"]);
            assert_eq!(stamps[number], stamps[number % 2], "the steps were not executed");
        }
    }
}
