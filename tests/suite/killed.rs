//! Runs that are killed, and runs that go on where they ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const FILE: &str = r#"cachelang 1
let names = ["1", "2", "3", "4", "5", "6"]
wave first {
  pre { sh "echo pre >> log" }
  stage some for name in names { sh "echo a-${name} >> log"; sh "echo b-${name} >> log" }
  stage last after some { sh "echo last >> log" }
  post { sh "echo post >> log" }
}
wave second { sh "echo c >> log"; sh "echo d >> log" }
"#;

/// What `FILE` writes.
const STEPS: usize = 17;

fn cachelang(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
    command.arg("run").args(["--progress", "quiet", "--jobs", "2"]).args(arguments);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    cachelang(folder, arguments).output().expect("the program starts")
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join(".cachefile"), FILE).expect("a file can be written");
    folder
}

/// How often each step has run.
fn log(folder: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let mut found = BTreeMap::new();
    text.lines().for_each(|line| *found.entry(line.to_owned()).or_default() += 1);
    found
}

/// What the steps write that the state says are done.
fn recorded(folder: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(folder.join(".cachelang/state.json")) else { return Vec::new() };
    let state: serde_json::Value = serde_json::from_str(&text).expect("a whole state");
    let steps = state.get("steps").and_then(serde_json::Value::as_array).expect("a list of steps");
    steps.iter().map(|step| written_by(step.as_str().expect("a step"))).collect()
}

fn written_by(step: &str) -> String {
    let (block, index) = step.rsplit_once('/').expect("a place and a number");
    match (block, index) {
        ("second", "0") => "c".to_owned(),
        ("second", _) => "d".to_owned(),
        ("first/stage last", _) => "last".to_owned(),
        _ => match block.split_once("some[\"") {
            Some((_, key)) => {
                format!("{}-{}", if index == "0" { "a" } else { "b" }, key.trim_end_matches("\"]"))
            }
            None => block.trim_start_matches("first/").to_owned(),
        },
    }
}

#[test]
fn a_killed_run_loses_no_step_and_repeats_none_that_was_done() {
    let mut cut_off = 0;
    for attempt in 0..20 {
        let project = project();
        let folder = project.path();
        let mut first =
            cachelang(folder, &["--resume"]).stderr(Stdio::null()).spawn().expect("the program starts");
        // Some before the first step, most in the middle, some behind the end.
        std::thread::sleep(Duration::from_millis(8 * attempt));
        first.kill().expect("it can be killed");
        first.wait().expect("it has ended");
        let done = recorded(folder);
        cut_off += usize::from((1..STEPS).contains(&done.len()));
        succeeded(&run(folder, &["--resume"]));
        let after = log(folder);
        assert_eq!(after.len(), STEPS, "a step is lost: {after:?}");
        for (step, count) in &after {
            // What was cut off starts again; the command itself was not killed.
            let most = if done.contains(step) { 1 } else { 2 };
            assert!(*count <= most, "`{step}` has run {count} times: {after:?}, done were {done:?}");
        }
        succeeded(&run(folder, &["--resume"]));
        assert_eq!(recorded(folder).len(), STEPS, "everything is done");
    }
    assert!(cut_off > 0, "no run was killed in the middle");
}

#[test]
fn a_second_run_in_the_folder_says_that_there_is_one() {
    let project = project();
    let folder = project.path();
    let text = "cachelang 1\nwave w { sh \"touch started; sleep 30\" }\n";
    std::fs::write(folder.join(".cachefile"), text).expect("a file can be written");
    let mut first = cachelang(folder, &[]).stderr(Stdio::null()).spawn().expect("the program starts");
    while !folder.join("started").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = run(folder, &[]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    let expected = format!("error: another run is going on here, process {}: ", first.id());
    assert!(said.starts_with(&expected), "{said}");
    let first_id = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(first_id, rustix::process::Signal::TERM).expect("it runs");
    assert_eq!(first.wait().expect("it has ended").code(), Some(130));
}

#[test]
fn approvals_and_names_have_their_exit_codes() {
    let project = project();
    let folder = project.path();
    let text = "cachelang 1\nwave deploy { stage prod { approve \"ship?\"; sh \"echo shipped >> log\" } }\n";
    std::fs::write(folder.join(".cachefile"), text).expect("a file can be written");
    for (arguments, code, said) in [
        (&[][..], 3, "error: nobody can be asked for these approvals: `deploy.prod`"),
        (
            &["--approve", "deploy.pro"],
            2,
            "error: nothing named `deploy.pro` has an `approve`\n  help: a similar name exists: `deploy.prod`",
        ),
        (
            &["deploi"],
            2,
            "error: no wave, stage or image is named `deploi`\n  help: a similar name exists: `deploy`",
        ),
        (&["--from", "none"], 2, "error: no wave, stage or image is named `none`"),
        (&["--dry-run", "--yes"], 0, ""),
        (&["deploy.prod", "--approve", "deploy.prod"], 0, ""),
    ] {
        let output = run(folder, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    assert_eq!(log(folder).get("shipped"), Some(&1));
}

#[test]
fn values_of_secrets_do_not_show() {
    let project = project();
    let folder = project.path();
    let text = r#"cachelang 1
secret token = env("TOKEN")
wave w {
  stage one {
    env = { TOKEN = token }
    sh "printf 'it is %.5s' \"$TOKEN\"; sleep 0.1; echo \"\${TOKEN#?????}\"; echo \"$TOKEN\" >&2; exit 1"
  }
  stage two { run "true" }
}
"#;
    std::fs::write(folder.join(".cachefile"), text).expect("a file can be written");
    let output =
        cachelang(folder, &["--keep-going"]).env("TOKEN", "open-sesame").output().expect("it starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout, "one: it is ***\n");
    assert!(stderr.contains("one: ***\n") && !stderr.contains("sesame"), "{stderr}");
    for file in ["state.json", "plan.json"] {
        let kept = std::fs::read_to_string(folder.join(".cachelang").join(file)).expect("it was written");
        assert!(!kept.contains("sesame"));
    }
}
