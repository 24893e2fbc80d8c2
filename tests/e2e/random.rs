//! An image that is built with the cache is the one that is built without it.
//!
//! Random Dockerfiles are deployed, edited and deployed again, each time on an emptied engine. What the edited one
//! gives must have the same files and the same config as what a build of all its steps gives.

mod case;
mod steps;

use std::path::PathBuf;

use serde_json::Value;

use self::case::Case;
use super::harness::image::{File, Files, Image, Images};
use super::harness::{Ended, Parts, Project, part};

/// Cases of a run, if nobody wants others.
const CASES: u64 = 8;

/// How often each case is edited and deployed; the result of the last one is compared.
const EDITS: usize = 2;

const CACHED: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app {
  context = "context"
  args = { BASE = env("BASE") ?? "", A = env("A") ?? "" }
  network = "none"
  tags = [repo:"app"]
}
wave build { push app }
"#;

/// Comes behind the above.
const PLAIN: &str = r#"
image plain {
  context = "context"
  args = { BASE = env("BASE") ?? "", A = env("A") ?? "" }
  network = "none"
  tags = [repo:"plain"]
  no_cache = true
  cache { from = [], to = [] }
}
wave compare { push plain }
"#;

/// A variable with a number: of cases, or of the one case to look at.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Each engine has cases of its own, which are the same in each run.
fn first_seed() -> u64 {
    1000 * part("CACHELANG_E2E_ENGINE_NAME").bytes().map(u64::from).sum::<u64>()
}

#[test]
fn an_image_built_with_the_cache_is_the_one_built_without_it() {
    let parts = Parts::take();
    let images = Images::of(&parts.registry);
    let first = first_seed();
    let seeds = match number("CACHELANG_E2E_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + number("CACHELANG_E2E_CASES").unwrap_or(CASES),
    };
    let (mut cases, mut cached, mut executed) = (0, 0, 0);
    for seed in seeds {
        let run = compared(&parts, &images, seed);
        let steps = |end: &str| {
            run.stderr.lines().filter(|line| line.starts_with("  app: [") && line.contains(end)).count()
        };
        (cases, cached, executed) = (cases + 1, cached + steps(" cached"), executed + steps(" done in "));
    }
    eprintln!(
        "{cases} cases are the same; of the steps compared, {cached} were cached and {executed} executed"
    );
    assert!(cached > 0, "nothing came from the cache, so nothing was compared");
}

/// Deploys a case and its edits; gives the last run, with whose images all is well.
fn compared(parts: &Parts, images: &Images<'_>, seed: u64) -> Ended {
    let project = Project::new(CACHED);
    project.file("both.cachefile", &format!("{CACHED}{PLAIN}"));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut case = Case::random(&mut random);
    let mut states = vec![case.clone()];
    deploy(parts, &project, &case, &[]);
    for number in 1..=EDITS {
        case = case.edited(&mut random, &states);
        states.push(case.clone());
        let arguments: &[&str] = if number == EDITS { &["--file", "both.cachefile"] } else { &[] };
        let run = deploy(parts, &project, &case, arguments);
        if number == EDITS {
            let image = |tag| images.image(&project.repository, tag);
            let differences = differences(&image("app"), &image("plain"));
            assert!(
                differences.is_empty(),
                "CACHELANG_E2E_SEED={seed}: with the cache, and without it:\n{}\n\n{}\n--- run\n{}",
                differences.join("\n"),
                states.iter().map(Case::to_string).collect::<Vec<_>>().join("\n--- edited\n"),
                run.stderr
            );
            return run;
        }
    }
    unreachable!("the last edit is compared")
}

fn deploy(parts: &Parts, project: &Project, case: &Case, arguments: &[&str]) -> Ended {
    parts.engine.empty();
    case.write(&project.path("context"));
    let command = project.command(arguments).env("A", &case.argument);
    let run = command.env("BASE", part("CACHELANG_E2E_BASE_SHELL")).run();
    assert_eq!(run.code, Some(0), "this case cannot be built:\n{case}\n--- stderr\n{}", run.stderr);
    run
}

/// A line for each difference.
fn differences(left: &Image, right: &Image) -> Vec<String> {
    let paths = left.files.keys().chain(right.files.keys()).collect::<std::collections::BTreeSet<_>>();
    let file =
        |files: &Files, path: &PathBuf| files.get(path).map(File::to_string).unwrap_or("nothing".to_owned());
    let mut found: Vec<_> = paths
        .into_iter()
        .map(|path| (path, file(&left.files, path), file(&right.files, path)))
        .filter(|(_, left, right)| left != right)
        .map(|(path, left, right)| format!("/{}: {left}, and {right}", path.display()))
        .collect();
    let (left, right) = (timeless(&left.config), timeless(&right.config));
    if left != right {
        found.push(format!("config: {left}\nand {right}"));
    }
    found
}

/// A config without what differs from build to build: times, and the layers, whose files have times. How many
/// layers there are stays.
fn timeless(config: &Value) -> Value {
    let mut config = config.clone();
    let fields = config.as_object_mut().expect("a config is an object");
    fields.remove("created");
    fields.remove("moby.buildkit.cache.v0");
    for entry in fields["history"].as_array_mut().expect("a config has a history") {
        entry.as_object_mut().expect("an entry is an object").remove("created");
    }
    let layers = fields["rootfs"]["diff_ids"].as_array().expect("a config has layers").len();
    fields["rootfs"]["diff_ids"] = layers.into();
    config
}
