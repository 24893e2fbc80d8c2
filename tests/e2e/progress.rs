//! How a run is shown.

use super::harness::{PIPELINE, Parts, Project};

const ESCAPE: char = '\x1b';

fn project() -> Project {
    Project::with_steps(PIPELINE, "RUN echo seen")
}

#[test]
fn plain_progress_has_a_line_for_each_thing_and_no_colours() {
    let parts = Parts::take();
    let project = project();
    let run = project.command(&["--progress", "plain"]).run().succeeded();
    let reference = format!("{}/{}:1", parts.registry.host, project.repository);
    for line in ["wave build", "  app: building", "wave deploy", "  $ echo the second wave ran"] {
        assert!(run.stderr.lines().any(|found| found == line), "no line {line}:\n{}", run.stderr);
    }
    for start in
        ["  app: [2/2] RUN echo seen ", "  app: built in ", &format!("  app: pushed {reference} in ")]
    {
        assert!(run.stderr.lines().any(|found| found.starts_with(start)), "no {start}:\n{}", run.stderr);
    }
    assert!(!run.stderr.contains(ESCAPE) && !run.stdout.contains(ESCAPE));
    assert_eq!(run.stdout.lines().next(), Some("the second wave ran"), "commands keep their stream");
}

#[test]
fn without_a_terminal_progress_is_plain() {
    let _parts = Parts::take();
    let project = project();
    let run = project.run().succeeded().says("\n  app: building\n");
    assert!(!run.stderr.contains(ESCAPE));
}

#[test]
fn quiet_progress_leaves_the_commands_and_the_table() {
    let _parts = Parts::take();
    let run = project().command(&["--progress", "quiet"]).run().succeeded();
    assert_eq!(run.stderr, "");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", run.stdout);
    assert_eq!(lines.first(), Some(&"the second wave ran"));
    assert_eq!(run.cell("app", "cached").split(' ').next_back(), Some("1"));
}

#[test]
fn quiet_progress_still_says_errors() {
    let _parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "RUN echo why; exit 3");
    let run = project.command(&["--progress", "quiet"]).run().with_code(1).says("  │ why");
    assert!(run.stderr.starts_with("\nerror: image `app` was not built"), "{}", run.stderr);
}

#[test]
fn a_terminal_gets_live_lines_and_the_same_end() {
    let parts = Parts::take();
    for arguments in [&["--progress", "tty"][..], &[]] {
        let project = project();
        let run = project.command_on_terminal(arguments).env("TERM", "xterm").run().succeeded();
        for text in ["wave build", "app: built in", "the second wave ran", "\x1b[1m"] {
            assert!(run.stdout.contains(text), "no {text}: {}", run.stdout);
        }
        assert_eq!(Some(run.cell("app", "digest")), parts.registry.digest(&project.repository, "1"));
    }
}

#[test]
fn a_terminal_shows_errors_with_the_last_lines() {
    let _parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "RUN echo why; exit 3");
    let run = project.command_on_terminal(&[]).env("TERM", "xterm").run().with_code(1);
    run.prints("│ why").prints("exit code: 3");
}

#[test]
fn no_color_leaves_a_terminal_without_colours() {
    let _parts = Parts::take();
    let run = project().command_on_terminal(&[]).env("TERM", "xterm").env("NO_COLOR", "1").run().succeeded();
    // `ESC [ … m` is a colour; the live lines need other sequences.
    let colours = run.stdout.split(ESCAPE).skip(1).filter(|rest| {
        let end = rest.trim_start_matches('[').trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        end.starts_with('m')
    });
    assert_eq!(colours.count(), 0, "{}", run.stdout);
}

#[test]
fn output_of_commands_can_be_piped_while_the_rest_is_on_a_terminal() {
    let _parts = Parts::take();
    let project = project();
    let run = project.command_on_terminal(&["--progress", "tty", ">output.txt"]).env("TERM", "xterm").run();
    let run = run.succeeded();
    let output = std::fs::read_to_string(project.path("output.txt")).expect("the shell made the file");
    assert_eq!(output.lines().next(), Some("the second wave ran"));
    assert!(!run.stdout.lines().any(|line| line.contains("  the second wave ran")), "{}", run.stdout);
}
