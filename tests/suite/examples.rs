//! The programs in `examples/` do what they say.

#[path = "../../examples/embed.rs"]
#[allow(dead_code, unreachable_pub, reason = "a program of its own, with a `main`")]
mod embed;
#[path = "../../examples/service.rs"]
#[allow(dead_code, unreachable_pub, reason = "a program of its own, with a `main`")]
mod service;

use std::path::Path;

use cachelang::record::{BuildStepState, State, StepKind, TaskKind};
use cachelang::run;
use expect_test::expect;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_pipeline_in_memory_runs_on_a_host_of_the_program() {
    let language = embed::language().expect("the names are free");
    let plan = embed::planned(&language, embed::PIPELINE).expect("the pipeline is right");
    let (record, commands) = embed::run(&plan).await;
    assert_eq!(commands, ["deploy registry.example.com/app@sha256:image"]);
    assert_eq!((record.outcome, record.errors.len()), (State::Done, 0));
    let [build, deploy] = record.waves.as_slice() else { panic!("two waves: {:?}", record.waves) };
    let [push] = build.stages[0].steps.as_slice() else { panic!("one step: {build:?}") };
    assert_eq!((push.kind, push.text.as_str(), push.state), (StepKind::Push, "push api", State::Done));
    let tasks: Vec<_> =
        push.tasks.iter().map(|task| (task.kind, task.target.as_deref(), task.state)).collect();
    assert_eq!(
        tasks,
        [
            (TaskKind::Build, None, State::Done),
            (TaskKind::Push, Some("registry.example.com/app:1.0"), State::Done),
            (TaskKind::Push, Some("registry.example.com/app:latest"), State::Done),
        ]
    );
    let [step] = push.tasks[0].steps.as_slice() else { panic!("one step: {:?}", push.tasks[0]) };
    assert_eq!((step.name.as_str(), step.state), ("[2/2] RUN make", BuildStepState::Executed));
    assert_eq!(deploy.stages[0].steps[0].text, "deploy api.ref");
    for wave in &record.waves {
        let lapse = wave.lapse.expect("it ran");
        assert!(lapse.started >= record.started && lapse.elapsed <= record.elapsed, "{wave:?}");
    }
    assert_eq!(record.images[0].pushed.len(), 2);
}

#[test]
fn a_pipeline_that_is_wrong_is_shown_with_its_place() {
    let language = embed::language().expect("the names are free");
    let text = embed::PIPELINE.replace("owner(\"api\")", "owner(\"apis\")");
    let problem = embed::planned(&language, &text).expect_err("nobody owns it");
    assert!(problem.contains("`owner` failed: no team owns `apis`"), "{problem}");
}

/// What a run needs is `Send`, so that it can be spawned.
#[test]
fn runs_can_be_spawned() {
    fn send<T: Send>(_: impl FnOnce() -> T) {}
    let plan = embed::planned(&embed::language().expect("the names are free"), embed::PIPELINE);
    let plan = plan.expect("the pipeline is right");
    send(|| embed::run(&plan));
    let _ = run::Options::default();
}

/// A request to a service for this folder; the whole answer.
async fn request(folder: &Path, line: &str) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let server = tokio::spawn(axum::serve(listener, service::service(folder)).into_future());
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the answer is text");
    server.abort();
    let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

/// The lines of a body that came in chunks.
fn events(body: &str) -> Vec<Value> {
    body.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn pipelines() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("the file can be written");
    };
    write(
        "hello.cachefile",
        "cachelang 1\nparam who: string = \"you\"\nwave greet {\n  stage one { run \"echo\" \"hello ${who}\" }\n  stage two after one { run \"false\" }\n}\n",
    );
    write("broken.cachefile", "cachelang 1\nwave w { run }\n");
    folder
}

#[tokio::test]
async fn the_service_streams_the_events_of_a_run() {
    let folder = pipelines();
    let (status, body) = request(folder.path(), "POST /pipelines/hello/runs?who=reader").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let shown: Vec<_> = events(&body)
        .into_iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            let what = ["text", "line", "state", "outcome"].map(text).join(" ");
            format!("{} {}.{} {}", text("event"), text("wave"), text("stage"), what.trim())
        })
        .collect();
    expect![[r#"
        run_started . 
        wave_started greet. 
        stage_started greet.one 
        step_started greet.one echo hello reader
        command_started greet.one 
        command_output greet.one hello reader
        command_finished greet.one done
        step_finished greet.one done
        stage_finished greet.one done
        stage_started greet.two 
        step_started greet.two false
        command_started greet.two 
        command_finished greet.two failed
        step_finished greet.two failed
        stage_finished greet.two failed
        wave_finished greet. failed
        run_finished . failed"#]]
    .assert_eq(&shown.join("\n"));
}

#[tokio::test]
async fn the_service_says_what_is_wrong_with_a_request() {
    let folder = pipelines();
    for (line, status, words) in [
        ("GET /pipelines", "200 OK", "[\"broken\",\"hello\"]"),
        ("POST /pipelines/broken/runs", "422 Unprocessable Entity", "error[E0"),
        ("POST /pipelines/hello/runs?whom=x", "422 Unprocessable Entity", "no param named `whom`"),
        ("POST /pipelines/none/runs", "422 Unprocessable Entity", "none.cachefile"),
        ("POST /pipelines/..%2Fhello/runs", "404 Not Found", "no such pipeline"),
    ] {
        let (found, body) = request(folder.path(), line).await;
        assert_eq!(found, format!("HTTP/1.1 {status}"), "{line}");
        assert!(body.contains(words), "{line}: {body}");
    }
}
