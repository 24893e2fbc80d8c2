//! What is sent of a context from one build to the next: only what may have changed, and all of that.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::harness::proxy::{Proxy, Speaks};
use super::harness::{BUILD_ONLY, Ended, Parts, Project, unique};

const COPY_AND_SHOW: &str = "COPY . /context\nRUN cat /context/version.txt";

/// Files that were changed less than two seconds ago are always sent.
fn let_files_settle() {
    std::thread::sleep(Duration::from_millis(2100));
}

/// A project of which the engine has no step yet.
fn fresh(steps: &str) -> Project {
    Project::with_steps(BUILD_ONLY, &format!("ENV RUN_ID={}\n{steps}", unique("run")))
}

fn build(project: &Project) -> Ended {
    project.command(&["--verbose"]).run().succeeded()
}

/// How many files each build of a run has sent, the Dockerfile included.
fn sent(run: &Ended) -> Vec<u64> {
    let lines = run.stderr.lines().filter(|line| line.contains("files sent to the engine"));
    let counts = lines.map(|line| {
        let (_, count) = line.split_once("files=").expect("the line has a count");
        let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("it is a number")
    });
    counts.collect()
}

/// How many files a build of an unchanged context sends: engines since BuildKit 0.9 read the Dockerfile whole each time.
fn always_sent(parts: &Parts) -> u64 {
    if parts.engine_is("20") { 0 } else { 1 }
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).expect("the file can be opened");
    file.set_modified(time).expect("times can be set");
}

#[test]
fn a_second_build_sends_what_has_changed() {
    let parts = Parts::take();
    let project = fresh(COPY_AND_SHOW);
    project.file("version.txt", "version 1\n");
    for number in 0..300 {
        project.file(&format!("folder-{}/{number}.txt", number % 7), &format!("file {number}\n"));
    }
    let_files_settle();
    let first = build(&project).says("│ version 1");
    // All of them, `.cachefile` and the Dockerfile, which is a context of its own.
    assert_eq!(sent(&first), [304]);
    assert_eq!(sent(&build(&project)), [always_sent(&parts)]);

    project.file("version.txt", "version 2\n");
    std::fs::remove_file(project.path("folder-3/3.txt")).expect("the file can be removed");
    let_files_settle();
    let third = build(&project).says("│ version 2");
    assert_eq!(sent(&third), [1 + always_sent(&parts)]);
    assert_eq!(sent(&build(&project)), [always_sent(&parts)]);
}

#[test]
fn a_file_of_the_same_size_and_time_is_noticed() {
    let parts = Parts::take();
    let project = fresh(COPY_AND_SHOW);
    let path = project.file("version.txt", "version 1\n");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    set_modified(&path, time);
    let_files_settle();
    build(&project).says("│ version 1");
    project.file("version.txt", "version 2\n");
    set_modified(&path, time);
    let_files_settle();
    let run = build(&project).says("│ version 2");
    assert_eq!(sent(&run), [1 + always_sent(&parts)]);
}

#[test]
fn a_file_written_while_builds_run_is_noticed_each_time() {
    let _parts = Parts::take();
    let project = fresh(COPY_AND_SHOW);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for version in 1..6 {
        let path = project.file("version.txt", &format!("version {version}\n"));
        set_modified(&path, time);
        build(&project).says(&format!("│ version {version}"));
    }
}

#[test]
fn a_folder_put_in_the_place_of_another_is_noticed() {
    let _parts = Parts::take();
    let project = fresh("COPY site /site\nRUN cat /site/version.txt");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for (folder, text) in [("site", "version 1\n"), ("new", "version 2\n")] {
        set_modified(&project.file(&format!("{folder}/version.txt"), text), time);
    }
    let_files_settle();
    build(&project).says("│ version 1");
    std::fs::rename(project.path("site"), project.path("old")).expect("folders can be renamed");
    std::fs::rename(project.path("new"), project.path("site")).expect("folders can be renamed");
    build(&project).says("│ version 2");
}

