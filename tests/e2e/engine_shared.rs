//! What other runs and other registries leave in an engine must not decide what is pushed.

use super::harness::registry::Registry;
use super::harness::{PIPELINE, Parts, Project, eventually, part};

/// The second wave waits until the test lets it go on: that is where another run comes in between.
const SLOW: &str = r#"cachelang 1
param commit: string
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app {
  args = { BASE = env("BASE") ?? "", COMMIT = commit }
  tags = [repo:commit, repo:"latest"]
}
wave build { build app }
wave between { sh "touch built-${commit}; while [ -e wait-${commit} ]; do sleep 0.1; done; [ ! -e fail-${commit} ]" }
wave push { push app }
"#;

/// A run with `commit=one`. Between its build and its push, another run builds `commit=two` and fails.
fn overtaken() -> Project {
    let project = Project::with_steps(SLOW, "ARG COMMIT\nRUN echo $COMMIT > /commit");
    project.file(".dockerignore", "*\n");
    project.file("wait-one", "");
    project.file("fail-two", "");
    let mut first = project.command(&["--param", "commit=one"]).start();
    eventually("the first run has built", || project.path("built-one").exists().then_some(()));
    project.command(&["--param", "commit=two"]).run().with_code(1);
    std::fs::remove_file(project.path("wait-one")).expect("the first run may go on");
    assert!(first.wait().expect("the first run ends").success());
    project
}

#[test]
fn a_run_pushes_its_own_image_even_if_another_run_took_the_name() {
    let parts = Parts::take();
    let project = overtaken();
    let digest = |tag| parts.registry.digest(&project.repository, tag);
    assert_eq!(digest("latest"), Some(digest("one").expect("the first run has pushed")));
    assert_eq!(digest("two"), None);
}

#[test]
fn a_run_writes_its_own_cache_even_if_another_run_took_the_name() {
    let parts = Parts::take();
    if parts.skip_on("containerd", "every build writes the cache; nothing of it is written later") {
        return;
    }
    let project = overtaken();
    let layers = |tag| parts.registry.layers(&project.repository, tag);
    assert_eq!(layers("cache-app"), layers("one"));
}

#[test]
fn an_image_without_tags_can_be_built() {
    let _parts = Parts::take();
    let cachefile =
        "cachelang 1\nimage app { args = { BASE = env(\"BASE\") ?? \"\" } }\nwave build { build app }\n";
    let project = Project::with_steps(cachefile, "RUN true");
    let run = project.command(&[]).run().succeeded();
    assert_eq!(run.cell("app", "digest"), "–");
}

#[test]
fn a_base_image_behind_a_password_is_read_with_the_login_of_the_machine() {
    let parts = Parts::take();
    let (host, user) = (part("CACHELANG_E2E_REGISTRY_AUTH"), part("CACHELANG_E2E_REGISTRY_USER"));
    let password = part("CACHELANG_E2E_REGISTRY_PASSWORD");
    let base = Project::with_steps(PIPELINE, "RUN echo base > /base");
    let config = format!(r#"{{"auths":{{"{host}":{{"username":"{user}","password":"{password}"}}}}}}"#);
    base.file("docker/config.json", &config);
    base.command(&[]).env("HOST", &host).env("DOCKER_CONFIG", base.path("docker")).run().succeeded();
    let found = Registry::with_login(&host, &user, &password).digest(&base.repository, "1");
    assert!(found.is_some(), "the base image is in the registry");

    let project = Project::with_steps(PIPELINE, "RUN cat /base");
    let reference = format!("{host}/{}@{}", base.repository, found.unwrap_or_default());
    let run = |docker: &str| {
        project.command(&[]).env("BASE", &reference).env("DOCKER_CONFIG", base.path(docker)).run()
    };
    parts.engine.empty();
    run("nowhere").with_code(1).says("load metadata");
    run("docker").succeeded();
}
