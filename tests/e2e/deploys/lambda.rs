//! The article's Lambda image: dependencies that pip installs, and a source that changes with each deploy.

use super::{DEPLOYS, Series};
use crate::harness::Parts;
use crate::lambda;

#[test]
fn no_deploy_of_a_lambda_image_but_the_first_installs_its_dependencies() {
    let parts = Parts::take();
    let mut series = Series::new(&parts, lambda::lambda(), "var/task/app.py");
    series.command = lambda::deploy;
    let dependencies = ["COPY requirements.txt", "RUN pip"];
    let first = series.deploy();
    assert_eq!(first.executed_of(&dependencies).len(), 2, "{:?}", first.executed);
    let repository = series.project.repository.clone();
    let layers = |commit: &str| parts.registry.layers(&repository, commit);
    let first = layers("commit-1");
    for number in 2..=DEPLOYS {
        let deployed = series.deploy();
        series.assert_cached(&deployed, &dependencies);
        assert_eq!(deployed.cached.len(), 2, "{}", series.history);
        // The base image and the two steps; the source is the last layer.
        assert_eq!(layers(&format!("commit-{number}"))[..3], first[..3]);
    }
}
