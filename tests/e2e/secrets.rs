//! Secrets for steps: they arrive as they are, and show nowhere else.

use super::harness::{Ended, Parts, Project};

const VALUE: &str = "sesame-7c1f93";

/// A pipeline whose image passes a secret from a variable and one from a file.
const PIPELINE: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
secret token = env("TOKEN")
secret key = file("key.bin")
image app {
  args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"], network = "none", no_cache = true
  secrets = { token = token, key = key }
  cache { from = [], to = [] }
}
wave build { build app }
"#;

fn project(token: &str, key: &str, script: &str) -> Project {
    let mounts = format!("RUN --mount=type=secret,id=token{token} --mount=type=secret,id=key{key} {script}");
    Project::with_steps(PIPELINE, &mounts)
}

#[track_caller]
fn shows_no_value(run: &Ended) {
    assert!(!run.stderr.contains(VALUE) && !run.stdout.contains(VALUE), "{run:?}");
}

#[test]
fn bytes_arrive_as_they_are() {
    let _parts = Parts::take();
    let check = "test \"$(cat /run/secrets/token)\" = \"$(echo sesame)-7c1f93\" && wc -c </run/secrets/key && \
                 md5sum </run/secrets/key";
    let project = project("", "", check);
    std::fs::write(project.path("key.bin"), b"\0\xff line\r\n\n").expect("the file can be written");
    let run = project.command(&["-vv"]).env("TOKEN", VALUE).run().succeeded();
    // md5sum of these bytes.
    let run = run.says("│ 10").says("│ f3c7370c41b5b091938cbc9d977ff416");
    shows_no_value(&run);
}

#[test]
fn a_secret_that_a_step_can_do_without_is_warned_of() {
    let _parts = Parts::take();
    let project =
        project("", "", "test ! -e /run/secrets/token && test ! -e /run/secrets/key && echo without");
    let run = project.command(&[]).without("TOKEN").run().succeeded().says("│ without");
    let run = run.says("secret `token`: the environment variable `TOKEN` is not set");
    run.says("secret `key`: there is no file ").says("/key.bin");
}

#[test]
fn a_secret_that_a_step_requires_is_named() {
    let _parts = Parts::take();
    let project = project(",required=true", "", "true");
    project.file("key.bin", "key");
    let run = project.command(&[]).without("TOKEN").run().with_code(1);
    let errors = run.errors();
    assert_eq!(errors.len(), 1, "{}", run.stderr);
    println!("{}", run.stderr);
    assert!(errors[0].contains("token"), "{}", errors[0]);
    run.says("secret `token`: the environment variable `TOKEN` is not set");
}

#[test]
fn a_secret_that_is_too_long_is_named() {
    let _parts = Parts::take();
    let project = project("", "", "true");
    project.file("key.bin", &VALUE.repeat(50_000));
    let run = project.command(&["-vv"]).env("TOKEN", VALUE).run().with_code(1);
    println!("{:?}", run.errors());
    assert!(run.errors()[0].contains("secret `key` is longer than 500 KiB"), "{}", run.stderr);
    shows_no_value(&run);
}
