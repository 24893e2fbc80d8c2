//! A full disk of the engine: one error, with what to do about it.

use std::fs::File;

use super::harness::docker::Engine;
use super::harness::{BUILD_ONLY, Ended, Parts, Project, eventually, part};

const HELP: &str =
    "help: free disk space where the engine keeps its data, for example with `docker system prune`";

/// The base image needs some 50 MiB of the disk. Not all of the 400 MiB can be asked for: containerd's image store
/// does not give back all that a failed build has fetched.
const FREE: u64 = 100 * 1024 * 1024;

/// The engine with a disk of 400 MiB, emptied before.
struct SmallEngine(Engine);

impl SmallEngine {
    fn take() -> Self {
        let engine = Engine::at(&part("CACHELANG_E2E_ENGINE_SMALL"));
        // What a failed build held is given back only a moment after its end.
        eventually("the small disk is free again", || {
            engine.try_to_empty();
            (engine.free_bytes() > FREE).then_some(())
        });
        Self(engine)
    }

    #[track_caller]
    fn is_filled_by(&self, project: &Project) -> Ended {
        let run = project.command(&[]).env("DOCKER_HOST", self.0.address()).run().with_code(1);
        assert_eq!(run.errors().len(), 1, "{}", run.stderr);
        assert_eq!(run.stdout, "");
        assert_eq!(run.stderr.matches(HELP).count(), 1, "{}", run.stderr);
        run
    }
}

#[test]
fn a_step_that_fills_the_disk_is_named_with_its_output() {
    let parts = Parts::take();
    // The test before this one has filled the disk.
    if parts.skip_on(
        "28 containerd",
        "its engine cannot free a disk again that was full: its own database is on it",
    ) {
        return;
    }
    let engine = SmallEngine::take();
    let project = Project::with_steps(BUILD_ONLY, "RUN dd if=/dev/zero of=/filling bs=1M count=700");
    let run = engine.is_filled_by(&project);
    let step = "[2/2] RUN dd if=/dev/zero of=/filling bs=1M count=700";
    assert_eq!(run.errors(), [format!("image `app` was not built: step `{step}` failed: exit code: 1")]);
    run.says("  │ dd: error writing '/filling': No space left on device");
}

#[test]
fn a_context_that_fills_the_disk_is_named() {
    let _parts = Parts::take();
    let engine = SmallEngine::take();
    let project = Project::new(BUILD_ONLY);
    // Without a base image: it would fill the disk at the same time.
    project.file("Dockerfile", "ARG BASE\nFROM scratch\nCOPY big /\n");
    let file = File::create(project.path("big")).expect("files can be made");
    file.set_len(700 << 20).expect("files can have holes");
    let run = engine.is_filled_by(&project);
    let [error] = run.errors()[..] else { panic!("one error: {}", run.stderr) };
    let start = "image `app` was not built: step `[internal] load build context` failed: ";
    assert!(error.starts_with(start) && error.ends_with("no space left on device"), "{error}");
}
