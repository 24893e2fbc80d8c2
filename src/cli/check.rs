//! `cachelang check`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::WRONG;
use super::load::{Entry, InputArgs, Loaded, Params, load, load_again, show_diagnostics, wrong};
use super::say::{print, say_line};
use crate::diag::render::{self, printable};
use crate::diag::{fix, has_errors};

/// How often a fixed text is checked and fixed again: an edit may reveal the next mistake.
const MAX_ROUNDS: usize = 10;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file to check, `-` for standard input [default: the `.cachefile` here or in the nearest parent folder]
    #[arg(value_name = "FILE", conflicts_with = "file")]
    path: Option<PathBuf>,

    #[command(flatten)]
    input: InputArgs,

    /// How to show what was found: `human` on standard error, the others on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Fail on warnings too
    #[arg(long, value_enum)]
    deny: Option<Deny>,

    /// Correct what has one sure correction, then say what is left; with `-`, the text goes to standard output
    #[arg(long)]
    fix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text with the lines of the file
    Human,
    /// One JSON object a line
    Json,
    /// Annotations of GitHub Actions; run it in the root of the repository
    Github,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    Warnings,
}

/// Checks a file and returns the exit code.
pub(super) fn check(mut args: CheckArgs) -> u8 {
    args.input.file = args.path.take().or(args.input.file);
    checked(&args).unwrap_or_else(|code| code)
}

fn checked(args: &CheckArgs) -> Result<u8, u8> {
    let mut loaded = load(&args.input, Params::Optional)?;
    let is_stdin = matches!(loaded.entry, Entry::Stdin(_));
    if args.fix && is_stdin && args.format != Format::Human {
        say_line(format_args!(
            "error: with `--fix -`, standard output has the fixed text and no other format"
        ));
        return Err(WRONG);
    }
    if args.fix {
        loaded = fixed(loaded, args)?;
    }
    show(&loaded, args);
    let denied = args.deny == Some(Deny::Warnings) && !loaded.diagnostics.is_empty();
    if denied && !has_errors(&loaded.diagnostics) {
        say_line(format_args!("error: warnings are not allowed (--deny warnings)"));
    }
    Ok(if denied || has_errors(&loaded.diagnostics) { WRONG } else { 0 })
}

fn show(loaded: &Loaded, args: &CheckArgs) {
    let (sources, diagnostics) = (&loaded.sources, &loaded.diagnostics);
    match args.format {
        Format::Json => print(&render::json(sources, diagnostics)),
        Format::Github => print(&render::github(sources, diagnostics)),
        Format::Human if diagnostics.is_empty() => {
            say_line(format_args!("{}: no problems", printable(sources.file(loaded.file).name())));
        }
        Format::Human => show_diagnostics(loaded, &args.input),
    }
}

/// Applies edits until none is left, and writes the text if it is another one than before.
fn fixed(mut loaded: Loaded, args: &CheckArgs) -> Result<Loaded, u8> {
    let before = loaded.sources.file(loaded.file).text().to_owned();
    let mut count = 0;
    // Bytes that are not UTF-8 were replaced when the file was read, and must not be lost.
    let is_exact = !before.contains('\u{fffd}');
    for _ in 0..MAX_ROUNDS {
        let Some(fixed) = fix::fix(&loaded.sources, loaded.file, &loaded.diagnostics).filter(|_| is_exact)
        else {
            break;
        };
        count += fixed.count;
        loaded = load_again(loaded, &fixed.text, &args.input, Params::Optional)?;
    }
    let after = loaded.sources.file(loaded.file);
    match &loaded.entry {
        Entry::Stdin(_) => print(after.text()),
        Entry::File(path) if after.text() != before => {
            // Only what a fix is about changes, so that a byte order mark stays.
            let had_mark = crate::load::text(path).is_ok_and(|text| text.starts_with('\u{feff}'));
            let mark = if had_mark { "\u{feff}" } else { "" };
            let text = format!("{mark}{}", after.text());
            crate::load::replace(path, &text).map_err(|error| wrong(&error))?;
        }
        Entry::File(_) => {}
    }
    if count > 0 {
        let problems = if count == 1 { "problem" } else { "problems" };
        say_line(format_args!("fixed {count} {problems} in {}", printable(after.name())));
    }
    Ok(loaded)
}
