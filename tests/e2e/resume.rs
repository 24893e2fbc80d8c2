//! Runs that lose their engine, their registry or their life in the middle, and runs that go on where they ended.

use std::time::Duration;

use super::harness::faults::{Fault, Faults};
use super::harness::processes::has_argument;
use super::harness::proxy::{Proxy, Speaks};
use super::harness::{Ended, Parts, Project, eventually, part};

const PIPELINE: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app {
  args = { BASE = env("BASE") ?? "" }
  network = "none"
  cache { from = [], to = [] }
  tags = [repo:(env("VERSION") ?? "1"), repo:"latest"]
}
wave prepare { sh "echo prepared >> log" }
wave build { push app }
wave deploy {
  stage one { sh "echo one ${app.digest} >> log" }
  stage two { sh "echo two >> log" }
}
"#;

/// The lines that commands wrote.
fn log(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.path("log")).unwrap_or_default();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Everything is done, once, and both tags name the same image.
#[track_caller]
fn is_complete(parts: &Parts, project: &Project) {
    let tag = |tag| parts.registry.digest(&project.repository, tag).expect("the tag is there");
    assert_eq!(tag("latest"), tag("1"));
    assert_eq!(log(project), [format!("one {}", tag("1")), "prepared".to_owned(), "two".to_owned()]);
}

#[test]
fn an_engine_that_is_lost_during_a_build_is_gone_on_with() {
    let parts = Parts::take();
    // A time that no other process on this machine sleeps.
    let seconds = format!("4.0{:07}", std::process::id());
    let project = Project::with_steps(PIPELINE, &format!("RUN sleep {seconds}"));
    let proxy = Proxy::plain(&parts.engine, Speaks::Docker);
    let run = project.command(&[]).env("DOCKER_HOST", format!("tcp://{}", proxy.port())).start();
    eventually("the build runs", || has_argument(&seconds).then_some(()));
    drop(proxy);
    let ended = Ended::from(run.wait_with_output().expect("it ends"));
    ended.with_code(1).says("error: image `app` was not built");
    assert!(parts.registry.tags(&project.repository).is_empty());
    assert_eq!(log(&project), ["prepared"]);

    project
        .command(&["--resume"])
        .run()
        .succeeded()
        .says("going on with the last run: 1 step was done already");
    is_complete(&parts, &project);
}

#[test]
fn a_registry_that_is_lost_during_a_push_is_gone_on_with() {
    let parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "COPY content /");
    project.file("content", "content");
    let registry = Faults::before(&part("CACHELANG_E2E_REGISTRY"));
    registry.inject("PUT", "/manifests/", usize::MAX, Fault::status(503));
    let run = |arguments: &[&str]| project.command(arguments).env("HOST", registry.host()).run();
    run(&[]).with_code(1).says("error: image `app` was not pushed to ");
    assert!(parts.registry.tags(&project.repository).is_empty());

    registry.recover();
    run(&["--resume"]).succeeded();
    is_complete(&parts, &project);
}

#[test]
fn a_run_that_is_killed_leaves_no_moving_tag_on_what_is_not_pushed() {
    let parts = Parts::take();
    for attempt in 0..6 {
        let project = Project::with_steps(PIPELINE, "COPY content /");
        project.file("content", &format!("attempt {attempt}"));
        let mut run = project.command(&["--progress", "quiet"]).start();
        std::thread::sleep(Duration::from_millis(100 + 250 * attempt));
        run.kill().expect("it can be killed");
        run.wait().expect("it has ended");
        let tag = |tag| parts.registry.digest(&project.repository, tag);
        if let Some(latest) = tag("latest") {
            assert_eq!(tag("1"), Some(latest), "`latest` names what is not fully pushed");
        }
        project.command(&["--resume"]).run().succeeded();
        let mut lines = log(&project);
        // A command that was running when the run was killed starts again, and only such a one.
        lines.dedup();
        let digest = tag("1").expect("the tag is there");
        assert_eq!(tag("latest"), tag("1"));
        assert_eq!(lines, [format!("one {digest}"), "prepared".to_owned(), "two".to_owned()]);
    }
}

#[test]
fn the_state_is_no_part_of_a_context() {
    let _parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "COPY . /all");
    project.file(".dockerignore", "log\n");
    project.run().succeeded();
    assert!(project.path(".cachelang/state.json").exists());
    let again = project.run().succeeded();
    assert_eq!(again.cell("app", "cached"), "1 of 1");
}
