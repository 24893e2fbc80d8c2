//! Waves with stages, what runs at the same time, and what a failure keeps from running.

use super::*;
use crate::run::{Approved, WaveState};

/// A file with one wave `w` of this content, and those items of [`FILE`] that it needs.
fn wave(content: &str) -> String {
    let items = FILE.split("wave build").next().expect("the file has a wave");
    let (head, images) = items.split_at(items.find("image").expect("the file has images"));
    let (api, cron) = images.split_at(images.find("image cron").expect("the file has two images"));
    let (version, rest) = head.split_at(head.find("param").expect("the file has a param"));
    let (param, registry) = rest.split_at(rest.find("registry").expect("the file has a registry"));
    let of = |text: &'static str, is_used: bool| if is_used { text } else { "" };
    let pushes = content.contains("push");
    let used = [
        version,
        of(param, pushes || content.contains("commit")),
        of(registry, pushes),
        of(api, pushes),
        of(cron, content.contains("cron")),
    ];
    format!("{}wave w {{\n{content}\n}}\n", used.concat())
}

fn commands(calls: &str) -> Vec<&str> {
    calls.lines().filter_map(|call| call.strip_prefix("command ")).map(str::trim).collect()
}

async fn run_with(text: &str, script: Script, options: Options) -> (Report, String) {
    let script = Arc::new(script);
    let report = run(&plan_of(text), &host(&script), &options, &CancellationToken::new()).await;
    let calls = script.calls.lock().expect("no test thread panicked").join("\n");
    (report, calls)
}

fn jobs(count: usize) -> Options {
    Options { jobs: NonZeroUsize::new(count).expect("it is not 0"), ..Options::default() }
}

fn keep_going() -> Options {
    Options { keep_going: true, ..jobs(8) }
}

const STAGES: &str = r#"
  pre { run "pre" }
  stage last after one, two { run "last" }
  stage one { run "one-a"; run "one-b" }
  stage two { run "two" }
  stage beside { run "beside" }
  post { run "post" }
"#;

#[tokio::test]
async fn stages_run_behind_pre_and_what_they_wait_for_and_before_post() {
    let (report, calls) = run_with(&wave(STAGES), Script::default(), jobs(1)).await;
    assert!(matches!(report.outcome, Outcome::Done));
    // With one job: `one` first, which is in front of most.
    assert_eq!(commands(&calls), ["pre", "one-a", "two", "one-b", "beside", "last", "post"]);
    assert!(report.waves[0].stages.iter().all(|stage| stage.state == WaveState::Done));
}

#[tokio::test]
async fn the_longest_way_to_the_end_is_started_first() {
    let text = wave(
        r#"
  stage short { run "short" }
  stage a { run "a" }
  stage b after a { run "b" }
  stage c after b { run "c" }
  stage long { run "l1"; run "l2"; run "l3"; run "l4" }
"#,
    );
    let (_, calls) = run_with(&text, Script::default(), jobs(1)).await;
    assert_eq!(commands(&calls), ["l1", "a", "l2", "b", "l3", "short", "c", "l4"]);
}

#[tokio::test]
async fn a_failed_stage_lets_nothing_new_start() {
    let (report, calls) = run_with(&wave(STAGES), failing("one-a"), jobs(1)).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)));
    assert_eq!(commands(&calls), ["pre", "one-a"]);
    let states: Vec<_> = report.waves[0].stages.iter().map(|stage| stage.state).collect();
    use WaveState::{Failed, Skipped};
    assert_eq!(states[..2], [Skipped, Failed]);
}

#[tokio::test]
async fn a_run_that_keeps_going_does_what_does_not_depend_on_the_failure() {
    let text = format!("{}wave later {{ run \"later\" }}\n", wave(STAGES));
    let (report, calls) = run_with(&text, failing("one-a"), keep_going()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("a stage failed") };
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "stage `w.one`: `one-a` failed: exit code 7");
    assert_eq!(commands(&calls), ["pre", "one-a", "two", "beside"]);
    assert_eq!(report.waves[1].state, WaveState::Skipped);
}

#[tokio::test]
async fn moving_tags_of_other_images_move_if_a_run_keeps_going() {
    let (report, calls) = run_with(FILE, failing("push r.io/app:cron-c1"), keep_going()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("a push failed") };
    assert_eq!(errors.len(), 1);
    assert!(calls.contains("push r.io/app:api-latest"), "{calls}");
    assert!(!calls.contains("push r.io/app:cron-latest") && !calls.contains("command"), "{calls}");

    let (_, calls) = run_with(FILE, failing("build r.io/app:api"), keep_going()).await;
    assert!(calls.contains("push r.io/app:cron-latest") && !calls.contains("push r.io/app:api"), "{calls}");
}

