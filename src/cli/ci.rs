//! What GitHub Actions and GitLab show beside the lines of a log: groups, annotations, a summary of the job.
//!
//! Both services read commands from the log itself, so that what builds and commands print could give some: it is made
//! harmless first.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use crate::diag::render::printable;
use crate::record::{ErrorRecord, RunRecord, markdown};

/// A service whose log understands commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ci {
    /// <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>
    GithubActions,
    /// <https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections>
    Gitlab,
}

/// The service that this process runs on.
static HERE: LazyLock<Option<Ci>> = LazyLock::new(|| {
    let is_set = |name| variable(name).is_some_and(|value| value == "true");
    if is_set("GITHUB_ACTIONS") {
        Some(Ci::GithubActions)
    } else if is_set("GITLAB_CI") {
        Some(Ci::Gitlab)
    } else {
        None
    }
});

#[expect(
    clippy::disallowed_methods,
    reason = "where the output goes is a setting of the program, not of a plan"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Ci {
    pub(super) fn here() -> Option<Self> {
        *HERE
    }

    /// The line that begins a group, with a title that is seen when it is folded.
    pub(super) fn group(self, name: &str) -> String {
        match self {
            Ci::GithubActions => format!("::group::{}", github_data(name)),
            Ci::Gitlab => {
                let now = jiff::Timestamp::now().as_second();
                format!("\x1b[0Ksection_start:{now}:{}\r\x1b[0K{}", section(name), printable(name))
            }
        }
    }

    /// The line that ends the group of that title.
    pub(super) fn end_group(self, name: &str) -> String {
        match self {
            Ci::GithubActions => "::endgroup::".to_owned(),
            Ci::Gitlab => {
                let now = jiff::Timestamp::now().as_second();
                format!("\x1b[0Ksection_end:{now}:{}\r\x1b[0K", section(name))
            }
        }
    }

    /// The line that shows an error beside the code; GitLab has none.
    pub(super) fn annotation(self, error: &ErrorRecord) -> Option<String> {
        if self == Ci::Gitlab {
            return None;
        }
        let place = error.place.as_ref().map(|place| {
            let file = github_property(&from_workspace(&place.file));
            format!("file={file},line={},endLine={},", place.first_line, place.last_line)
        });
        let mut text = error.message.clone();
        if let Some(help) = &error.help {
            text.push_str("\nhelp: ");
            text.push_str(help);
        }
        Some(format!("::error {}title=cachelang::{}", place.unwrap_or_default(), github_data(&text)))
    }

    /// Adds the summary of a run to that of the job; GitLab has none.
    ///
    /// # Errors
    /// When the file that GitHub names cannot be written.
    pub(super) fn summarize(self, record: &RunRecord) -> std::io::Result<()> {
        let Some(path) = variable("GITHUB_STEP_SUMMARY").filter(|_| self == Ci::GithubActions) else {
            return Ok(());
        };
        let mut file = std::fs::File::options().create(true).append(true).open(path)?;
        file.write_all(shortened(&markdown::summary(record)).as_bytes())
    }
}

/// The longest summary that GitHub takes is 1 MiB for all steps of a job together.
const SUMMARY: usize = 512 * 1024;

/// A text of whole lines that is not longer than a summary may be.
fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= SUMMARY {
        return Cow::Borrowed(text);
    }
    let mut shorter = String::new();
    for line in text.lines() {
        if shorter.len() + line.len() >= SUMMARY {
            break;
        }
        shorter.push_str(line);
        shorter.push('\n');
    }
    shorter.push_str("\nThe rest is in the report of the run.\n");
    Cow::Owned(shorter)
}

/// A line that is no command for the service that reads the log.
pub(super) fn harmless(line: &str) -> Cow<'_, str> {
    match Ci::here() {
        None => Cow::Borrowed(line),
        Some(Ci::GithubActions) => harmless_for_github(line),
        Some(Ci::Gitlab) => harmless_for_gitlab(line),
    }
}

