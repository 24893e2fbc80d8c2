//! Commands as processes of this machine.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use async_trait::async_trait;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{CommandError, CommandRequest, Commands, OnLine, OutputStream};

/// The longest line that is passed on; a longer one is passed on in pieces.
const MAX_LINE: usize = 64 * 1024;

/// Starts processes, each in a process group of its own, without a terminal and with standard input closed.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalCommands;

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
        let group = ProcessGroup::of(&child);
        let stdout = child.stdout.take().map(BufReader::new).expect("standard output is piped");
        let stderr = child.stderr.take().map(BufReader::new).expect("standard error is piped");
        let lines = async {
            tokio::try_join!(
                pass_on(stdout, OutputStream::Stdout, output),
                pass_on(stderr, OutputStream::Stderr, output)
            )
        };
        lines.await.map_err(CommandError::Output)?;
        let status = child.wait().await.map_err(CommandError::Output)?;
        group.ended();
        result(status)
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

/// Reads to the end and passes on whole lines, without holding more than one.
async fn pass_on(
    mut reader: impl AsyncBufRead + Unpin,
    stream: OutputStream,
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
        if ends || line.len() >= MAX_LINE {
            output(stream, String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            line.clear();
        }
    }
    if !line.is_empty() {
        output(stream, &String::from_utf8_lossy(&line));
    }
    Ok(())
}

/// Asks the whole group of a command to end when the command is given up.
struct ProcessGroup(Option<rustix::process::Pid>);

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// The command has ended by itself.
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended in this moment; then there is nobody to tell.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        }
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
        }
    }

    async fn run(request: &CommandRequest) -> (Result<(), CommandError>, Vec<(OutputStream, String)>) {
        let lines = Mutex::new(Vec::new());
        let output = |stream, line: &str| lines.lock().expect("not poisoned").push((stream, line.to_owned()));
        let result = LocalCommands.run(request, &output).await;
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
}
