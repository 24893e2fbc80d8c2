//! Builders on other machines: over TCP, TLS and SSH, as Docker Engines and as a buildkitd.

use std::os::unix::fs::PermissionsExt;

use super::harness::certificates::Certificates;
use super::harness::proxy::{Proxy, Speaks};
use super::harness::{BUILD_ONLY, PIPELINE, Parts, Project};

/// A pipeline whose image is built by this builder.
fn on(pipeline: &str, builder: &str) -> String {
    let item = format!("builder far {{ {builder} }}\nimage app {{ builder = far,");
    pipeline.replace("image app {", &item)
}

/// A project with the pipeline and the certificates that a proxy lets in.
fn with_tls(pipeline: &str, kind: &str, proxy: &Proxy) -> Project {
    let folder = proxy.certificates().display();
    let tls =
        format!(r#"tls {{ ca = "{folder}/ca.pem", cert = "{folder}/cert.pem", key = "{folder}/key.pem" }}"#);
    let builder = format!(r#"kind = "{kind}", endpoint = "tcp://{}", {tls}"#, proxy.port());
    Project::with_steps(&on(pipeline, &builder), "RUN true")
}

#[test]
fn an_engine_is_reached_over_tls() {
    let parts = Parts::take();
    let proxy = Proxy::with_tls(&parts.engine, Speaks::Docker);
    let project = with_tls(PIPELINE, "docker", &proxy);
    // The engine of the machine is not asked.
    project.command(&[]).env("DOCKER_HOST", "unix:///nonexistent.sock").run().succeeded();
    assert!(parts.registry.digest(&project.repository, "1").is_some());
}

#[test]
fn the_engine_of_the_machine_can_have_tls() {
    let parts = Parts::take();
    let proxy = Proxy::with_tls(&parts.engine, Speaks::Docker);
    let project = Project::with_steps(BUILD_ONLY, "RUN true");
    let address = format!("tcp://{}", proxy.port());
    let command = || project.command(&[]).env("DOCKER_HOST", &address).env("DOCKER_TLS_VERIFY", "1");
    command().env("DOCKER_CERT_PATH", proxy.certificates()).run().succeeded();
    // The certificates of somebody else.
    let other = Certificates::new();
    let run = command().env("DOCKER_CERT_PATH", other.folder()).run().with_code(1);
    let error = format!("image `app` cannot be built: cannot reach a Docker Engine at {address} (");
    assert!(run.errors()[0].starts_with(&error), "{}", run.stderr);
}

#[test]
fn the_current_docker_context_names_the_engine() {
    let parts = Parts::take();
    let proxy = Proxy::with_tls(&parts.engine, Speaks::Docker);
    let project = Project::with_steps(BUILD_ONLY, "RUN true");
    // The SHA-256 of `far`, by which the `docker` program names the folder.
    let id = "512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868";
    project.file("docker/config.json", r#"{"currentContext":"far"}"#);
    let meta = format!(
        r#"{{"Name":"far","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"tcp://{}","SkipTLSVerify":false}}}}}}"#,
        proxy.port()
    );
    project.file(&format!("docker/contexts/meta/{id}/meta.json"), &meta);
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        let text = std::fs::read_to_string(proxy.certificates().join(name)).expect("it is there");
        project.file(&format!("docker/contexts/tls/{id}/docker/{name}"), &text);
    }
    let command = || project.command(&[]).without("DOCKER_HOST").env("DOCKER_CONFIG", project.path("docker"));
    command().run().succeeded();
    let run = command().env("DOCKER_CONTEXT", "near").run().with_code(1);
    run.says("the Docker context `near`, which DOCKER_CONTEXT names, does not exist");
}

/// A program `ssh` that connects to the engine of the tests whatever it is asked for, and writes down what that was.
fn fake_ssh(parts: &Parts, project: &Project) -> String {
    let relay = r#"import os, socket, sys, threading
engine = socket.socket(socket.AF_UNIX)
engine.connect(sys.argv[1])
def up():
    while data := os.read(0, 65536):
        engine.sendall(data)
    engine.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := engine.recv(65536):
    os.write(1, data)
"#;
    let relay = project.file("bin/relay.py", relay);
    let words = project.path("ssh-words");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {}\ncase $* in *no-such*) echo 'ssh: no such host' >&2; exit 255;; esac\nexec python3 {} {}\n",
        words.display(),
        relay.display(),
        parts.engine.socket()
    );
    let ssh = project.file("bin/ssh", &script);
    std::fs::set_permissions(&ssh, PermissionsExt::from_mode(0o755)).expect("it can be made a program");
    format!("{}:{}", project.path("bin").display(), std::env::var("PATH").expect("there is a PATH"))
}

