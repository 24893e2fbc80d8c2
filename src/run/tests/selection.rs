//! Parts of a plan, run by name.

use super::*;
use crate::plan::{from_wave, select};

const PIPELINE: &str = r#"
wave build { push api, cron }
wave test { run "test" }
wave deploy {
  pre { run "login" }
  stage staging { run "staging" api.ref }
  stage prod after staging { run "prod" api.ref }
  stage other { run "other" }
  post { run "done" }
}
"#;

fn file() -> String {
    format!("{}{PIPELINE}", FILE.split("wave build").next().expect("the file has a wave"))
}

/// What is run besides the names, and the calls behind the preparation.
async fn run_selected(names: &[&str]) -> (Vec<String>, Vec<String>) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let selected = select(&plan_of(&file()), &names).expect("there is something of each name");
    let script = Arc::new(Script::default());
    let options = Options { jobs: NonZeroUsize::MIN, ..Options::default() };
    let report = run(&selected.plan, &host(&script), &options, &CancellationToken::new()).await;
    assert!(matches!(report.outcome, Outcome::Done), "{:?}", report.outcome);
    let calls = script.calls.lock().expect("no test thread panicked");
    let calls = calls.iter().filter(|call| *call != "engine" && !call.starts_with("prepare"));
    (
        selected.also,
        calls.map(|call| call.split(" from ").next().unwrap_or_default().trim().to_owned()).collect(),
    )
}

const PUSHED_API: [&str; 3] =
    ["build r.io/app:api-c1 r.io/app:api-latest", "push r.io/app:api-c1", "push r.io/app:api-latest"];

#[tokio::test]
async fn a_wave_brings_the_images_that_it_uses() {
    let (also, calls) = run_selected(&["deploy"]).await;
    assert_eq!(also, ["api"]);
    assert_eq!(calls[..3], PUSHED_API);
    let reference = "r.io/app@sha256:api";
    assert_eq!(
        calls[3..],
        [
            "command login",
            &format!("command staging {reference}"),
            "command other",
            &format!("command prod {reference}"),
            "command done"
        ]
    );
}

#[tokio::test]
async fn a_stage_brings_what_is_ordered_in_front_of_it() {
    let (also, calls) = run_selected(&["deploy.other"]).await;
    assert_eq!(
        (also, calls),
        (vec!["deploy.pre".into()], vec!["command login".into(), "command other".into()])
    );
    let (also, calls) = run_selected(&["deploy.prod"]).await;
    assert_eq!(also, ["deploy.pre", "deploy.staging", "api"]);
    assert!(!calls.iter().any(|call| call.contains("other") || call.contains("done")), "{calls:?}");
    let (also, _) = run_selected(&["deploy.post"]).await;
    assert_eq!(also, ["deploy.pre", "deploy.staging", "deploy.prod", "deploy.other", "api"]);
}

#[tokio::test]
async fn an_image_is_built_and_pushed() {
    let (also, calls) = run_selected(&["api"]).await;
    assert!(also.is_empty());
    assert_eq!(calls, PUSHED_API);
    let (also, calls) = run_selected(&["test", "build"]).await;
    assert!(also.is_empty());
    assert_eq!(calls.last().map(String::as_str), Some("command test"), "in the order of the file");
}

#[test]
fn a_run_can_start_with_a_wave() {
    let plan = plan_of(&file());
    let selected = from_wave(&plan, "test").expect("there is such a wave");
    let waves: Vec<_> = selected.plan.waves.iter().map(|wave| wave.name.as_str()).collect();
    assert_eq!(waves, ["(images)", "test", "deploy"]);
    assert_eq!(from_wave(&plan, "tests").expect_err("there is not").similar.as_deref(), Some("test"));
}

#[test]
fn unknown_names_come_with_a_similar_one() {
    let plan = plan_of(&file());
    for (name, similar) in [
        ("deploi", Some("deploy")),
        ("deploy.stagin", Some("deploy.staging")),
        ("appi", Some("api")),
        ("zzz", None),
    ] {
        let error = select(&plan, &[name.to_owned()]).expect_err("nothing has this name");
        assert_eq!(error.similar.as_deref(), similar);
        assert_eq!(error.to_string(), format!("no wave, stage or image is named `{name}`"));
    }
}
