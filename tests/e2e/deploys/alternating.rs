//! Runners with different engines, which use the same cache tag in turn.

use super::{STAMP, Series};
use crate::harness::docker::Engine;
use crate::harness::{Parts, part};

/// The dependencies of the image below.
const DEPENDENCIES: [&str; 2] = ["COPY requirements.txt", "RUN sort"];

#[test]
fn a_cache_tag_survives_a_change_of_the_engine() {
    let parts = Parts::take();
    let other = Engine::at(&part("CACHELANG_E2E_ENGINE_OTHER"));
    let instructions = format!(
        "COPY requirements.txt /app/\nRUN sort /app/requirements.txt >/app/installed && {STAMP} >/app/stamp\n\
         COPY src /app/src"
    );
    let mut series = Series::of(&parts, &instructions, "app/src/app.py");
    series.project.file("requirements.txt", "six==1\nhumanize==2\n");
    let mut before: Option<(&str, String)> = None;
    // What one engine has written may be a miss for the other one. What it has written itself is not.
    for engine in [&parts.engine, &other, &parts.engine, &parts.engine, &parts.engine, &other, &other] {
        let deployed = series.deploy_on(engine);
        assert_eq!(deployed.image.text("app/installed"), "humanize==2\nsix==1\n");
        let stamp = deployed.image.text("app/stamp").to_owned();
        if let Some((_, written)) = before.filter(|(socket, _)| *socket == engine.socket()) {
            series.assert_cached(&deployed, &DEPENDENCIES);
            assert_eq!(stamp, written, "the steps were not executed");
        }
        before = Some((engine.socket(), stamp));
    }
}
