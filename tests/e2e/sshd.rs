//! An engine behind OpenSSH's own server, with keys, and Docker's program on the other side.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use super::harness::{BUILD_ONLY, PIPELINE, Parts, Project, eventually};

/// A server that lets the key of a project in, and the program `ssh` that shows this key.
struct Server {
    child: Child,
    port: u16,
    path: String,
}

impl Server {
    fn start(project: &Project) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("there is a free port").port();
        let place = |name: &str| project.path(name).display().to_string();
        for key in ["host-key", "user-key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &place(key)])
                .status();
            assert!(made.expect("ssh-keygen is installed").success());
        }
        let config = [
            format!("Port {port}"),
            "ListenAddress 127.0.0.1".to_owned(),
            format!("HostKey {}", place("host-key")),
            format!("AuthorizedKeysFile {}", place("user-key.pub")),
            "PasswordAuthentication no\nStrictModes no\nUsePAM no\nPidFile none".to_owned(),
        ];
        let config = project.file("sshd_config", &(config.join("\n") + "\n"));
        std::fs::create_dir_all("/run/sshd").expect("where sshd keeps nothing, but which it wants");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-f"])
            .arg(config)
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd is installed");
        let known = std::fs::read_to_string(place("host-key.pub")).expect("the key was made");
        project.file("known_hosts", &format!("[127.0.0.1]:{port} {known}"));
        let user =
            format!("IdentityFile {}\nUserKnownHostsFile {}\n", place("user-key"), place("known_hosts"));
        let user = project.file("ssh_config", &user);
        let script = format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", user.display());
        let ssh = project.file("bin/ssh", &script);
        std::fs::set_permissions(&ssh, PermissionsExt::from_mode(0o755)).expect("it can be made a program");
        let path = format!("{}:{}", place("bin"), std::env::var("PATH").expect("there is a PATH"));
        let server = Self { child, port, path };
        eventually("sshd listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }

    fn address(&self, parts: &Parts) -> String {
        format!("ssh://root@127.0.0.1:{}{}", self.port, parts.engine.socket())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_engine_behind_a_real_sshd_builds_and_pushes() {
    let parts = Parts::take();
    let project = Project::with_steps(PIPELINE, "COPY content /\nRUN cat /content");
    project.file("content", &"x".repeat(3_000_000));
    project.file(".dockerignore", "*-key*\nbin\n");
    let server = Server::start(&project);

    let run = project.command(&[]).env("PATH", &server.path).env("DOCKER_HOST", server.address(&parts)).run();

    run.succeeded();
    assert!(parts.registry.digest(&project.repository, "1").is_some());
}

#[test]
fn a_key_that_is_not_known_there_is_the_cause() {
    let parts = Parts::take();
    let project = Project::with_steps(BUILD_ONLY, "RUN true");
    let server = Server::start(&project);
    project.file("user-key.pub", "");

    let run = project.command(&[]).env("PATH", &server.path).env("DOCKER_HOST", server.address(&parts)).run();

    run.with_code(1)
        .says("Permission denied (publickey")
        .says("help: check that `ssh` comes in there without a password");
}
