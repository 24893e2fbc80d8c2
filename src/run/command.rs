//! `run` and `sh` steps.

use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::RunError;
use super::ledger::{Done, Ledger};
use super::prepare::Prepared;
use crate::host::{CommandRequest, Event, Host, OutputStream};
use crate::plan::{Command, EnvValue, Plan, Program, ScriptPiece, Text, TextPiece};

/// The pause before a failed command is started again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Prepared<'_> {
    /// Runs a command, again if it fails and has `retries`.
    pub(super) async fn command(&self, wave: &str, command: &Command) -> Done {
        let request = request(command, self.ledger);
        let shown = shown(self.plan, command);
        let mut attempts = 0;
        loop {
            match attempt(self.host, wave, &shown, command, &request).await {
                Err(_) if attempts < command.retries => {
                    attempts += 1;
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                result => return result.map_err(|error| self.ledger.fail(error)),
            }
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

fn request(command: &Command, ledger: &Ledger) -> CommandRequest {
    let env = command.env.iter().filter_map(|(name, value)| match value {
        EnvValue::Text(text) => Some((name.clone(), resolve(text, ledger))),
        // Refused before the run.
        EnvValue::Secret { .. } => None,
    });
    let mut env: IndexMap<String, String> = env.collect();
    let (program, arguments) = match &command.program {
        Program::Run(words) => {
            let mut words = words.iter().map(|word| resolve(word, ledger));
            (words.next().unwrap_or_default(), words.collect())
        }
        Program::Sh(pieces) => {
            let script = script(pieces, ledger, &mut env);
            ("/bin/sh".to_owned(), vec!["-eu".to_owned(), "-c".to_owned(), script])
        }
    };
    CommandRequest { program, arguments, env, dir: command.dir.clone() }
}

/// A text with what the run has found out. The checker has proved that the image is pushed by now.
fn resolve(text: &Text, ledger: &Ledger) -> String {
    let piece = |piece: &TextPiece| match piece {
        TextPiece::Literal(literal) => literal.clone(),
        TextPiece::Ref(id) => ledger.of_image(*id, |image| image.reference.clone()).unwrap_or_default(),
        TextPiece::Digest(id) => ledger.of_image(*id, |image| image.digest.clone()).unwrap_or_default(),
    };
    text.0.iter().map(piece).collect()
}

/// The text of a script. The values of its holes are no part of it: they become variables, and a shell does not read the
/// value of a variable as code.
fn script(pieces: &[ScriptPiece], ledger: &Ledger, env: &mut IndexMap<String, String>) -> String {
    let mut script = String::new();
    let mut holes = 0;
    let mut variable = |text: &Text| {
        holes += 1;
        let name = format!("CACHELANG_HOLE_{holes}");
        env.insert(name.clone(), resolve(text, ledger));
        name
    };
    for piece in pieces {
        match piece {
            ScriptPiece::Script(text) => script.push_str(text),
            ScriptPiece::Word(text) => script.push_str(&format!("\"${{{}}}\"", variable(text))),
            ScriptPiece::Quoted(text) => script.push_str(&format!("${{{}}}", variable(text))),
        }
    }
    script
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
                    ScriptPiece::Word(value) | ScriptPiece::Quoted(value) => text(value),
                })
                .collect();
            script.lines().next().unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