#[test]
fn an_engine_is_reached_over_ssh() {
    let parts = Parts::take();
    let text = on(PIPELINE, r#"kind = "docker", endpoint = "ssh://ci@far:2222""#);
    let project = Project::with_steps(&text, "COPY Dockerfile /\nRUN true");
    let path = fake_ssh(&parts, &project);
    project.command(&[]).env("PATH", &path).env("DOCKER_HOST", "unix:///nonexistent.sock").run().succeeded();
    assert!(parts.registry.digest(&project.repository, "1").is_some());
    let words = std::fs::read_to_string(project.path("ssh-words")).expect("it was called");
    assert!(
        words.lines().all(|line| line.ends_with("-l ci -p 2222 -- far docker system dial-stdio")),
        "{words}"
    );

    let lost = on(PIPELINE, r#"kind = "docker", endpoint = "ssh://no-such""#);
    project.file(".cachefile", &lost);
    let run = project.command(&[]).env("PATH", &path).run().with_code(1);
    let error =
        "image `app` cannot be built: cannot reach a Docker Engine at ssh://no-such (ssh: no such host)";
    assert_eq!(run.errors(), [error]);
}

#[test]
fn a_buildkitd_sends_what_it_builds_to_the_registry() {
    let parts = Parts::take();
    if parts.skip_on("graphdriver", "its BuildKit cannot push, as a buildkitd does") {
        return;
    }
    let plain = Proxy::plain(&parts.engine, Speaks::BuildKit);
    let builder = format!(r#"kind = "buildkit", endpoint = "tcp://{}""#, plain.port());
    let project = Project::with_steps(&on(PIPELINE, &builder), "RUN true");
    let run = project.run().succeeded();
    assert_eq!(parts.registry.digest(&project.repository, "1"), Some(run.cell("app", "digest")));
    assert_eq!(parts.registry.tags(&project.repository), ["1", "cache-app"]);

    let encrypted = Proxy::with_tls(&parts.engine, Speaks::BuildKit);
    let project = with_tls(PIPELINE, "buildkit", &encrypted);
    project.run().succeeded();
    assert!(parts.registry.digest(&project.repository, "1").is_some());
}

#[test]
fn a_buildkitd_keeps_no_image() {
    let parts = Parts::take();
    let proxy = Proxy::plain(&parts.engine, Speaks::BuildKit);
    let builder = format!(r#"kind = "buildkit", endpoint = "tcp://{}""#, proxy.port());
    let text = on(BUILD_ONLY, &builder).replace("image app {", "image app { load = true,");
    let run = Project::with_steps(&text, "RUN true").run().with_code(1).does_not_say("building");
    run.says(" does not support `load`").says("help: leave `load` out");
}

#[test]
fn the_platforms_of_a_builder_are_a_limit() {
    let parts = Parts::take();
    let builder = format!(
        r#"kind = "docker", endpoint = "unix://{}", platforms = ["linux/amd64"]"#,
        parts.engine.socket()
    );
    let text = on(BUILD_ONLY, &builder).replace("tags =", "platforms = [\"linux/arm64\"], tags =");
    let run = Project::with_steps(&text, "RUN true").run().with_code(1).does_not_say("building");
    run.says(" does not support the platform linux/arm64").says("help: its `platforms` are linux/amd64");
}