/// GitHub obeys a line that begins with `::`, whatever blanks are in front, and one that has `##[` anywhere. A carriage
/// return ends a line too (actions/runner, `ActionCommand.cs` and `ProcessInvoker.cs`).
fn harmless_for_github(line: &str) -> Cow<'_, str> {
    if !line.contains("::") && !line.contains("##[") {
        return Cow::Borrowed(line);
    }
    let parts = line.split('\r').map(|part| {
        let part = part.replace("##[", "# #[");
        match part.split_once("::") {
            // More than blanks may be invisible.
            Some((before, after))
                if !before.contains(|c: char| c.is_alphanumeric() || c.is_ascii_punctuation()) =>
            {
                format!("{before}: :{after}")
            }
            _ => part,
        }
    });
    Cow::Owned(parts.collect::<Vec<_>>().join("\r"))
}

/// GitLab obeys `section_start:` and `section_end:` behind an escape sequence.
fn harmless_for_gitlab(line: &str) -> Cow<'_, str> {
    if line.contains("section_start:") || line.contains("section_end:") {
        printable(line)
    } else {
        Cow::Borrowed(line)
    }
}

/// What stands behind a command ends with the line.
fn github_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Properties of a command end at `:` and `,` too.
fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The name of a section of GitLab: letters, digits, `_`, `.` and `-`.
fn section(title: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    title.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect()
}

/// A file as GitHub wants it: from the root of the repository.
fn from_workspace(file: &str) -> String {
    let path = std::env::current_dir().unwrap_or_default().join(file);
    let root = variable("GITHUB_WORKSPACE").unwrap_or_default();
    match path.strip_prefix(Path::new(&root)) {
        Ok(inside) if !root.is_empty() => inside.display().to_string(),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_commands_github() {
        for (line, expected) in [
            ("::error::x", ": :error::x"),
            ("  \t::set-output name=a::b", "  \t: :set-output name=a::b"),
            ("\u{200b}\u{feff}::stop-commands::x", "\u{200b}\u{feff}: :stop-commands::x"),
            ("progress\r::add-path::/tmp", "progress\r: :add-path::/tmp"),
            ("text ##[add-mask]x", "text # #[add-mask]x"),
            ("###[group]", "## #[group]"),
            ("std::fs::read", "std::fs::read"),
            ("\x1b[0m::warning::x", "\x1b[0m::warning::x"),
            ("plain", "plain"),
        ] {
            assert_eq!(harmless_for_github(line), expected, "{line}");
        }
    }

    #[test]
    fn no_line_commands_gitlab() {
        let line = "\x1b[0Ksection_end:1:wave_build\r\x1b[0K";
        assert_eq!(harmless_for_gitlab(line), r"\u{1b}[0Ksection_end:1:wave_build\r\u{1b}[0K");
        assert_eq!(harmless_for_gitlab("\x1b[1mbold"), "\x1b[1mbold");
    }

    #[test]
    fn an_annotation_is_one_line() {
        let json = r#"{ "message": "100% wrong:\na, b", "help": "do it", "output": [],
            "place": { "file": "a:b,c/Dockerfile", "first_line": 3, "last_line": 4 } }"#;
        let error: ErrorRecord = serde_json::from_str(json).expect("it has the form");
        let line = Ci::GithubActions.annotation(&error);
        let expected = "::error file=a%3Ab%2Cc/Dockerfile,line=3,endLine=4,title=cachelang::100%25 wrong:%0Aa, b%0Ahelp: do it";
        assert_eq!(line.as_deref(), Some(expected));
        assert_eq!(Ci::Gitlab.annotation(&error), None);
    }

    #[test]
    fn groups_have_a_beginning_and_an_end() {
        assert_eq!(Ci::GithubActions.group("wave a%\nb"), "::group::wave a%25%0Ab");
        let (start, end) = (Ci::Gitlab.group("wave build"), Ci::Gitlab.end_group("wave build"));
        assert!(
            start.starts_with("\x1b[0Ksection_start:") && start.ends_with(":wave_build\r\x1b[0Kwave build")
        );
        assert!(end.starts_with("\x1b[0Ksection_end:") && end.ends_with(":wave_build\r\x1b[0K"));
    }

    #[test]
    fn a_summary_is_not_too_long() {
        let long = "one line\n".repeat(SUMMARY / 8);
        let short = shortened(&long);
        assert!(short.len() < SUMMARY + 100 && short.ends_with("The rest is in the report of the run.\n"));
    }
}
