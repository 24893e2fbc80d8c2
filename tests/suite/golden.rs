//! Golden tests: a folder with an input, beside it the exact output.
//!
//! `tests/golden/<stage>/<case>/in.cachefile` is given to the function of the stage; what it returns must be
//! `out.txt`. `UPDATE_EXPECT=1` writes it (read it before you commit it), `GOLDEN=text` runs only the cases whose
//! name contains the text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use cachelang::diag::{self, Code, render};
use cachelang::source::SourceMap;
use cachelang::syntax;

/// A stage and what it prints for the folder of a case.
type Stage = (&'static str, fn(&Path) -> String);

const STAGES: [Stage; 1] = [("parse", parse)];

const STYLE: render::Style = render::Style { color: false, width: 100, unicode: true };

/// The diagnostics of parsing alone.
fn parse(case: &Path) -> String {
    let path = case.join("in.cachefile");
    let bytes = fs::read(&path).expect("the runner checked that the input exists");
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", &path, &String::from_utf8_lossy(&bytes));
    let (_, mut diagnostics) = syntax::parse(&sources, file);
    diag::sort(&mut diagnostics);
    render::human(&sources, &diagnostics, STYLE)
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
fn check(case: &Path, run: fn(&Path) -> String, bless: bool) -> Result<(), String> {
    let label = format!("{}/{}", name(case.parent().expect("cases lie in a stage")), name(case));
    let expected_path = case.join("out.txt");
    if !case.join("in.cachefile").exists() {
        return Err(format!("{label}: no in.cachefile"));
    }
    let actual = run(case);
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
            failures.extend(check(&case, *run, bless).err());
        }
    }
    assert!(count > 0, "no golden case matches `{filter}`");
    assert!(failures.is_empty(), "{} of {count} cases fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Every lexical and syntax code is shown by a case that is named after it and reports it.
#[test]
fn every_syntax_code_has_a_case() {
    let mut missing = BTreeSet::new();
    for code in
        Code::ALL.into_iter().map(Code::as_str).filter(|code| matches!(code.get(1..3), Some("00" | "01")))
    {
        let shown = folders(&root().join("parse")).iter().any(|case| {
            let output = fs::read_to_string(case.join("out.txt")).unwrap_or_default();
            name(case).starts_with(&format!("{code}-")) && output.contains(&format!("[{code}]"))
        });
        if !shown {
            missing.insert(code);
        }
    }
    assert!(missing.is_empty(), "no case in tests/golden/parse shows {missing:?}");
}
