//! The queries of the tree-sitter grammar: what they find, and that every editor has them under its own names.

#![allow(clippy::indexing_slicing, reason = "a test may fail on what is not there")]

use std::collections::BTreeMap;
use std::fs;

use tree_sitter::{Language, Query, QueryCursor, StreamingIterator};

use crate::tree_sitter::tree;

const GRAMMAR: &str = "editors/tree-sitter-cachefile/queries";

/// Where copies go, and what the captures that have another name there are called.
type Copy = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const COPIES: [Copy; 3] = [
    ("editors/neovim/queries/cachefile", &["highlights", "injections", "locals", "folds"], &[]),
    ("editors/helix/queries/cachefile", &["highlights", "injections", "locals"], &HELIX),
    ("editors/zed/languages/cachefile", &["highlights", "injections"], &ZED),
];

const HELIX: [(&str, &str); 13] = [
    ("boolean", "constant.builtin.boolean"),
    ("comment", "comment.line"),
    ("comment.documentation", "comment.line.documentation"),
    ("function.call", "function"),
    ("keyword.conditional", "keyword.control.conditional"),
    ("keyword.function", "keyword.control"),
    ("keyword.import", "keyword.control.import"),
    ("keyword.repeat", "keyword.control.repeat"),
    ("module", "namespace"),
    ("number", "constant.numeric"),
    ("property", "variable.other.member"),
    ("string.escape", "constant.character.escape"),
    ("variable.member", "variable"),
];

const ZED: [(&str, &str); 5] = [
    ("comment.documentation", "comment.doc"),
    ("function.call", "function"),
    ("module", "namespace"),
    ("variable.builtin", "variable.special"),
    ("variable.member", "property"),
];

fn language() -> Language {
    tree_sitter_cachefile::LANGUAGE.into()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A query with the captures of another editor. Names that start with `_` and what follows `injection.`, `local.`
/// and `fold` are the same everywhere.
fn renamed(query: &str, names: &[(&str, &str)]) -> String {
    let mut parts = query.split('@');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-');
        let (name, rest) = part.split_at(part.find(|one| !is_name(one)).unwrap_or(part.len()));
        let name = names.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to);
        text += &format!("@{name}{rest}");
    }
    text
}

#[test]
fn every_editor_has_the_queries_under_its_names() {
    for (folder, queries, names) in COPIES {
        for query in queries {
            let original = format!("{GRAMMAR}/{query}.scm");
            let expected = format!(
                "; Written from {original} by editors/generate.\n{}",
                renamed(&read(&original), names)
            );
            let path = format!("{folder}/{query}.scm");
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(&path, &expected).expect("the query can be written");
            }
            let found = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(found, expected, "{path} is not that of the grammar: run editors/generate");
        }
    }
}

