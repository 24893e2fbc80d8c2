//! `run` and `sh` steps.

use std::time::{Duration, Instant};

use indexmap::IndexMap;

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
    let mut env: IndexMap<String, String> = env.collect();
    let (program, arguments) = match &command.program {
        Program::Run(words) => {
            let mut words = words.iter().map(|word| resolve(word, report));
            (words.next().unwrap_or_default(), words.collect())
        }
        Program::Sh(pieces) => {
            let script = script(pieces, report, &mut env);
            ("/bin/sh".to_owned(), vec!["-eu".to_owned(), "-c".to_owned(), script])
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

/// The text of a script. The values of its holes are no part of it: they become variables, and a shell does not read the
/// value of a variable as code.
fn script(pieces: &[ScriptPiece], report: &Report, env: &mut IndexMap<String, String>) -> String {
    let mut script = String::new();
    let mut holes = 0;
    let mut variable = |text: &Text| {
        holes += 1;
        let name = format!("CACHELANG_HOLE_{holes}");
        env.insert(name.clone(), resolve(text, report));
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
