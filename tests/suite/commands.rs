//! `cachelang check` and `cachelang explain`, as they are called.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the program in a folder, with a text on standard input.
fn run(folder: &Path, arguments: &[&OsStr], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cachelang"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CLICOLOR_FORCE")
        .env("GITHUB_ACTIONS", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    // A program that does not read its input closes it.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `cachelang check` of a text in a file, with what is in the file afterwards.
fn check(text: impl AsRef<[u8]>, arguments: &[&str]) -> (Ended, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join(".cachefile");
    fs::write(&file, text).expect("the file can be written");
    let arguments: Vec<_> = ["check"].iter().chain(arguments).map(OsStr::new).collect();
    let ended = run(folder.path(), &arguments, "");
    let entries = folder.path().read_dir().map(Iterator::count).ok();
    assert_eq!(entries, Some(1), "nothing is left beside the file");
    (ended, fs::read(&file).expect("the file is still there"))
}

const GOOD: &str = "cachelang 1\nparam _x: string\nwave w { run \"true\" }\n";
const WARNING: &str = "cachelang 1\nlet x = 1\n";
const ERROR: &str = "cachelang 1\nlet x = 1\nlet _y = z\n";
const FIXABLE: &str = "// mine\nwave w { run 'true' { timeout = 5min } }\n";

#[test]
fn exit_codes_and_streams_of_check() {
    let (ended, _) = check(GOOD, &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert_eq!(ended.stderr, ".cachefile: no problems\n", "a param without a value is no problem");
    for format in ["json", "github"] {
        let (ended, _) = check(GOOD, &["--format", format]);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""), "{format}");
    }
    let (ended, _) = check(WARNING, &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert!(ended.stderr.contains("warning[W0209]"), "{}", ended.stderr);
    let (ended, _) = check(WARNING, &["--deny", "warnings", "--format", "json"]);
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(2), 1));
    assert_eq!(ended.stderr, "error: warnings are not allowed (--deny warnings)\n");
    let (ended, _) = check(ERROR, &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("error[E0201]"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("more about a code: cachelang explain E0201\n"), "{}", ended.stderr);
    let (ended, _) = check(format!("{ERROR}let _a = 1 + 1\n"), &[]);
    assert!(ended.stderr.ends_with("cachelang explain E0201\n"), "the first error: {}", ended.stderr);
    let (ended, _) = check(ERROR, &["--format", "github"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), ""));
    assert!(
        ended.stdout.starts_with("::error file=.cachefile,line=3,col=10,title=E0201::"),
        "{}",
        ended.stdout
    );
}

#[test]
fn params_and_the_limit_of_check() {
    let text = "cachelang 1\nparam n: int\nwave w { run \"true\" { retries = n } }\n";
    assert_eq!(check(text, &["--param", "n=2"]).0.code, Some(0));
    let (ended, _) = check(text, &["--param", "n=two"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("error[E0308]"), "{}", ended.stderr);
    assert!(check(text, &["--param", "m=2"]).0.stderr.starts_with("error: no param named `m`\n"));
    let many: String = (0..30).map(|index| format!("let _v{index} = unknown\n")).collect();
    let many = format!("cachelang 1\n{many}");
    let count = |ended: &Ended| ended.stderr.matches("error[E0201]").count();
    let (ended, _) = check(&many, &[]);
    assert_eq!(count(&ended), 25);
    assert!(ended.stderr.contains("… and 5 more (--all-errors)"), "{}", ended.stderr);
    assert_eq!(count(&check(&many, &["--all-errors"]).0), 30);
    assert_eq!(check(&many, &["--format", "json"]).0.stdout.lines().count(), 30);
}

#[test]
fn fixing_a_file() {
    let fixed = "cachelang 1\n\n# mine\nwave w { run \"true\" { timeout = 5m } }\n";
    let (ended, after) = check(FIXABLE, &["--fix"]);
    assert_eq!(String::from_utf8_lossy(&after), fixed);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert_eq!(ended.stderr, "fixed 4 problems in .cachefile\n.cachefile: no problems\n");
    let (ended, after) = check(format!("\u{feff}{FIXABLE}"), &["--fix", "--format", "json"]);
    assert_eq!(String::from_utf8_lossy(&after), format!("\u{feff}{fixed}"), "a byte order mark stays");
    assert_eq!(ended.stdout, "", "nothing is left to say");
    let (ended, after) = check(ERROR, &["--fix"]);
    assert_eq!((ended.code, String::from_utf8_lossy(&after).as_ref()), (Some(2), ERROR));
    assert!(!ended.stderr.contains("fixed"), "{}", ended.stderr);
    let broken = [FIXABLE.as_bytes(), b"# \xff\n"].concat();
    let (ended, after) = check(&broken, &["--fix"]);
    assert_eq!((ended.code, after), (Some(2), broken), "bytes that are no text are not lost");
}

#[test]
fn standard_input_is_checked_and_fixed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let run = |arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
        run(folder.path(), &arguments, FIXABLE)
    };
    let ended = run(&["check", "-"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("[<stdin>:1:1]"), "{}", ended.stderr);
    let ended = run(&["check", "-", "--fix"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, "cachelang 1\n\n# mine\nwave w { run \"true\" { timeout = 5m } }\n");
    assert_eq!(ended.stderr, "fixed 4 problems in <stdin>\n<stdin>: no problems\n");
    let ended = run(&["check", "-", "--fix", "--format", "json"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "two texts on one stream");
    assert_eq!(run(&["check", "-", "-f", ".cachefile"]).code, Some(2));
}

#[test]
fn a_name_of_a_file_steers_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let name = "a\u{1b}[31m\n::error::x\u{9b}.cachefile";
    fs::write(folder.path().join(name), ERROR).expect("the file can be written");
    for arguments in [
        &["check", name][..],
        &["check", name, "--format", "github"],
        &["check", name, "--format", "json"],
        &["check", "--", "missing\u{1b}]0;x\u{7}"],
        &["check", name, "--param", "x\u{1b}=1"],
        &["explain", "\u{1b}[31m"],
    ] {
        let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
        let ended = run(folder.path(), &arguments, "");
        assert_eq!(ended.code, Some(2));
        let output = ended.stdout + &ended.stderr;
        assert!(!output.contains(|one: char| one.is_control() && one != '\n'), "{output:?}");
        assert!(!output.lines().any(|line| line.starts_with("::error::")), "{output}");
    }
}

#[test]
fn codes_are_explained() {
    let explain = |arguments: &[&str]| {
        let arguments: Vec<_> = ["explain"].iter().chain(arguments).map(OsStr::new).collect();
        run(Path::new("."), &arguments, "")
    };
    let page = fs::read_to_string("docs/errors/E0201.md").expect("the page is there");
    for code in ["E0201", "e0201"] {
        let ended = explain(&[code]);
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), page.as_str(), ""));
    }
    let all = explain(&[]);
    assert_eq!((all.code, all.stdout.lines().count()), (Some(0), cachelang::diag::Code::ALL.len()));
    assert!(all.stdout.contains("\nE0201  there is nothing with this name\n"), "{}", all.stdout);
    let ended = explain(&["E201"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert_eq!(ended.stderr, "error: no code `E201`\n  help: write `cachelang explain E0201`\n");
}
