//! Builds and commands that fail: one error that names what failed, and nothing after it.

use super::harness::{Ended, PIPELINE, Parts, Project};

/// A run that fails in the first wave leaves no trace in the registry and does not start the second.
#[track_caller]
fn fails_and_pushes_nothing(parts: &Parts, project: &Project) -> Ended {
    let run = project.run().with_code(1);
    assert_eq!(run.stdout, "", "the second wave did not run, and there is no table");
    assert_eq!(run.errors().len(), 1, "{}", run.stderr);
    assert_eq!(parts.registry.tags(&project.repository), Vec::<String>::new());
    run
}

#[test]
fn a_failing_run_names_the_image_the_step_and_its_last_lines() {
    let parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "RUN exec >&2; echo first; seq 1 30; echo last; exit 7");
    let run = fails_and_pushes_nothing(&parts, &project);
    let step = "[2/2] RUN exec >&2; echo first; seq 1 30; echo last; exit 7";
    assert_eq!(run.errors(), [format!("image `app` was not built: step `{step}` failed: exit code: 7")]);
    let (_, error) = run.stderr.split_once("error: ").expect("it was just seen");
    assert!(error.ends_with("\n  │ 29\n  │ 30\n  │ last\n"), "{error}");
    assert!(!error.contains("│ first"), "only the last lines: {error}");
}

#[test]
fn an_unknown_instruction_is_named_with_its_line() {
    let parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "FROBNICATE all");
    let run = fails_and_pushes_nothing(&parts, &project);
    let place = if parts.engine_is("20") { "line 3" } else { "on line 3" };
    let cause = format!("dockerfile parse error {place}: unknown instruction: FROBNICATE");
    assert_eq!(run.errors(), [format!("image `app` was not built: {cause}")]);
}

#[test]
fn a_missing_source_of_copy_is_named() {
    let parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "COPY nowhere.txt /");
    let run = fails_and_pushes_nothing(&parts, &project);
    let colon = if parts.engine_is("20") { "" } else { ":" };
    let cause = format!("step `[2/2] COPY nowhere.txt /` failed: \"/nowhere.txt\"{colon} not found");
    assert_eq!(run.errors(), [format!("image `app` was not built: {cause}")]);
}

#[test]
fn a_missing_base_image_is_named() {
    let parts = Parts::take();
    let base = format!("{}/no-such-base:1", parts.registry.host);
    let project = Project::new(PIPELINE);
    project.file("Dockerfile", &format!("FROM {base}\nRUN true\n"));
    let run = fails_and_pushes_nothing(&parts, &project);
    let cause = format!("step `[internal] load metadata for {base}` failed: {base}: not found");
    assert_eq!(run.errors(), [format!("image `app` was not built: {cause}")]);
}

#[test]
fn a_failing_command_ends_the_run_after_the_push() {
    let parts = Parts::take();
    let failing = PIPELINE.replace(
        r#"run "echo" "the second wave ran""#,
        r#"run "sh" "-c" "echo out; echo err >&2; exit 9"; run "echo" "not this""#,
    );
    let project = Project::with_steps(&failing, "RUN true");
    let run = project.run().with_code(1);
    let command = "sh -c echo out; echo err >&2; exit 9";
    assert_eq!(run.errors(), [format!("wave `deploy`: `{command}` failed: exit code 9")]);
    assert_eq!(run.stdout.lines().next(), Some("out"));
    assert!(run.stderr.lines().any(|line| line == "err"), "{}", run.stderr);
    assert!(!run.stdout.contains("not this"));
    let digest = parts.registry.digest(&project.repository, "1").expect("the push went before");
    assert_eq!(run.cell("app", "digest"), digest);
}
