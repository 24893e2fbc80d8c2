//! `cachelang fmt`, the program.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const UGLY: &str = "cachelang 1\nlet  a=1\n";
const PRETTY: &str = "cachelang 1\n\nlet a = 1\n";

fn fmt(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
    command.arg("fmt").args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    stdin.write_all(input).expect("it reads its input, or leaves it");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The exit code and both streams.
fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the output is UTF-8");
    (output.status.code().expect("no signal ended it"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_nearest_file_is_formatted_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join(".cachefile");
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    fs::write(&file, UGLY).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();

    let (code, stdout, stderr) = outcome(&fmt(&below, &[], b""));
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(stderr.starts_with("formatted ") && stderr.ends_with(".cachefile\n"), "{stderr}");
    assert_eq!(fs::read_to_string(&file).unwrap(), PRETTY);
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);

    assert_eq!(outcome(&fmt(folder.path(), &[], b"")), (0, String::new(), String::new()));
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), metadata.modified().unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn links_are_followed_and_read_only_files_are_kept() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (file, link) = (folder.path().join("real"), folder.path().join(".cachefile"));
    fs::write(&file, UGLY).unwrap();
    symlink("real", &link).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let (code, _, stderr) = outcome(&fmt(folder.path(), &[], b""));
    assert_eq!((code, stderr.as_str()), (2, "error: cannot write .cachefile (permission denied)\n"));
    assert_eq!(fs::read_to_string(&file).unwrap(), UGLY);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(outcome(&fmt(folder.path(), &["-f", ".cachefile"], b"")).0, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), PRETTY);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn check_shows_what_would_change() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("a"), UGLY).unwrap();
    fs::write(folder.path().join("b"), PRETTY).unwrap();
    fs::write(folder.path().join("c"), format!("\u{feff}{}", PRETTY.replace('\n', "\r\n"))).unwrap();
    let (code, stdout, stderr) = outcome(&fmt(folder.path(), &["--check", "a", "b"], b""));
    let expected =
        "a is not formatted\n--- a\n+++ formatted\n@@ -1,2 +1,3 @@\n cachelang 1\n-let  a=1\n+\n+let a = 1\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (1, expected, ""));
    assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), UGLY);
    assert_eq!(outcome(&fmt(folder.path(), &["--check", "b"], b"")), (0, String::new(), String::new()));
    let (code, stdout, _) = outcome(&fmt(folder.path(), &["--check", "c"], b""));
    assert!(code == 1 && stdout.starts_with("c is not formatted\n"), "{stdout}");
}

#[test]
fn broken_files_stay_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (broken, binary, good) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    fs::write(&broken, "cachelang 1\nlet a = [\n").unwrap();
    fs::write(&binary, b"cachelang 1\nlet  a=\"\xff\"\n").unwrap();
    fs::write(&good, UGLY).unwrap();
    let (code, stdout, stderr) = outcome(&fmt(folder.path(), &["a", "b", "c", "missing"], b""));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("error[E0007]"), "{stderr}");
    assert!(stderr.contains("b is not UTF-8 from byte 21 on"), "{stderr}");
    assert!(stderr.contains("missing"), "{stderr}");
    assert_eq!(fs::read_to_string(&broken).unwrap(), "cachelang 1\nlet a = [\n");
    assert_eq!(fs::read(&binary).unwrap(), b"cachelang 1\nlet  a=\"\xff\"\n");
    assert_eq!(fs::read_to_string(&good).unwrap(), PRETTY, "the others are formatted all the same");
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let run = |arguments: &[&str], input: &str| outcome(&fmt(folder.path(), arguments, input.as_bytes()));
    assert_eq!(run(&["-"], UGLY), (0, PRETTY.to_owned(), String::new()));
    assert_eq!(run(&["-"], PRETTY), (0, PRETTY.to_owned(), String::new()));
    let (code, stdout, _) = run(&["-", "--check"], UGLY);
    assert!(code == 1 && stdout.starts_with("<stdin> is not formatted\n"), "{stdout}");
    assert_eq!(run(&["-"], "let a = [").0, 2);
}
