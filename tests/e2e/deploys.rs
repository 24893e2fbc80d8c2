//! Deploys on machines that are new each time: which steps they execute, and that what they push is right.
//!
//! What is measured is what a user sees: the lines of the program, and the images in the registry. A step of the
//! dependencies also writes a number that is another one each time, so that an image tells whether it was executed.

mod alternating;
mod branches;
mod lambda;
mod stages;

use std::fmt::Write as _;

use super::harness::docker::Engine;
use super::harness::image::{Image, Images};
use super::harness::{Cachelang, Ended, Parts, Project, part};

/// An image without a `cache` block, pushed under the commit and as `latest`.
const AUTOMATIC: &str = r#"cachelang 1
param commit: string = env("COMMIT_ID") ?? "dev"
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app { args = { BASE = env("BASE") ?? "" }, network = "none", tags = [repo:commit, repo:"latest"] }
wave build { push app }
"#;

/// Writes a number that no other execution writes.
const STAMP: &str = "cat /proc/sys/kernel/random/uuid";

/// How many deploys a series has.
const DEPLOYS: usize = 8;

/// What a deploy did with the instructions of the Dockerfile. One that nothing needed is in neither list.
#[derive(Debug)]
struct Deployed {
    executed: Vec<String>,
    cached: Vec<String>,
    image: Image,
}

impl Deployed {
    /// The instructions that were executed and begin with one of these words.
    fn executed_of(&self, instructions: &[&str]) -> Vec<&str> {
        let found = self.executed.iter().map(String::as_str);
        found.filter(|step| instructions.iter().any(|instruction| step.starts_with(instruction))).collect()
    }
}

/// A project that is deployed again and again.
struct Series<'a> {
    parts: &'a Parts,
    images: Images<'a>,
    project: Project,
    deploys: usize,
    /// The run of a deploy: the program with its commit.
    command: fn(&Project, &str) -> Cachelang,
    /// Where the source is in the image.
    source: &'static str,
    /// What each deploy did, and all that the last one said: a failing test shows them.
    history: String,
    said: String,
}

impl<'a> Series<'a> {
    fn new(parts: &'a Parts, project: Project, source: &'static str) -> Self {
        let images = Images::of(&parts.registry);
        let command = |project: &Project, commit: &str| project.command(&[]).env("COMMIT_ID", commit);
        Self {
            parts,
            images,
            project,
            deploys: 0,
            command,
            source,
            history: String::new(),
            said: String::new(),
        }
    }

    /// A series of [`AUTOMATIC`] on the small base image.
    fn of(parts: &'a Parts, instructions: &str, source: &'static str) -> Self {
        let mut series = Self::new(parts, Project::with_steps(AUTOMATIC, instructions), source);
        series.command = |project, commit| {
            let command = project.command(&[]).env("COMMIT_ID", commit);
            command.env("BASE", part("CACHELANG_E2E_BASE_SHELL"))
        };
        series
    }

    /// Changes the source and deploys it on an emptied engine.
    #[track_caller]
    fn deploy(&mut self) -> Deployed {
        self.deploy_on(&self.parts.engine)
    }

    #[track_caller]
    fn deploy_on(&mut self, engine: &Engine) -> Deployed {
        engine.empty();
        self.deploys += 1;
        let commit = format!("commit-{}", self.deploys);
        let source = format!("VERSION = '{commit} of {}'\n", self.project.repository);
        self.project.file("src/app.py", &source);
        let run =
            (self.command)(&self.project, &commit).env("DOCKER_HOST", engine.address()).run().succeeded();
        let image = self.images.image(&self.project.repository, &commit);
        assert_eq!(image.text(self.source), source, "the image has the source of {commit}");
        let (executed, cached) = steps(&run);
        assert!(!executed.is_empty(), "the source has changed:\n{}", run.stderr);
        let _ = writeln!(self.history, "{commit}: executed {executed:?}\n    cached {cached:?}");
        self.said = run.stderr;
        Deployed { executed, cached, image }
    }

    /// Fails if a deploy has executed one of these instructions.
    #[track_caller]
    fn assert_cached(&self, deployed: &Deployed, instructions: &[&str]) {
        let executed = deployed.executed_of(instructions);
        assert!(
            executed.is_empty(),
            "deploy {} executed {executed:?}; all of them:\n{}--- stderr of this one\n{}",
            self.deploys,
            self.history,
            self.said
        );
    }
}

/// The instructions that were executed, and those from the cache: `  app: [build 2/3] RUN make done in 0.1 s`. One
/// that was executed once was not cached.
fn steps(run: &Ended) -> (Vec<String>, Vec<String>) {
    let (mut executed, mut cached) = (Vec::new(), Vec::new());
    for line in run.stderr.lines() {
        let Some((_, step)) = line.split_once(": [").and_then(|(_, step)| step.split_once("] ")) else {
            continue;
        };
        if let Some((step, _)) = step.rsplit_once(" done in ") {
            executed.push(step.to_owned());
        } else if let Some(step) = step.strip_suffix(" cached") {
            cached.push(step.to_owned());
        }
    }
    cached.retain(|step| !executed.contains(step));
    (executed, cached)
}
