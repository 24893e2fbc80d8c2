//! Logins: passwords, tokens, credential helpers.

use std::os::unix::fs::PermissionsExt;

use super::super::harness::faults::Faults;
use super::super::harness::images::text;
use super::super::harness::registry::Registry;
use super::super::harness::{Project, part, unique};
use super::{copy, location, planned};

const FILE: &str = r#"cachelang 1
registry main { kind = "oci", host = env("REGISTRY_HOST") ?? "" }
repository repo { registry = main, name = "app" }
image app { args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"] }
wave build { push app }
"#;

#[test]
fn tokens_are_asked_for_with_the_repositories_that_they_are_for() {
    let (host, from, to) = (part("CACHELANG_E2E_REGISTRY"), unique("from"), unique("to"));
    let registry = Registry::at(&host);
    let digest = registry.put_image(&from, None, &[text("l", 100)]);
    let faults = Faults::with_tokens(&host);

    copy(&location(&faults.host(), &from), &digest, &location(&faults.host(), &to))
        .result
        .expect("it is copied");

    let mut logins = faults.logins();
    logins.sort();
    let scope = |repository: &str, actions: &str| format!("scope=repository%3A{repository}%3A{actions}");
    let (read, write) = ("pull", "pull%2Cpush");
    let mut expected = [
        format!("/token?{}&service=faults ", scope(&from, read)),
        format!("/token?{}&service=faults ", scope(&to, read)),
        format!("/token?{}&service=faults ", scope(&to, write)),
        format!("/token?{}&{}&service=faults ", scope(&to, write), scope(&from, read)),
    ];
    expected.sort();
    assert_eq!(logins, expected, "each once");
}

#[test]
fn into_a_registry_with_a_password_an_image_is_copied_with_it() {
    let (host, repository) = (part("CACHELANG_E2E_REGISTRY"), unique("password"));
    let closed = part("CACHELANG_E2E_REGISTRY_AUTH");
    let (user, password) = (part("CACHELANG_E2E_REGISTRY_USER"), part("CACHELANG_E2E_REGISTRY_PASSWORD"));
    let digest = Registry::at(&host).put_image(&repository, None, &[text("p", 100)]);
    let to = planned(&format!(
        "secret word = env(\"CACHELANG_E2E_REGISTRY_PASSWORD\")\n\
         registry main {{ kind = \"oci\", host = \"{closed}\", username = \"{user}\", password = word }}\n\
         repository _repo {{ registry = main, name = \"{repository}\" }}\n"
    ));
    copy(&location(&host, &repository), &digest, &to).result.expect("it is copied");
    let there = Registry::with_login(&closed, &user, &password).digest(&repository, &digest);
    assert_eq!(there, Some(digest));
}

#[test]
fn a_password_is_exchanged_for_a_token_and_an_identity_token_too() {
    let faults = Faults::with_tokens(&part("CACHELANG_E2E_REGISTRY"));
    let project = Project::with_steps(FILE, "");
    // `user:pass`
    for (login, method, authorization) in
        [(r#""auth":"dXNlcjpwYXNz""#, "GET", "Basic dXNlcjpwYXNz"), (r#""identitytoken":"word""#, "POST", "")]
    {
        let config = format!(r#"{{"auths":{{"{}":{{{login}}}}}}}"#, faults.host());
        project.file("docker/config.json", &config);
        let before = faults.count(method, "/token");
        let doctor = project.doctor_command().env("REGISTRY_HOST", faults.host());
        doctor.env("DOCKER_CONFIG", project.path("docker")).run().succeeded();
        assert_eq!(faults.count(method, "/token"), before + 1, "{login}");
        assert!(faults.logins().last().is_some_and(|last| last.ends_with(authorization)), "{login}");
    }
}

#[test]
fn a_credential_helper_is_asked_for_the_host() {
    let host = part("CACHELANG_E2E_REGISTRY_AUTH");
    let (user, password) = (part("CACHELANG_E2E_REGISTRY_USER"), part("CACHELANG_E2E_REGISTRY_PASSWORD"));
    let project = Project::with_steps(FILE, "");
    let helper = format!(
        "#!/bin/sh\nread server\ntest \"$1 $server\" = 'get {host}' || exit 1\n\
         echo '{{\"Username\":\"{user}\",\"Secret\":\"{password}\"}}'\n"
    );
    let helper = project.file("bin/docker-credential-played", &helper);
    std::fs::set_permissions(helper, PermissionsExt::from_mode(0o755)).expect("it can be made a program");
    project.file("docker/config.json", &format!(r#"{{"credHelpers":{{"{host}":"played"}}}}"#));
    let path = format!("{}:{}", project.path("bin").display(), part("PATH"));
    let doctor = project.doctor_command().env("REGISTRY_HOST", host).env("PATH", path);
    let doctor = doctor.env("DOCKER_CONFIG", project.path("docker")).run().succeeded();
    assert!(!doctor.stdout.contains(&password), "{}", doctor.stdout);
}
