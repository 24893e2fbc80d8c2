//! Spans of a run, as a collector gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;

use cachelang::record::{RunRecord, otel};

fn everything() -> RunRecord {
    serde_json::from_str(include_str!("record/everything.json")).expect("the record has the documented form")
}

#[test]
fn spans_are_inside_each_other_as_the_steps_are() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let spans = otel::spans(&everything(), Some(parent));
    let path = |name: &str| {
        let mut names = Vec::new();
        let mut span = spans.iter().find(|span| span.name == name);
        while let Some(one) = span {
            names.push(one.name.to_string());
            span = spans.iter().find(|span| span.span_context.span_id() == one.parent_span_id);
        }
        names.reverse();
        names.join(" > ")
    };
    assert_eq!(
        path("[2/4] COPY requirements.txt ."),
        "run deploy/.cachefile > wave build > push lambda, worker[\"api\"] > build lambda > [2/4] COPY requirements.txt ."
    );
    assert_eq!(path("pytest -q"), "run deploy/.cachefile > wave deploy > stage pre > pytest -q");
    assert!(spans.iter().all(|span| span.start_time <= span.end_time));
    let root = spans.first().expect("there is a span for the run");
    assert_eq!(root.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(spans.iter().all(|span| span.span_context.trace_id() == root.span_context.trace_id()));
    assert!(!spans.iter().any(|span| span.name.contains("cleanup")), "what did not run has no span");
}

/// Takes one request and answers it. Returns its first line and its body.
fn collect(listener: &TcpListener) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().expect("the program connects");
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).expect("there is a request");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the head can be read");
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body can be read");
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).expect("the answer can be sent");
    (first.trim().to_owned(), body)
}

fn program(folder: &std::path::Path, endpoint: &str) -> Command {
    std::fs::write(folder.join(".cachefile"), "cachelang 1\nwave w { run \"true\" }\n")
        .expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachelang"));
    command.arg("run").current_dir(folder).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command.env("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    for name in
        ["OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SERVICE_NAME"]
    {
        command.env_remove(name);
    }
    command
}

#[test]
fn a_run_sends_its_spans_to_the_collector_of_the_variables() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let endpoint = format!("http://{}", listener.local_addr().expect("it has an address"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut child = program(folder.path(), &endpoint).spawn().expect("the program was built");
    let (request, body) = collect(&listener);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(request, "POST /v1/traces HTTP/1.1");
    let has = |words: &[u8]| body.windows(words.len()).any(|part| part == words);
    for words in ["run .cachefile", "wave w", "true", "service.name", "cachelang.outcome"] {
        assert!(has(words.as_bytes()), "no {words}");
    }
    assert!(has(&[0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6]), "it is in the trace of TRACEPARENT");
}

#[test]
fn a_collector_that_is_not_there_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let output = program(folder.path(), "http://127.0.0.1:1").output().expect("the program was built");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning: the OpenTelemetry collector did not take the spans"), "{said}");
}
