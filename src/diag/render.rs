//! Diagnostics as people and programs read them. The only user of miette, which draws the snippets; the order of
//! everything around them is ours.

mod machine;
mod snippet;
mod window;

use std::fmt::Write as _;

use super::{Diagnostic, Label, Severity};
use crate::source::SourceMap;

pub use machine::{github, json};

/// How text output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Columns of the terminal; text is wrapped there.
    pub width: usize,
    /// Whether lines may be drawn with box characters.
    pub unicode: bool,
}

/// How many diagnostics are shown in full.
const MAX_SHOWN: usize = 25;
/// A secondary label this many lines away gets a snippet of its own.
const MAX_DISTANCE: usize = 12;

/// Everything there is to say, for a terminal or a log. Empty if there is nothing.
pub fn human(sources: &SourceMap, diagnostics: &[Diagnostic], style: Style) -> String {
    let mut output = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        one(&mut output, sources, diagnostic, style);
        output.push('\n');
    }
    let hidden = diagnostics.len().saturating_sub(MAX_SHOWN);
    if hidden > 0 {
        let _ = writeln!(output, "… and {hidden} more\n");
    }
    if let Some(summary) = summary(sources, diagnostics) {
        let _ = writeln!(output, "{summary}");
    }
    output
}

fn one(output: &mut String, sources: &SourceMap, diagnostic: &Diagnostic, style: Style) {
    let word = severity_word(diagnostic.severity());
    let code = diagnostic.code;
    let severity = match diagnostic.severity() {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
    };
    let title = paint(&format!("{word}[{code}]"), severity, style);
    let _ = writeln!(output, "{title}{}", paint(&format!(": {}", diagnostic.message), "1", style));
    for group in snippets(sources, diagnostic) {
        snippet::draw(output, sources, &group, diagnostic.severity(), style);
    }
    for note in &diagnostic.notes {
        wrapped(output, "note", "36", note, style);
    }
    for help in &diagnostic.help {
        wrapped(output, "help", "32", help, style);
    }
}

/// The labels of each snippet: the primary's comes first, whatever the order in the file.
fn snippets<'a>(sources: &SourceMap, diagnostic: &'a Diagnostic) -> Vec<Vec<&'a Label>> {
    let line = |label: &Label| sources.file(label.span.file).position(label.span.start).line;
    let mut groups = vec![vec![&diagnostic.primary]];
    for label in &diagnostic.secondary {
        let near = groups.iter_mut().find(|group| {
            group.iter().any(|other| {
                other.span.file == label.span.file && line(other).abs_diff(line(label)) <= MAX_DISTANCE
            })
        });
        match near {
            Some(group) => group.push(label),
            None => groups.push(vec![label]),
        }
    }
    groups
}

/// `  help: …`, continued under its first word.
fn wrapped(output: &mut String, word: &str, color: &str, text: &str, style: Style) {
    let indent = " ".repeat(word.len() + 4);
    let width = style.width.saturating_sub(indent.len()).max(20);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let _ = writeln!(
        output,
        "  {} {}",
        paint(&format!("{word}:"), color, style),
        lines.join(&format!("\n{indent}"))
    );
}

fn paint(text: &str, code: &str, style: Style) -> String {
    if style.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `2 errors, 1 warning in .cachefile`
fn summary(sources: &SourceMap, diagnostics: &[Diagnostic]) -> Option<String> {
    let count = |severity| diagnostics.iter().filter(|one| one.severity() == severity).count();
    let plural = |count: usize, severity| match count {
        0 => None,
        1 => Some(format!("1 {}", severity_word(severity))),
        _ => Some(format!("{count} {}s", severity_word(severity))),
    };
    let counts = [Severity::Error, Severity::Warning].map(|severity| plural(count(severity), severity));
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let mut files: Vec<&str> =
        diagnostics.iter().map(|one| sources.file(one.primary.span.file).name()).collect();
    files.sort_unstable();
    files.dedup();
    let place = match files.as_slice() {
        [] => return None,
        [one] => (*one).to_owned(),
        more => format!("{} files", more.len()),
    };
    Some(format!("{} in {place}", counts.join(", ")))
}
