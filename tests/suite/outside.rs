//! What is outside of a file may be endless, silent or too much.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use cachelang::environment::{Environment, PathKind};
use cachelang::source::SourceMap;

/// Runs the program in a folder, and returns its exit code and what it says.
fn run(folder: &Path, arguments: &[&str], stdin: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
    let output = command.args(arguments).current_dir(folder).stdin(stdin).output().expect("it was built");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn endless_files_are_given_up() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for command in ["check", "plan", "list", "fmt"] {
        let zero = File::open("/dev/zero").expect("there are zeros");
        let said = "error: cannot read standard input (larger than the limit of 64 MiB)\n";
        assert_eq!(run(folder.path(), &[command, "-"], zero), (Some(2), said.to_owned()), "{command}");
    }
    let said = "error: cannot read /dev/zero (larger than the limit of 64 MiB)\n";
    assert_eq!(run(folder.path(), &["check", "/dev/zero"], Stdio::null()), (Some(2), said.to_owned()));
}

#[test]
fn pipes_beside_files_are_not_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let at = |name: &str| folder.path().join(name);
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a pipe can be made");
    let file = |value: &str| {
        format!(
            "cachelang 1\nimage a {{ dockerfile_inline = \"FROM scratch\", labels = {{ v = {value} }} }}\n\
             wave build {{ build a }}\n"
        )
    };
    for (value, code, said) in [
        ("hash_files([\"*\"])", 0, ": no problems"),
        ("hash_files([\"pi*\"])", 2, "error[E0411]: no file matches"),
        ("read(\"pipe\")", 2, "note: not a file, but a device, a pipe or a socket"),
    ] {
        fs::write(at(".cachefile"), file(value)).expect("the file can be written");
        let (ended, stderr) = run(folder.path(), &["check"], Stdio::null());
        assert_eq!(ended, Some(code), "{value}: {stderr}");
        assert!(stderr.contains(said), "{value}: {stderr}");
    }
}

/// Every path is a file without items.
struct EmptyFiles;

impl Environment for EmptyFiles {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn path_kind(&self, _: &Path) -> Option<PathKind> {
        Some(PathKind::File)
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&b"cachelang 1\n"[..]))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

#[test]
fn a_program_has_a_thousand_files() {
    for (included, expected) in [(999, 0), (1_000, 1), (1_100, 1)] {
        let includes: String =
            (0..included).map(|index| format!("include \"{index}.cachefile\"\n")).collect();
        let mut sources = SourceMap::new();
        let file = sources.add(".cachefile", "/p/.cachefile", &format!("cachelang 1\n{includes}"));
        let (_, found) = cachelang::check(&mut sources, file, &EmptyFiles);
        let found: Vec<_> = found.iter().map(|one| (one.code.as_str(), one.message.as_str())).collect();
        assert_eq!(found, vec![("E0012", "more than 1000 files are included"); expected], "{included}");
    }
}
