//! Properties of parsing and formatting, for generated files and for arbitrary text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use cachelang::diag::{self, Diagnostic, render};
use cachelang::source::SourceMap;
use cachelang::syntax;
use proptest::prelude::*;

use crate::{generate, holds};

fn tape() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..400)
}

/// Far more than is needed, also by a build without optimisation on a busy machine: what is caught is a hang.
fn assert_not_hanging(text: &str, spent: Duration) {
    let limit = Duration::from_millis(500)
        + Duration::from_millis(50) * u32::try_from(text.len() / 1024).expect("texts are short");
    assert!(spent < limit, "{spent:?} for {} bytes: {text:?}", text.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_keep_the_rules(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let text = String::from_utf8_lossy(&bytes);
        let start = Instant::now();
        holds::parses(&text);
        assert_not_hanging(&text, start.elapsed());
        holds::formats(&text);
        holds::checks(&text);
        holds::plans(&text);
    }

    #[test]
    fn generated_files_are_accepted(tape in tape()) {
        let text = generate::file(&tape);
        let (sources, id) = holds::source(&text);
        let (_, mut diagnostics) = syntax::parse(&sources, id);
        diag::sort(&mut diagnostics);
        prop_assert!(!diag::has_errors(&diagnostics), "{}\n{text}", shown(&sources, &diagnostics));
    }

    #[test]
    fn deletions_are_noticed_in_their_item(tape in tape(), which in any::<prop::sample::Index>()) {
        // Places are those of a text without a byte order mark.
        let text = generate::file(&tape).replace('\u{feff}', "");
        let tokens = tokens(&text);
        assert_deletion_is_noticed(&text, &tokens[which.index(tokens.len())], Missed::InItsItem);
    }

    #[test]
    fn formatting_keeps_the_meaning_and_is_done_once(tape in tape()) {
        let text = generate::file(&tape);
        holds::parses(&text);
        holds::checks(&text);
        holds::plans(&text);
        holds::formats(&text);
    }
}

/// The tokens of a text that was parsed: where they are. Strings are one token, comments and blanks are none.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let is_word = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let first = rest.chars().next().expect("the rest is not empty");
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => string_length(rest),
            _ if is_word(first) => rest.find(|one| !is_word(one)).unwrap_or(rest.len()),
            _ if ["??", "||", "&&", "==", "!="].iter().any(|operator| rest.starts_with(operator)) => 2,
            _ => first.len_utf8(),
        };
        if first != '#' && !first.is_whitespace() {
            found.push(at..at + length);
        }
        at += length;
    }
    found
}

fn string_length(text: &str) -> usize {
    let quotes = if text.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let mut at = quotes.len();
    while !text[at..].starts_with(quotes) {
        at += match &text[at..] {
            rest if rest.starts_with('\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            rest if rest.starts_with("${") => hole_length(rest),
            rest => rest.chars().next().map_or(0, char::len_utf8),
        };
    }
    at + quotes.len()
}

fn hole_length(text: &str) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let rest = &text[at..];
        let first = rest.chars().next().expect("the hole is closed");
        at += match first {
            '"' => string_length(rest),
            '#' => rest.find('\n').expect("the hole goes on below"),
            _ => first.len_utf8(),
        };
        depth = match first {
            '{' => depth + 1,
            '}' => depth - 1,
            _ => depth,
        };
    }
    at
}

/// Where a deleted token must be missed.
#[derive(Clone, Copy)]
enum Missed {
    /// Within a line of where it stood. A bracket may also be missed at its partner.
    AtItsPlace,
    /// Within a line of its item: all that can be said of a text whose layout and contents are arbitrary. What stands
    /// behind the deletion may go on in a way that was not meant: `for a in {` with its list deleted takes the block for
    /// the list, and what is missing is then the block.
    InItsItem,
}

