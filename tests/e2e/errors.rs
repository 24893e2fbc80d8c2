//! Errors of the engine: with the lines of the Dockerfile that they are about.

use super::harness::{BUILD_ONLY, Ended, PIPELINE, Parts, Project};

/// The lines between the error and what follows it.
fn snippet(run: &Ended) -> Vec<&str> {
    let lines = run.stderr.lines().skip_while(|line| !line.starts_with("error: ")).skip(1);
    lines.take_while(|line| !line.starts_with("  its last lines:") && !line.starts_with("  help:")).collect()
}

#[test]
fn a_failed_step_is_shown_in_its_dockerfile() {
    let _parts = Parts::take();
    let steps = "RUN true\nRUN echo first && \\\n    exit 7\nRUN false";
    let run = Project::with_steps(BUILD_ONLY, steps).run().with_code(1);
    let shown = snippet(&run).join("\n");
    for part in ["Dockerfile:4:1", " 4 │ ", "RUN echo first && \\", " 5 │ ", "exit 7", "this instruction"]
    {
        assert!(shown.contains(part), "not shown: {part}\n{}", run.stderr);
    }
    run.says("  its last lines:\n  │ first\n");
}

#[test]
fn a_mistake_in_the_dockerfile_is_shown() {
    let _parts = Parts::take();
    let run = Project::with_steps(PIPELINE, "RUN true\nRUNN true").run().with_code(1);
    let shown = snippet(&run).join("\n");
    for part in ["Dockerfile:4:1", " 4 │ RUNN true", "this instruction"] {
        assert!(shown.contains(part), "not shown: {part}\n{}", run.stderr);
    }
}

#[test]
fn a_large_dockerfile_does_not_hide_its_error() {
    let _parts = Parts::take();
    let comments = format!("# {}\n", "x".repeat(98)).repeat(2000);
    let run = Project::with_steps(BUILD_ONLY, &format!("{comments}RUN exit 7")).run().with_code(1);
    let shown = snippet(&run).join("\n");
    assert!(shown.contains(" 2003 │ RUN exit 7"), "{}", run.stderr);
    assert!(snippet(&run).len() < 8, "only its surroundings: {shown}");
}

#[test]
fn a_cache_that_cannot_be_read_is_a_warning() {
    let _parts = Parts::take();
    let with_cache = |reference: &str| {
        let cache = format!("cache {{ from = [cache.registry(other:\"{reference}\")], to = [] }}");
        let text = BUILD_ONLY.replace("cache { from = [], to = [] }", &cache);
        let other = "registry far { kind = \"oci\", host = env(\"FAR\") ?? \"\", insecure = true }\nrepository other { registry = far, name = \"x/y\" }\nimage";
        Project::with_steps(&text.replacen("image", other, 1), "RUN true")
    };
    let project = with_cache("none");
    let near = super::harness::part("CACHELANG_E2E_REGISTRY");
    project
        .command(&[])
        .env("FAR", &near)
        .run()
        .succeeded()
        .says(&format!("there is no cache at {near}/x/y:none yet"));
}
