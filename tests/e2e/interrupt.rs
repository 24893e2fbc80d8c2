//! Ctrl-C and SIGTERM: what runs is stopped, on this machine and in the engine.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::harness::processes::{has_argument, send};
use super::harness::{BUILD_ONLY, Ended, PIPELINE, Parts, Project, eventually};

/// Seconds to sleep that no other process on this machine sleeps.
fn unique_seconds() -> String {
    format!("9{:07}", std::process::id())
}

/// Waits until the program's command runs, sends a signal, and returns how the program ended.
fn interrupted(program: Child, signal: Signal, seconds: &str) -> Ended {
    eventually("the command runs", || has_argument(seconds).then_some(()));
    let sent = Instant::now();
    send(&program, signal);
    let ended = Ended::from(program.wait_with_output().expect("the program can be waited for"));
    assert!(sent.elapsed() < Duration::from_secs(5), "it took {:?}", sent.elapsed());
    eventually("the command is gone", || (!has_argument(seconds)).then_some(()));
    ended.with_code(130).says("interrupted: running builds and commands were stopped")
}

fn sleeping_build(seconds: &str) -> Project {
    Project::with_steps(BUILD_ONLY, &format!("RUN sleep {seconds}"))
}

fn sleeping_command(seconds: &str) -> Project {
    let text =
        PIPELINE.replace(r#"run "echo" "the second wave ran""#, &format!(r#"run "sleep" "{seconds}""#));
    Project::with_steps(&text, "RUN true")
}

#[test]
fn ctrl_c_stops_a_build_in_the_engine() {
    let _parts = Parts::take();
    let seconds = unique_seconds();
    let run = interrupted(sleeping_build(&seconds).command(&[]).start(), Signal::INT, &seconds);
    assert_eq!(run.stdout, "", "no image was built, so there is no table");
}

#[test]
fn sigterm_stops_a_build_in_the_engine() {
    let _parts = Parts::take();
    let seconds = unique_seconds();
    interrupted(sleeping_build(&seconds).command(&[]).start(), Signal::TERM, &seconds);
}

#[test]
fn ctrl_c_stops_a_command_and_the_report_says_what_was_done() {
    let parts = Parts::take();
    let seconds = unique_seconds();
    let project = sleeping_command(&seconds);
    let run = interrupted(project.command(&[]).start(), Signal::INT, &seconds);
    assert_eq!(parts.registry.digest(&project.repository, "1"), Some(run.cell("app", "digest")));
}

#[test]
fn sigterm_stops_a_command() {
    let _parts = Parts::take();
    let seconds = unique_seconds();
    interrupted(sleeping_command(&seconds).command(&[]).start(), Signal::TERM, &seconds);
}

#[test]
fn an_engine_builds_again_after_an_interrupted_build() {
    let _parts = Parts::take();
    let seconds = unique_seconds();
    let project = sleeping_build(&seconds);
    interrupted(project.command(&[]).start(), Signal::INT, &seconds);
    project.file("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN true\n");
    project.run().succeeded();
}
