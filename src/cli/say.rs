//! Writes to standard output and standard error, whoever reads them.
//!
//! `println!` panics when a line cannot be written, as in `cachelang run | head -1` or with a log on a full disk. A run
//! whose reader is gone goes on: its pushes matter more than its words, and the exit code still says how it ended.

use std::fmt::Arguments;
use std::io::{self, BufWriter, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::ci;
use crate::diag::render::printable_json;

/// The first failure of standard output that is not only a reader that has gone.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Why a part of the output is missing, if one is.
pub(super) fn lost_output() -> Option<&'static io::Error> {
    LOST.get()
}

fn remember(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Whether standard output is for something else than lines for people.
static STDOUT_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// From now on, what would be printed on standard output goes to standard error.
pub(super) fn take_stdout() {
    STDOUT_IS_TAKEN.store(true, Ordering::Relaxed);
}

/// A line on standard output.
pub(super) fn print_line(line: Arguments<'_>) {
    if STDOUT_IS_TAKEN.load(Ordering::Relaxed) {
        return say_line(line);
    }
    remember(write_line(io::stdout().lock(), line));
}

/// A text of whole lines on standard output.
pub(super) fn print(text: &str) {
    let mut stream = io::stdout().lock();
    remember(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
}

/// A value as indented JSON on standard output, written while it is made: the whole text need not fit into memory.
pub(super) fn print_json(value: &impl Serialize) {
    let mut stream = Printable(BufWriter::new(io::stdout().lock()));
    let written = serde_json::to_writer_pretty(&mut stream, value)
        .map_err(io::Error::from)
        .and_then(|()| stream.write_all(b"\n"))
        .and_then(|()| stream.flush());
    remember(written);
}

/// Writes JSON without characters that a terminal obeys.
struct Printable<W>(W);

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        // JSON is written in whole pieces of text.
        match std::str::from_utf8(json) {
            Ok(text) => self.0.write_all(printable_json(text).as_bytes())?,
            Err(_) => self.0.write_all(json)?,
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A line on standard error.
pub(super) fn say_line(line: Arguments<'_>) {
    // There is nobody left to tell of an error.
    let _ = write_line(io::stderr().lock(), line);
}

/// A line on standard error that the CI service is to obey.
pub(super) fn say_command(line: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(format!("{line}\n").as_bytes()).and_then(|()| stream.flush());
}

/// Whole in the buffer first: standard error has none, and lines of several processes must not mix. A CI service takes
/// no line for a command.
fn write_line(mut stream: impl Write, line: Arguments<'_>) -> io::Result<()> {
    let text = line.to_string();
    let lines: Vec<_> = text.split('\n').map(ci::harmless).collect();
    stream.write_all(format!("{}\n", lines.join("\n")).as_bytes()).and_then(|()| stream.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_gone_reader_is_no_failure() {
        remember(write_line(Gone, format_args!("a line")));
        assert!(lost_output().is_none());
        let mut written = Vec::new();
        write_line(&mut written, format_args!("{} {}", "two", "words")).expect("a vector has room");
        assert_eq!(written, b"two words\n");
    }
}
