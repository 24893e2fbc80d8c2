//! A full disk of the engine: one error, with what to do about it.

use std::fs::File;

use super::harness::docker::Engine;
use super::harness::{BUILD_ONLY, Ended, Parts, Project, eventually, part};

const HELP: &str =
    "help: free disk space where the engine keeps its data, for example with `docker system prune`";

/// The base image needs some 50 MiB of the disk.
const FREE: u64 = 85 * 1024 * 1024;

/// What containerd's image store holds of the base image after a failed build, until it next collects its garbage.
/// The next build uses it.
const KEPT: u64 = 45 * 1024 * 1024;

/// The engine with a disk of 96 MiB, emptied before and after.
struct SmallEngine(Engine);

impl SmallEngine {
    fn take(parts: &Parts) -> Self {
        let free = if parts.engine_is("containerd") { FREE - KEPT } else { FREE };
        let engine = Engine::at(&part("CACHELANG_E2E_ENGINE_SMALL"));
        // What a failed build held is given back only a moment after its end.
        eventually("the small disk is free again", || {
            engine.empty();
            (engine.free_bytes() > free).then_some(())
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

impl Drop for SmallEngine {
    fn drop(&mut self) {
        self.0.empty();
    }
}

#[test]
fn a_step_that_fills_the_disk_is_named_with_its_output() {
    let parts = Parts::take();
    let engine = SmallEngine::take(&parts);
    let project = Project::with_steps(BUILD_ONLY, "RUN dd if=/dev/zero of=/filling bs=1M count=200");
    let run = engine.is_filled_by(&project);
    let step = "[2/2] RUN dd if=/dev/zero of=/filling bs=1M count=200";
    assert_eq!(run.errors(), [format!("image `app` was not built: step `{step}` failed: exit code: 1")]);
    run.says("  │ dd: error writing '/filling': No space left on device");
}

#[test]
fn a_context_that_fills_the_disk_is_named() {
    let parts = Parts::take();
    let engine = SmallEngine::take(&parts);
    let project = Project::new(BUILD_ONLY);
    // Without a base image: it would fill the disk at the same time.
    project.file("Dockerfile", "ARG BASE\nFROM scratch\nCOPY big /\n");
    let file = File::create(project.path("big")).expect("files can be made");
    file.set_len(200 << 20).expect("files can have holes");
    let run = engine.is_filled_by(&project);
    let [error] = run.errors()[..] else { panic!("one error: {}", run.stderr) };
    let start = "image `app` was not built: step `[internal] load build context` failed: ";
    assert!(error.starts_with(start) && error.ends_with("no space left on device"), "{error}");
}
