//! What is shown while a run goes on.

mod plain;
mod tty;

pub(super) use plain::step_name;

use std::sync::Arc;

use super::Progress;
use super::ci::Ci;
use super::say::{print_line, say_line};
use crate::host::{Event, Observer, OutputStream, Place};

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
        Progress::Auto | Progress::Plain => Arc::new(plain::Plain::new(Ci::here())),
        Progress::Quiet => Arc::new(Quiet),
    }
}

/// Shows only what commands print.
struct Quiet;

impl Observer for Quiet {
    fn observe(&self, event: &Event) {
        if let Event::CommandOutput { place, stream, line } = event {
            print_output(place, *stream, line);
        }
    }
}

impl RunObserver for Quiet {}

/// A command's output keeps its stream, so that it can be piped. Lines of stages that run at the same time say which
/// they are of.
fn print_output(place: &Place, stream: OutputStream, line: &str) {
    let prefix = prefix(place);
    match stream {
        OutputStream::Stdout => print_line(format_args!("{prefix}{line}")),
        OutputStream::Stderr => say_line(format_args!("{prefix}{line}")),
    }
}

/// The stage in front of a line, where several run at the same time.
fn prefix(place: &Place) -> String {
    let stage = place.block.as_ref().filter(|_| place.parallel);
    stage.map_or_else(String::new, |stage| format!("{stage}: "))
}
