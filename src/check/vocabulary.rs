//! The words of the language for editors: `editors/words.json` is written from the tables of the checker and from the
//! grammar. A test only; `UPDATE_EXPECT=1` writes the file.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::calls::CACHE_METHODS;
use super::functions::Function;
use super::schema::{self, Attribute, Form};
use crate::environment::GitFact;
use crate::syntax;

const GRAMMAR: &str = include_str!("../../grammar/cachefile.pest");

/// The words of one rule of the grammar, in its order.
fn rule(name: &str) -> Vec<&'static str> {
    let is_rule = |line: &&str| line.split_once('=').is_some_and(|(left, _)| left.trim() == name);
    let line = GRAMMAR.lines().find(is_rule).expect("the grammar has the rule");
    let quoted = line.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with(|first: char| first.is_ascii_alphabetic())).collect()
}

fn rules(names: &[&str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| rule(name)).collect()
}

/// Names of attributes and of blocks, with those inside blocks.
fn collect(table: &[Attribute], attributes: &mut BTreeSet<&str>, blocks: &mut BTreeSet<&str>) {
    for attribute in table {
        match attribute.form {
            Form::Block(inner) => {
                blocks.insert(attribute.name);
                collect(inner, attributes, blocks);
            }
            Form::Required(_) | Form::Optional(_) => {
                attributes.insert(attribute.name);
            }
        }
    }
}

/// The names in front of `=` in `cache.s3(bucket = string, …) -> cache`.
fn named_parameters(signature: &'static str) -> Vec<&'static str> {
    signature
        .split(['(', ',', ')'])
        .filter_map(|part| part.split_once(" = "))
        .map(|(name, _)| name.trim())
        .collect()
}

fn vocabulary() -> Value {
    let (mut attributes, mut blocks) = (BTreeSet::new(), BTreeSet::new());
    let params =
        [schema::STRING_PARAM, schema::INT_PARAM, schema::DURATION_PARAM, schema::OTHER_PARAM].into_iter();
    for table in schema::ITEMS.iter().map(|(_, table)| *table).chain(params) {
        collect(table, &mut attributes, &mut blocks);
    }
    let arguments: BTreeSet<_> =
        CACHE_METHODS.iter().flat_map(|method| named_parameters(method.signature)).collect();
    json!({
        "about": "Written from the tables of the language by `editors/generate`; not by hand.",
        "items": rule("block_keyword"),
        "values": rules(&["kw_param", "kw_let", "kw_secret"]),
        "clauses": rule("header_word"),
        "sections": ["pre", "stage", "post"],
        "steps": rule("step_keyword"),
        "reserved": rule("reserved"),
        "types": schema::PARAM_TYPES,
        "attributes": attributes,
        "blocks": blocks,
        // `file` is there for secrets only.
        "functions": Function::ALL.iter().map(|(name, _)| *name).chain(["file"]).collect::<BTreeSet<_>>(),
        "git": GitFact::ALL.map(|(name, _)| name),
        "caches": CACHE_METHODS.iter().map(|method| method.name).collect::<Vec<_>>(),
        "arguments": arguments,
        "durations": syntax::DURATIONS.map(|(name, _)| name),
        "sizes": syntax::SIZES.map(|(name, _)| name),
    })
}

#[test]
fn editors_know_the_words_of_the_language() {
    let mut expected = serde_json::to_string_pretty(&vocabulary()).expect("words can be written as JSON");
    expected.push('\n');
    let path = Path::new("editors/words.json");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &expected).expect("the words can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, expected, "the language has other words now: run editors/generate");
}

#[test]
fn rules_and_signatures_are_read() {
    assert_eq!(rule("kw_secret"), ["secret"]);
    assert_eq!(rule("header_word"), ["extends", "for", "after"]);
    assert_eq!(rule("step_keyword").len(), 6);
    assert_eq!(named_parameters("cache.s3(bucket = string, mode = string) -> cache"), ["bucket", "mode"]);
}