#[tokio::test]
async fn two_stages_that_push_an_image_build_and_push_it_once() {
    let text = wave(
        "stage one { when = commit != \"\"; push api; run \"one\" api.ref }\nstage two { when = commit != \"\"; push cron, api; run \"two\" api.ref }",
    );
    let (report, calls) = run_with(&text, Script::default(), jobs(4)).await;
    assert!(matches!(report.outcome, Outcome::Done));
    for call in
        ["build r.io/app:api", "push r.io/app:api-c1", "push r.io/app:api-latest", "build r.io/app:cron"]
    {
        assert_eq!(calls.matches(call).count(), 1, "{call} in {calls}");
    }
    assert_eq!(commands(&calls), ["one r.io/app@sha256:api", "two r.io/app@sha256:api"]);
}

#[tokio::test]
async fn an_image_that_two_stages_push_fails_once() {
    let text =
        wave("stage one { when = commit != \"\"; push api }\nstage two { when = commit != \"\"; push api }");
    let (report, _) = run_with(&text, failing("build r.io/app:api"), keep_going()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("a build failed") };
    assert_eq!(errors.len(), 1);
    assert!(report.waves[0].stages.iter().all(|stage| stage.state == WaveState::Failed));
}

#[tokio::test]
async fn skipped_stages_keep_nothing_else_from_running() {
    let text = wave(
        r#"
  stage one { when = commit == "other"; run "one" }
  stage two after one { run "two" }
  stage three { run "three" }
  post { run "post" }
"#,
    );
    let (report, calls) = run_with(&text, Script::default(), jobs(4)).await;
    assert!(matches!(report.outcome, Outcome::Done));
    assert_eq!(commands(&calls), ["three", "post"]);
    use WaveState::{Done, Skipped};
    assert_eq!(
        report.waves[0].stages.iter().map(|stage| stage.state).collect::<Vec<_>>(),
        [Skipped, Skipped, Done]
    );
}

#[tokio::test]
async fn approvals_are_missed_before_anything_starts() {
    let text = wave(
        r#"
  pre { approve "start?" }
  stage prod for where in ["eu", "us"] { approve "ship ${commit}?"; run "ship" where }
"#,
    );
    let (report, calls) = run_with(&text, Script::default(), Options::default()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("nobody says yes") };
    assert!(errors.iter().all(RunError::is_missing_approval));
    assert_eq!(
        errors[0].to_string(),
        "nobody can be asked for these approvals: `w.pre`, `w.prod[\"eu\"]`, `w.prod[\"us\"]`"
    );
    assert_eq!(calls, "");

    for approved in [Approved::Everything, Approved::Places(vec!["w.pre".into(), "w.prod".into()])] {
        let (report, calls) = run_with(&text, Script::default(), Options { approved, ..jobs(1) }).await;
        assert!(matches!(report.outcome, Outcome::Done));
        assert_eq!(commands(&calls), ["ship eu", "ship us"]);
    }
}

/// Says what it was told to.
struct Answer(bool);

#[async_trait]
impl crate::host::Approver for Answer {
    fn is_present(&self) -> bool {
        true
    }

    async fn approve(&self, approval: &crate::host::Approval) -> Result<bool, String> {
        assert_eq!((approval.place.to_string().as_str(), approval.question.as_str()), ("w.prod", "ship c1?"));
        Ok(self.0)
    }
}

#[tokio::test]
async fn the_answer_decides() {
    let text = wave("stage prod { approve \"ship ${commit}?\"; run \"ship\" }");
    for answer in [true, false] {
        let script = Arc::new(Script::default());
        let host = host(&script).with_approver(Arc::new(Answer(answer)));
        let report = run(&plan_of(&text), &host, &Options::default(), &CancellationToken::new()).await;
        let calls = script.calls.lock().expect("no test thread panicked").join("\n");
        assert_eq!(commands(&calls).len(), usize::from(answer));
        match report.outcome {
            Outcome::Done => assert!(answer),
            Outcome::Failed(errors) => {
                assert_eq!(errors[0].to_string(), "stage `w.prod`: \"ship c1?\" was answered with no");
                assert!(errors[0].is_missing_approval());
            }
            Outcome::Cancelled => panic!("nobody cancelled it"),
        }
    }
}

#[tokio::test]
async fn the_steps_of_a_stage_share_its_time() {
    let mut plan = plan_of(&wave(
        "stage slow { timeout = 1s; run \"a\"; run \"b\" }\nstage other after slow { run \"c\" }",
    ));
    let WaveBody::Stages { stages, .. } = &mut plan.waves[0].body else { panic!("stages") };
    stages[0].timeout = Some(Duration::from_millis(300));
    for step in &mut stages[0].steps {
        let Step::Command(command) = step else { panic!("a command") };
        command.dir = std::env::temp_dir();
        command.program = plan::Program::Sh(vec![plan::ScriptPiece::Script("sleep 0.2".to_owned())]);
    }
    let script = Arc::new(Script::default());
    let mut host = host(&script);
    host.commands = Arc::new(LocalCommands::new());
    let report = run(&plan, &host, &Options::default(), &CancellationToken::new()).await;
    let Outcome::Failed(errors) = &report.outcome else { panic!("it takes too long") };
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "stage `w.slow` took longer than its `timeout` of 300ms");
}
