//! A connection through the program `ssh`, as Docker's own client makes it (docker/cli, cli/connhelper): the program
//! on the other machine connects its input and output with the socket there. `ssh` knows the user's keys, known
//! hosts and jump hosts; nothing else does.

use std::ffi::OsString;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::buildkit::address::Ssh;
use crate::plan::BuilderKind;

/// The input and output of an `ssh`; dropping it ends the program.
pub(super) struct SshStream {
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// The last line that `ssh` has said so far.
    last_words: Arc<Mutex<String>>,
    listener: JoinHandle<()>,
    /// How long they are waited for, once it has ended.
    patience: Option<Pin<Box<Sleep>>>,
    has_answered: bool,
}

/// A master process of `ssh` (`ControlPersist`) may keep its error output open for as long as it likes.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Starts `ssh`. That the machine cannot be reached is known at the first read.
#[expect(clippy::disallowed_methods, reason = "the one program that transport needs")]
pub(super) fn connect(ssh: &Ssh, kind: BuilderKind) -> io::Result<SshStream> {
    let mut command = Command::from(std::process::Command::new("ssh"));
    command.args(arguments(ssh, kind)).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("the program `ssh` cannot be started: {error}"))
    })?;
    let missing = || io::Error::other("`ssh` was started without pipes");
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let last_words = Arc::new(Mutex::new("`ssh` has ended without a word".to_owned()));
    let listener = tokio::spawn(listen(stderr, Arc::clone(&last_words)));
    Ok(SshStream { _child: child, stdin, stdout, last_words, listener, patience: None, has_answered: false })
}

/// What `ssh` has said last is why it has ended.
async fn listen(stderr: ChildStderr, last_words: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!(line, "ssh");
        *last_words.lock().unwrap_or_else(PoisonError::into_inner) = line.trim().to_owned();
    }
}

fn arguments(ssh: &Ssh, kind: BuilderKind) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    // Nobody is there to type a password while builds run.
    arguments.extend(["-o", "ConnectTimeout=30", "-o", "BatchMode=yes"].map(OsString::from));
    // A link that is cut says nothing: without this it would be noticed after hours.
    arguments
        .extend(["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "-T"].map(OsString::from));
    if let Some(user) = &ssh.user {
        arguments.extend(["-l".into(), user.into()]);
    }
    if let Some(port) = ssh.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    arguments.extend(["--".into(), OsString::from(&ssh.host)]);
    match (kind, &ssh.socket) {
        (BuilderKind::Docker, None) => {
            arguments.extend(["docker", "system", "dial-stdio"].map(OsString::from))
        }
        (BuilderKind::Docker, Some(socket)) => {
            arguments.extend(["docker", "--host"].map(OsString::from));
            arguments.push(format!("unix://{socket}").into());
            arguments.extend(["system", "dial-stdio"].map(OsString::from));
        }
        (BuilderKind::Buildkit, None) => arguments.extend(["buildctl", "dial-stdio"].map(OsString::from)),
        (BuilderKind::Buildkit, Some(socket)) => {
            arguments.extend(["buildctl", "--addr"].map(OsString::from));
            arguments.push(format!("unix://{socket}").into());
            arguments.push("dial-stdio".into());
        }
    }
    arguments
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stdout).poll_read(context, buffer);
        if !matches!(read, Poll::Ready(Ok(()))) {
            return read;
        }
        if buffer.filled().len() > before {
            self.has_answered = true;
            return read;
        }
        if self.has_answered {
            return read;
        }
        // An end before the first answer means that there is no connection.
        let stream = &mut *self;
        let patience = stream.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(LAST_WORDS)));
        if Pin::new(&mut stream.listener).poll(context).is_pending() {
            ready!(patience.as_mut().poll(context));
        }
        self.has_answered = true;
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, words)))
    }
}

impl Drop for SshStream {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stdin).poll_write(context, bytes));
        Poll::Ready(match written {
            // The reader will say why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !self.has_answered => Ok(bytes.len()),
            written => written,
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildkit::Address;

    fn command(address: &str, kind: BuilderKind) -> String {
        let Ok(Address::Ssh(ssh)) = Address::parse(address, kind, None) else { panic!("{address}") };
        arguments(&ssh, kind).join(" ".as_ref()).to_string_lossy().into_owned()
    }

    #[test]
    fn the_command_is_that_of_dockers_own_client() {
        assert_eq!(
            command("ssh://ci@build:2222", BuilderKind::Docker),
            "-o ConnectTimeout=30 -o BatchMode=yes -o ServerAliveInterval=10 -o ServerAliveCountMax=3 -T -l ci -p 2222 -- build docker system dial-stdio"
        );
        assert_eq!(
            command("ssh://build/run/b.sock", BuilderKind::Buildkit),
            "-o ConnectTimeout=30 -o BatchMode=yes -o ServerAliveInterval=10 -o ServerAliveCountMax=3 -T -- build buildctl --addr unix:///run/b.sock dial-stdio"
        );
    }
}
