//! `cachelang check`

use clap::{Args, ValueEnum};

use super::WRONG;
use super::load::{
    self, Checked, Entry, FileArgs, InputArgs, Loaded, Params, check_again, plan, show_diagnostics, wrong,
};
use super::say::{print, say_line};
use crate::diag::render::{self, printable};
use crate::diag::{fix, has_errors};

/// How often a fixed text is checked and fixed again: an edit may reveal the next mistake.
const MAX_ROUNDS: usize = 10;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    file: FileArgs,

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
pub(super) fn check(args: CheckArgs) -> u8 {
    let CheckArgs { file, format, deny, fix } = args;
    checked(&file.into_input(), format, deny, fix).unwrap_or_else(|code| code)
}

fn checked(input: &InputArgs, format: Format, deny: Option<Deny>, fix: bool) -> Result<u8, u8> {
    let Loaded { mut checked, plan: planned } = plan(load::check(input)?, Params::Optional);
    let is_stdin = matches!(checked.entry, Entry::Stdin(_));
    if fix && is_stdin && format != Format::Human {
        say_line(format_args!(
            "error: with `--fix -`, standard output has the fixed text and no other format"
        ));
        return Err(WRONG);
    }
    if fix {
        checked = fixed(checked, input)?;
    }
    show(&checked, input, format);
    let denied = deny == Some(Deny::Warnings) && !checked.diagnostics.is_empty();
    if denied && !has_errors(&checked.diagnostics) {
        say_line(format_args!("error: warnings are not allowed (--deny warnings)"));
    }
    let code = if denied || has_errors(&checked.diagnostics) { WRONG } else { 0 };
    // The process ends here; to take apart what a large file became would only take time.
    std::mem::forget((checked, planned));
    Ok(code)
}

fn show(checked: &Checked, input: &InputArgs, format: Format) {
    let (sources, diagnostics) = (&checked.sources, &checked.diagnostics);
    match format {
        Format::Json => print(&render::json(sources, diagnostics)),
        Format::Github => print(&render::github(sources, diagnostics)),
        Format::Human if diagnostics.is_empty() => {
            say_line(format_args!("{}: no problems", printable(checked.name())));
        }
        Format::Human => show_diagnostics(checked, input),
    }
}

/// Applies edits until none is left, and writes the text if it is another one than before.
fn fixed(mut checked: Checked, input: &InputArgs) -> Result<Checked, u8> {
    let before = checked.sources.file(checked.file).text().to_owned();
    let mut count = 0;
    // Bytes that are not UTF-8 were replaced when the file was read, and must not be lost.
    let is_exact = !before.contains('\u{fffd}');
    for _ in 0..MAX_ROUNDS {
        let found = fix::fix(&checked.sources, checked.file, &checked.diagnostics);
        let Some(fixed) = found.filter(|_| is_exact) else { break };
        count += fixed.count;
        checked = plan(check_again(checked, &fixed.text, input)?, Params::Optional).checked;
    }
    let after = checked.sources.file(checked.file);
    match &checked.entry {
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
    Ok(checked)
}
