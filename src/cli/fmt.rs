//! `cachelang fmt`

use std::path::{Path, PathBuf};

use clap::Args;
use similar::TextDiff;

use super::load::{locate, show, stdin, wrong};
use super::say::{print, print_line, say_line};
use super::{FAILED, WRONG};
use crate::diag;
use crate::diag::render::{self, printable};
use crate::load::{self, LoadError};
use crate::source::SourceMap;
use crate::syntax;

/// What messages call standard input.
const STDIN: &str = "<stdin>";

/// How many lines of a difference are shown.
const MAX_DIFF_LINES: usize = 60;

#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// The files to format; `-` is standard input, formatted to standard output [default: the `.cachefile` here or in
    /// the nearest parent folder]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// One more file to format, named as for `run`
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Write nothing; show what would change, and exit with 1 if anything would
    #[arg(long)]
    check: bool,
}

/// Where a text comes from.
enum Input {
    Stdin,
    File { path: PathBuf, name: String },
}

/// Formats the files and returns the exit code: the worst of all of them.
pub(super) fn fmt(args: &FmtArgs) -> u8 {
    let files: Vec<Option<&Path>> =
        args.files.iter().chain(&args.file).map(|file| Some(file.as_path())).collect();
    let files = if files.is_empty() { vec![None] } else { files };
    let codes = files.into_iter().map(|file| one(file, args.check).unwrap_or_else(|code| code));
    codes.max().unwrap_or_default()
}

/// Formats one file; an error has been said when it is returned.
fn one(file: Option<&Path>, check: bool) -> Result<u8, u8> {
    let (input, text) = read(file)?;
    let name = match &input {
        Input::Stdin => STDIN,
        Input::File { name, .. } => name,
    };
    let formatted = format(name, &text)?;
    let changed = text != formatted;
    match &input {
        _ if check && changed => show_difference(name, &text, &formatted),
        _ if check => {}
        Input::Stdin => print(&formatted),
        Input::File { .. } if !changed => {}
        Input::File { path, .. } => {
            load::replace(path, &formatted).map_err(|error| match error {
                LoadError::Unwritable { cause, .. } => {
                    say_line(format_args!("error: cannot write {} ({cause})", printable(name)));
                    WRONG
                }
                error => wrong(&error),
            })?;
            say_line(format_args!("formatted {}", printable(name)));
        }
    }
    Ok(if check && changed { FAILED } else { 0 })
}

fn read(file: Option<&Path>) -> Result<(Input, String), u8> {
    if file == Some(Path::new("-")) {
        let text = load::utf8(Path::new(STDIN), stdin()?).map_err(|error| wrong(&error))?;
        return Ok((Input::Stdin, text));
    }
    let (entry, name) = locate(file)?;
    let text = load::text(entry.path()).map_err(|error| wrong(&error))?;
    Ok((Input::File { path: entry.path().to_owned(), name }, text))
}

/// The formatted text, or the exit code after the mistakes were shown.
fn format(name: &str, text: &str) -> Result<String, u8> {
    let mut sources = SourceMap::new();
    let file = sources.add(name, name, text);
    syntax::format(&sources, file).map_err(|mut diagnostics| {
        diag::sort(&mut diagnostics);
        show(&sources, &diagnostics, Some(render::Style::DEFAULT_LIMIT));
        WRONG
    })
}

fn show_difference(name: &str, before: &str, after: &str) {
    let name = &printable(name);
    print_line(format_args!("{name} is not formatted"));
    let diff = TextDiff::from_lines(before, after);
    // Nothing in the file may steer the terminal; of the characters that could, a file without errors has only this.
    let shown = diff.unified_diff().header(name, "formatted").to_string().replace('\r', "␍");
    for line in shown.lines().take(MAX_DIFF_LINES) {
        print_line(format_args!("{line}"));
    }
    let hidden = shown.lines().count().saturating_sub(MAX_DIFF_LINES);
    if hidden > 0 {
        print_line(format_args!("… and {hidden} more lines"));
    }
}
