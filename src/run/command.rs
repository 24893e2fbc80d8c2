//! `run` and `sh` steps.

use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::RunError;
use super::ledger::{Done, Ledger};
use super::prepare::Prepared;
use super::waves::At;
use crate::host::{CommandRequest, Event, Masks, OutputStream, secrets};
use crate::plan::{Command, EnvValue, Program, ScriptPiece, Text, TextPiece};

/// The pause before a failed command is started again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Prepared<'_> {
    /// Runs a command, again if it fails and has `retries`.
    pub(super) async fn command(&self, at: &At<'_>, command: &Command) -> Done {
        let shown = command.shown(self.plan);
        let attempts = command.retries + 1;
        let mut attempt = 1;
        loop {
            let ended = self.attempt_command(at, &shown, command).await;
            let Err(error) = ended else { return Ok(()) };
            if attempt == attempts || !self.may_start() {
                return Err(self.ledger.fail(error));
            }
            attempt += 1;
            let (place, command, cause) = (at.place.clone(), shown.clone(), error.cause());
            self.tell(Event::CommandRetried { place, command, cause, attempt, attempts });
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    async fn attempt_command(&self, at: &At<'_>, shown: &str, command: &Command) -> Result<(), RunError> {
        let (place, shown) = (|| at.place.clone(), || shown.to_owned());
        let request = self.request(at, &shown, command).await?;
        self.tell(Event::CommandStarted { place: place(), command: shown() });
        let started = Instant::now();
        let output = |stream: OutputStream, line: &str| {
            self.tell(Event::CommandOutput { place: place(), stream, line: line.to_owned() });
        };
        let running = self.host.commands.run(&request, &output);
        let failed = |source| RunError::Command { place: Box::new(place()), command: shown(), source };
        let result = match command.timeout {
            Some(limit) => match tokio::time::timeout(limit, running).await {
                Ok(result) => result.map_err(failed),
                Err(_) => Err(RunError::CommandTimeout { place: Box::new(place()), command: shown(), limit }),
            },
            None => running.await.map_err(failed),
        };
        if result.is_err() {
            // What was given up must not run beside the next attempt, or after the run.
            self.host.commands.settle().await;
        }
        let (succeeded, elapsed) = (result.is_ok(), started.elapsed());
        self.tell(Event::CommandFinished { place: place(), command: shown(), succeeded, elapsed });
        result
    }

    /// The command with all its values. Secrets are read now, each time.
    async fn request(
        &self,
        at: &At<'_>,
        shown: &(dyn Fn() -> String + Sync),
        command: &Command,
    ) -> Result<CommandRequest, RunError> {
        let mut env = IndexMap::new();
        // The step's own variables win over those of its stage.
        for (name, value) in at.env.into_iter().flatten().chain(&command.env) {
            env.insert(name.clone(), value);
        }
        let mut values = IndexMap::new();
        for (name, value) in env {
            let value = match value {
                EnvValue::Text(text) => resolve(text, self.ledger),
                EnvValue::Secret { secret } => {
                    let read = secrets::read_line(secret).await;
                    let read = read.inspect(|value| self.masks.add(value));
                    read.map_err(|error| RunError::CommandSecret {
                        place: Box::new(at.place.clone()),
                        command: shown(),
                        cause: error.to_string(),
                    })?
                }
            };
            values.insert(name, value);
        }
        Ok(CommandRequest { masks: self.masks.clone(), ..request(command, values, self.ledger) })
    }
}

/// The command with an environment.
fn request(command: &Command, mut env: IndexMap<String, String>, ledger: &Ledger) -> CommandRequest {
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
    CommandRequest { program, arguments, env, dir: command.dir.clone(), masks: Masks::default() }
}

/// A text with what the run has found out. The checker has proved that the image is pushed by now.
pub(super) fn resolve(text: &Text, ledger: &Ledger) -> String {
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

#[cfg(test)]
mod tests;
