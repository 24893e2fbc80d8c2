//! SSH agents in steps: OpenSSH's own agent is asked from inside a build.

use std::process::{Child, Command, Stdio};

use super::harness::{BUILD_ONLY, Parts, Project, eventually};

/// Asks the agent for its keys, then to lock itself: what comes back is printed.
const ASK: &str = r#"import os, socket
def ask(request):
    agent = socket.socket(socket.AF_UNIX)
    agent.connect(os.environ["SSH_AUTH_SOCK"])
    agent.sendall(len(request).to_bytes(4, "big") + request)
    size, answer = int.from_bytes(agent.recv(4), "big"), b""
    while len(answer) < size:
        answer += agent.recv(size - len(answer))
    return answer
print("keys:", ask(b"\x0b")[1:].count(b"ssh-ed25519"), ask(b"\x0b")[-11:])
print("lock:", ask(b"\x16\x00\x00\x00\x04lock"))
"#;

/// An agent with one key, which ends with this.
struct Agent(Child);

impl Agent {
    fn start(project: &Project) -> Self {
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).env("SSH_AUTH_SOCK", project.path("agent.sock"));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let socket = project.path("agent.sock");
        let socket = socket.to_str().expect("the path is text");
        let agent = run("ssh-agent", &["-D", "-a", socket]).spawn().expect("ssh-agent is installed");
        let agent = Self(agent);
        let key = project.path("key");
        let key = key.to_str().expect("the path is text");
        let made =
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "e2e-comment", "-f", key]).status();
        assert!(made.expect("ssh-keygen is installed").success());
        eventually("the agent has the key", || run("ssh-add", &[key]).status().ok()?.success().then_some(()));
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A project whose image has this `ssh`, and whose step asks the agent `id`.
fn project(ssh: &str, mount: &str) -> Project {
    let image = format!("image app {{ ssh = [{ssh}], no_cache = true, ");
    let steps = format!("COPY ask.py /\nRUN --mount=type=ssh{mount} python3 /ask.py");
    let project = Project::with_steps(&BUILD_ONLY.replace("image app { ", &image), &steps);
    project.file("ask.py", ASK);
    project.file(".dockerignore", "agent.sock\nkey*\n");
    project
}

#[test]
fn a_step_may_use_the_keys_of_an_agent_and_no_more() {
    let _parts = Parts::take();
    for (ssh, mount) in [("\"default\"", ""), ("\"git=agent.sock\"", ",id=git,required=true")] {
        let project = project(ssh, mount);
        let _agent = Agent::start(&project);
        let run = project.command(&[]).env("SSH_AUTH_SOCK", project.path("agent.sock")).run().succeeded();
        run.says("│ keys: 1 b'e2e-comment'").says("│ lock: b'\\x05'");
    }
}

#[test]
fn a_key_and_an_agent_that_is_not_there_are_refused_before_the_build() {
    let _parts = Parts::take();
    for (ssh, cause, help) in [
        ("\"default\"", "the environment variable `SSH_AUTH_SOCK` is not set", "eval \"$(ssh-agent)\""),
        ("\"git=key\"", "is a file, not the socket of an agent", "give the key to an agent with `ssh-add "),
        ("\"git=gone.sock\"", "cannot look at ", "check that the agent still runs"),
    ] {
        let project = project(ssh, "");
        project.file("key", "a key");
        let run = project.command(&[]).without("SSH_AUTH_SOCK").run().with_code(1).does_not_say("building");
        assert_eq!(run.errors().len(), 1, "{}", run.stderr);
        run.says("image `app` cannot be built: the SSH agent `").says(cause).says(help);
    }
}

#[test]
fn a_step_that_requires_an_agent_names_it() {
    let _parts = Parts::take();
    let run = project("", ",id=git,required=true").run().with_code(1);
    println!("{:?}", run.errors());
    assert!(run.errors()[0].contains("SSH agent `git`"), "{}", run.stderr);
}
