//! Every message of scanning and parsing. Nothing else in `syntax` holds wording.

pub(super) mod failures;
pub(super) mod foreign;
pub(super) mod lexical;
pub(super) mod steps;
pub(super) mod syntax;
pub(super) mod values;

use crate::diag::similar;
use crate::source::Span;

/// The text under a span of the file with this text.
fn slice(text: &str, span: Span) -> &str {
    text.get(span.range()).unwrap_or_default()
}

/// ``an attribute with a similar name exists: `dockerfile` ``
fn similar_name(kind: &str, name: &str, candidates: &[&str]) -> Option<String> {
    similar(name, candidates.iter().copied())
        .map(|candidate| format!("{kind} with a similar name exists: `{candidate}`"))
}

/// `` `a`, `b` or `c` ``
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