/// A deleted token is noticed: if what is left has syntax errors, a label of one of them is near. If what is left has
/// none (it was an item of a list, a `!`, a separator at the end of a line, …), it is a file like any other, which
/// formats and checks.
fn assert_deletion_is_noticed(text: &str, token: &Range<usize>, missed: Missed) {
    let left = format!("{}{}", &text[..token.start], &text[token.end..]);
    let (sources, id) = holds::source(&left);
    let (_, mut diagnostics) = syntax::parse(&sources, id);
    diag::sort(&mut diagnostics);
    if !diag::has_errors(&diagnostics) {
        holds::formats(&left);
        holds::checks(&left);
        return;
    }
    let line = |offset: usize| left[..offset].matches('\n').count();
    let deleted = &text[token.clone()];
    let places = match (missed, partner(text, token)) {
        (Missed::InItsItem, _) => vec![item_of(text, token)],
        (Missed::AtItsPlace, Some(partner)) => vec![token.start..token.start, partner..partner],
        (Missed::AtItsPlace, None) => vec![between_neighbours(text, token)],
    };
    // The same places in what is left.
    let moved = |at: usize| if at > token.start { at - deleted.len() } else { at };
    let places: Vec<_> = places.into_iter().map(|place| moved(place.start)..moved(place.end)).collect();
    let is_near = |diagnostic: &Diagnostic| {
        let labels = diagnostic.secondary.iter().chain([&diagnostic.primary]);
        labels.into_iter().map(|label| label.span.range()).any(|label| {
            let is_beside = |place: &Range<usize>| {
                line(label.start) <= line(place.end) + 1 && line(label.end) + 1 >= line(place.start)
            };
            places.iter().any(is_beside)
        })
    };
    assert!(
        diagnostics.iter().any(is_near),
        "`{deleted}` was deleted from line {}:\n{}\n--- of\n{text}",
        line(token.start) + 1,
        shown(&sources, &diagnostics)
    );
}

/// From the end of the token before to the start of the token behind.
fn between_neighbours(text: &str, token: &Range<usize>) -> Range<usize> {
    let all = tokens(text);
    let before = all.iter().rfind(|other| other.end <= token.start).map_or(0, |before| before.end);
    let behind = all.iter().find(|other| other.start >= token.end).map_or(text.len(), |behind| behind.start);
    before..behind
}

/// From the start of its item to the next one that starts in the first column: only there is it clear that an item
/// begins, whatever is open.
fn item_of(text: &str, token: &Range<usize>) -> Range<usize> {
    let (sources, id) = holds::source(text);
    let (file, _) = syntax::parse(&sources, id);
    let starts = file.items.iter().map(|item| item.span.range().start);
    let start = starts.clone().rfind(|start| *start <= token.start).unwrap_or(0);
    let is_clear = |start: &usize| *start > token.start && text[..*start].ends_with('\n');
    start..starts.clone().find(is_clear).unwrap_or(text.len())
}

/// Where the other bracket of a pair is.
fn partner(text: &str, token: &Range<usize>) -> Option<usize> {
    let mut open = Vec::new();
    for other in tokens(text) {
        match &text[other.clone()] {
            "(" | "[" | "{" => open.push(other.start),
            ")" | "]" | "}" => {
                let opener = open.pop().expect("the brackets of the text match");
                if opener == token.start {
                    return Some(other.start);
                } else if other.start == token.start {
                    return Some(opener);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn deletions_in_written_files_are_noticed_where_they_are() {
    let shown = include_str!("../golden/parse/good-example/in.cachefile");
    let lambda = include_str!("../../examples/lambda/.cachefile");
    for text in [shown, lambda] {
        for token in tokens(text) {
            assert_deletion_is_noticed(text, &token, Missed::AtItsPlace);
        }
    }
}

fn shown(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    render::human(sources, diagnostics, render::Style::PLAIN)
}

/// What the generator can make, it makes.
#[test]
fn generated_files_hold_every_construct() {
    let mut missing: BTreeSet<&str> = BTreeSet::from([
        "cachelang 1",
        "include ",
        "param ",
        "let ",
        "secret ",
        "registry ",
        "repository ",
        "builder ",
        "template ",
        "image ",
        "wave ",
        " extends ",
        " for ",
        " after ",
        "stage ",
        "pre ",
        "post ",
        "build ",
        "push ",
        "promote ",
        "run ",
        "sh ",
        "approve ",
        "if ",
        "then",
        "else",
        "??",
        "||",
        "&&",
        "==",
        "!=",
        "+",
        "!",
        "\"\"\"",
        "${",
        "\r\n",
        "\u{feff}",
        "list<string>",
        "#",
        "##",
        ";",
        "64MiB",
        "5m",
    ]);
    let mut state = 1_u32;
    for _ in 0..2_000 {
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let tape: Vec<u8> = (0..300).map(|_| byte()).collect();
        let text = generate::file(&tape);
        missing.retain(|construct| !text.contains(construct));
    }
    assert!(missing.is_empty(), "{missing:?}");
}
