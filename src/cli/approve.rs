//! Asks the person at the terminal.

use std::io::{self, IsTerminal};

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};

use super::say::say_line;
use crate::diag::render::printable;
use crate::host::{Approval, Approver};

/// One question at a time, answered with a line of standard input.
#[derive(Default)]
pub(super) struct Terminal {
    /// What is typed, from the first question on.
    lines: Mutex<Option<Lines>>,
}

type Lines = mpsc::Receiver<io::Result<String>>;

/// Reads standard input in a thread of its own: waiting for a line cannot be stopped, only be left alone.
fn lines() -> Lines {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[async_trait]
impl Approver for Terminal {
    fn is_present(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    async fn approve(&self, approval: &Approval) -> Result<bool, String> {
        let mut input = self.lines.lock().await;
        let input = input.get_or_insert_with(lines);
        loop {
            let (place, question) = (&approval.place, printable(&approval.question));
            say_line(format_args!("\n{place}: {question} [y/N]"));
            let line = match input.recv().await {
                Some(Ok(line)) => line,
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("standard input has ended".to_owned()),
            };
            match line.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" | "" => return Ok(false),
                _ => say_line(format_args!("please answer with `yes` or `no`")),
            }
        }
    }
}
