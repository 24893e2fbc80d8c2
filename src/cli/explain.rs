//! `cachelang explain`

use clap::Args;

use super::WRONG;
use super::say::{print, say_line};
use crate::diag::Code;
use crate::diag::render::printable;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A code such as E0201; without one, all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Prints the page of a code, or the list of all, and returns the exit code.
pub(super) fn explain(args: &ExplainArgs) -> u8 {
    let color = console::colors_enabled();
    let Some(text) = &args.code else {
        let lines = Code::ALL.map(|code| format!("{}  {}\n", bold(code.as_str(), color), code.title()));
        print(&lines.concat());
        return 0;
    };
    match Code::parse(text.trim()) {
        Some(code) => {
            print(&page(code.explanation(), color));
            0
        }
        None => {
            say_line(format_args!("error: no code `{}`", printable(text)));
            say_line(format_args!("  help: {}", unknown(text)));
            WRONG
        }
    }
}

/// What to write instead of something that is no code.
fn unknown(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let same_number = |code: &Code| code.as_str().get(1..) == Some(&format!("{digits:0>4}"));
    let prefix = text.to_ascii_uppercase();
    let family: Vec<_> =
        Code::ALL.into_iter().filter(|code| prefix.len() > 1 && code.as_str().starts_with(&prefix)).collect();
    let found = Code::ALL.into_iter().find(same_number).filter(|_| digits.len() > 2);
    match (found, family.as_slice()) {
        (Some(code), _) => format!("write `cachelang explain {code}`"),
        (None, [first, .., last]) => format!("codes with this start are {first} to {last}"),
        _ => "`cachelang explain` lists all codes".to_owned(),
    }
}

/// Markdown as it is, with light styles where colours are shown.
fn page(markdown: &str, color: bool) -> String {
    let mut shown = String::with_capacity(markdown.len() + 256);
    let mut fence = None;
    for line in markdown.lines() {
        let is_fence = line.starts_with("```");
        match (is_fence, fence) {
            (true, None) => fence = Some(line.ends_with("wrong")),
            (true, Some(_)) => fence = None,
            _ => {}
        }
        let line = match (is_fence, fence) {
            _ if !color => line.to_owned(),
            (true, _) => console::style(line).force_styling(true).dim().to_string(),
            (false, Some(true)) => console::style(line).force_styling(true).red().to_string(),
            (false, Some(false)) => console::style(line).force_styling(true).green().to_string(),
            (false, None) if line.starts_with('#') => bold(line, color),
            (false, None) => line.to_owned(),
        };
        shown.push_str(&line);
        shown.push('\n');
    }
    shown
}

fn bold(text: &str, color: bool) -> String {
    if color { console::style(text).force_styling(true).bold().to_string() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{page, unknown};
    use crate::diag::Code;

    #[test]
    fn unknown_codes_lead_somewhere() {
        for (text, expected) in [
            ("201", "write `cachelang explain E0201`"),
            ("E201", "write `cachelang explain E0201`"),
            ("E0015", "write `cachelang explain W0015`"),
            ("e05", "codes with this start are E0501 to E0511"),
            ("nonsense", "`cachelang explain` lists all codes"),
            ("", "`cachelang explain` lists all codes"),
        ] {
            assert_eq!(unknown(text), expected, "{text}");
        }
    }

    #[test]
    fn colours_only_paint() {
        let text = Code::QuotedName.explanation();
        assert_eq!(page(text, false), text);
        let painted = page(text, true);
        assert!(painted.contains("\u{1b}[1m# E0102"), "{painted}");
        assert_eq!(console::strip_ansi_codes(&painted), text);
    }
}
