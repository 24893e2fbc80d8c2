//! Diagnostics as people and programs read them. The only user of miette, which draws the snippets; the order of
//! everything around them is ours.

mod machine;
mod printable;
mod snippet;
mod window;

use std::fmt::Write as _;

use super::{Diagnostic, Label, Severity};
use crate::source::SourceMap;

pub use machine::{github, json};
pub use printable::{printable, printable_json};

/// How text output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Columns of the terminal; text is wrapped there.
    pub width: usize,
    /// Whether lines may be drawn with box characters.
    pub unicode: bool,
    /// How many diagnostics are shown; the rest is counted. `None` for all.
    pub limit: Option<usize>,
}

impl Style {
    /// How many diagnostics are shown unless all are asked for: more than anybody reads at once.
    pub const DEFAULT_LIMIT: usize = 25;

    /// Without colours, for a log of 100 columns.
    pub const PLAIN: Self =
        Self { color: false, width: 100, unicode: true, limit: Some(Self::DEFAULT_LIMIT) };
}

/// A secondary label this many lines away gets a snippet of its own.
const MAX_DISTANCE: usize = 12;

/// Everything there is to say, for a terminal or a log. Empty if there is nothing.
pub fn human(sources: &SourceMap, diagnostics: &[Diagnostic], style: Style) -> String {
    let mut output = String::new();
    let limit = style.limit.unwrap_or(diagnostics.len());
    for diagnostic in diagnostics.iter().take(limit) {
        one(&mut output, sources, diagnostic, style);
        output.push('\n');
    }
    let hidden = diagnostics.len().saturating_sub(limit);
    if hidden > 0 {
        let _ = writeln!(output, "… and {hidden} more (--all-errors)\n");
    }
    if let Some(summary) = summary(sources, diagnostics) {
        let _ = writeln!(output, "{summary}");
    }
    output
}

