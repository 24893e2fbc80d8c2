//! Builds that are given up: what runs in the engine ends, and the engine is free for the next one.

use std::time::{Duration, Instant};

use super::harness::processes::has_argument;
use super::harness::proxy::{Proxy, Speaks};
use super::harness::{BUILD_ONLY, Ended, Parts, Project, eventually};

/// Seconds to sleep that no other process on this machine sleeps.
fn unique_seconds() -> String {
    format!("8{:07}", std::process::id())
}

#[test]
fn a_build_that_takes_too_long_ends_in_the_engine() {
    let _parts = Parts::take();
    let seconds = unique_seconds();
    let limited = BUILD_ONLY.replace("image app {", "image app { timeout = 4s,");
    let project = Project::with_steps(&limited, &format!("RUN sleep {seconds}"));
    let program = project.command(&[]).start();
    eventually("the step runs", || has_argument(&seconds).then_some(()));
    let run = Ended::from(program.wait_with_output().expect("the program can be waited for")).with_code(1);
    assert_eq!(run.errors(), ["image `app` was not built: it took longer than its `timeout` of 4s"]);
    eventually("the step is gone", || (!has_argument(&seconds)).then_some(()));
    // The session is closed and the engine free.
    project.file("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN true\n");
    project.run().succeeded();
}

#[test]
fn a_lost_connection_is_an_error_at_once() {
    let parts = Parts::take();
    let seconds = unique_seconds();
    for speaks in [Speaks::Docker, Speaks::BuildKit] {
        let proxy = Proxy::plain(&parts.engine, speaks);
        let address = format!("tcp://{}", proxy.port());
        let text = match speaks {
            Speaks::Docker => BUILD_ONLY.to_owned(),
            Speaks::BuildKit => BUILD_ONLY.replace(
                "image app {",
                "builder far { kind = \"buildkit\", endpoint = env(\"FAR\") ?? \"\" }\nimage app { builder = far,",
            ),
        };
        let project = Project::with_steps(&text, &format!("RUN sleep {seconds}"));
        let program = project.command(&[]).env("DOCKER_HOST", &address).env("FAR", &address).start();
        eventually("the step runs", || has_argument(&seconds).then_some(()));
        let lost = Instant::now();
        drop(proxy);
        let run =
            Ended::from(program.wait_with_output().expect("the program can be waited for")).with_code(1);
        assert!(lost.elapsed() < Duration::from_secs(5), "it took {:?}", lost.elapsed());
        let [error] = run.errors()[..] else { panic!("one error: {}", run.stderr) };
        let start = format!(
            "image `app` was not built: the connection to the engine was lost during step `[2/2] RUN sleep {seconds}` ("
        );
        assert!(error.starts_with(&start), "{error}");
        eventually("the step is gone", || (!has_argument(&seconds)).then_some(()));
    }
}
