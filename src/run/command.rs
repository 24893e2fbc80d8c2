//! `run` and `sh` steps.

use std::time::{Duration, Instant};

use super::{Report, RunError};
use crate::host::{CommandRequest, Event, Host, OutputStream};
use crate::plan::{Command, EnvValue, ImageId, Plan, Program, ScriptPiece, Text, TextPiece};

/// The pause before a failed command is started again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Runs a command, again if it fails and has `retries`.
pub(super) async fn run(
    plan: &Plan,
    host: &Host,
    wave: &str,
    command: &Command,
    report: &Report,
) -> Result<(), RunError> {
    let request = request(command, report);
    let shown = shown(plan, command);
    let mut attempts = 0;
    loop {
        match attempt(host, wave, &shown, command, &request).await {
            Err(_) if attempts < command.retries => {
                attempts += 1;
                tokio::time::sleep(RETRY_DELAY).await;
            }
            result => return result,
        }
    }
}

async fn attempt(
    host: &Host,
    wave: &str,
    shown: &str,
    command: &Command,
    request: &CommandRequest,
) -> Result<(), RunError> {
    let (wave, shown) = (|| wave.to_owned(), || shown.to_owned());
    host.observer.observe(&Event::CommandStarted { wave: wave(), command: shown() });
    let started = Instant::now();
    let output = |stream: OutputStream, line: &str| {
        host.observer.observe(&Event::CommandOutput { wave: wave(), stream, line: line.to_owned() });
    };
    let running = host.commands.run(request, &output);
    let failed = |source| RunError::Command { wave: wave(), command: shown(), source };
    let result = match command.timeout {
        Some(limit) => match tokio::time::timeout(limit, running).await {
            Ok(result) => result.map_err(failed),
            Err(_) => Err(RunError::CommandTimeout { wave: wave(), command: shown(), limit }),
        },
        None => running.await.map_err(failed),
    };
    if result.is_err() {
        // What was given up must not run beside the next attempt, or after the run.
        host.commands.settle().await;
    }
    let (succeeded, elapsed) = (result.is_ok(), started.elapsed());
    host.observer.observe(&Event::CommandFinished { wave: wave(), command: shown(), succeeded, elapsed });
    result
}

fn request(command: &Command, report: &Report) -> CommandRequest {
    let env = command.env.iter().filter_map(|(name, value)| match value {
        EnvValue::Text(text) => Some((name.clone(), resolve(text, report))),
        // Refused before the run.
        EnvValue::Secret { .. } => None,
    });
    let env = env.collect();
    let (program, arguments) = match &command.program {
        Program::Run(words) => {
            let mut words = words.iter().map(|word| resolve(word, report));
            (words.next().unwrap_or_default(), words.collect())
        }
        Program::Sh(pieces) => {
            let script = pieces.iter().map(|piece| match piece {
                ScriptPiece::Script(script) => script.clone(),
                ScriptPiece::Word(text) => quote(&resolve(text, report)),
            });
            ("/bin/sh".to_owned(), vec!["-eu".to_owned(), "-c".to_owned(), script.collect()])
        }
    };
    CommandRequest { program, arguments, env, dir: command.dir.clone() }
}

/// A text with what the run has found out. The checker has proved that the image is pushed by now.
fn resolve(text: &Text, report: &Report) -> String {
    let image = |id: &ImageId| report.image(*id);
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Literal(literal) => literal.clone(),
        TextPiece::Ref(id) => image(id).reference.clone().unwrap_or_default(),
        TextPiece::Digest(id) => image(id).digest.clone().unwrap_or_default(),
    };
    text.0.iter().map(piece).collect()
}

/// One word for a POSIX shell, whatever it contains: everything between single quotes is literal.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The command as messages show it: as written in the file.
fn shown(plan: &Plan, command: &Command) -> String {
    let text = |text: &Text| {
        let piece = |piece: &TextPiece| match piece {
            TextPiece::Literal(literal) => literal.clone(),
            TextPiece::Ref(id) => format!("{}.ref", plan.image(*id).name),
            TextPiece::Digest(id) => format!("{}.digest", plan.image(*id).name),
        };
        text.0.iter().map(piece).collect::<String>()
    };
    match &command.program {
        Program::Run(words) => words.iter().map(text).collect::<Vec<_>>().join(" "),
        Program::Sh(pieces) => {
            let script: String = pieces
                .iter()
                .map(|piece| match piece {
                    ScriptPiece::Script(script) => script.clone(),
                    ScriptPiece::Word(word) => text(word),
                })
                .collect();
            script.lines().next().unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_hole_is_one_word() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $HOME; `rm`"), r"'it'\''s $HOME; `rm`'");
        assert_eq!(quote(""), "''");
    }
}