/// The lines under one label of an error that has no code, such as one of an engine.
pub fn snippet(sources: &SourceMap, label: &Label, style: Style) -> String {
    let mut output = String::new();
    snippet::draw(&mut output, sources, &[label], Severity::Error, style);
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
    let _ =
        writeln!(output, "{title}{}", paint(&format!(": {}", printable(&diagnostic.message)), "1", style));
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
    for word in printable(text).split(' ') {
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
        [one] => printable(one).into_owned(),
        more => format!("{} files", more.len()),
    };
    Some(format!("{} in {place}", counts.join(", ")))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Style, github, human, json};
    use crate::diag::{Code, Diagnostic};
    use crate::source::{SourceMap, Span};

    const PLAIN: Style = Style { width: 80, ..Style::PLAIN };

    fn sample() -> (SourceMap, Diagnostic) {
        let mut sources = SourceMap::new();
        let text = format!("let é = \"é\"; let far = 1\n{}wave late {{ }}\n", "\n".repeat(30));
        let end = text.len() - 2;
        let first = sources.add(".cachefile", ".cachefile", &text);
        let second = sources.add("base/Dockerfile", "base/Dockerfile", "FROM scratch AS runtime");
        let diagnostic = Diagnostic::new(
            Code::UnexpectedToken,
            "`wave` has a message, and: a colon",
            Span::new(first, end - 12..end - 8),
            "the primary",
        )
        .with_label(Span::new(first, 4..6), "far above")
        .with_label(Span::new(second, 16..23), "in another file")
        .with_note("a note")
        .with_help("a help that is long enough to be wrapped because a terminal has only so many columns");
        (sources, diagnostic)
    }

    #[test]
    fn the_primary_comes_first_and_other_files_have_their_own_snippet() {
        let (sources, diagnostic) = sample();
        expect![[r#"
            error[E0115]: `wave` has a message, and: a colon
                ╭─[.cachefile:32:1]
             31 │
             32 │ wave late { }
                · ──┬─
                ·   ╰── the primary
                ╰────
               ╭─[.cachefile:1:5]
             1 │ let é = "é"; let far = 1
               ·     ┬
               ·     ╰── far above
             2 │
               ╰────
               ╭─[base/Dockerfile:1:17]
             1 │ FROM scratch AS runtime
               ·                 ───┬───
               ·                    ╰── in another file
               ╰────
              note: a note
              help: a help that is long enough to be wrapped because a terminal has only so
                    many columns

            1 error in .cachefile
        "#]]
        .assert_eq(&human(&sources, &[diagnostic], PLAIN));
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        let (sources, diagnostic) = sample();
        let shown = human(&sources, &[diagnostic], Style { unicode: false, ..PLAIN });
        let drawn = shown.replace(['é', '…'], "");
        assert!(drawn.is_ascii(), "{shown}");
        assert!(shown.contains("the primary"), "{shown}");
    }

    #[test]
    fn color_changes_nothing_else() {
        let (sources, diagnostic) = sample();
        let colored = human(&sources, std::slice::from_ref(&diagnostic), Style { color: true, ..PLAIN });
        assert!(colored.contains("\u{1b}[1;31merror[E0115]\u{1b}[0m"), "{colored}");
        let escapes = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("the pattern is valid");
        assert_eq!(escapes.replace_all(&colored, ""), human(&sources, &[diagnostic], PLAIN));
    }

    #[test]
    fn many_diagnostics_are_cut() {
        let (sources, diagnostic) = sample();
        let shown = human(&sources, &vec![diagnostic; 30], PLAIN);
        assert_eq!(shown.matches("error[E0115]").count(), 25);
        assert!(shown.ends_with("… and 5 more (--all-errors)\n\n30 errors in .cachefile\n"), "{shown}");
        let (sources, diagnostic) = sample();
        let shown = human(&sources, &vec![diagnostic; 30], Style { limit: None, ..PLAIN });
        assert_eq!(shown.matches("error[E0115]").count(), 30);
    }

    #[test]
    fn programs_read_json_and_annotations() {
        let (sources, diagnostic) = sample();
        let span = diagnostic.primary.span;
        let diagnostics = [diagnostic.with_edit(span, "waves")];
        expect![[r#"
            {"code":"E0115","column":1,"edits":[{"column":1,"end":{"column":5,"line":32,"offset":61},"file":".cachefile","line":32,"offset":57,"replacement":"waves"}],"end":{"column":5,"line":32,"offset":61},"file":".cachefile","headline":"`wave` has a message, and: a colon","help":["a help that is long enough to be wrapped because a terminal has only so many columns"],"label":"the primary","labels":[{"column":5,"end":{"column":6,"line":1,"offset":6},"file":".cachefile","line":1,"offset":4,"text":"far above"},{"column":17,"end":{"column":24,"line":1,"offset":23},"file":"base/Dockerfile","line":1,"offset":16,"text":"in another file"}],"line":32,"notes":["a note"],"offset":57,"severity":"error","url":"docs/errors/E0115.md"}
        "#]].assert_eq(&json(&sources, &diagnostics));
        expect![[r#"
            ::error file=.cachefile,line=32,col=1,title=E0115::`wave` has a message, and: a colon%0Anote: a note%0Ahelp: a help that is long enough to be wrapped because a terminal has only so many columns
        "#]].assert_eq(&github(&sources, &diagnostics));
    }

    #[test]
    fn nothing_that_is_shown_steers_a_terminal_or_a_workflow() {
        let evil = "\u{1b}[31m\n::error::x\r\u{9b}2J\u{202e}";
        let mut sources = SourceMap::new();
        let name = format!("a,b:{evil}");
        let id = sources.add(name.as_str(), "a", "let a = \u{202e}1\n");
        let span = Span::new(id, 4..5);
        let diagnostic = Diagnostic::new(Code::UnexpectedToken, evil, span, evil)
            .with_label(Span::new(id, 8..11), evil)
            .with_note(evil)
            .with_help(evil)
            .with_edit(span, evil);
        let diagnostics = [diagnostic];
        let shown = human(&sources, &diagnostics, PLAIN);
        let annotation = github(&sources, &diagnostics);
        let object = json(&sources, &diagnostics);
        for output in [&shown, &annotation, &object] {
            let obeyed = output.chars().find(|one| *one != '\n' && super::printable::is_obeyed(*one));
            assert_eq!(obeyed, None, "{output}");
        }
        assert_eq!(annotation.lines().count(), 1, "{annotation}");
        assert!(annotation.starts_with("::error file=a%2Cb%3A"), "{annotation}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        let object: serde_json::Value = serde_json::from_str(&object).expect("a line is an object");
        assert_eq!(object["label"], evil, "programs get what it is");
    }

    #[test]
    fn labels_at_the_very_end_are_shown() {
        for text in ["", "let a = 1", "let a = 1\n"] {
            let mut sources = SourceMap::new();
            let id = sources.add("a", "a", text);
            let end = text.len();
            let diagnostic = Diagnostic::new(Code::UnexpectedToken, "m", Span::new(id, end..end), "the end");
            let shown = human(&sources, &[diagnostic], PLAIN);
            assert!(shown.contains("the end"), "{text:?}: {shown}");
        }
    }
}
