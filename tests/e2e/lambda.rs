//! The application in `examples/lambda`, deployed as on machines that are new each time.

use std::path::Path;

use super::harness::docker::now;
use super::harness::registry::Log;
use super::harness::{Cachelang, Ended, Parts, Project, part, unique};

/// The example as it is, but for the name of its repository.
pub fn lambda() -> Project {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lambda");
    let text = |name: &str| std::fs::read_to_string(example.join(name)).expect("the example has the file");
    let mut project = Project::new("");
    project.repository = unique("my-lambda");
    let name = format!("name = \"{}\"", project.repository);
    assert!(text(".cachefile").contains("name = \"my-lambda\""));
    project.file(".cachefile", &text(".cachefile").replace("name = \"my-lambda\"", &name));
    for file in ["Dockerfile", ".dockerignore", "requirements.txt", "src/app.py"] {
        project.file(file, &text(file));
    }
    project
}

pub fn deploy(project: &Project, commit: &str) -> Cachelang {
    let command = project.command(&[]).env("COMMIT_ID", commit);
    command.env("REGISTRY_HOST", part("CACHELANG_E2E_REGISTRY")).env("BASE_IMAGE", part("CACHELANG_E2E_BASE"))
}

/// The tags of a deploy in the order in which they are written. With containerd's image store the cache is written
/// by the build; otherwise behind all pushes.
fn tags_in_order(parts: &Parts, commit: &'static str) -> [&'static str; 3] {
    if parts.engine_is("containerd") {
        ["cache-lambda", commit, "latest"]
    } else {
        [commit, "latest", "cache-lambda"]
    }
}

fn deployed(parts: &Parts, project: &Project, digest: &str) -> String {
    format!("deployed {}/{}@{digest}", parts.registry.host, project.repository)
}

fn columns(run: &Ended) -> Vec<String> {
    run.table("lambda").into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_first_deploy_pushes_both_tags_and_hands_the_digest_on() {
    let parts = Parts::take();
    parts.engine.empty();
    let (project, log) = (lambda(), Log::from_now());

    let run = deploy(&project, "1111111").run().succeeded();

    let digest = parts.registry.digest(&project.repository, "1111111").expect("the commit's tag is there");
    assert_eq!(parts.registry.digest(&project.repository, "latest").as_deref(), Some(digest.as_str()));
    let cache = parts.registry.digest(&project.repository, "cache-lambda").expect("the cache is there");
    assert_ne!(cache, digest, "the cache is not the image itself");
    assert_eq!(parts.registry.tags(&project.repository), ["1111111", "cache-lambda", "latest"]);
    assert_eq!(log.tags_pushed(&project.repository), tags_in_order(&parts, "1111111"));

    assert_eq!(run.stdout.lines().next(), Some(deployed(&parts, &project, &digest).as_str()));
    assert_eq!(columns(&run), ["image", "cached", "build", "push", "sent", "digest"]);
    assert_eq!(run.cell("lambda", "cached"), "0 of 3");
    assert_eq!(run.cell("lambda", "digest"), digest);
    for column in ["build", "push"] {
        let seconds = run.cell("lambda", column);
        let number = seconds.strip_suffix(" s").and_then(|number| number.parse::<f64>().ok());
        assert!(number.is_some_and(|number| number < 60.0), "{column}: {seconds}");
    }
    run.says("there is no cache at").says("the next machine finds 3 of 3 steps").does_not_say("error");
}

#[test]
fn a_deploy_on_a_new_machine_sends_only_the_changed_source() {
    let parts = Parts::take();
    let project = lambda();
    deploy(&project, "1111111").run().succeeded();
    let first = parts.registry.layers(&project.repository, "1111111");
    parts.engine.empty();
    project.file("src/app.py", "def app(event, context):\n    return 'changed'\n");
    let (log, start) = (Log::from_now(), now());

    let run = deploy(&project, "2222222").run().succeeded();

    let digest = parts.registry.digest(&project.repository, "2222222").expect("the commit's tag is there");
    assert_ne!(parts.registry.digest(&project.repository, "1111111").as_deref(), Some(digest.as_str()));
    assert_eq!(parts.registry.digest(&project.repository, "latest").as_deref(), Some(digest.as_str()));
    assert_eq!(run.cell("lambda", "cached"), "2 of 3");
    assert_eq!(run.stdout.lines().next(), Some(deployed(&parts, &project, &digest).as_str()));

    let second = parts.registry.layers(&project.repository, "2222222");
    let (source, dependencies) = second.split_last().expect("the image has layers");
    let (old_source, old_dependencies) = first.split_last().expect("the image has layers");
    assert_eq!(dependencies, old_dependencies);
    assert_ne!(source, old_source);
    // Where the build writes the cache, it has sent the layer already.
    let sent = if parts.engine_is("containerd") { 0 } else { source.1 };
    assert_eq!(run.cell("lambda", "sent"), format!("{sent} B"));

    // The step that runs needs the file system below it, so an engine that keeps unpacked layers loads each of
    // them once. The old source is needed by nothing.
    let downloaded = log.blobs_downloaded();
    for layer in dependencies {
        assert_eq!(downloaded.iter().filter(|blob| *blob == layer).count(), 1, "{layer:?} in {downloaded:?}");
    }
    assert!(!downloaded.contains(old_source), "{downloaded:?}");
    let events = parts.engine.image_events(&start);
    assert!(!events.iter().any(|action| action == "pull"), "{events:?}");
    assert!(events.iter().any(|action| action == "push"), "events are seen: {events:?}");
}

#[test]
fn a_deploy_on_the_same_machine_sends_nothing_if_nothing_changed() {
    let parts = Parts::take();
    let project = lambda();
    deploy(&project, "1111111").run().succeeded();
    let log = Log::from_now();

    let run = deploy(&project, "2222222").run().succeeded();

    assert_eq!(run.cell("lambda", "cached"), "3 of 3");
    assert_eq!(run.cell("lambda", "sent"), "0 B");
    let downloaded = log.blobs_downloaded();
    let layers = parts.registry.layers(&project.repository, "2222222");
    assert!(!layers.iter().any(|layer| downloaded.contains(layer)), "{layers:?} in {downloaded:?}");
    // containerd's image store does not write a tag that names the same image already. The cache is what it was.
    let written = if parts.engine_is("containerd") { &["2222222"][..] } else { &["2222222", "latest"] };
    assert_eq!(log.tags_pushed(&project.repository), written);
    assert!(parts.registry.digest(&project.repository, "1111111").is_some());
}
