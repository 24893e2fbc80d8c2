//! Pushes of the engine to a registry that fails, and which tags are moved then.

use super::harness::faults::{Fault, Faults};
use super::harness::{Parts, Project, part};

const TWO: &str = r#"cachelang 1
param version: string = "1"
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
template both {
  args = { BASE = env("BASE") ?? "" }
  cache { from = [], to = [] }
}
image a extends both { target = "a", tags = [repo:"a-${version}", repo:"a-latest"] }
image b extends both { target = "b", tags = [repo:"b-${version}", repo:"b-latest"] }
wave build { push a, b }
"#;

const STAGES: &str = "FROM ${BASE} AS a\nCOPY content /a\nFROM ${BASE} AS b\nCOPY content /b\n";

fn project() -> Project {
    let project = Project::new(TWO);
    project.file("Dockerfile", &format!("ARG BASE\n{STAGES}"));
    project.file("content", "old");
    project
}

#[test]
fn a_push_to_a_registry_that_is_busy_for_a_moment_is_made_again() {
    let parts = Parts::take();
    let project = project();
    let faults = Faults::before(&part("CACHELANG_E2E_REGISTRY"));
    faults.inject("PUT", "/manifests/a-1", 1, Fault::busy(None));
    faults.inject("PUT", "/manifests/b-1", 1, Fault::status(503));

    let run = project.command(&[]).env("HOST", faults.host()).run().succeeded();

    for image in ["a", "b"] {
        assert!(faults.count("PUT", &format!("/manifests/{image}-1")) >= 2);
        assert!(parts.registry.digest(&project.repository, &format!("{image}-latest")).is_some());
        // The containerd image store often makes the request again itself.
        if parts.engine_is("graphdriver") {
            let pushes = format!("  {image}: pushing ");
            let mut again =
                run.stderr.lines().filter(|line| line.starts_with(&pushes) && line.contains("; again"));
            assert!(again.next().is_some_and(|line| line.ends_with("attempt 2 of 4")), "{}", run.stderr);
        }
    }
}

#[test]
fn if_one_image_is_not_pushed_no_tag_of_the_step_moves() {
    let parts = Parts::take();
    let project = project();
    project.run().succeeded();
    let tag = |tag: &str| parts.registry.digest(&project.repository, tag);
    let old = [tag("a-latest"), tag("b-latest")];
    project.file("content", "new");
    let faults = Faults::before(&part("CACHELANG_E2E_REGISTRY"));
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#;
    faults.inject("PUT", "/manifests/b-2", 9, Fault::Answer(403, String::new(), denied.to_owned()));

    let run = project.command(&["--param", "version=2"]).env("HOST", faults.host()).run().with_code(1);

    let [error] = run.errors()[..] else { panic!("one error: {}", run.stderr) };
    assert!(error.starts_with(&format!("image `b` was not pushed to `{}", faults.host())), "{error}");
    assert_eq!(faults.count("PUT", "/manifests/b-2"), 1, "what is final is not tried again");
    assert!(tag("a-2").is_some(), "the tag that names one build is there");
    assert_eq!(tag("b-2"), None);
    assert_eq!([tag("a-latest"), tag("b-latest")], old);
    assert_eq!(faults.count("PUT", "latest"), 0);
}