#[test]
fn all_queries_fit_the_grammar() {
    let mut count = 0;
    for (folder, ..) in COPIES.into_iter().chain([(GRAMMAR, &[][..], &[][..])]) {
        for entry in fs::read_dir(folder).expect("the queries are there") {
            let path = entry.expect("an entry can be read").path();
            if path.extension().is_some_and(|extension| extension == "scm") {
                count += 1;
                let text = read(&path.display().to_string());
                Query::new(&language(), &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            }
        }
    }
    assert!(count > 12, "{count} queries");
}

/// The name of each piece of a text, as the last pattern that matches it says.
fn captures(query: &str, text: &str) -> Vec<(String, String)> {
    let query = Query::new(&language(), &read(&format!("{GRAMMAR}/{query}.scm"))).expect("the query is one");
    let tree = tree(text);
    let mut cursor = QueryCursor::new();
    let mut found = BTreeMap::new();
    let mut matches = cursor.matches(&query, tree.root_node(), text.as_bytes());
    while let Some(one) = matches.next() {
        for capture in one.captures() {
            let name = query.capture_names()[capture.index as usize];
            let place = (capture.node.start_byte(), capture.node.end_byte());
            let last = found.entry(place).or_insert((one.pattern_index, name));
            if last.0 <= one.pattern_index {
                *last = (one.pattern_index, name);
            }
        }
    }
    let pieces =
        found.into_iter().map(|((start, end), (_, name))| (text[start..end].to_owned(), name.to_owned()));
    pieces.collect()
}

/// Fails unless the pieces are captured under these names, in this order.
#[track_caller]
fn assert_captured(query: &str, text: &str, expected: &[(&str, &str)]) {
    let found = captures(query, text);
    let mut rest = found.iter();
    for (piece, name) in expected {
        let is_it = |(text, found): &&(String, String)| text == piece && found == name;
        assert!(rest.by_ref().any(|one| is_it(&one)), "`{piece}` is not {name}: {found:#?}");
    }
}

#[test]
fn words_have_their_colours() {
    let text = read("tests/golden/plan/good-everything/in.cachefile");
    assert_captured(
        "highlights",
        &text,
        &[
            ("cachelang", "keyword.directive"),
            ("1", "number"),
            ("param", "keyword"),
            ("commit", "constant"),
            ("string", "type.builtin"),
            ("git", "variable.builtin"),
            ("commit", "property"),
            ("??", "operator"),
            ("\"dev\"", "string"),
            ("oneof", "property"),
            ("env", "function.builtin"),
            ("registry", "keyword"),
            ("main", "type"),
            ("kind", "property"),
            ("1d", "number"),
            ("tls", "property"),
            ("args", "property"),
            ("PYTHON_VERSION", "variable.member"),
            ("64MiB", "number"),
            ("true", "boolean"),
            ("app", "module"),
            (":", "punctuation.delimiter"),
            ("cache", "property"),
            ("cache", "variable.builtin"),
            ("registry", "function.builtin"),
            ("mode", "variable.parameter"),
            ("for", "keyword.repeat"),
            ("name", "variable.parameter"),
            ("${", "punctuation.special"),
            ("push", "keyword.function"),
            ("pre", "keyword"),
            ("run", "keyword.function"),
            ("stage", "keyword"),
            ("staging", "label"),
            ("timeout", "property"),
            ("ref", "variable.member"),
            ("after", "keyword"),
            ("\\\"", "string.escape"),
            ("to", "keyword.function"),
        ],
    );
    assert_captured(
        "highlights",
        "## about\nimage a { contxt = if b then ours(c) else d } # end\n",
        &[
            ("## about", "comment.documentation"),
            ("contxt", "variable.member"),
            ("if", "keyword.conditional"),
            ("ours", "function.call"),
            ("d", "variable"),
            ("# end", "comment"),
        ],
    );
}

#[test]
fn scripts_and_dockerfiles_are_injected() {
    let text = "image a {\n  dockerfile_inline = \"\"\"\n    FROM ${b}\n    \"\"\"\n  target = \"c\"\n}\nwave w { sh \"ls ${d} -l\" }\n";
    let found: Vec<_> =
        captures("injections", text).into_iter().filter(|(_, name)| name == "injection.content").collect();
    let texts: Vec<_> = found.iter().map(|(text, _)| text.trim()).collect();
    assert_eq!(texts, ["FROM", "", "ls", "-l"]);
}

#[test]
fn names_are_declared_and_used() {
    assert_captured(
        "locals",
        "let a = 1\nimage b for c in d { target = c }\n",
        &[
            ("a", "local.reference"),
            ("image b for c in d { target = c }", "local.scope"),
            ("d", "local.reference"),
        ],
    );
    let query = Query::new(&language(), &read(&format!("{GRAMMAR}/locals.scm"))).expect("the query is one");
    for name in ["local.definition.constant", "local.definition.type", "local.definition.parameter"] {
        assert!(query.capture_names().contains(&name), "{name}");
    }
}

#[test]
fn blocks_fold() {
    let text = "image a {\n  args = {\n    b = \"c\"\n  }\n}\n";
    let found: Vec<_> = captures("folds", text).into_iter().map(|(text, _)| text.len()).collect();
    assert_eq!(found, ["{\n  args = {\n    b = \"c\"\n  }\n}".len(), "{\n    b = \"c\"\n  }".len()]);
}
