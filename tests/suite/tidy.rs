//! The rules of docs/architecture.md that are about the source itself.

use std::path::{Path, PathBuf};

/// Which rooms of `src/` each room may use. Those that are not listed may use everything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diag", &["source"]),
    ("syntax", &["source", "diag"]),
    ("check", &["source", "diag", "syntax"]),
    ("plan", &["source", "diag", "syntax", "check"]),
    ("cache", &["plan", "host"]),
    ("host", &["plan", "cache"]),
    ("run", &["plan", "host", "cache"]),
    ("buildkit", &["plan", "host", "cache"]),
    ("registry", &["plan", "host"]),
    ("load", &["source", "plan"]),
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
            } else {
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

#[test]
fn rooms_use_only_what_they_may() {
    let mut findings = Vec::new();
    for source in sources() {
        let Some((room, allowed)) = MAY_USE.iter().find(|(room, _)| *room == source.room()) else { continue };
        for (number, line) in source.product().lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for used in line.split("crate::").skip(1) {
                let used =
                    used.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
                let fine = used.is_empty() || used == *room || allowed.contains(&used);
                if !fine {
                    findings.push(format!("{}:{}: uses `{used}`", source.path.display(), number + 1));
                }
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
