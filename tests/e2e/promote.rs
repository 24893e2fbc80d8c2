//! Promotions between repositories and registries, and tags that cannot move.

use super::harness::registry::{Log, Registry};
use super::harness::{Cachelang, Parts, Project, part, unique};

const PROMOTIONS: &str = r#"cachelang 1
param commit: string = "1111111"
secret word = env("REGISTRY_PASSWORD")
registry main { kind = "oci", host = env("HOST") ?? "" }
registry other { kind = "oci", host = env("OTHER") ?? "", username = env("REGISTRY_USER") ?? "", password = word }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
repository copies { registry = main, name = env("COPIES") ?? "" }
repository released { registry = other, name = env("REPOSITORY") ?? "" }
image app {
  args = { BASE = env("BASE") ?? "" }
  tags = [repo:commit]
  cache { from = [], to = [] }
}
wave build { push app }
wave release { promote app to repo:"live", copies:"live", released:commit, released:"live" }
"#;

/// A version that somebody forgot to raise.
const IMMUTABLE: &str = r#"cachelang 1
registry main { kind = "oci", host = env("HOST") ?? "" }
repository repo {
  registry = main
  name = env("REPOSITORY") ?? ""
  immutable = true
  mutable_tags = ["latest"]
}
image app {
  args = { BASE = env("BASE") ?? "" }
  tags = [repo:read("VERSION"), repo:"latest"]
  cache { from = [], to = [] }
}
wave build { push app }
"#;

fn other() -> Registry {
    let user = part("CACHELANG_E2E_REGISTRY_USER");
    Registry::with_login(
        &part("CACHELANG_E2E_REGISTRY_AUTH"),
        &user,
        &part("CACHELANG_E2E_REGISTRY_PASSWORD"),
    )
}

fn command(project: &Project, copies: &str) -> Cachelang {
    project
        .command(&[])
        .env("OTHER", part("CACHELANG_E2E_REGISTRY_AUTH"))
        .env("REGISTRY_USER", part("CACHELANG_E2E_REGISTRY_USER"))
        .env("REGISTRY_PASSWORD", part("CACHELANG_E2E_REGISTRY_PASSWORD"))
        .env("COPIES", copies)
}

#[test]
fn an_image_is_promoted_by_its_digest_to_other_repositories_and_registries() {
    let parts = Parts::take();
    let project = Project::with_steps(PROMOTIONS, "RUN echo promoted > /promoted");
    let copies = unique("copies");
    let log = Log::from_now();

    let run = command(&project, &copies).run().succeeded();

    let digest = parts.registry.digest(&project.repository, "1111111").expect("it was pushed");
    assert_eq!(parts.registry.digest(&project.repository, "live"), Some(digest.clone()));
    assert_eq!(parts.registry.digest(&copies, "live"), Some(digest.clone()));
    for tag in ["1111111", "live"] {
        assert_eq!(other().digest(&project.repository, tag), Some(digest.clone()), "{tag}");
    }
    run.says(&format!("app: promoted to {}/{copies}:live", part("CACHELANG_E2E_REGISTRY")));
    // The engine has no part in it, and in one registry no content moves.
    let layers = parts.registry.layers(&project.repository, "1111111");
    let downloaded = log.blobs_downloaded();
    for layer in &layers {
        let times = downloaded.iter().filter(|blob| *blob == layer).count();
        assert!(times <= 1, "{layer:?} is downloaded once, for the other registry: {downloaded:?}");
    }
}

#[test]
fn promoting_again_sends_nothing() {
    let _parts = Parts::take();
    let project = Project::with_steps(PROMOTIONS, "RUN echo again > /again");
    let copies = unique("copies");
    command(&project, &copies).run().succeeded();

    let run = command(&project, &copies).run().succeeded();

    let repository = format!("{}/{}", part("CACHELANG_E2E_REGISTRY_AUTH"), project.repository);
    let line = run.stderr.lines().find(|line| line.contains(&format!("copied to {repository}")));
    assert!(line.is_some_and(|line| line.contains("sent 0 B")), "{}", run.stderr);
}

#[test]
fn a_promotion_without_credentials_is_refused_before_the_build() {
    let parts = Parts::take();
    let project = Project::with_steps(PROMOTIONS, "RUN true");

    let run = command(&project, &unique("copies")).env("REGISTRY_PASSWORD", "wrong").run().with_code(1);

    run.does_not_say("building").says("secret `word`");
    assert_eq!(parts.registry.tags(&project.repository), Vec::<String>::new());
}

#[test]
fn a_tag_that_cannot_move_is_never_given_to_another_image() {
    let parts = Parts::take();
    let project = Project::with_steps(IMMUTABLE, "COPY content /\n");
    project.file("VERSION", "1.0");
    project.file("content", "first");
    project.run().succeeded();
    let first = parts.registry.digest(&project.repository, "1.0").expect("it was pushed");
    project.file("content", "second");

    let run = project.run().with_code(1);

    let reference = format!("{}/{}:1.0", part("CACHELANG_E2E_REGISTRY"), project.repository);
    let run = run.says(&format!("warning: {reference} exists and cannot be moved"));
    let expected = format!(
        "image `app` cannot be tagged `{reference}`: that is another image, {first}, and its repository is immutable"
    );
    assert_eq!(run.errors(), [expected]);
    for tag in ["1.0", "latest"] {
        assert_eq!(parts.registry.digest(&project.repository, tag), Some(first.clone()), "{tag}");
    }

    project.file("VERSION", "1.1");
    project.run().succeeded();
    let second = parts.registry.digest(&project.repository, "1.1");
    assert!(second.is_some_and(|second| second != first));
}

#[test]
fn the_same_image_may_be_pushed_to_a_tag_that_cannot_move() {
    let parts = Parts::take();
    let project = Project::with_steps(IMMUTABLE, "RUN echo same > /same");
    project.file("VERSION", "2.0");
    project.run().succeeded();
    let log = Log::from_now();

    let run = project.run().succeeded();

    run.says(&format!("{}:2.0 is there already, with this image", project.repository));
    assert!(!log.tags_pushed(&project.repository).contains(&"2.0".to_owned()));
    assert!(parts.registry.digest(&project.repository, "2.0").is_some());
}
