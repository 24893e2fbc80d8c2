//! A registry with a password.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::harness::registry::Registry;
use super::harness::{Cachelang, Ended, PIPELINE, Parts, Project, part};

const WITH_PASSWORD: &str = r#"cachelang 1
secret word = env("REGISTRY_PASSWORD")
registry main { kind = "oci", host = env("HOST") ?? "", username = env("REGISTRY_USER") ?? "", password = word }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app { args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"] }
wave build { push app }
"#;

fn host() -> String {
    part("CACHELANG_E2E_REGISTRY_AUTH")
}

fn password() -> String {
    part("CACHELANG_E2E_REGISTRY_PASSWORD")
}

fn registry() -> Registry {
    Registry::with_login(&host(), &part("CACHELANG_E2E_REGISTRY_USER"), &password())
}

fn project(cachefile: &str) -> Project {
    Project::with_steps(cachefile, "RUN true")
}

fn command(project: &Project, arguments: &[&str]) -> Cachelang {
    let user = part("CACHELANG_E2E_REGISTRY_USER");
    project.command(arguments).env("HOST", host()).env("REGISTRY_USER", user)
}

/// As `docker login` writes it.
fn write_docker_config(project: &Project, password: &str) {
    let user = part("CACHELANG_E2E_REGISTRY_USER");
    let login = STANDARD.encode(format!("{user}:{password}"));
    project.file("docker/config.json", &format!(r#"{{"auths":{{"{}":{{"auth":"{login}"}}}}}}"#, host()));
    project.file(".dockerignore", "docker\n");
}

/// The password, and what it looks like inside anything that is encoded in base64, at each of the three places
/// where it can start.
fn forms(password: &str) -> Vec<String> {
    let encoded = ["", "-", "--"].map(|before| {
        let text = STANDARD_NO_PAD.encode(format!("{before}{password}"));
        // The characters at both ends also depend on what is beside the password.
        let start = (before.len() * 8).div_ceil(6);
        text.get(start..text.len() - 1).expect("the password is long enough").to_owned()
    });
    std::iter::once(password.to_owned()).chain(encoded).collect()
}

#[track_caller]
fn keeps_quiet_about(password: &str, run: &Ended) {
    for text in [&run.stdout, &run.stderr] {
        for form in forms(password) {
            assert!(!text.contains(&form), "{form} is in\n{text}");
        }
    }
}

#[track_caller]
fn is_not_allowed(run: Ended, project: &Project, cause: &str) {
    let run = run.with_code(1);
    let repository = format!("{}/{}", host(), project.repository);
    let [error] = run.errors()[..] else { panic!("one error: {}", run.stderr) };
    assert!(error.starts_with(&format!("image `app` cannot use `{repository}`: {cause}")), "{error}");
    assert_eq!(run.stdout, "");
    assert_eq!(registry().tags(&project.repository), Vec::<String>::new());
    run.says(&format!("help: log in with `docker login {}`", host())).does_not_say("building");
}

#[test]
fn without_credentials_the_error_asks_for_a_login() {
    let _parts = Parts::take();
    let project = project(PIPELINE);
    let cause = format!("{} wants a login, and no credentials for it were found", host());
    is_not_allowed(command(&project, &[]).run(), &project, &cause);
}

#[test]
fn wrong_credentials_are_an_error_that_says_where_they_are_from() {
    let _parts = Parts::take();
    let project = project(PIPELINE);
    write_docker_config(&project, "a-wrong-password");
    let folder = project.path("docker");
    let run = command(&project, &["-vv"]).env("DOCKER_CONFIG", &folder).run();
    keeps_quiet_about("a-wrong-password", &run);
    let origin = folder.join("config.json");
    let cause = format!("{} does not accept the credentials from {}", host(), origin.display());
    let run = command(&project, &[]).env("DOCKER_CONFIG", &folder).run();
    is_not_allowed(run, &project, &cause);
}

#[test]
fn a_wrong_password_of_the_file_is_an_error_that_names_the_secret() {
    let _parts = Parts::take();
    let project = project(WITH_PASSWORD);
    let run = command(&project, &[]).env("REGISTRY_PASSWORD", "a-wrong-password").run();
    keeps_quiet_about("a-wrong-password", &run);
    let cause = format!("{} does not accept the credentials from secret `word`", host());
    is_not_allowed(run, &project, &cause);
}

#[test]
fn a_secret_without_a_value_is_an_error_that_names_its_variable() {
    let _parts = Parts::take();
    let project = project(WITH_PASSWORD);
    let run = command(&project, &[]).without("REGISTRY_PASSWORD").run().with_code(1);
    run.says("secret `word`: the environment variable `REGISTRY_PASSWORD` is not set")
        .does_not_say("building");
}

#[test]
fn the_credentials_of_docker_login_are_used_and_never_shown() {
    let _parts = Parts::take();
    let project = project(PIPELINE);
    write_docker_config(&project, &password());
    let run = command(&project, &["-vv"]).env("DOCKER_CONFIG", project.path("docker")).run().succeeded();
    keeps_quiet_about(&password(), &run);
    assert_eq!(registry().tags(&project.repository), ["1", "cache-app"]);
    assert_eq!(registry().digest(&project.repository, "1"), Some(run.cell("app", "digest")));
}

#[test]
fn a_user_and_a_secret_of_the_file_are_used_and_never_shown() {
    let _parts = Parts::take();
    let project = project(WITH_PASSWORD);
    let run = command(&project, &["-vv"]).env("REGISTRY_PASSWORD", password()).run().succeeded();
    keeps_quiet_about(&password(), &run);
    assert_eq!(registry().digest(&project.repository, "1"), Some(run.cell("app", "digest")));
}

#[test]
fn a_cache_behind_a_password_is_read_by_a_new_machine() {
    let parts = Parts::take();
    let project = Project::with_steps(WITH_PASSWORD, "RUN echo dependencies\nCOPY source.txt /");
    project.file("source.txt", "one");
    command(&project, &[]).env("REGISTRY_PASSWORD", password()).run().succeeded();
    parts.engine.empty();
    project.file("source.txt", "two");
    let run = command(&project, &[]).env("REGISTRY_PASSWORD", password()).run().succeeded();
    assert_eq!(run.cell("app", "cached"), "1 of 2");
}

#[test]
fn a_build_without_a_push_reads_its_cache_behind_a_password_too() {
    let parts = Parts::take();
    let project = Project::with_steps(WITH_PASSWORD, "RUN echo dependencies");
    command(&project, &[]).env("REGISTRY_PASSWORD", password()).run().succeeded();
    parts.engine.empty();
    project.file(".cachefile", &WITH_PASSWORD.replace("push app", "build app"));
    let run = command(&project, &[]).env("REGISTRY_PASSWORD", password()).run().succeeded();
    assert_eq!(run.cell("app", "cached"), "1 of 1");
}

/// A build from an image behind the password, whose registry nothing else in the file uses.
const BASE_BEHIND_PASSWORD: &str = r#"cachelang 1
secret word = env("REGISTRY_PASSWORD")
registry main { kind = "oci", host = env("HOST") ?? "", username = env("REGISTRY_USER") ?? "", password = word }
repository _unused { registry = main }
image app { args = { BASE = env("BASE") ?? "" }, cache { from = [], to = [] } }
wave build { build app }
"#;

/// Pushes an image behind the password, empties the engine and returns the image's name.
fn base_behind_password(parts: &Parts) -> String {
    let project = Project::with_steps(WITH_PASSWORD, "RUN echo base > /base");
    command(&project, &[]).env("REGISTRY_PASSWORD", password()).run().succeeded();
    parts.engine.empty();
    format!("{}/{}:1", host(), project.repository)
}

#[test]
fn a_base_image_is_read_with_the_login_of_any_registry_of_the_file() {
    let parts = Parts::take();
    let base = base_behind_password(&parts);
    let project = Project::with_steps(BASE_BEHIND_PASSWORD, "RUN cat /base");
    command(&project, &[]).env("BASE", base).env("REGISTRY_PASSWORD", password()).run().succeeded();
}

#[test]
fn a_login_for_a_base_image_that_cannot_be_found_is_said() {
    let parts = Parts::take();
    let base = base_behind_password(&parts);
    let cachefile =
        BASE_BEHIND_PASSWORD.lines().filter(|line| !line.starts_with("reg") && !line.starts_with("rep"));
    let cachefile = cachefile.filter(|line| !line.starts_with("secret")).collect::<Vec<_>>().join("\n");
    let project = Project::with_steps(&cachefile, "RUN cat /base");
    let folder = project.path("docker");
    project.file("docker/config.json", "{");
    let run = command(&project, &[]).env("BASE", base).env("DOCKER_CONFIG", &folder).run().with_code(1);
    run.says(&format!("warning: {} is used without a login:", host())).says("config.json cannot be used");
}
