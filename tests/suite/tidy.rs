//! The rules of docs/architecture.md that are about the source itself.

use std::path::{Path, PathBuf};

/// Which rooms of `src/` each room may use. Those that are not listed may use everything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diag", &["source"]),
    ("syntax", &["source", "diag"]),
    ("environment", &[]),
    ("shell", &[]),
    ("include", &["source", "diag", "syntax", "environment"]),
    ("language", &["check"]),
    ("check", &["source", "diag", "syntax", "environment", "include", "language", "shell"]),
    ("dockerfile", &["source", "diag"]),
    ("git", &["environment"]),
    ("plan", &["source", "diag", "syntax", "environment", "language", "check", "dockerfile", "shell"]),
    ("cache", &["plan", "host", "environment"]),
    ("host", &["plan", "cache"]),
    ("run", &["plan", "host", "cache"]),
    ("buildkit", &["plan", "host", "cache", "environment"]),
    ("registry", &["plan", "host", "iam"]),
    ("iam", &["plan"]),
    ("doctor", &["plan", "host", "cache", "run"]),
    ("record", &["diag", "plan", "host", "run"]),
    ("load", &["source", "environment", "git"]),
];

/// Lines of a file without its tests.
const MAX_LINES: usize = 500;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The first part of the path below `src/`, without `.rs`.
    fn room(&self) -> &str {
        let first =
            self.path.components().nth(1).and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.ends_with("validator.rs")
    }

    /// The text in front of the tests; nothing of a file of tests.
    fn product(&self) -> &str {
        if self.is_test() {
            return "";
        }
        let end = self.text.find("#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        &self.text[..end]
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder of the project can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file can be read");
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.len() > 30, "the sources are where this test looks");
    found
}

/// Fails with all findings at once.
#[track_caller]
fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    none(silent.map(|source| source.path.display().to_string()).collect());
}

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = source.product().lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", source.path.display()))
    });
    none(long.collect());
}

/// The rooms that a text names, each with its line: behind `crate::` and behind so many `super::` that they lead out of
/// a module that is `depth` levels below the root, also in groups: `use crate::{check, syntax::ast}`.
fn used_rooms(text: &str, depth: usize) -> Vec<(usize, String)> {
    // Comments become empty lines, so that the numbers stay.
    let code = |line: &str| if line.trim_start().starts_with("//") { String::new() } else { line.to_owned() };
    let text = text.lines().map(code).collect::<Vec<_>>().join("\n");
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut found = Vec::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (start, _) in text.match_indices(&root) {
            let before = &text[..start];
            let starts = !before.ends_with(|last| is_word(last) || last == ':');
            if root.is_empty() || !starts {
                continue;
            }
            let line = before.lines().count().max(1);
            let rest = &text[start + root.len()..];
            let paths = match rest.strip_prefix('{') {
                Some(group) => group_members(group),
                None => vec![rest],
            };
            let words =
                paths.into_iter().map(|path| path.split(|one| !is_word(one)).next().unwrap_or_default());
            found.extend(words.filter(|word| !word.is_empty()).map(|word| (line, word.to_owned())));
        }
    }
    found
}

/// What stands between the commas of a group, without what is in groups inside it.
fn group_members(group: &str) -> Vec<&str> {
    let (mut members, mut start, mut depth) = (Vec::new(), 0, 0);
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(group[start..index].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(group[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    members
}

#[test]
fn used_rooms_are_found() {
    for (text, depth, expected) in [
        ("use crate::check::Program;", 1, vec!["check"]),
        ("use crate::{syntax, check};", 1, vec!["syntax", "check"]),
        ("use crate::{\n    check::{Program, program},\n    syntax::ast,\n};", 1, vec!["check", "syntax"]),
        ("let a = f(crate::run::b());", 1, vec!["run"]),
        ("use super::super::check;", 2, vec!["check"]),
        ("use super::super::{check, syntax::ast};", 2, vec!["check", "syntax"]),
        ("use super::super::sibling;", 3, vec![]),
        ("use super::sibling;", 2, vec![]),
        ("use super::check;", 1, vec!["check"]),
        ("pub(in crate::syntax) fn a() {}", 1, vec!["syntax"]),
        ("pub(crate) fn a() {}", 1, vec![]),
        ("// use crate::check;", 1, vec![]),
        ("use other_crate::check;", 1, vec![]),
    ] {
        let found: Vec<_> = used_rooms(text, depth).into_iter().map(|(_, room)| room).collect();
        assert_eq!(found, expected, "{text}");
    }
    assert_eq!(used_rooms("a\n\nuse crate::run;", 1), [(3, "run".to_owned())]);
}

#[test]
fn rooms_use_only_what_they_may() {
    let mut findings = Vec::new();
    for source in sources() {
        let Some((room, allowed)) = MAY_USE.iter().find(|(room, _)| *room == source.room()) else { continue };
        // `src/check.rs` is one level below the root of the crate, `src/check/items.rs` two.
        let depth = source.path.components().count() - 1;
        for (line, used) in used_rooms(source.product(), depth) {
            if used != *room && !allowed.contains(&used.as_str()) {
                findings.push(format!("{}:{line}: uses `{used}`", source.path.display()));
            }
        }
    }
    none(findings);
}

#[test]
fn nothing_asks_the_engine_to_pull() {
    let pulls = sources().into_iter().filter(|source| {
        let text = source.product();
        text.contains("create_image(") || text.contains("images/create")
    });
    none(pulls.map(|source| source.path.display().to_string()).collect());
}

#[test]
fn the_architecture_names_what_exists() {
    let text = std::fs::read_to_string("docs/architecture.md").expect("the document can be read");
    let is_path = |word: &&str| {
        ["src/", "tests/", "grammar/", "docs/", "examples/"].iter().any(|start| word.starts_with(start))
    };
    let named: Vec<_> = text.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(named.len() > 15, "the document names files");
    let missing = named.into_iter().filter(|path| !Path::new(path).exists());
    none(missing.map(str::to_owned).collect());
}
