//! Commands as processes of this machine.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{CommandError, CommandRequest, Commands, Masks, OnLine, OutputStream};

/// The longest line that is passed on; a longer one is passed on in pieces.
const MAX_LINE: usize = 64 * 1024;

/// How long a command that was given up may clean up before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// A killed group can outlive this only as processes that nobody reaps or that hang in the kernel.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How often [`LocalCommands::settle`] looks.
const POLL: Duration = Duration::from_millis(20);

/// Starts processes, each in a process group of its own, without a terminal and with standard input closed.
#[derive(Debug, Clone)]
pub struct LocalCommands {
    grace: Duration,
    given_up: GivenUpGroups,
}

impl LocalCommands {
    pub fn new() -> Self {
        Self::with_grace(GRACE)
    }

    /// With another grace time than ten seconds.
    pub fn with_grace(grace: Duration) -> Self {
        Self { grace, given_up: GivenUpGroups::default() }
    }
}

impl Default for LocalCommands {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Commands for LocalCommands {
    async fn run(&self, request: &CommandRequest, output: &OnLine<'_>) -> Result<(), CommandError> {
        let mut child = Command::new(program(&request.program, &request.dir))
            .args(&request.arguments)
            .envs(&request.env)
            .current_dir(&request.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| CommandError::Start {
                program: request.program.clone(),
                cause: start_failure(&error, &request.dir),
            })?;
        let group = ProcessGroup::of(&child, &self.given_up);
        let stdout = child.stdout.take().map(BufReader::new).expect("standard output is piped");
        let stderr = child.stderr.take().map(BufReader::new).expect("standard error is piped");
        let lines = async {
            tokio::try_join!(
                pass_on(stdout, OutputStream::Stdout, &request.masks, output),
                pass_on(stderr, OutputStream::Stderr, &request.masks, output)
            )
        };
        lines.await.map_err(CommandError::Output)?;
        let status = child.wait().await.map_err(CommandError::Output)?;
        group.ended();
        result(status)
    }

    async fn settle(&self) {
        while self.given_up.any_left(self.grace) {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// A program with a slash is relative to the command's folder, one without is looked up in `PATH`.
fn program(name: &str, dir: &Path) -> PathBuf {
    if name.contains('/') { dir.join(name) } else { PathBuf::from(name) }
}

fn start_failure(error: &std::io::Error, dir: &Path) -> String {
    if dir.is_dir() { error.to_string() } else { format!("the folder {} does not exist", dir.display()) }
}

fn result(status: ExitStatus) -> Result<(), CommandError> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(CommandError::Exit { code }),
        (None, signal) => Err(CommandError::Signal { signal: signal.unwrap_or_default() }),
    }
}

/// Reads to the end and passes on whole lines, without holding more than one. What is masked does not show, however it
/// was written: a line is looked at when it is whole, and a piece of one only up to where a value may begin.
async fn pass_on(
    mut reader: impl AsyncBufRead + Unpin,
    stream: OutputStream,
    masks: &Masks,
    output: &OnLine<'_>,
) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            break;
        }
        let newline = available.iter().position(|byte| *byte == b'\n');
        let (taken, ends) = newline.map_or((available.len(), false), |at| (at + 1, true));
        line.extend_from_slice(available.get(..taken).unwrap_or_default());
        reader.consume(taken);
        let complete = match ends {
            true => line.len(),
            false if line.len() >= MAX_LINE => masks.complete(&line),
            false => 0,
        };
        if complete > 0 {
            let shown = masks.hide_bytes(line.get(..complete).unwrap_or_default());
            output(stream, String::from_utf8_lossy(&shown).trim_end_matches(['\n', '\r']));
            line.drain(..complete);
        }
    }
    if !line.is_empty() {
        output(stream, &String::from_utf8_lossy(&masks.hide_bytes(&line)));
    }
    Ok(())
}

/// Asks the whole group of a command to end when the command is given up.
struct ProcessGroup {
    id: Option<Pid>,
    given_up: GivenUpGroups,
}

impl ProcessGroup {
    fn of(child: &Child, given_up: &GivenUpGroups) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { id, given_up: given_up.clone() }
    }

    /// The command has ended by itself.
    fn ended(mut self) {
        self.id = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // It may have ended in this moment; then there is nobody to tell.
            let _ = kill_process_group(id, Signal::TERM);
            self.given_up.lock().push(GivenUp { id, since: Instant::now(), killed: false });
        }
    }
}

/// The groups that were asked to end and may still run.
#[derive(Debug, Clone, Default)]
struct GivenUpGroups(Arc<Mutex<Vec<GivenUp>>>);

#[derive(Debug)]
struct GivenUp {
    id: Pid,
    since: Instant,
    killed: bool,
}

impl GivenUpGroups {
    fn lock(&self) -> MutexGuard<'_, Vec<GivenUp>> {
        // The list is whole even if a thread panicked while it held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the groups that have ended and kills those whose time is over; whether one is worth waiting for.
    fn any_left(&self, grace: Duration) -> bool {
        let mut groups = self.lock();
        groups.retain_mut(|group| group.is_left(grace));
        !groups.is_empty()
    }
}

