//! The cache tag: what is kept under it, and what happens when something else is there.

use serde_json::json;

use super::harness::{PIPELINE, Parts, Project, part};

const STEPS: &str = "COPY needed /\nRUN cat /needed > /dependencies\nCOPY source /";

fn project() -> Project {
    let project = Project::with_steps(PIPELINE, STEPS);
    project.file("needed", "one");
    project.file("source", "one");
    project
}

#[test]
fn a_local_image_with_the_name_of_the_cache_is_not_taken_for_it() {
    let parts = Parts::take();
    let project = project();
    parts.engine.empty();
    project.run().succeeded();
    parts.engine.empty();
    let name = format!("{}/{}:cache-app", parts.registry.host, project.repository);
    parts.engine.pull_as(&part("CACHELANG_E2E_BASE"), &name);
    project.file("source", "two");
    let run = project.run().succeeded();
    assert_eq!(run.cell("app", "cached"), "2 of 3");
    parts.engine.empty();
}

#[test]
fn a_run_leaves_no_image_with_the_name_of_its_cache() {
    let parts = Parts::take();
    let project = project();
    project.file(
        "Dockerfile",
        "ARG BASE\nFROM ${BASE} AS tools\nRUN echo tool > /tool\nFROM ${BASE}\nCOPY --from=tools /tool /\n",
    );
    project.run().succeeded().says("the next machine finds 2 of 2 steps");
    let images = parts.engine.images();
    assert!(!images.iter().any(|name| name.contains("cache-app")), "{images:?}");
}

#[test]
fn a_stage_that_the_image_only_copies_from_is_kept_too() {
    let parts = Parts::take();
    let project = project();
    let stages = "FROM ${BASE} AS tools\nCOPY needed /\nRUN cat /needed > /deps\nCOPY source /\nRUN cat /source > /tool";
    project.file("Dockerfile", &format!("ARG BASE\n{stages}\nFROM ${{BASE}}\nCOPY --from=tools /tool /\n"));
    project.run().succeeded();
    for source in ["two", "three"] {
        parts.engine.empty();
        project.file("source", source);
        let run = project.run().succeeded();
        run.says("RUN cat /needed > /deps cached").says("the next machine finds 5 of 5 steps");
    }
}

#[test]
fn an_image_that_makes_engines_crash_is_replaced() {
    let parts = Parts::take();
    let why = "docker-registry cannot turn such an image into the form that these engines ask for: the export ends the build";
    if parts.skip_on("containerd", why) {
        return;
    }
    let project = project();
    project.run().succeeded();
    let mut manifest = parts.registry.manifest(&project.repository, "1");
    let digest = manifest["config"]["digest"].as_str().expect("a digest").to_owned();
    let config = parts.registry.blob(&project.repository, &digest);
    let mut config: serde_json::Value = serde_json::from_slice(&config).expect("a config is JSON");
    config["history"] = json!([]);
    config["moby.buildkit.cache.v0"] = json!("W10=");
    let config = config.to_string();
    manifest["config"]["digest"] = json!(parts.registry.put_blob(&project.repository, &config));
    manifest["config"]["size"] = json!(config.len());
    parts.registry.put_manifest(&project.repository, "cache-app", &manifest);
    parts.engine.empty();

    let run = project.run().succeeded();
    run.says("is not read as a cache").says("the next machine finds 3 of 3 steps");

    parts.engine.empty();
    assert_eq!(project.run().succeeded().cell("app", "cached"), "3 of 3");
}

#[test]
fn a_step_that_has_to_be_cached_fails_the_run_before_anything_is_pushed() {
    let parts = Parts::take();
    let project = project();
    let required = ["--require-cached", "RUN cat*"];
    project.command(&required).run().succeeded();
    let digest = || parts.registry.digest(&project.repository, "1");
    let first = digest();
    project.file("source", "two");
    project.command(&required).run().succeeded();
    let second = digest();
    assert_ne!(first, second);

    project.file("needed", "two");
    let run = project.command(&required).run().with_code(1);
    run.says("did not come from its cache: `RUN cat /needed > /dependencies`").says("run once without it");
    assert_eq!(digest(), second, "nothing is pushed");
}

#[test]
fn a_cache_can_be_looked_at() {
    let parts = Parts::take();
    let project = project();
    project.run().succeeded();
    let cache = project.inspect("repo:cache-app").with_code(0);
    // An engine's own cache does not say what made its layers.
    let shown = if parts.engine_is("containerd") { "3 of 3 steps" } else { "RUN /bin/sh -c cat /needed" };
    cache.prints(shown);
    let name = format!("{}/{}", parts.registry.host, project.repository);
    project.inspect(&format!("{name}:cache-app")).with_code(0).prints(shown);
    project.inspect(&format!("{name}:none")).with_code(1).says("there is nothing at");
    project.inspect("other:x").with_code(2).says("the file has no repository `other`");
}
