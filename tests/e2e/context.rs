//! The build context: what arrives in the engine, and how much memory that takes.

use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use super::harness::processes::peak_memory;
use super::harness::{BUILD_ONLY, Ended, Parts, Project};

const GIB: u64 = 1 << 30;
/// In KiB.
const MEMORY_LIMIT: u64 = 64 * 1024;

/// A project whose image has its context in `/context`; the build fails unless all conditions hold there.
fn expecting(conditions: &[&str]) -> Project {
    let conditions = conditions.join(" && ");
    Project::with_steps(BUILD_ONLY, &format!("COPY . /context\nRUN cd /context && {conditions}"))
}

#[test]
fn files_named_in_dockerignore_stay_here() {
    let _parts = Parts::take();
    let project = expecting(&[
        "test -e kept.txt",
        "test -e logs/kept.log",
        "test ! -e logs/dropped.log",
        "test ! -e private",
        "test ! -e deep/down/dropped.tmp",
    ]);
    project.file(".dockerignore", "# a comment\nlogs/*\n!logs/kept.log\nprivate\n**/*.tmp\n");
    for name in ["kept.txt", "logs/kept.log", "logs/dropped.log", "private/key", "deep/down/dropped.tmp"] {
        project.file(name, name);
    }
    project.run().succeeded();
}

#[test]
fn symbolic_links_arrive_as_links() {
    let _parts = Parts::take();
    let project = expecting(&[
        "test \"$(readlink link)\" = file.txt",
        "test \"$(readlink dangling)\" = /no/such/file",
        "test \"$(readlink folder-link)\" = folder",
        "test \"$(cat folder-link/inside.txt)\" = inside",
    ]);
    project.file("file.txt", "text");
    project.file("folder/inside.txt", "inside");
    for (target, link) in [("file.txt", "link"), ("/no/such/file", "dangling"), ("folder", "folder-link")] {
        symlink(target, project.path(link)).expect("links can be made");
    }
    project.run().succeeded();
}

#[test]
fn empty_files_and_folders_arrive() {
    let _parts = Parts::take();
    let project = expecting(&["test -f empty.txt", "test ! -s empty.txt", "test -d empty-folder"]);
    project.file("empty.txt", "");
    std::fs::create_dir(project.path("empty-folder")).expect("folders can be made");
    project.run().succeeded();
}

#[test]
fn file_modes_arrive() {
    let _parts = Parts::take();
    let project = expecting(&[
        "test $(stat -c %a run.sh) = 755",
        "test $(stat -c %a private.txt) = 600",
        "test $(stat -c %a folder) = 750",
        "./run.sh",
    ]);
    for (name, text, mode) in [("run.sh", "#!/bin/sh\n", 0o755), ("private.txt", "", 0o600)] {
        let path = project.file(name, text);
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("modes can be set");
    }
    project.file("folder/inside.txt", "");
    std::fs::set_permissions(project.path("folder"), Permissions::from_mode(0o750))
        .expect("modes can be set");
    project.run().succeeded();
}

#[test]
fn a_change_of_the_content_alone_is_noticed() {
    let _parts = Parts::take();
    let project = expecting(&["cat version.txt"]);
    let path = project.file("version.txt", "version 1\n");
    let modified = path.metadata().and_then(|found| found.modified()).expect("files have a time");
    project.run().succeeded().says("│ version 1");
    project.file("version.txt", "version 2\n");
    let file = File::options().write(true).open(&path).expect("the file can be opened");
    file.set_modified(modified).expect("times can be set");
    project.run().succeeded().says("│ version 2");
}

#[test]
fn a_file_of_a_gibibyte_is_streamed_without_growing_memory() {
    let parts = Parts::take();
    // The file is sent whole, but not copied again inside the engine.
    let test = format!("test $(stat -c %s /context/big) = {GIB}");
    let project = Project::with_steps(BUILD_ONLY, &format!("RUN --mount=type=bind,target=/context {test}"));
    let file = File::create(project.path("big")).expect("files can be made");
    file.set_len(GIB).expect("files can have holes");

    let mut program = project.command(&[]).start();
    let mut peak = 0;
    while program.try_wait().expect("the program can be waited for").is_none() {
        peak = peak_memory(&program).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ended::from(program.wait_with_output().expect("its output can be read")).succeeded();

    assert!(peak > 0, "the memory was measured");
    println!("peak memory: {peak} KiB");
    assert!(peak < MEMORY_LIMIT, "{peak} KiB");
    parts.engine.empty();
}
