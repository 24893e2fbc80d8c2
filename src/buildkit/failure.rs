//! Why a solve failed: what the engine says → [`BuildError`].

mod details;
mod lookup;

use tonic::{Code, Status};

use super::filesync::UNSENT;
use super::solve::{CONTEXT_DIR, DOCKERFILE_DIR, context_of_dir};
use super::status::Progress;
use crate::host::{BuildError, root_cause};

pub(super) use lookup::located;

/// The error for a solve that ended with `status`; `progress` knows which step it was.
pub(super) fn build_error(status: &Status, progress: &mut Progress) -> BuildError {
    let place = details::place(status.details()).map(Box::new);
    if let Some(failed) = progress.failed_step() {
        let cause = plain_words(&failed.error).to_owned();
        if let Some(cause) = unsent(&cause) {
            return BuildError::Context(cause);
        }
        return BuildError::Step { step: failed.name, cause, output: failed.output, place };
    }
    let message = plain_words(status.message().trim()).to_owned();
    // The engine's own errors arrive as words; only those of the transport have a cause on this side.
    if std::error::Error::source(status).is_some() {
        return BuildError::ConnectionLost { cause: root_cause(status), step: progress.running_step() };
    }
    match (status.code(), place) {
        _ if message.contains("no space left on device") => BuildError::DiskFull(message),
        (_, Some(place)) => BuildError::Dockerfile { cause: message, place },
        (Code::Unavailable, None) => {
            BuildError::ConnectionLost { cause: message, step: progress.running_step() }
        }
        (Code::Cancelled, None) => {
            BuildError::Engine(format!("the engine has stopped the build ({message})"))
        }
        _ => BuildError::Engine(message),
    }
}

/// BuildKit's message without the layers that it went through: what is left names the cause.
fn plain_words(message: &str) -> &str {
    const LAYERS: &[&str] = &[
        "failed to solve: ",
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve with frontend gateway.v0: ",
        "failed to create LLB definition: ",
        "failed to compute cache key: ",
        "error from sender: ",
    ];
    let mut message = message;
    while let Some(rest) =
        LAYERS.iter().find_map(|layer| message.strip_prefix(layer)).or_else(|| after_code(message))
    {
        message = rest;
    }
    // Newer engines add an id that says nothing to anyone: `… of ref 65fd::2zsq: "/x": not found`
    if let Some((_, cause)) =
        message.strip_prefix("failed to calculate checksum of ref ").and_then(|rest| rest.split_once(": "))
    {
        message = cause;
    }
    if let Some(once) = message.strip_suffix(": not found").filter(|once| once.ends_with(" not found")) {
        return once;
    }
    // `executor failed running […]: exit code: 3`, `process "…" did not complete successfully: exit code: 3`
    match message.rfind("exit code: ") {
        Some(at) if message.starts_with("executor failed") || message.starts_with("process ") => {
            message.get(at..).unwrap_or(message)
        }
        _ => message,
    }
}

/// What `filesync` has said to the engine of a folder that cannot be sent, in words for people.
fn unsent(cause: &str) -> Option<String> {
    let (dir, why) = cause.strip_prefix(UNSENT)?.split_once("`: ")?;
    Some(match dir {
        CONTEXT_DIR => format!("the build context cannot be sent: {why}"),
        DOCKERFILE_DIR => format!("the folder of the Dockerfile cannot be sent: {why}"),
        _ => match context_of_dir(dir) {
            Some(name) => format!("the context `{name}` cannot be sent: {why}"),
            None => format!("the folder `{dir}` cannot be sent: {why}"),
        },
    })
}

/// What an error of gRPC says after its code: `rpc error: code = Unknown desc = …`
fn after_code(message: &str) -> Option<&str> {
    let (_, rest) = message.strip_prefix("rpc error: code = ")?.split_once(" desc = ")?;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_transport_loses_a_connection() {
        let error = |status: Status| build_error(&status, &mut Progress::default());
        assert!(matches!(error(Status::internal("frontend panicked")), BuildError::Engine(_)));
        let stopped = error(Status::cancelled("context canceled"));
        assert_eq!(stopped.to_string(), "the engine has stopped the build (context canceled)");
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(matches!(error(Status::from_error(Box::new(reset))), BuildError::ConnectionLost { .. }));
        let mut lost = Status::internal("h2 protocol error");
        lost.set_source(std::sync::Arc::new(std::io::Error::other("broken pipe")));
        assert_eq!(error(lost).to_string(), "the connection to the engine was lost (broken pipe)");
    }

    #[test]
    fn a_folder_that_cannot_be_sent_is_named_as_in_the_file() {
        let why = "failed to read `a` (Permission denied)";
        for (dir, folder) in [
            ("context", "the build context"),
            ("dockerfile", "the folder of the Dockerfile"),
            ("context-lib", "the context `lib`"),
        ] {
            let message = format!("error from sender: local directory `{dir}`: {why}");
            let words = unsent(plain_words(&message));
            assert_eq!(words, Some(format!("{folder} cannot be sent: {why}")));
        }
        assert_eq!(unsent("exit code: 1"), None);
    }

    #[test]
    fn messages_say_the_cause() {
        for (message, cause) in [
            (
                "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 14: unknown instruction: FOO",
                "dockerfile parse error line 14: unknown instruction: FOO",
            ),
            ("executor failed running [/bin/sh -c make]: exit code: 3", "exit code: 3"),
            ("process \"/bin/sh -c make\" did not complete successfully: exit code: 137", "exit code: 137"),
            ("r.io/base:1: not found", "r.io/base:1: not found"),
            ("failed to solve: rpc error: code = NotFound desc = no agent", "no agent"),
            ("failed to compute cache key: \"/x\" not found: not found", "\"/x\" not found"),
            ("failed to calculate checksum of ref 65fd::2zsq: \"/x\": not found", "\"/x\": not found"),
        ] {
            assert_eq!(plain_words(message), cause);
        }
    }
}
