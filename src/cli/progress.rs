//! What is shown while a run goes on.

mod plain;
mod tty;

use std::sync::Arc;

use super::Progress;
use super::say::{print_line, say_line};
use crate::host::{Event, Observer, OutputStream};

/// An observer that knows when the run has ended.
pub(super) trait RunObserver: Observer {
    /// Removes what is only of use during the run.
    fn finish(&self) {}
}

/// The observer for a `--progress` setting.
pub(super) fn observer(progress: Progress) -> Arc<dyn RunObserver> {
    let terminal = console::Term::stderr().features().is_attended();
    match progress {
        Progress::Tty => Arc::new(tty::Tty::new()),
        Progress::Auto if terminal => Arc::new(tty::Tty::new()),
        Progress::Auto | Progress::Plain => Arc::new(plain::Plain),
        Progress::Quiet => Arc::new(Quiet),
    }
}

/// Shows only what commands print.
struct Quiet;

impl Observer for Quiet {
    fn observe(&self, event: &Event) {
        if let Event::CommandOutput { stream, line, .. } = event {
            print_output(*stream, line);
        }
    }
}

impl RunObserver for Quiet {}

/// A command's output keeps its stream, so that it can be piped.
fn print_output(stream: OutputStream, line: &str) {
    match stream {
        OutputStream::Stdout => print_line(format_args!("{line}")),
        OutputStream::Stderr => say_line(format_args!("{line}")),
    }
}
