//! Engines and registries that are not there: the run ends before anything is built.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::harness::{Ended, PIPELINE, Parts, Project};

/// A run with this `DOCKER_HOST`; it ends soon.
fn with_engine(address: &str) -> Ended {
    let project = Project::with_steps(PIPELINE, "RUN true");
    let started = Instant::now();
    let run = project.command(&[]).env("DOCKER_HOST", address).run();
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    assert_eq!(run.stdout, "");
    run
}

#[track_caller]
fn cannot_reach(address: &str, cause: &str) {
    let run = with_engine(address).with_code(1);
    let error = format!("image `app` cannot be built: cannot reach a Docker Engine at {address} ({cause})");
    assert_eq!(run.errors(), [error]);
    run.says(&format!(
        "help: start the Docker Engine at {address}, or set DOCKER_HOST to the address of another"
    ));
}

/// A port of this machine where nothing listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A socket that takes connections and closes them after the first request: unread, it would be an error of its own.
fn hang_up_at(path: &Path) {
    let listener = UnixListener::bind(path).expect("the socket can be made");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
        }
    });
}

#[test]
fn a_socket_that_does_not_exist_is_named() {
    let _parts = Parts::take();
    cannot_reach("unix:///nonexistent/engine.sock", "No such file or directory (os error 2)");
}

#[test]
fn a_socket_that_hangs_up_is_no_engine() {
    let _parts = Parts::take();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let socket = folder.path().join("engine.sock");
    hang_up_at(&socket);
    cannot_reach(&format!("unix://{}", socket.display()), "connection closed before message completed");
}

#[test]
fn a_port_where_nothing_listens_is_no_engine() {
    let _parts = Parts::take();
    cannot_reach(&format!("tcp://127.0.0.1:{}", closed_port()), "Connection refused (os error 111)");
}

#[test]
fn a_registry_is_no_engine() {
    let parts = Parts::take();
    let cause = "Docker responded with status code 404: 404 page not found";
    cannot_reach(&format!("tcp://{}", parts.registry.host), cause);
}

#[test]
fn an_address_of_no_known_form_is_an_error_that_shows_the_right_ones() {
    let _parts = Parts::take();
    for address in ["npipe://x", "unix://relative.sock", "tcp://host:port", "ssh://-oProxyCommand=x"] {
        let run = with_engine(address).with_code(1);
        let forms = "write `unix:///path`, `tcp://host:port` or `ssh://user@host`";
        let cause = format!("DOCKER_HOST: `{address}` is not the address of a builder; {forms}");
        assert_eq!(run.errors(), [format!("image `app` cannot be built: {cause}")]);
    }
}

#[test]
fn without_the_registry_nothing_is_built() {
    let _parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "RUN true");
    let host = format!("127.0.0.1:{}", closed_port());
    let run = project.command(&[]).env("HOST", &host).run().with_code(1);
    let cause = format!("cannot reach the registry {host} (Connection refused (os error 111))");
    let repository = &project.repository;
    assert_eq!(run.errors(), [format!("image `app` cannot use `{host}/{repository}`: {cause}")]);
    assert_eq!(run.stdout, "");
    run.says(&format!("help: check that a registry answers at {host}")).does_not_say("building");
}
