//! Golden tests: a folder with an input, beside it the exact output.
//!
//! `tests/golden/<stage>/<case>/in.cachefile` is given to the function of the stage; what it returns must be
//! `out.txt`. Cases may have a file `env` (the whole environment), a file `git` (what the repository says) and a file
//! `params` (the command line), with `NAME=VALUE` lines; the folder of the case is called `$CASE`. `UPDATE_EXPECT=1` writes it (read it before you commit it), `GOLDEN=text` runs only the cases whose
//! name contains the text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, fs, io};

use cachelang::diag::{self, Code, Diagnostic, render};
use cachelang::environment::{Environment, Fact, GitFact, PathKind};
use cachelang::load::ProcessEnvironment;
use cachelang::plan::{self, Inputs};
use cachelang::source::{FileId, SourceMap};
use cachelang::syntax;
use indexmap::IndexMap;

/// What a stage makes of a case.
struct Outcome {
    sources: SourceMap,
    diagnostics: Vec<Diagnostic>,
    /// What is printed behind the diagnostics.
    result: String,
}

/// A stage and what it does with the folder of a case.
type Stage = (&'static str, fn(&Path) -> Outcome);

const STAGES: [Stage; 3] = [("parse", parse), ("check", check), ("plan", plan)];

/// What the folder of a case is called, so that no output depends on where the tests run.
const FOLDER: &str = "$CASE";

const STYLE: render::Style = render::Style { color: false, width: 100, unicode: true };

/// The diagnostics of parsing alone.
fn parse(case: &Path) -> Outcome {
    let (sources, file) = read(case);
    let (_, mut diagnostics) = syntax::parse(&sources, file);
    diag::sort(&mut diagnostics);
    Outcome { sources, diagnostics, result: String::new() }
}

/// The diagnostics of everything before evaluation.
fn check(case: &Path) -> Outcome {
    let (mut sources, file) = read(case);
    let (_, diagnostics) = cachelang::check(&mut sources, file, &CaseEnvironment::new(case));
    Outcome { sources, diagnostics, result: String::new() }
}

/// The plan, or why there is none.
fn plan(case: &Path) -> Outcome {
    let (mut sources, file) = read(case);
    let environment = CaseEnvironment::new(case);
    let (program, mut diagnostics) = cachelang::check(&mut sources, file, &environment);
    if diag::has_errors(&diagnostics) {
        return Outcome { sources, diagnostics, result: String::new() };
    }
    let params = pairs(&case.join("params"));
    let inputs = Inputs { params: &params, environment: &environment };
    let (plan, found) = match plan::plan(&program, &inputs) {
        Ok((plan, found)) => (Some(plan), found),
        Err(found) => (None, found),
    };
    diagnostics.extend(found);
    diag::sort(&mut diagnostics);
    let json = |plan: plan::Plan| {
        serde_json::to_string_pretty(&plan.portable()).expect("plans can be written as JSON") + "\n"
    };
    Outcome { sources, diagnostics, result: plan.map(json).unwrap_or_default() }
}

/// The environment of a case: its `env` file and its folder.
struct CaseEnvironment<'a> {
    case: &'a Path,
    variables: IndexMap<String, String>,
    git: IndexMap<String, String>,
}

impl<'a> CaseEnvironment<'a> {
    fn new(case: &'a Path) -> Self {
        Self { case, variables: pairs(&case.join("env")), git: pairs(&case.join("git")) }
    }

    fn real(&self, path: &Path) -> PathBuf {
        self.case.join(path.strip_prefix(FOLDER).unwrap_or(path))
    }
}

impl Environment for CaseEnvironment<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        let metadata = self.real(path).metadata().ok()?;
        Some(if metadata.is_dir() { PathKind::Folder } else { PathKind::File })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(self.real(path))
    }

    fn files_below(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        ProcessEnvironment.files_below(&self.real(folder))
    }

    fn git(&self, _: &Path, fact: GitFact) -> Option<Fact> {
        let value = self.git.get(fact.name())?.clone();
        Some(Fact { value, source: ".git".to_owned() })
    }

    /// 2026-01-02 03:04:05 UTC
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }
}

/// The `NAME=VALUE` lines of a file; nothing if there is no such file.
fn pairs(path: &Path) -> IndexMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn read(case: &Path) -> (SourceMap, FileId) {
    let path = case.join("in.cachefile");
    let bytes = fs::read(&path).expect("the runner checked that the input exists");
    let mut sources = SourceMap::new();
    let file =
        sources.add(".cachefile", Path::new(FOLDER).join(".cachefile"), &String::from_utf8_lossy(&bytes));
    (sources, file)
}

fn shown(outcome: &Outcome) -> String {
    render::human(&outcome.sources, &outcome.diagnostics, STYLE) + &outcome.result
}

