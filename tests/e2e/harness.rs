//! What the tests share: the parts, project folders, and runs of the program in them.

pub mod certificates;
pub mod docker;
pub mod faults;
pub mod http;
pub mod image;
pub mod images;
pub mod processes;
pub mod proxy;
pub mod registry;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use docker::Engine;
use registry::Registry;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cachelang");

/// A pipeline of one image that is pushed as `1`, and a second wave that prints a line.
pub const PIPELINE: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app { args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"] }
wave build { push app }
wave deploy { run "echo" "the second wave ran" }
"#;

/// A pipeline of one image that stays in the engine.
pub const BUILD_ONLY: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app { args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"], network = "none", cache { from = [], to = [] } }
wave build { build app }
"#;

/// The value of a variable that `tests/run` sets.
pub fn part(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: this test needs real parts. Run it with `tests/run -- -E 'binary(e2e)'`, or start \
             the parts with `tests/run --setup-only` and read `target/engine/env` into this shell"
        )
    })
}

/// The parts of this run. While one exists, no other test of this process uses them.
pub struct Parts {
    pub engine: Engine,
    pub registry: Registry,
    _alone: MutexGuard<'static, ()>,
}

impl Parts {
    pub fn take() -> Self {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = Registry::at(&part("CACHELANG_E2E_REGISTRY"));
        Self { engine: Engine::at(&part("CACHELANG_E2E_ENGINE")), registry, _alone: alone }
    }
}

impl Parts {
    /// Whether the engine's name has all these words: `26`, `containerd` or `26 containerd`.
    pub fn engine_is(&self, words: &str) -> bool {
        let name = part("CACHELANG_E2E_ENGINE_NAME");
        let has =
            |word: &str| name.split(' ').any(|found| found == word || found.starts_with(&format!("{word}.")));
        words.split(' ').all(has)
    }

    /// Whether the engine is one of those that a test does not fit: the test has to end then, and `tests/run`
    /// lists it with the reason.
    #[must_use]
    pub fn skip_on(&self, words: &str, reason: &str) -> bool {
        let skipped = self.engine_is(words);
        if skipped {
            let thread = std::thread::current();
            let line = format!("{}: {reason}\n", thread.name().expect("the test runner names its threads"));
            let file = File::options().create(true).append(true).open(part("CACHELANG_E2E_SKIPPED"));
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the line can be written");
        }
        skipped
    }
}

/// A name that no other test and no earlier run has used.
pub fn unique(name: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is set");
    format!("{name}-{:x}", now.as_micros())
}

/// A folder with a `.cachefile`, and the repository that it pushes to: `HOST`, `REPOSITORY` and `BASE` in its
/// environment.
pub struct Project {
    folder: TempDir,
    pub repository: String,
}

impl Project {
    pub fn new(cachefile: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let project = Self { folder, repository: unique("e2e") };
        project.file(".cachefile", cachefile);
        project
    }

    /// A project whose image is the base image and these instructions.
    pub fn with_steps(cachefile: &str, instructions: &str) -> Self {
        let project = Self::new(cachefile);
        project.file("Dockerfile", &format!("ARG BASE\nFROM ${{BASE}}\n{instructions}\n"));
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("folders can be made");
        std::fs::write(&path, text).expect("files can be written");
        path
    }

    /// `cachelang run ARGUMENT…` in this folder.
    pub fn command(&self, arguments: &[&str]) -> Cachelang {
        let mut command = Command::new(PROGRAM);
        command.arg("run").args(arguments);
        self.prepare(command)
    }

    /// `cachelang doctor` in this folder.
    pub fn doctor(&self) -> Ended {
        self.doctor_command().run()
    }

    pub fn doctor_command(&self) -> Cachelang {
        let mut command = Command::new(PROGRAM);
        command.arg("doctor");
        self.prepare(command)
    }

    /// `cachelang cache inspect TAG` in this folder.
    pub fn inspect(&self, tag: &str) -> Ended {
        let mut command = Command::new(PROGRAM);
        command.args(["cache", "inspect", tag]);
        self.prepare(command).run()
    }

    /// `cachelang run ARGUMENT…` under a terminal: both its streams arrive as standard output.
    pub fn command_on_terminal(&self, arguments: &[&str]) -> Cachelang {
        let mut command = Command::new("script");
        let line = format!("exec \"$CACHELANG\" run {}", arguments.join(" "));
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("CACHELANG", PROGRAM);
        self.prepare(command)
    }

    /// `cachelang ARGUMENT…` in this folder.
    pub fn cachelang(&self, arguments: &[&str]) -> Cachelang {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        self.prepare(command)
    }

    fn prepare(&self, mut command: Command) -> Cachelang {
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("DOCKER_HOST", part("CACHELANG_E2E_ENGINE"))
            .env("HOST", part("CACHELANG_E2E_REGISTRY"))
            .env("BASE", part("CACHELANG_E2E_BASE"))
            .env("REPOSITORY", &self.repository)
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE");
        Cachelang(command)
    }

    pub fn run(&self) -> Ended {
        self.command(&[]).run()
    }
}

/// A command line of the program, not started yet.
pub struct Cachelang(Command);

impl Cachelang {
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.env_remove(name);
        self
    }

    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Both streams go to a disk that is full.
    pub fn with_nobody_listening(mut self) -> Self {
        let full = || std::fs::File::options().write(true).open("/dev/full").expect("there is /dev/full");
        self.0.stdout(full()).stderr(full());
        self
    }

    pub fn run(mut self) -> Ended {
        Ended::from(self.0.output().expect("the program starts"))
    }

    pub fn start(mut self) -> Child {
        self.0.spawn().expect("the program starts")
    }
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.with_code(0)
    }

    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "not said: {text}\n--- stderr\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "said: {text}\n--- stderr\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "not printed: {text}\n--- stdout\n{}", self.stdout);
        self
    }

    /// The errors of the run, each with its own first line only.
    pub fn errors(&self) -> Vec<&str> {
        self.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect()
    }

    /// The cells of an image's line in the table, by their column.
    #[track_caller]
    pub fn table(&self, image: &str) -> Vec<(String, String)> {
        // Columns are at least two blanks apart; no cell has more than one inside.
        let cells = |line: &str| -> Vec<String> {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
        };
        let mut lines = self.stdout.lines().skip_while(|line| !line.starts_with("image "));
        let header = lines.next().unwrap_or_else(|| panic!("no table:\n{}", self.stdout));
        let row = lines.map(cells).find(|cells| cells.first().is_some_and(|name| name == image));
        let row = row.unwrap_or_else(|| panic!("{image} is not in the table:\n{}", self.stdout));
        cells(header).into_iter().zip(row).collect()
    }

    #[track_caller]
    pub fn cell(&self, image: &str, column: &str) -> String {
        let found = self.table(image).into_iter().find(|(name, _)| name == column);
        found.unwrap_or_else(|| panic!("no column {column}:\n{}", self.stdout)).1
    }
}

/// Asks again and again until there is an answer.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
