//! Diagnostics as programs read them: JSON, and the annotations of GitHub Actions.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::severity_word;
use crate::diag::{Diagnostic, Label};
use crate::source::{SourceMap, Span};

/// One JSON object a line for each diagnostic. Lines and columns are 1-based, columns count characters.
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
            ("edits", json!([])),
        ] {
            object.insert(key.to_owned(), value);
        }
        let _ = writeln!(output, "{}", Value::Object(object));
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
    object.insert("end".to_owned(), json!({ "line": end.line, "column": end.column }));
    object
}

fn label(sources: &SourceMap, label: &Label) -> Value {
    let mut object = place(sources, label.span);
    object.insert("text".to_owned(), json!(label.text));
    Value::Object(object)
}

/// Workflow commands that annotate the lines of a pull request.
pub fn github(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut output = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.primary.span;
        let file = sources.file(span.file);
        let position = file.position(span.start);
        let mut body = vec![diagnostic.message.clone()];
        body.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
        body.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
        let _ = writeln!(
            output,
            "::{} file={},line={},col={},title={}::{}",
            severity_word(diagnostic.severity()),
            escape(file.name(), true),
            position.line,
            position.column,
            diagnostic.code,
            escape(&body.join("\n"), false),
        );
    }
    output
}

/// Workflow commands end at a line break; properties also at `:` and `,`.
fn escape(text: &str, property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}
