//! Deploys of a Lambda image on machines that are new each time: the recipe that teams have for `docker build`, and
//! `cachelang run`.
//!
//! `tests/run --recipe --engines all` starts the parts, and gives the table of docs/performance.md. Each deploy is on
//! an emptied engine and changes only the source. The registry is asked through a proxy that counts bytes.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a measurement starts programs and prints what it finds; the harness of the tests has more than it needs"
)]

#[path = "recipe/counted.rs"]
mod counted;
#[path = "../e2e/harness/docker.rs"]
mod docker;
#[path = "../e2e/harness/http.rs"]
mod http;
#[path = "../e2e/harness/registry.rs"]
mod registry;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use counted::Counted;
use docker::Engine;
use registry::Registry;
use tempfile::TempDir;

/// Deploys of each way; the first one finds no cache.
const DEPLOYS: usize = 5;

const CACHEFILE: &str = r#"cachelang 1
param commit: string = env("COMMIT_ID") ?? "dev"
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image lambda {
  args = { BASE = env("BASE") ?? "", INDEX = env("INDEX") ?? "" }
  network = "host"
  tags = [repo:commit, repo:"latest"]
}
wave build { push lambda }
"#;

const DOCKERFILE: &str = r#"ARG BASE
FROM ${BASE}
COPY requirements.txt .
ARG INDEX
RUN pip install --no-cache-dir --find-links "${INDEX}" -r requirements.txt --target "${LAMBDA_TASK_ROOT}"
ADD ./src ${LAMBDA_TASK_ROOT}
CMD ["app.app"]
"#;

/// The recipe. The program of the distribution can talk to BuildKit without a plugin.
const RECIPE: &str = r#"export DOCKER_BUILDKIT=1 PATH=/usr/bin:$PATH
docker pull "$REPO:latest" || true
docker build --network host --build-arg BASE="$BASE" --build-arg INDEX="$INDEX" \
  --build-arg BUILDKIT_INLINE_CACHE=1 --cache-from "$REPO:latest" -t "$REPO:latest" -t "$REPO:$COMMIT_ID" . &&
docker push "$REPO:latest" && docker push "$REPO:$COMMIT_ID"
"#;

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Recipe,
    Cachelang,
}

struct Deploy {
    /// Both steps of the dependencies are those of the deploy before.
    hit: bool,
    elapsed: Duration,
    pulled: u64,
    pushed: u64,
}

fn main() {
    let engine = Engine::at(&part("CACHELANG_E2E_ENGINE"));
    let name = part("CACHELANG_E2E_ENGINE_NAME");
    let mut recipe = None;
    for way in [Way::Recipe, Way::Cachelang] {
        let deploys = series(&engine, way);
        let row = Row::of(&deploys);
        println!("{}", row.shown(&name, way, recipe.as_ref()));
        recipe = recipe.or(Some(row));
    }
}

/// The value of a variable that `tests/run` sets.
fn part(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this with `tests/run --recipe`"))
}

fn series(engine: &Engine, way: Way) -> Vec<Deploy> {
    let registry = Counted::before(&part("CACHELANG_E2E_REGISTRY"));
    let repository = format!("recipe-{}", registry.host.replace(':', "-"));
    let folder = project();
    let mut layers = Vec::new();
    let mut deploys: Vec<Deploy> = Vec::new();
    for number in 1..=DEPLOYS {
        let commit = format!("commit-{number}");
        let source = format!("COMMIT = '{commit}'\n");
        std::fs::write(folder.path().join("src/app.py"), source).expect("files can be written");
        engine.empty();
        let (received, sent) = registry.bytes();
        let start = Instant::now();
        run(engine, way, folder.path(), (&registry.host, &repository), &commit);
        let elapsed = start.elapsed();
        let (received_now, sent_now) = registry.bytes();
        let found = Registry::at(&registry.host).layers(&repository, &commit);
        // The base image, the two steps of the dependencies, and the source.
        assert_eq!(found.len(), 4, "{found:?}");
        let hit = layers == found[1..3];
        layers = found[1..3].to_vec();
        let deploy = Deploy { hit, elapsed, pulled: sent_now - sent, pushed: received_now - received };
        eprintln!("   {commit}: {}", deploy.shown());
        deploys.push(deploy);
    }
    deploys
}