#[test]
fn images_of_one_context_see_what_their_own_ignore_file_leaves() {
    let _parts = Parts::take();
    let image = |name: &str| {
        format!(
            "image {name} {{ dockerfile = \"{name}.Dockerfile\", args = {{ BASE = env(\"BASE\") ?? \"\" }}, \
             tags = [repo:\"{name}\"], network = \"none\", cache {{ from = [], to = [] }} }}\n"
        )
    };
    let (head, _) = BUILD_ONLY.split_once("image app").expect("the pipeline has an image");
    let project =
        Project::new(&format!("{head}{}{}wave build {{ build one, two }}\n", image("one"), image("two")));
    for (name, other) in [("one", "two"), ("two", "one")] {
        let test = format!("RUN test -e /context/{name}.txt && test ! -e /context/{other}.txt");
        project.file(
            &format!("{name}.Dockerfile"),
            &format!("ARG BASE\nFROM ${{BASE}}\nCOPY . /context\n{test}\n"),
        );
        project.file(&format!("{name}.Dockerfile.dockerignore"), &format!("{other}.txt\n"));
        project.file(&format!("{name}.txt"), name);
    }
    for _ in 0..3 {
        project.run().succeeded();
        let_files_settle();
    }
}

#[test]
fn times_arrive_in_whole_seconds() {
    let _parts = Parts::take();
    let test = "test $(stat -c %Y /context/old) = 1600000000";
    let project = Project::with_steps(BUILD_ONLY, &format!("COPY . /context\nRUN {test}"));
    set_modified(
        &project.file("old", ""),
        SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 987_654_321),
    );
    project.run().succeeded();
}

#[test]
fn further_names_of_a_file_arrive_with_its_content() {
    let _parts = Parts::take();
    let project = Project::with_steps(
        BUILD_ONLY,
        "COPY . /context\nRUN cd /context && test ! -e a && test $(cat b) = text && test $(cat c) = text && \
         test $(stat -c %i b) = $(stat -c %i c)",
    );
    project.file("a", "text");
    for name in ["b", "c"] {
        std::fs::hard_link(project.path("a"), project.path(name)).expect("links can be made");
    }
    project.file(".dockerignore", "a\n");
    for _ in 0..2 {
        project.run().succeeded();
    }
}

/// Processes that use all there is of the machine until this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn new() -> Self {
        let start = |_| {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do :; done"]).stdout(Stdio::null()).spawn().expect("a shell starts")
        };
        Self((0..8).map(start).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_busy_machine_and_a_slow_reader_do_not_end_the_session() {
    let parts = Parts::take();
    let lines = "seq 1 30000";
    let step = format!(
        "RUN --mount=type=bind,target=/context test -s /context/big && {lines} && sleep 2 && echo over"
    );
    let project = fresh(&step);
    let big = File::create(project.path("big")).expect("files can be made");
    big.set_len(512 << 20).expect("files can have holes");
    let _busy = Busy::new();
    let mut program = project.command(&["--progress", "plain"]).start();
    let mut errors = program.stderr.take().expect("it is a pipe");
    // The pipe is full long before all lines are in it. An engine of version 20.10 gives up after 10 seconds.
    std::thread::sleep(Duration::from_secs(25));
    let mut text = String::new();
    errors.read_to_string(&mut text).expect("the program writes text");
    assert!(program.wait().expect("it ends").success(), "{text}");
    assert!(text.contains("│ over"), "{text}");
    parts.engine.empty();
}

#[test]
fn a_lost_connection_ends_the_build_within_seconds() {
    let parts = Parts::take();
    let proxy = Proxy::plain(&parts.engine, Speaks::Docker);
    let project = fresh("RUN echo started && sleep 120");
    let program = project
        .command(&["--progress", "plain"])
        .env("DOCKER_HOST", format!("tcp://{}", proxy.port()))
        .start();
    std::thread::sleep(Duration::from_secs(15));
    drop(proxy);
    let lost = Instant::now();
    let run = Ended::from(program.wait_with_output().expect("its output can be read")).with_code(1);
    assert!(lost.elapsed() < Duration::from_secs(10), "{:?}", lost.elapsed());
    run.says("│ started").says("the connection to the engine was lost during step");
}
