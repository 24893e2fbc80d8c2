//! What must hold for any text. Property tests and the fuzzer share it.

use cachelang::diag::{self, Diagnostic, render};
use cachelang::source::{FileId, SourceMap, Span};
use cachelang::syntax::{self, ast};

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
