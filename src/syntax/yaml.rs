//! Whether a text is YAML, such as a Compose file or a workflow: then one message says so, and not one for each line.

use super::errors::syntax as errors;
use super::scan::ITEM_KEYWORDS;
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};

/// How many lines are looked at.
const LINES: usize = 100;

/// The message for a text of which most lines are `key:` or `key: value`, and in which no item begins.
pub(super) fn recognized(file: FileId, text: &str) -> Option<Diagnostic> {
    let (mut at, mut lines, mut keys) = (0, 0, 0);
    let mut first = None;
    for line in text.split_inclusive('\n').take(LINES) {
        let content = line.trim();
        if begins_item(line) {
            return None;
        }
        if !content.is_empty() && !content.starts_with('#') {
            lines += 1;
            if let Some(key) = key(content) {
                keys += 1;
                let start = at + line.find(key).unwrap_or(0);
                first.get_or_insert(start..start + key.len());
            }
        }
        at += line.len();
    }
    let range = first.filter(|_| keys >= 3 && keys * 2 >= lines)?;
    Some(errors::yaml(Span::new(file, range)))
}

/// Whether a line starts with a keyword, and what follows is no `:`.
fn begins_item(line: &str) -> bool {
    let mut words = line.split([' ', '\t']);
    let keyword = words.next().unwrap_or_default().trim_end();
    ITEM_KEYWORDS.contains(&keyword) || keyword == "cachelang" || keyword == "include"
}

/// The key of a line of YAML.
fn key(line: &str) -> Option<&str> {
    let (key, value) = line.trim_start_matches("- ").split_once(':')?;
    let is_key = |one: char| one.is_ascii_alphanumeric() || "_-./".contains(one);
    (!key.is_empty() && key.chars().all(is_key) && (value.is_empty() || value.starts_with([' ', '\t'])))
        .then_some(key)
}

#[cfg(test)]
mod tests {
    use super::recognized;
    use crate::source::SourceMap;

    #[test]
    fn only_yaml_is_recognized() {
        for (text, expected) in [
            ("services:\n  api:\n    build: ./api\n", true),
            ("# CI\nname: ci\non: push\njobs:\n  build:\n    steps:\n      - run: x\n", true),
            ("image: python\nstages:\n- build\nscript: x\n", true),
            ("cachelang 1\nimage api {\n  context: \".\"\n  target: \"a\"\n  pull: true\n}\n", false),
            ("image api {\n  context: \".\"\n  target: \"a\"\n  pull: true\n}\n", false),
            ("context: \".\"\n", false),
            ("", false),
        ] {
            let file = SourceMap::new().add("f", "f", text);
            assert_eq!(recognized(file, text).is_some(), expected, "{text}");
        }
    }
}
