//! What must hold for the edits of diagnostics: each solves its problem, and together they come to an end.

use std::path::{Path, PathBuf};

use cachelang::diag::{Diagnostic, Severity, fix};
use cachelang::environment::Nothing;
use cachelang::source::{FileId, SourceMap};

fn checked(text: &str) -> (SourceMap, FileId, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    let file = sources.add(".cachefile", ".cachefile", text);
    let (_, diagnostics) = cachelang::check(&mut sources, file, &Nothing);
    (sources, file, diagnostics)
}

/// Fixes until nothing changes, as `cachelang check --fix` does.
fn fixed(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..10 {
        let (sources, file, diagnostics) = checked(&text);
        match fix::fix(&sources, file, &diagnostics) {
            Some(fixed) => text = fixed.text,
            None => break,
        }
    }
    text
}

fn inputs() -> Vec<PathBuf> {
    let stages = Path::new("tests/golden").read_dir().expect("the cases are there");
    let stages = stages.map(|stage| stage.expect("an entry can be read").path());
    let cases = stages.flat_map(|stage| stage.read_dir().expect("a stage is a folder"));
    cases.map(|case| case.expect("an entry can be read").path().join("in.cachefile")).collect()
}

#[test]
fn every_edit_solves_its_problem() {
    let mut problems = Vec::new();
    let mut count = 0;
    for path in inputs() {
        let bytes = std::fs::read(&path).expect("a case can be read");
        let text = String::from_utf8_lossy(&bytes);
        let (sources, file, diagnostics) = checked(&text);
        for diagnostic in diagnostics.iter().filter(|one| !one.edits.is_empty()) {
            count += 1;
            assert!(!diagnostic.help.is_empty(), "an edit does what a help says: {diagnostic:?}");
            let Some(fixed) = fix::fix(&sources, file, std::slice::from_ref(diagnostic)) else {
                problems.push(format!("{}: not applied: {diagnostic:#?}", path.display()));
                continue;
            };
            let same = |all: &[Diagnostic]| {
                let same =
                    |one: &&Diagnostic| (one.code, &one.message) == (diagnostic.code, &diagnostic.message);
                all.iter().filter(same).count()
            };
            let (_, _, after) = checked(&fixed.text);
            if same(&after) >= same(&diagnostics) {
                problems.push(format!("{}: still there: {diagnostic:#?}\n{}", path.display(), fixed.text));
            }
        }
    }
    assert!(count > 60, "only {count} edits");
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn fixing_ends_and_leaves_no_more_errors() {
    for path in inputs() {
        let bytes = std::fs::read(&path).expect("a case can be read");
        let text = String::from_utf8_lossy(&bytes);
        let after = fixed(&text);
        assert_eq!(fixed(&after), after, "{}: one more call changes more", path.display());
        let parsed = |text: &str| {
            let (sources, file, _) = checked(text);
            let (_, diagnostics) = cachelang::syntax::parse(&sources, file);
            diagnostics.iter().filter(|one| one.severity() == Severity::Error).count()
        };
        let (before, left) = (parsed(&text), parsed(&after));
        assert!(left <= before, "{}: {before} errors of syntax became {left}:\n{after}", path.display());
    }
}

#[test]
fn fixed_texts() {
    for (text, expected) in [
        ("image a { target = 'x' }", "image a { target = \"x\" }"),
        ("image a { target = 'say \"x\"' }", "image a { target = \"say \\\"x\\\"\" }"),
        ("image a { target = 'x${y}' }", "image a { target = 'x${y}' }"),
        ("image a { context: \".\" }", "image a { context = \".\" }"),
        ("image a { context:\".\" }", "image a { context = \".\" }"),
        ("image a { context := \".\" }", "image a { context = \".\" }"),
        ("image \"a\" { \"target\" = \"x\" }", "image a { target = \"x\" }"),
        ("// a\nimage a { }", "# a\nimage a { }"),
        ("/* a */\nimage a { }", "# a\nimage a { }"),
        ("/* a\n b */\nimage a { }", "/* a\n b */\nimage a { }"),
        ("wave w { run \"a\" -- \"b\" }", "wave w { run \"a\" -- \"b\" }"),
        ("image a { target = “x” }", "image a { target = \"x\" }"),
        ("image a { target = “x }", "image a { target = “x }"),
        ("image\u{a0}\u{a0}a { }", "image  a { }"),
        ("image a { cache = { from = [] } }", "image a { cache { from = [] } }"),
        ("image a { cache={ from = [] } }", "image a { cache { from = [] } }"),
        ("image a { args { A = \"1\" } }", "image a { args = { A = \"1\" } }"),
        ("image a { context \".\" }", "image a { context = \".\" }"),
        ("image a { pull = true no_cache = true }", "image a { pull = true, no_cache = true }"),
        ("image a { pull = true; no_cache = true }", "image a { pull = true, no_cache = true }"),
        (
            "image a { platforms = [\"linux/amd64\"\n\"linux/arm64\"] }",
            "image a { platforms = [\"linux/amd64\",\n\"linux/arm64\"] }",
        ),
        ("image a { platforms = \"linux/amd64\" }", "image a { platforms = [\"linux/amd64\"] }"),
        ("image a { timeout = 5min }", "image a { timeout = 5m }"),
        ("image a { timeout = 5 m }", "image a { timeout = 5m }"),
        ("image a { args = { V = 3.10 } }", "image a { args = { V = \"3.10\" } }"),
        ("image a { no-cache = true }", "image a { no_cache = true }"),
        ("image a { dockerfle = \"x\" }", "image a { dockerfile = \"x\" }"),
        ("image a { no_cache = \"yes\" }", "image a { no_cache = true }"),
        ("imgae a { }", "image a { }"),
        ("image a { } image b { }", "image a { }\nimage b { }"),
        ("wave w { run \"a\", \"b\" }", "wave w { run \"a\" \"b\" }"),
        ("wave w { run \"a\" run \"b\" }", "wave w { run \"a\"; run \"b\" }"),
        ("wave w { run ./deploy.sh --fast }", "wave w { run \"./deploy.sh\" \"--fast\" }"),
        ("wave w { run: \"a\" }", "wave w { run \"a\" }"),
        ("wave w { psuh a }\nimage a { }", "wave w { push a }\nimage a { }"),
        ("let _a = true and not false", "let _a = true && ! false"),
        ("let _a = \"${lower(\\\"x\\\")}\"", "let _a = \"${lower(\"x\")}\""),
        ("let _a: \"x\"", "let _a = \"x\""),
        ("let _a = [for x in xs: y]", "let _a = [for x in xs: y]"),
        (
            "registry r { kind = \"oci\", host = \"h\" }\nrepository app { registry = r }\nimage a { tags = [app: \"x\", app:v1.2] }",
            "registry r { kind = \"oci\", host = \"h\" }\nrepository app { registry = r }\nimage a { tags = [app:\"x\", app:\"v1.2\"] }",
        ),
    ] {
        let version = "cachelang 1\n";
        assert_eq!(fixed(&format!("{version}{text}\n")), format!("{version}{expected}\n"), "{text}");
    }
    assert_eq!(fixed("# a comment\nimage a { }\n"), "cachelang 1\n\n# a comment\nimage a { }\n");
    assert_eq!(fixed("image a { }\r\n"), "cachelang 1\r\n\r\nimage a { }\r\n");
    assert_eq!(fixed("image 'a' { context: './a' }\n"), "cachelang 1\n\nimage a { context = \"./a\" }\n");
}