fn project() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::create_dir(folder.path().join("src")).expect("folders can be made");
    let requirements = include_str!("recipe/requirements.txt");
    for (name, text) in
        [(".cachefile", CACHEFILE), ("Dockerfile", DOCKERFILE), ("requirements.txt", requirements)]
    {
        std::fs::write(folder.path().join(name), text).expect("files can be written");
    }
    folder
}

fn run(engine: &Engine, way: Way, folder: &Path, (host, repository): (&str, &str), commit: &str) {
    let mut command = match way {
        Way::Recipe => Command::new("sh"),
        Way::Cachelang => Command::new(env!("CARGO_BIN_EXE_cachelang")),
    };
    command.args(if way == Way::Recipe { &["-c", RECIPE][..] } else { &["run"] });
    let variables = [
        ("DOCKER_HOST", engine.address()),
        ("HOST", host.to_owned()),
        ("REPOSITORY", repository.to_owned()),
        ("REPO", format!("{host}/{repository}")),
        ("BASE", part("CACHELANG_E2E_BASE").replace(&part("CACHELANG_E2E_REGISTRY"), host)),
        ("INDEX", part("CACHELANG_BENCH_INDEX")),
        ("COMMIT_ID", commit.to_owned()),
    ];
    let command = command.envs(variables).current_dir(folder).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Deploy {
    fn shown(&self) -> String {
        let how = if self.hit { "hit" } else { "miss" };
        format!(
            "{how}, {:.1} s, {} pulled, {} pushed",
            self.elapsed.as_secs_f64(),
            megabytes(self.pulled),
            megabytes(self.pushed)
        )
    }
}

/// What a series is in the table.
struct Row {
    hits: usize,
    deploys: usize,
    first: f64,
    /// All but the first, in seconds, in their order.
    seconds: Vec<f64>,
    pulled: u64,
    pushed: u64,
}

impl Row {
    fn of(deploys: &[Deploy]) -> Self {
        let later = &deploys[1..];
        let sorted = |value: fn(&Deploy) -> u64| {
            let mut values: Vec<_> = later.iter().map(value).collect();
            values.sort_unstable();
            values
        };
        let mut seconds: Vec<_> = later.iter().map(|deploy| deploy.elapsed.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        Self {
            hits: later.iter().filter(|deploy| deploy.hit).count(),
            deploys: later.len(),
            first: deploys[0].elapsed.as_secs_f64(),
            seconds,
            pulled: sorted(|deploy| deploy.pulled)[later.len() / 2],
            pushed: sorted(|deploy| deploy.pushed)[later.len() / 2],
        }
    }

    fn median(&self) -> f64 {
        self.seconds[self.seconds.len() / 2]
    }

    /// A line in Markdown; with the row of the recipe, how many times faster this one is.
    fn shown(&self, engine: &str, way: Way, recipe: Option<&Self>) -> String {
        let Self { hits, deploys, first, seconds, pulled, pushed } = self;
        let way = if way == Way::Recipe { "the recipe" } else { "`cachelang run`" };
        let ratio = recipe.map_or(String::new(), |recipe| format!("{:.1}", recipe.median() / self.median()));
        let (least, most) = (seconds[0], seconds[deploys - 1]);
        format!(
            "| {engine} | {way} | {hits} of {deploys} | {first:.1} s | {:.1} s ({least:.1}–{most:.1}) | {} | {} | {ratio} |",
            self.median(),
            megabytes(*pulled),
            megabytes(*pushed)
        )
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
