//! Golden tests: a folder with an input, beside it the exact output.
//!
//! `tests/golden/<stage>/<case>/in.cachefile` is given to the function of the stage; what it returns must be
//! `out.txt`, and its diagnostics as JSON `out.json`. Cases may have a file `env` (the whole environment), a file `git`
//! (what the repository says) and a file `params` (the command line), with `NAME=VALUE` lines, and the files and folders
//! that the case looks for; the folder of the case is called `$CASE`. A file that nothing asks for fails.
//!
//! `UPDATE_EXPECT=1` writes the outputs (read them before you commit them), `GOLDEN=text` runs only the cases whose name
//! contains the text.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, fs, io};

use cachelang::diag::{self, Code, Diagnostic, render};
use cachelang::environment::{Entry, Environment, Fact, GitFact, PathKind};
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
    /// The paths of the case that were looked for.
    asked: BTreeSet<PathBuf>,
}

impl Outcome {
    fn new(sources: SourceMap, diagnostics: Vec<Diagnostic>) -> Self {
        Self { sources, diagnostics, result: String::new(), asked: BTreeSet::new() }
    }
}

/// A stage and what it does with the folder of a case.
type Stage = (&'static str, fn(&Path) -> Outcome);

const STAGES: [Stage; 4] = [("parse", parse), ("check", check), ("plan", plan), ("format", format)];

/// What the folder of a case is called, so that no output depends on where the tests run.
const FOLDER: &str = "$CASE";

const STYLE: render::Style = render::Style::PLAIN;

/// The diagnostics of parsing alone.
fn parse(case: &Path) -> Outcome {
    let (sources, file) = read(case);
    let (_, mut diagnostics) = syntax::parse(&sources, file);
    diag::sort(&mut diagnostics);
    Outcome::new(sources, diagnostics)
}

/// The file in the one layout, or why it has none.
fn format(case: &Path) -> Outcome {
    let (sources, file) = read(case);
    match syntax::format(&sources, file) {
        Ok(result) => Outcome { result, ..Outcome::new(sources, Vec::new()) },
        Err(mut diagnostics) => {
            diag::sort(&mut diagnostics);
            Outcome::new(sources, diagnostics)
        }
    }
}

/// The diagnostics of everything before evaluation.
fn check(case: &Path) -> Outcome {
    let (mut sources, file) = read(case);
    let environment = CaseEnvironment::new(case);
    let (_, diagnostics) = cachelang::check(&mut sources, file, &environment);
    Outcome { asked: environment.asked.into_inner(), ..Outcome::new(sources, diagnostics) }
}

/// The plan, or why there is none.
fn plan(case: &Path) -> Outcome {
    let (mut sources, file) = read(case);
    let environment = CaseEnvironment::new(case);
    let (program, mut diagnostics) = cachelang::check(&mut sources, file, &environment);
    if diag::has_errors(&diagnostics) {
        return Outcome::new(sources, diagnostics);
    }
    let params = pairs(&case.join("params"));
    let inputs = Inputs { params: &params, environment: &environment };
    let (plan, found) = match plan::plan(&mut sources, &program, &inputs) {
        Ok((plan, found)) => (Some(plan), found),
        Err(found) => (None, found),
    };
    diagnostics.extend(found);
    diag::sort(&mut diagnostics);
    let json = |plan: plan::Plan| {
        serde_json::to_string_pretty(&plan.portable()).expect("plans can be written as JSON") + "\n"
    };
    let asked = environment.asked.into_inner();
    Outcome { sources, diagnostics, result: plan.map(json).unwrap_or_default(), asked }
}

/// The environment of a case: its `env` file and its folder.
struct CaseEnvironment<'a> {
    case: &'a Path,
    variables: IndexMap<String, String>,
    git: IndexMap<String, String>,
    asked: RefCell<BTreeSet<PathBuf>>,
    process: ProcessEnvironment,
}

impl<'a> CaseEnvironment<'a> {
    fn new(case: &'a Path) -> Self {
        let (variables, git) = (pairs(&case.join("env")), pairs(&case.join("git")));
        Self { case, variables, git, asked: RefCell::default(), process: ProcessEnvironment::new() }
    }

    /// Where a path of the case is, which counts as asked for.
    fn real(&self, path: &Path) -> PathBuf {
        let path: PathBuf = self.case.join(path.strip_prefix(FOLDER).unwrap_or(path)).components().collect();
        self.asked.borrow_mut().insert(path.clone());
        path
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

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        self.process.open(&self.real(path))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.process.entries(&self.real(folder))
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
    if !case.join("in.cachefile").exists() {
        return Err(format!("{label}: no in.cachefile"));
    }
    let outcome = run(case);
    let orphans = orphans(case, &outcome);
    if !orphans.is_empty() {
        return Err(format!("{label}: nothing asks for {}", orphans.join(", ")));
    }
    let json = render::json(&outcome.sources, &outcome.diagnostics);
    for (file, actual) in [("out.txt", shown(&outcome)), ("out.json", json)] {
        let path = case.join(file);
        if bless {
            fs::write(&path, actual).expect("the output can be written");
            continue;
        }
        match fs::read_to_string(&path) {
            Err(_) => {
                return Err(format!("{label}: no {file}; run with UPDATE_EXPECT=1 and read it\n{actual}"));
            }
            Ok(expected) if expected == actual => {}
            Ok(expected) => {
                return Err(format!("{label}/{file}\n--- expected\n{expected}--- actual\n{actual}"));
            }
        }
    }
    Ok(())
}

/// The files of a case that neither the runner nor the stage looked for.
fn orphans(case: &Path, outcome: &Outcome) -> Vec<String> {
    let known = ["in.cachefile", "out.txt", "out.json"];
    let of_case = ["env", "git", "params"];
    let mut orphans = Vec::new();
    let mut open = vec![case.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a case can be read") {
            let path = entry.expect("entries can be read").path();
            let shown = path.strip_prefix(case).expect("the walk stays in the case");
            let is_known = known.iter().any(|known| shown == Path::new(known))
                || of_case.iter().any(|known| shown == Path::new(known));
            // What lies in a folder that was asked for is its contents; the case itself holds everything.
            let is_asked =
                path.ancestors().take_while(|one| *one != case).any(|one| outcome.asked.contains(one));
            match (is_known || is_asked, path.is_dir()) {
                (true, _) => {}
                (false, true) => open.push(path),
                (false, false) => orphans.push(shown.display().to_string()),
            }
        }
    }
    orphans
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

/// Every code is shown by a case that is named after it, and a case that is named after a code reports it.
#[test]
fn cases_and_codes_agree() {
    let cases: Vec<PathBuf> = folders(&root()).iter().flat_map(|stage| folders(stage)).collect();
    let mut missing: BTreeSet<_> = Code::ALL.into_iter().map(Code::as_str).collect();
    let mut wrong = Vec::new();
    for case in &cases {
        let first = name(case).split('-').next().unwrap_or_default();
        let output = fs::read_to_string(case.join("out.txt")).unwrap_or_default();
        let says_error = output.contains("error[");
        let agrees = match first {
            "good" => !says_error,
            "many" | "broken" => says_error,
            code => {
                missing.remove(code);
                Code::ALL.iter().any(|one| one.as_str() == code) && output.contains(&format!("[{code}]"))
            }
        };
        if !agrees {
            wrong.push(name(case).to_owned());
        }
    }
    assert!(wrong.is_empty(), "cases that do not show what their names say: {wrong:?}");
    assert!(missing.is_empty(), "no case in tests/golden shows {missing:?}");
}
