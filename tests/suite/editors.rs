//! The editors know the words of the language, and what they offer is accepted.
//!
//! `editors/words.json` is written from the tables of the language (`src/check/vocabulary.rs`). Here its words go into
//! the files of the editors, to the places that are marked for them. `UPDATE_EXPECT=1` writes these places.

#![allow(clippy::indexing_slicing, reason = "a test may fail on what is not there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cachelang::diag;
use cachelang::source::SourceMap;
use cachelang::syntax;
use regex::{Captures, Regex};
use serde_json::Value;

/// The files with words in them. A place for words is marked in one of two ways:
/// - `(?:(?#steps)build|push)`: all alternatives of a group
/// - `words: steps`, and `"build" "push"` between the first and the last quote of the next line
const FILES: [&str; 4] = [
    "editors/vscode/syntaxes/cachefile.tmLanguage.json",
    "editors/vim/syntax/cachefile.vim",
    "editors/tree-sitter-cachefile/grammar.js",
    "editors/tree-sitter-cachefile/queries/highlights.scm",
];

fn words() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string("editors/words.json").expect("the words are there");
    let all: BTreeMap<String, Value> = serde_json::from_str(&text).expect("the words are JSON");
    let listed = all.into_iter().filter_map(|(name, list)| {
        let list = list.as_array()?.iter().map(|word| word.as_str().expect("words are texts").to_owned());
        Some((name, list.collect()))
    });
    let mut words: BTreeMap<String, Vec<String>> = listed.collect();
    // What starts an item at the beginning of a line.
    let top = ["cachelang", "include"].map(str::to_owned).into_iter();
    words
        .insert("top".to_owned(), top.chain(words["values"].clone()).chain(words["items"].clone()).collect());
    words
}

/// The text of a file with the words in their places.
fn with_words(file: &str, text: &str) -> String {
    let words = words();
    let quotes = if file.ends_with(".scm") { "\" \"" } else { "\", \"" };
    let marks =
        [(r"(\(\?#(\w+)\))[^()]*()", "|"), ("(?m)(words: (\\w+)\\r?\\n[^\"\\n]*\")[^\\n]*(\")", quotes)];
    let mut places = 0;
    let mut text = text.to_owned();
    for (pattern, separator) in marks {
        let pattern = Regex::new(pattern).expect("the pattern is one");
        let write = |found: &Captures<'_>| {
            places += 1;
            let list =
                words.get(&found[2]).unwrap_or_else(|| panic!("there are no words named {}", &found[2]));
            format!("{}{}{}", &found[1], list.join(separator), &found[3])
        };
        text = pattern.replace_all(&text, write).into_owned();
    }
    assert!(places > 0, "{file} has places for words");
    text
}

#[test]
fn editors_know_all_words() {
    for file in FILES {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let expected = with_words(file, &text);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(file, &expected).expect("the file can be written");
        } else {
            assert_eq!(text, expected, "{file} lacks words of editors/words.json: run editors/generate");
        }
    }
}

/// A snippet as it is inserted: placeholders become what they show.
fn inserted(body: &Value) -> String {
    let lines = body.as_array().expect("a body is a list of lines").iter();
    let text = lines.map(|line| line.as_str().expect("a line is a text")).collect::<Vec<_>>().join("\n");
    let placeholder = Regex::new(r"\$\{\d+:([^${}]*)\}|\$\{\d+\|([^,|]*)[^|]*\|\}|\$\d+").expect("a pattern");
    let text = placeholder.replace_all(&text, |found: &Captures<'_>| {
        let shown = found.get(1).or(found.get(2));
        shown.map(|text| text.as_str().to_owned()).unwrap_or_default()
    });
    text.replace("\\$", "$").replace("\\}", "}")
}

#[test]
fn there_is_a_snippet_for_every_item_and_step() {
    let text = fs::read_to_string("editors/vscode/snippets/cachefile.json").expect("the snippets are there");
    let snippets: BTreeMap<String, Value> = serde_json::from_str(&text).expect("snippets are JSON");
    let mut prefixes = BTreeSet::new();
    for (name, snippet) in &snippets {
        let prefix = snippet["prefix"].as_str().expect("a snippet has a prefix");
        assert!(prefixes.insert(prefix.to_owned()), "{name}: two snippets for {prefix}");
        let text = inserted(&snippet["body"]);
        let words = words();
        let first = prefix.split(' ').next();
        let is_one_of = |list: &str| words[list].iter().any(|word| Some(word.as_str()) == first);
        let file = if is_one_of("steps") || is_one_of("sections") {
            format!("cachelang 1\nwave w {{\n{text}\n}}\n")
        } else if is_one_of("top") {
            format!("{text}\n")
        } else {
            format!("cachelang 1\nimage i {{\n{text}\n}}\n")
        };
        let mut sources = SourceMap::new();
        let id = sources.add(name, name, &file);
        let (_, diagnostics) = syntax::parse(&sources, id);
        let shown = diag::render::human(&sources, &diagnostics, diag::render::Style::PLAIN);
        assert!(!diag::has_errors(&diagnostics), "{name}:\n{shown}");
    }
    let words = words();
    let wanted = words["top"].iter().chain(&words["steps"]).chain(&words["sections"]);
    let missing: Vec<_> = wanted.filter(|word| !prefixes.contains(*word)).collect();
    assert!(missing.is_empty(), "no snippet for {missing:?}");
}

#[test]
fn the_sample_for_github_is_the_example() {
    let sample =
        fs::read_to_string("editors/linguist/samples/Cachefile/lambda.cachefile").unwrap_or_default();
    let example = fs::read_to_string("examples/lambda/.cachefile").expect("the example is there");
    assert_eq!(sample, example, "copy it again");
}

#[test]
fn every_editor_says_how_it_is_installed() {
    for entry in Path::new("editors").read_dir().expect("the editors are there") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            let readme = fs::read_to_string(path.join("README.md")).unwrap_or_default();
            assert!(readme.starts_with("# "), "{} has no README.md", path.display());
        }
    }
}
