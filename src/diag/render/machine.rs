//! Diagnostics as programs read them: JSON, and the annotations of GitHub Actions.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::printable::{printable, printable_json};
use super::severity_word;
use crate::diag::{Diagnostic, Edit, Label};
use crate::source::{SourceMap, Span};

/// One JSON object a line for each diagnostic: `code`, `severity` (`error`, `warning`), `headline`, where it is,
/// `label`, `labels`, `notes`, `help`, `edits` and `url`.
///
/// A place is `file`, `line`, `column`, `offset` and an `end` with the last three. Lines and columns are 1-based and
/// columns count characters; `offset` counts bytes from 0, behind a byte order mark. `labels` are places with a
/// `text`; `edits` are places with the `replacement` of what they cover, and are meant to be applied together. `url`
/// is the path of the page about the code in cachelang's repository.
pub fn json(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut output = String::new();
    for diagnostic in diagnostics {
        let mut object = place(sources, diagnostic.primary.span);
        for (key, value) in [
            ("code", json!(diagnostic.code.as_str())),
            ("severity", json!(severity_word(diagnostic.severity()))),
            ("headline", json!(diagnostic.message)),
            ("label", json!(diagnostic.primary.text)),
            ("labels", diagnostic.secondary.iter().map(|one| label(sources, one)).collect()),
            ("notes", json!(diagnostic.notes)),
            ("help", json!(diagnostic.help)),
            ("edits", diagnostic.edits.iter().map(|one| edit(sources, one)).collect()),
            ("url", json!(diagnostic.code.url())),
        ] {
            object.insert(key.to_owned(), value);
        }
        let _ = writeln!(output, "{}", printable_json(&Value::Object(object).to_string()));
    }
    output
}

fn place(sources: &SourceMap, span: Span) -> serde_json::Map<String, Value> {
    let file = sources.file(span.file);
    let (start, end) = (file.position(span.start), file.position(span.end));
    let mut object = serde_json::Map::new();
    object.insert("file".to_owned(), json!(file.name()));
    object.insert("line".to_owned(), json!(start.line));
    object.insert("column".to_owned(), json!(start.column));
    object.insert("offset".to_owned(), json!(span.start));
    let end = json!({ "line": end.line, "column": end.column, "offset": span.end });
    object.insert("end".to_owned(), end);
    object
}

fn label(sources: &SourceMap, label: &Label) -> Value {
    let mut object = place(sources, label.span);
    object.insert("text".to_owned(), json!(label.text));
    Value::Object(object)
}

fn edit(sources: &SourceMap, edit: &Edit) -> Value {
    let mut object = place(sources, edit.span);
    object.insert("replacement".to_owned(), json!(edit.replacement));
    Value::Object(object)
}

/// Workflow commands that annotate the lines of a pull request. GitHub takes the names of files as relative to the
/// root of the repository, so the files must have been given such names.
pub fn github(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut output = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.primary.span;
        let file = sources.file(span.file);
        let position = file.position(span.start);
        let mut body = vec![printable(&diagnostic.message).into_owned()];
        body.extend(diagnostic.notes.iter().map(|note| format!("note: {}", printable(note))));
        body.extend(diagnostic.help.iter().map(|help| format!("help: {}", printable(help))));
        let _ = writeln!(
            output,
            "::{} file={},line={},col={},title={}::{}",
            severity_word(diagnostic.severity()),
            escape(&printable(file.name()), true),
            position.line,
            position.column,
            diagnostic.code,
            escape(&body.join("\n"), false),
        );
    }
    output
}

/// Workflow commands end at a line break; properties also at `:` and `,`. The lines themselves are printable.
fn escape(text: &str, property: bool) -> String {
    let text = text.replace('%', "%25").replace('\n', "%0A");
    if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}
