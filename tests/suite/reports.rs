//! `cachelang run` with reports, events and CI services; the pipelines here need no engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cachelang::record::{RunRecord, State};
use expect_test::expect;
use serde_json::Value;
use tempfile::TempDir;

/// Two waves with stages; what the commands print tries to be commands of a CI service.
const PIPELINE: &str = r#"cachelang 1
wave first {
  pre { run "echo" "::add-path::/tmp/evil" }
  stage one { sh "printf 'progress\\r::error::injected\\n##[add-mask]x\\n'" }
  stage two { run "true" }
}
wave second { run "false" }
wave third { run "true" }
"#;

fn project(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(folder.path().join(".cachefile"), text).expect("the file can be written");
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
    command.arg("run").args(arguments).current_dir(folder).stdin(Stdio::null());
    for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "GITLAB_CI", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ended(command: &mut Command, code: i32) -> Output {
    let output = command.output().expect("the program was built");
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    output
}

fn record(path: &Path) -> RunRecord {
    let json = fs::read_to_string(path).expect("the report was written");
    serde_json::from_str(&json).expect("the report has the documented form")
}

#[test]
fn a_failed_run_writes_its_reports() {
    let folder = project(PIPELINE);
    ended(&mut command(folder.path(), &["--report", "a.json", "--report", "a.html"]), 1);
    let record = record(&folder.path().join("a.json"));
    let states: Vec<_> = record.waves.iter().map(|wave| (wave.name.as_str(), wave.state)).collect();
    assert_eq!(states, [("first", State::Done), ("second", State::Failed), ("third", State::Skipped)]);
    assert_eq!((record.outcome, record.errors.len()), (State::Failed, 1));
    let names: Vec<_> =
        record.waves[0].stages.iter().map(|stage| (stage.name.as_deref(), stage.state)).collect();
    assert_eq!(names, [Some("pre"), Some("one"), Some("two")].map(|name| (name, State::Done)));
    let page = fs::read_to_string(folder.path().join("a.html")).expect("the page was written");
    assert!(page.contains("exit code 1") && page.contains("<b>stage</b> two"), "{page}");
}

#[test]
fn an_interrupted_run_writes_its_report() {
    let folder = project("cachelang 1\nwave w { run \"sleep\" \"60\" }\n");
    let mut child = command(folder.path(), &["--report", "a.json", "--events", "events"])
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was built");
    let events = folder.path().join("events");
    while !fs::read_to_string(&events).unwrap_or_default().contains("command_started") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let record = record(&folder.path().join("a.json"));
    let step = &record.waves[0].stages[0].steps[0];
    assert_eq!((record.outcome, step.state), (State::Cancelled, State::Cancelled));
    let last = fs::read_to_string(&events).expect("the events were written");
    assert!(last.lines().last().is_some_and(|line| line.contains("\"outcome\":\"cancelled\"")), "{last}");
}

#[test]
fn events_are_all_that_standard_output_has_then() {
    let folder = project(PIPELINE);
    let output = ended(&mut command(folder.path(), &["--events", "-", "--progress", "quiet"]), 1);
    let events: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(events.iter().all(|event| event["time"].is_string() && event["event"].is_string()));
    let lines = events.iter().filter(|event| event["event"] == "command_output" && event["stage"] == "one");
    let lines: Vec<_> =
        lines.map(|event| format!("{} {} {}", event["wave"], event["step"], event["line"])).collect();
    expect![[r###"
        "first" 0 "progress\r::error::injected"
        "first" 0 "##[add-mask]x""###]]
    .assert_eq(&lines.join("\n"));
    assert!(text(&output.stderr).contains("::add-path::/tmp/evil"), "the output of commands is still seen");
}

#[test]
fn on_github_there_are_groups_annotations_and_a_summary_and_nothing_else_is_obeyed() {
    let folder = project(PIPELINE);
    let summary = folder.path().join("summary.md");
    let mut command = command(folder.path(), &[]);
    let output = ended(command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary), 1);
    // What the runner would obey, in the lines that it sees.
    let both = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    let obeyed = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    let obeyed: Vec<_> = both.split(['\r', '\n']).filter(obeyed).collect();
    expect![[r#"
        ::group::wave first
        ::endgroup::
        ::group::wave second
        ::endgroup::
        ::error title=cachelang::wave `second`: `false` failed: exit code 1"#]]
    .assert_eq(&obeyed.join("\n"));
    assert!(both.contains(": :add-path::/tmp/evil"), "{both}");
    let summary = fs::read_to_string(summary).expect("the summary was written");
    assert!(summary.contains("| second | failed |") && summary.contains("> **error:** wave"), "{summary}");
}

#[test]
fn on_gitlab_waves_are_sections() {
    let folder = project("cachelang 1\nwave w { sh \"printf '\\\\033[0Ksection_end:1:wave_w\\\\r'\" }\n");
    let output = ended(command(folder.path(), &[]).env("GITLAB_CI", "true"), 0);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    for start in ["\x1b[0Ksection_start:", "\x1b[0Ksection_end:"] {
        assert_eq!(stderr.matches(start).count(), 1, "{stderr:?}");
        assert!(!stdout.contains(start), "{stdout:?}");
    }
}

#[test]
fn what_cannot_be_written_is_said_before_the_run() {
    let folder = project("cachelang 1\nwave w { run \"touch\" \"ran\" }\n");
    for (arguments, words) in [
        (["--report", "none/a.json"], "cannot write none/a.json (there is no such folder)"),
        (["--report", "a.txt"], "the name has to end with .json or .html"),
        (["--events", "none/events"], "cannot write none/events"),
    ] {
        let output = ended(&mut command(folder.path(), &arguments), 2);
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    assert!(!folder.path().join("ran").exists());
}

/// The paths of all keys; what stands at several places is described once.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let path = match path {
        "waves[].stages[].steps[].tasks[]" => "tasks[]",
        path if path.ends_with(".lapse") => "lapse",
        path => path,
    };
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let inner = format!("{path}.{key}").trim_start_matches('.').to_owned();
                found.insert(inner.clone());
                keys(value, &inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_report_is_documented() {
    let document = fs::read_to_string("docs/report-schema.md").expect("the document is there");
    let report = document.split("## Events").next().unwrap_or_default();
    let rows = report.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    let mut found = BTreeSet::new();
    let everything = serde_json::from_str(include_str!("record/everything.json")).expect("it is JSON");
    keys(&everything, "", &mut found);
    assert_eq!(found, documented);
}

#[test]
fn every_event_is_documented() {
    let document = fs::read_to_string("docs/report-schema.md").expect("the document is there");
    let events = document.split("## Events").nth(1).expect("there is a section for events");
    let documented: BTreeSet<_> =
        events.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let source = fs::read_to_string("src/record/events.rs").expect("the source is there");
    let is_word = |word: &&str| word.contains('_') || *word == "promoted" || *word == "approved";
    let is_event = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let names: BTreeSet<_> = source
        .split(['(', ' ', '\n'])
        .filter_map(|part| part.strip_prefix('"')?.strip_suffix("\","))
        .filter(is_event)
        .filter(is_word)
        .collect();
    assert_eq!(names, documented);
}