impl GivenUp {
    fn is_left(&mut self, grace: Duration) -> bool {
        // An error also says that it is not ours to signal; waiting for it would be in vain.
        if test_kill_process_group(self.id).is_err() {
            return false;
        }
        let waited = self.since.elapsed();
        if waited >= grace && !self.killed {
            self.killed = true;
            // It may have ended in this moment.
            let _ = kill_process_group(self.id, Signal::KILL);
        }
        waited < grace + LAST_WAIT
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use indexmap::IndexMap;

    use super::*;

    fn shell(script: &str) -> CommandRequest {
        CommandRequest {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            env: IndexMap::from([("GREETING".into(), "hello".into())]),
            dir: std::env::temp_dir(),
            masks: Masks::default(),
        }
    }

    async fn run(request: &CommandRequest) -> (Result<(), CommandError>, Vec<(OutputStream, String)>) {
        let lines = Mutex::new(Vec::new());
        let output = |stream, line: &str| lines.lock().expect("not poisoned").push((stream, line.to_owned()));
        let result = LocalCommands::new().run(request, &output).await;
        (result, lines.into_inner().expect("not poisoned"))
    }

    #[tokio::test]
    async fn output_comes_as_lines_with_its_stream() {
        let (result, mut lines) = run(&shell("echo $GREETING; echo oops >&2; printf end")).await;
        assert!(result.is_ok());
        lines.sort_by_key(|(stream, _)| *stream == OutputStream::Stderr);
        let expected = [
            (OutputStream::Stdout, "hello".to_owned()),
            (OutputStream::Stdout, "end".to_owned()),
            (OutputStream::Stderr, "oops".to_owned()),
        ];
        assert_eq!(lines, expected);
    }

    #[tokio::test]
    async fn values_are_hidden_however_they_are_written() {
        let long = "x".repeat(MAX_LINE - 3);
        // In two writes, with a pause; over the end of a piece of a line that is too long; at the end without a new line.
        let script = format!(
            "printf 'a open-'; sleep 0.1; echo 'sesame b'; printf '%s' {long}; echo open-sesame; printf open-sesame"
        );
        let request = shell(&script);
        request.masks.add("open-sesame");
        let (result, lines) = run(&request).await;
        assert!(result.is_ok());
        let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines[0], "a *** b");
        assert_eq!(lines[1..].concat(), format!("{long}******"));
    }

    #[tokio::test]
    async fn failures_say_how_the_command_ended() {
        assert!(matches!(run(&shell("exit 3")).await.0, Err(CommandError::Exit { code: 3 })));
        assert!(matches!(run(&shell("kill -9 $$")).await.0, Err(CommandError::Signal { signal: 9 })));
        let missing = CommandRequest { program: "no-such-program".into(), ..shell("") };
        assert!(matches!(run(&missing).await.0, Err(CommandError::Start { .. })));
    }

    #[tokio::test]
    async fn a_dropped_command_is_ended_with_its_children() {
        let marker = std::env::temp_dir().join(format!("cachelang-command-{}", std::process::id()));
        let _ = std::fs::remove_file(&marker);
        let script = format!("trap 'touch {}; exit' TERM; sleep 30 & wait", marker.display());
        let request = shell(&script);
        let running = run(&request);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(300), running).await.is_err());
        for _ in 0..50 {
            if marker.exists() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(marker.exists(), "the command was not told to end");
        std::fs::remove_file(&marker).expect("the marker was just seen");
    }

    /// Starts a command, gives it up once it has printed its process id, and returns the id.
    async fn give_up(commands: &LocalCommands, script: &str) -> Pid {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let output = |_, line: &str| {
            if let Some(sender) = sender.lock().expect("not poisoned").take() {
                sender.send(line.parse().expect("a process id")).expect("the test listens");
            }
        };
        let request = shell(script);
        tokio::select! {
            result = commands.run(&request, &output) => panic!("it ended by itself: {result:?}"),
            id = receiver => Pid::from_raw(id.expect("the command says it")).expect("an id is not 0"),
        }
    }

    #[tokio::test]
    async fn a_command_that_ignores_sigterm_is_killed_after_the_grace_time() {
        let commands = LocalCommands::with_grace(Duration::from_millis(200));
        let group = give_up(&commands, "trap '' TERM; echo $$; exec sleep 30").await;
        assert!(test_kill_process_group(group).is_ok(), "it ignores the signal");
        let started = Instant::now();
        commands.settle().await;
        assert!(test_kill_process_group(group).is_err(), "it is still there");
        assert!((Duration::from_millis(100)..LAST_WAIT).contains(&started.elapsed()));
    }

    #[tokio::test]
    async fn a_command_that_ends_when_asked_is_not_waited_for_longer() {
        let commands = LocalCommands::new();
        commands.settle().await;
        let group = give_up(&commands, "echo $$; exec sleep 30").await;
        let started = Instant::now();
        commands.settle().await;
        assert!(test_kill_process_group(group).is_err(), "it is still there");
        assert!(started.elapsed() < GRACE / 2);
    }
}
