//! A run that goes on where another one ended.

use super::*;
use crate::host::StateFolder;

async fn resumed(folder: &Path, text: &str, script: Script) -> (Report, String) {
    let script = Arc::new(script);
    let state = Some(Arc::new(StateFolder::open(folder).expect("it is free")));
    let options = Options { state, resume: true, ..Options::default() };
    let report = run(&plan_of(text), &host(&script), &options, &CancellationToken::new()).await;
    let calls = script.calls.lock().expect("no test thread panicked").join("\n");
    (report, calls)
}

#[tokio::test]
async fn what_was_done_is_not_done_again() {
    let place = tempfile::tempdir().expect("a folder can be made");
    let (report, _) = resumed(place.path(), FILE, failing("/bin/sh")).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)));
    let (report, calls) = resumed(place.path(), FILE, Script::default()).await;
    assert!(matches!(report.outcome, Outcome::Done));
    let calls: Vec<_> =
        calls.lines().filter(|call| !call.starts_with("prepare") && *call != "engine").collect();
    assert_eq!(calls, ["command /bin/sh -eu -c echo \"${CACHELANG_HOLE_1}\" > \"$OUT\""]);
    assert_eq!(report.images[0].reference.as_deref(), Some("r.io/app@sha256:api"));
    let (_, calls) = resumed(place.path(), FILE, Script::default()).await;
    assert!(!calls.contains("command"), "{calls}");
}

#[tokio::test]
async fn an_image_whose_tags_are_not_all_pushed_is_pushed_again() {
    let place = tempfile::tempdir().expect("a folder can be made");
    resumed(place.path(), FILE, failing("push r.io/app:cron-latest")).await;
    let (report, calls) = resumed(place.path(), FILE, Script::default()).await;
    assert!(matches!(report.outcome, Outcome::Done));
    assert!(!calls.contains("build r.io/app:api"), "{calls}");
    for call in ["build r.io/app:cron", "push r.io/app:cron-c1", "push r.io/app:cron-latest"] {
        assert_eq!(calls.matches(call).count(), 1, "{call} in {calls}");
    }
}

#[tokio::test]
async fn another_plan_is_not_gone_on_with() {
    let place = tempfile::tempdir().expect("a folder can be made");
    resumed(place.path(), FILE, failing("/bin/sh")).await;
    let (report, calls) = resumed(place.path(), &FILE.replace("\"c1\"", "\"c2\""), Script::default()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("it is another commit") };
    assert!(errors[0].is_of_command_line());
    assert!(
        errors[0].to_string().starts_with(
            "the last run had another plan: `inputs.param commit.value` was \"c1\", is \"c2\"; "
        ),
        "{}",
        errors[0]
    );
    assert_eq!(calls, "");
}
