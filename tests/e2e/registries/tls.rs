//! A registry with TLS, whose certificate a private authority has signed.

use std::path::Path;

use super::super::harness::images::text;
use super::super::harness::registry::Registry;
use super::super::harness::{Cachelang, Ended, Parts, Project, part, unique};
use super::{copy, location};

const FILE: &str = r#"cachelang 1
registry main { kind = "oci", host = env("CACHELANG_E2E_REGISTRY_TLS") ?? "" }
repository repo { registry = main, name = env("REPOSITORY") ?? "" }
image app { args = { BASE = env("BASE") ?? "" }, tags = [repo:"1"], cache { from = [], to = [] } }
wave build { push app }
"#;

/// A run that finds no certificates for the registry.
fn trusting_nobody(project: &Project) -> Cachelang {
    project.command(&[]).env("DOCKER_CONFIG", project.path("docker"))
}

#[track_caller]
fn is_trusted(run: Ended, project: &Project) {
    run.succeeded().says(&format!(
        "app: pushed {}/{}:1",
        part("CACHELANG_E2E_REGISTRY_TLS"),
        project.repository
    ));
}

#[test]
fn an_authority_that_nobody_knows_is_an_error_that_says_where_to_put_its_certificate() {
    let _parts = Parts::take();
    let project = Project::with_steps(FILE, "RUN true");
    let host = part("CACHELANG_E2E_REGISTRY_TLS");
    let run = trusting_nobody(&project).run().with_code(1).does_not_say("building");
    let run =
        run.says(&format!("cannot reach the registry {host} (invalid peer certificate: UnknownIssuer)"));
    run.says(&format!("/etc/docker/certs.d/{host}/ca.crt"));
}

/// The engine accepts any certificate on the loopback interface.
#[test]
fn the_certificates_of_docker_are_trusted() {
    let _parts = Parts::take();
    let project = Project::with_steps(FILE, "RUN true");
    let host = part("CACHELANG_E2E_REGISTRY_TLS");
    let authority = part("CACHELANG_E2E_REGISTRY_CA");
    let certificate = std::fs::read_to_string(&authority).expect("it is there");
    project.file(&format!("docker/certs.d/{host}/ca.crt"), &certificate);
    is_trusted(trusting_nobody(&project).run(), &project);
}

#[test]
fn the_certificates_of_the_system_are_trusted() {
    let _parts = Parts::take();
    let project = Project::with_steps(FILE, "RUN true");
    let run = trusting_nobody(&project).env("SSL_CERT_FILE", part("CACHELANG_E2E_REGISTRY_CA")).run();
    is_trusted(run, &project);
}

#[test]
fn a_certificate_that_cannot_be_read_is_an_error_with_its_path() {
    let _parts = Parts::take();
    let project = Project::with_steps(FILE, "RUN true");
    let host = part("CACHELANG_E2E_REGISTRY_TLS");
    let nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let path = project.file(&format!("docker/certs.d/{host}/ca.crt"), nothing);
    let run = trusting_nobody(&project).run().with_code(1).does_not_say("building");
    run.says(&format!("the certificates in {} cannot be used", path.display()));
}

/// `tests/run` has put the certificate where Docker's programs look for it.
#[test]
fn an_image_is_copied_into_a_registry_with_tls() {
    let (host, tls, repository) =
        (part("CACHELANG_E2E_REGISTRY"), part("CACHELANG_E2E_REGISTRY_TLS"), unique("tls"));
    let folder = part("DOCKER_CONFIG");
    assert!(Path::new(&folder).join("certs.d").join(&tls).join("ca.crt").exists());
    let digest = Registry::at(&host).put_image(&repository, None, &[text("s", 100_000)]);
    let copied = copy(&location(&host, &repository), &digest, &location(&tls, &repository)).result;
    assert!(copied.expect("it is copied").sent > 100_000);
    let back = copy(&location(&tls, &repository), &digest, &location(&host, &unique("back"))).result;
    assert!(back.expect("it is copied back").sent > 100_000);
}
