//! What must hold for any text. Property tests and the fuzzer share it.

use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use cachelang::diag::{self, Diagnostic, render};
use cachelang::environment::{Entry, Environment, Fact, GitFact, PathKind};
use cachelang::plan::Inputs;
use cachelang::source::{FileId, SourceMap, Span};
use cachelang::syntax::{self, ast};
use indexmap::IndexMap;

pub(crate) fn source(text: &str) -> (SourceMap, FileId) {
    let mut sources = SourceMap::new();
    let file = sources.add("test", "test", text);
    (sources, file)
}

/// Parsing ends, and what it returns points into the text.
pub(crate) fn parses(text: &str) {
    let (sources, id) = source(text);
    let (file, diagnostics) = syntax::parse(&sources, id);
    for item in &file.items {
        assert_inside(&sources, item.span);
    }
    for comment in &file.comments {
        assert!(sources.slice(comment.span).starts_with('#'), "{comment:?} in {text:?}");
    }
    for diagnostic in &diagnostics {
        assert!(!diagnostic.message.contains('\n'), "{:?}", diagnostic.message);
    }
    can_be_shown(&sources, &diagnostics);
}

/// Checking ends, and what it returns points into the text.
pub(crate) fn checks(text: &str) {
    let (mut sources, id) = source(text);
    let (_, diagnostics) = cachelang::check(&mut sources, id, &cachelang::environment::Nothing);
    can_be_shown(&sources, &diagnostics);
}

/// Planning ends, and what it returns points into texts: the file, what it includes, Dockerfiles.
pub(crate) fn plans(text: &str) {
    let (mut sources, id) = source(text);
    let (program, diagnostics) = cachelang::check(&mut sources, id, &World);
    can_be_shown(&sources, &diagnostics);
    if diag::has_errors(&diagnostics) {
        return;
    }
    let params = IndexMap::new();
    let inputs = Inputs { params: &params, environment: &World };
    match cachelang::plan::plan(&mut sources, &program, &inputs) {
        Ok((plan, warnings)) => {
            assert!(!diag::has_errors(&warnings), "a plan has no errors: {text:?}");
            can_be_shown(&sources, &warnings);
            serde_json::to_string(&plan.portable()).expect("plans can be written as JSON");
        }
        Err(found) => {
            assert!(diag::has_errors(&found), "what has no plan has an error: {text:?}");
            can_be_shown(&sources, &found);
        }
    }
}

/// Every variable is set and every path is there; each knows only its name.
struct World;

impl Environment for World {
    fn var(&self, name: &str) -> Option<String> {
        name.len().is_multiple_of(2).then(|| name.to_owned())
    }

    fn path_kind(&self, path: &Path) -> Option<PathKind> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Some(if name.contains("file") || name.contains('.') { PathKind::File } else { PathKind::Folder })
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Box::new(match &*name {
            "Dockerfile" => &b"ARG A=1\nFROM scratch AS base\nARG B\nFROM base\nCOPY --from=base / /\n"[..],
            _ if name.ends_with("cachefile") => b"cachelang 1\n",
            _ => b"text\n",
        }))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        // A few folders inside each other, with a file in each.
        let kinds = [("a.txt", PathKind::File), ("src", PathKind::Folder)];
        let count = if folder.iter().count() < 4 { 2 } else { 1 };
        Ok(kinds.into_iter().take(count).map(|(name, kind)| Entry { name: name.into(), kind }).collect())
    }

    fn git(&self, _: &Path, fact: GitFact) -> Option<Fact> {
        let value = match fact {
            GitFact::Commit => "0123456789abcdef0123456789abcdef01234567",
            GitFact::Short => "0123456",
            GitFact::Branch => "feature/x",
            GitFact::Dirty => "true",
            _ => return None,
        };
        Some(Fact { value: value.to_owned(), source: ".git".to_owned() })
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// A text without syntax errors is formatted, which changes neither its meaning nor its comments, and formatting it
/// again changes nothing. The formatted text, if there is one.
pub(crate) fn formats(text: &str) -> Option<String> {
    let (sources, id) = source(text);
    let (before, diagnostics) = syntax::parse(&sources, id);
    let result = syntax::format(&sources, id);
    assert_eq!(result.is_err(), diag::has_errors(&diagnostics), "{text:?}");
    let once = result.ok()?;

    let (sources_after, id) = source(&once);
    let (after, diagnostics) = syntax::parse(&sources_after, id);
    assert!(!diag::has_errors(&diagnostics), "{diagnostics:?}\n--- before\n{text}\n--- after\n{once}");
    assert!(same(&before, &after), "--- before\n{text}\n--- after\n{once}");
    assert_eq!(comments(&sources, &before), comments(&sources_after, &after), "{text}");
    let twice = syntax::format(&sources_after, id).expect("what is formatted can be formatted");
    assert!(once == twice, "--- once\n{once}\n--- twice\n{twice}");
    layout_is_kept(&once, &after);
    Some(once)
}

/// The rules that every formatted text keeps, outside strings.
fn layout_is_kept(text: &str, file: &ast::File) {
    assert!(text.is_empty() || (text.ends_with('\n') && !text.ends_with("\n\n")), "{text:?}");
    assert!(!text.contains('\r') && !text.starts_with(['\u{feff}', '\n', ' ']), "{text:?}");
    if !file.items.is_empty() {
        assert!(file.version.is_some(), "{text:?}");
    }
    // Strings of several lines may hold anything.
    if !text.contains("\"\"\"") {
        assert!(!text.contains("\n\n\n") && !text.contains("{\n\n") && !text.contains("\n\n}"), "{text}");
        assert!(!text.contains(" \n"), "{text}");
    }
}

/// The comments of a file, sorted.
fn comments<'a>(sources: &'a SourceMap, file: &ast::File) -> Vec<&'a str> {
    let mut comments: Vec<&str> =
        file.comments.iter().map(|comment| sources.slice(comment.span).trim_end()).collect();
    comments.sort_unstable();
    comments
}

/// Whether two trees differ only in where things stand, and in whether the version is written.
pub(crate) fn same(a: &ast::File, b: &ast::File) -> bool {
    let version = |file: &ast::File| file.version.as_ref().map_or(1, |version| version.value);
    version(a) == version(b) && without_spans(&a.items) == without_spans(&b.items)
}

/// Everything that a tree says except places.
fn without_spans(items: &[ast::Item]) -> String {
    let text = format!("{items:?}");
    let mut parts = text.split("Span { file: FileId(");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    result
}

fn assert_inside(sources: &SourceMap, span: Span) {
    let text = sources.file(span.file).text();
    assert!(text.get(span.range()).is_some(), "{span:?} in {text:?}");
}

fn can_be_shown(sources: &SourceMap, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        for label in diagnostic.secondary.iter().chain([&diagnostic.primary]) {
            assert_inside(sources, label.span);
        }
    }
    let shown =
        render::human(sources, diagnostics, render::Style { color: true, width: 80, ..render::Style::PLAIN });
    assert_eq!(shown.is_empty(), diagnostics.is_empty());
}