/// What breaks the rules of wording, as far as they need no judgement.
fn wording_problems(diagnostic: &Diagnostic) -> Vec<String> {
    let mut problems = Vec::new();
    let message = &diagnostic.message;
    let mut require = |holds: bool, problem: &str, text: &str| {
        if !holds {
            problems.push(format!("{}: {problem}: {text}", diagnostic.code));
        }
    };
    require(message.chars().count() <= 72, "a headline longer than 72", message);
    require(diagnostic.secondary.len() <= 3, "more than 3 secondary labels", message);
    let labels = diagnostic.secondary.iter().chain([&diagnostic.primary]).map(|label| &label.text);
    for label in labels.clone() {
        require(!label.is_empty(), "a label without text", message);
        require(label.chars().count() <= 50, "a label longer than 50", label);
        require(label != message, "a label repeats the headline", label);
    }
    let rest = labels.chain(&diagnostic.notes).chain(&diagnostic.help);
    for text in std::iter::once(message).chain(rest) {
        let outside: String = text.split('`').step_by(2).collect();
        require(text.matches('`').count() % 2 == 0, "an open backtick", text);
        require(!text.ends_with('.'), "a full stop at the end", text);
        require(!outside.contains(['!', '?']), "a question or an exclamation", text);
        for word in outside.split(|one: char| !one.is_alphabetic()) {
            let forbidden = ["invalid", "error", "illegal", "bad", "please", "you", "your", "sorry"];
            require(!forbidden.contains(&word.to_lowercase().as_str()), word, text);
        }
        let start = outside.split(' ').next().unwrap_or_default();
        let is_name = start == "Terraform" || start.chars().skip(1).any(char::is_uppercase);
        require(is_name || !start.starts_with(char::is_uppercase), "a capital at the start", text);
    }
    problems
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("entries can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("case names are UTF-8")
}

/// What is wrong with a case, if anything.
fn compare(case: &Path, run: fn(&Path) -> Outcome, bless: bool) -> Result<(), String> {
    let label = format!("{}/{}", name(case.parent().expect("cases lie in a stage")), name(case));
    let expected_path = case.join("out.txt");
    if !case.join("in.cachefile").exists() {
        return Err(format!("{label}: no in.cachefile"));
    }
    let actual = shown(&run(case));
    if bless {
        fs::write(&expected_path, actual).expect("the output can be written");
        return Ok(());
    }
    match fs::read_to_string(&expected_path) {
        Err(_) => Err(format!("{label}: no out.txt; run with UPDATE_EXPECT=1 and read it\n{actual}")),
        Ok(expected) if expected == actual => Ok(()),
        Ok(expected) => Err(format!("{label}\n--- expected\n{expected}--- actual\n{actual}")),
    }
}

#[test]
fn golden() {
    let bless = env::var_os("UPDATE_EXPECT").is_some();
    let filter = env::var("GOLDEN").unwrap_or_default();
    let mut failures = Vec::new();
    let mut count = 0;
    for stage in folders(&root()) {
        let Some((_, run)) = STAGES.iter().find(|(stage_name, _)| *stage_name == name(&stage)) else {
            failures.push(format!("{}: no such stage", stage.display()));
            continue;
        };
        for case in folders(&stage).into_iter().filter(|case| name(case).contains(&filter)) {
            count += 1;
            failures.extend(compare(&case, *run, bless).err());
        }
    }
    assert!(count > 0, "no golden case matches `{filter}`");
    assert!(failures.is_empty(), "{} of {count} cases fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Every message that a case shows keeps the rules of wording.
#[test]
fn messages_keep_the_rules_of_wording() {
    let mut problems = BTreeSet::new();
    for (stage, run) in STAGES {
        for case in folders(&root().join(stage)) {
            problems.extend(run(&case).diagnostics.iter().flat_map(wording_problems));
        }
    }
    let problems: Vec<_> = problems.into_iter().collect();
    assert!(problems.is_empty(), "{} messages:\n{}", problems.len(), problems.join("\n"));
}

/// Every code is shown by a case that is named after it and reports it.
#[test]
fn every_code_has_a_case() {
    let cases: Vec<PathBuf> = folders(&root()).iter().flat_map(|stage| folders(stage)).collect();
    let is_shown = |code: &&str| {
        cases.iter().any(|case| {
            let output = fs::read_to_string(case.join("out.txt")).unwrap_or_default();
            name(case).starts_with(&format!("{code}-")) && output.contains(&format!("[{code}]"))
        })
    };
    let missing: BTreeSet<_> =
        Code::ALL.into_iter().map(Code::as_str).filter(|code| !is_shown(code)).collect();
    assert!(missing.is_empty(), "no case in tests/golden shows {missing:?}");
}
