//! Mistakes in the file and on the command line: exit code 2, and nothing is built.

use super::harness::{Ended, PIPELINE, Parts, Project};

/// The run of a file with a mistake says where it is; nothing gets as far as the registry.
#[track_caller]
fn reports(mistake: (&str, &str), expected: &[&str]) {
    let parts = Parts::take();
    let (right, wrong) = mistake;
    assert!(PIPELINE.contains(right), "{right}");
    let project = Project::with_steps(&PIPELINE.replace(right, wrong), "RUN true");
    let run = is_wrong(project.run());
    for text in expected {
        assert!(run.stderr.contains(text), "not said: {text}\n{}", run.stderr);
    }
    assert_eq!(parts.registry.tags(&project.repository), Vec::<String>::new());
}

#[track_caller]
fn is_wrong(run: Ended) -> Ended {
    let run = run.with_code(2).does_not_say("building").does_not_say("panicked");
    assert_eq!(run.stdout, "");
    run
}

#[test]
fn a_wrong_attribute_is_shown_with_the_right_one() {
    reports(
        ("tags = [", "tag = ["),
        &[
            "error[E",
            "`image` has no attribute `tag`",
            ".cachefile:4:",
            " 4 │ image app {",
            "help:",
            "`tags`",
        ],
    );
}

#[test]
fn a_wrong_type_is_shown_with_the_expected_one() {
    reports(
        (r#"tags = [repo:"1"]"#, r#"tags = [repo:"1"], pull = "yes""#),
        &["error[E", "bool", "string", ".cachefile:4:", " 4 │ image app {"],
    );
}

#[test]
fn an_unknown_name_is_shown_with_a_similar_one() {
    reports(
        ("push app", "push ap"),
        &["error[E", "`ap`", ".cachefile:5:19", " 5 │ wave build { push ap }", "help:", "`app`"],
    );
}

#[test]
fn a_syntax_error_is_shown_where_it_is() {
    reports(
        ("wave build { push app }", "wave build { push app"),
        &["error[E", ".cachefile:5:", " 5 │ wave build {"],
    );
}

#[test]
fn a_param_that_does_not_exist_is_an_error_with_a_similar_one() {
    let _parts = Parts::take();
    let project = Project::with_steps(
        &PIPELINE
            .replace("registry main", "param commit: string = \"dev\"\nregistry main")
            .replace("repo:\"1\"", "repo:commit"),
        "RUN true",
    );
    let run = is_wrong(project.command(&["--param", "comit=1"]).run());
    run.says("error: no param named `comit`").says("help: a param with a similar name exists: `commit`");
}

#[test]
fn a_param_gives_a_tag_its_name() {
    let parts = Parts::take();
    let text = PIPELINE.replace("registry main", "param commit: string = \"dev\"\nregistry main");
    let project = Project::with_steps(&text.replace("repo:\"1\"", "repo:commit"), "RUN true");
    project.command(&["--param", "commit=abc=def"]).run().with_code(2);
    project.command(&["--param", "commit=abc"]).run().succeeded();
    assert!(parts.registry.digest(&project.repository, "abc").is_some());
}

#[test]
fn a_param_without_a_value_is_a_wrong_command_line() {
    let _parts = Parts::take();
    let project = Project::new(PIPELINE);
    is_wrong(project.command(&["--param", "commit"]).run()).says("expected NAME=VALUE");
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let _parts = Parts::take();
    let project = Project::new(PIPELINE);
    is_wrong(project.command(&["-f", "other.cachefile"]).run()).says("other.cachefile");
    let empty = tempfile::tempdir().expect("a temporary folder can be made");
    let run = is_wrong(project.command(&[]).in_folder(empty.path()).run());
    run.says(&format!("error: no `.cachefile` in {} or a folder above", empty.path().display()));
}

#[test]
fn a_missing_dockerfile_is_found_before_the_run() {
    let _parts = Parts::take();
    let project = Project::new(PIPELINE);
    is_wrong(project.run()).says("image `app` has no Dockerfile").says("help:");
}

#[test]
fn a_file_by_its_name_is_relative_to_here_and_its_paths_to_itself() {
    let parts = Parts::take();
    let project = Project::new("not this one");
    project.file("deploy/app.cachefile", PIPELINE);
    project.file("deploy/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY here.txt /\n");
    project.file("deploy/here.txt", "here");
    project.command(&["-f", "deploy/app.cachefile"]).run().succeeded();
    assert!(parts.registry.digest(&project.repository, "1").is_some());
}

#[test]
fn the_file_of_a_parent_folder_is_found() {
    let parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "COPY src/deep/here.txt /");
    let folder = project.file("src/deep/here.txt", "here").parent().expect("it has a folder").to_owned();
    project.command(&[]).in_folder(&folder).run().succeeded();
    assert!(parts.registry.digest(&project.repository, "1").is_some());
}

#[test]
fn the_exit_code_is_the_same_if_nothing_can_be_written() {
    let _parts = Parts::take();
    let project = Project::new(&PIPELINE.replace("push app", "push ap"));
    for arguments in [&[][..], &["-vv"], &["--param", "commit=1"], &["--progress", "tty"]] {
        project.command(arguments).with_nobody_listening().run().with_code(2);
    }
    project.command(&["-f", "other.cachefile"]).with_nobody_listening().run().with_code(2);
}
