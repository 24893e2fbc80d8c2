//! What must hold for any text: parsing ends, reports inside the file, and hides no mistake.

use std::time::{Duration, Instant};

use cachelang::diag::{self, Diagnostic, fix, render};
use cachelang::source::{SourceMap, Span};
use cachelang::syntax::{self, ast};
use proptest::prelude::*;

/// The file of the language's reference, without diagnostics.
const EXAMPLE: &str = include_str!("../golden/parse/good-example/in.cachefile");

/// What a `.cachefile` is made of, and what people write instead.
const TOKENS: [&str; 66] = [
    "\n", "\n", "\n", " ", " ", "  ", "\t", "\r\n", "\r", "# c\n", "## d\n", "let", "image", "wave", "param",
    "registry", "stage", "pre", "run", "push", "promote", "sh", "to", "for", "in", "if", "then", "else",
    "extends", "after", "a", "b_c", "my-name", "=", ":", "==", "??", "||", "&&", "!", "+", ",", ";", ".",
    "(", ")", "[", "]", "{", "}", "\"", "\"x\"", "\"\"\"", "${", "$", "\\", "'", "5m", "3.10", "-1", "true",
    "<<<<<<<", ">>>>>>>", "=======", "é", "\u{202e}",
];

fn parse(text: &str) -> (SourceMap, ast::File, Vec<Diagnostic>) {
    let mut sources = SourceMap::new();
    let id = sources.add("test", "test", text);
    let (file, mut diagnostics) = syntax::parse(&sources, id);
    diag::sort(&mut diagnostics);
    (sources, file, diagnostics)
}

/// Parses and renders, and checks every span that comes out.
fn check(text: &str) -> Vec<Diagnostic> {
    let (sources, file, diagnostics) = parse(text);
    let is_inside = |span: Span| {
        let text = sources.file(span.file).text();
        text.get(span.range()).is_some()
    };
    for diagnostic in &diagnostics {
        let labels = diagnostic.secondary.iter().chain([&diagnostic.primary]);
        for label in labels {
            assert!(is_inside(label.span), "{:?} in {text:?}", label);
        }
        let id = diagnostic.primary.span.file;
        let fixed = fix::fix(&sources, id, std::slice::from_ref(diagnostic));
        assert_eq!(fixed.is_none(), diagnostic.edits.is_empty(), "{diagnostic:?} in {text:?}");
        assert!(!diagnostic.message.contains('\n'), "{:?}", diagnostic.message);
    }
    for item in &file.items {
        assert!(is_inside(item.span), "{item:?} in {text:?}");
    }
    let style = render::Style { color: true, width: 80, ..render::Style::PLAIN };
    let shown = render::human(&sources, &diagnostics, style);
    assert_eq!(shown.is_empty(), diagnostics.is_empty());
    for line in render::json(&sources, &diagnostics).lines() {
        let _: serde_json::Value = serde_json::from_str(line).expect("every line is an object");
    }
    render::github(&sources, &diagnostics);
    diagnostics
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).iter().map(|diagnostic| diagnostic.code.as_str()).collect()
}

/// The example cut into words, signs and blanks.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let length = if is_word(first) {
            rest.find(|one| !is_word(one)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, tail) = rest.split_at(length);
        tokens.push(token);
        rest = tail;
    }
    tokens
}

#[test]
fn deleting_a_token_is_reported_or_harmless() {
    let tokens = tokens(EXAMPLE);
    let mut reported = 0;
    for index in 0..tokens.len() {
        let text: String =
            tokens.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, token)| *token).collect();
        let diagnostics = check(&text);
        reported += usize::from(!diagnostics.is_empty());
        assert!(
            diagnostics.len() <= 2,
            "{} reports for one deletion:\n{text}\n{diagnostics:#?}",
            diagnostics.len()
        );
    }
    assert!(reported > 200, "only {reported} of {} deletions were noticed", tokens.len());
}

#[test]
fn depth_is_limited_wherever_it_comes_from() {
    let nested = |open: &str, middle: &str, close: &str, count: usize| {
        format!("cachelang 1\nlet a = {}{middle}{}\n", open.repeat(count), close.repeat(count))
    };
    for (what, text) in [
        ("lists", nested("[", "", "]", 10_000)),
        ("unclosed lists", nested("[", "", "", 10_000)),
        ("parentheses", nested("(", "1", ")", 10_000)),
        ("calls", nested("f(", "1", ")", 10_000)),
        ("maps", nested("{ a = ", "1", "}", 10_000)),
        ("holes", nested("\"${", "a", "}\"", 10_000)),
        ("sums", nested("1 + ", "1", "", 20_000)),
        ("defaults", nested("a ?? ", "b", "", 20_000)),
        ("negations", nested("!", "b", "", 20_000)),
        ("fields", nested("", "a", ".b", 20_000)),
        ("indexes", nested("", "a", "[0]", 20_000)),
        ("conditionals", nested("if a then b else ", "c", "", 5_000)),
    ] {
        assert_eq!(codes(&text), ["E0012"], "{what}");
    }
}

#[test]
fn values_up_to_the_limit_are_accepted() {
    for text in [
        format!("cachelang 1\nlet a = {}{}\n", "[".repeat(64), "]".repeat(64)),
        format!("cachelang 1\nlet a = 1{}\n", " + 1".repeat(120)),
    ] {
        assert_eq!(codes(&text), [""; 0]);
    }
}

/// Shapes that make a backtracking parser try everything twice a level.
#[test]
fn nothing_takes_exponential_time() {
    for (open, close) in [
        ("f(", ")"),
        ("[", "]"),
        ("(", ")"),
        ("{ a = ", "}"),
        ("\"${", "}\""),
        ("\"\"\"${", "}\"\"\""),
        ("app:(", ")"),
        ("app:f(", ")"),
        ("f(a = ", ")"),
        ("{ run f(", ") }"),
        ("{ run \"${", "}\" }"),
        ("{ stage \"${", "}\" {} }"),
        ("{ run { a = ", "} }"),
        ("{ a { b = ", "} }"),
        ("{ a [", "] }"),
        ("{ \"${", "}\" = 1 }"),
        ("[x for x in ", "]"),
        ("if a then (", ") else b"),
    ] {
        let depth = 60 / open.matches(['(', '[', '{']).count();
        for middle in ["1", "%", "1 2 =", ""] {
            let text = format!("let a = {}{middle}{}\n", open.repeat(depth), close.repeat(depth));
            let start = Instant::now();
            parse(&text);
            let spent = start.elapsed();
            assert!(spent < Duration::from_millis(500), "{open}{middle}{close}: {spent:?}");
        }
    }
}

#[test]
fn broken_items_keep_their_names() {
    let (_, file, _) =
        parse("cachelang 1\nlet a = %\nimage b {\n  x = [\n}\nimgae c { }\nwave d { push x }\n");
    let kinds: Vec<String> = file
        .items
        .iter()
        .map(|item| match &item.kind {
            ast::ItemKind::Poisoned(name) => format!("poisoned {}", name.value),
            ast::ItemKind::Wave(wave) => format!("wave {}", wave.name.value),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["poisoned a", "poisoned b", "poisoned c", "wave d"]);
}

#[test]
fn descriptions_come_from_the_lines_above() {
    let (_, file, diagnostics) =
        parse("cachelang 1\n\n## One.\n##  Two.\nlet a = 1\n# no\nlet b = 2\n## far\n\nlet c = 3\n");
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let found: Vec<Option<&str>> = file.items.iter().map(|item| item.description.as_deref()).collect();
    assert_eq!(found, [Some("One.\nTwo."), None, None]);
}

/// Found by the fuzzer.
#[test]
fn what_was_found_stays_fixed() {
    for text in [
        "let a = { \"\"\"\nx\"\"\" }\n",
        "+ b\ncachelang 1\n",
        "wave a { run lambda.\u{fffd}ef b }\n",
        "image a {\n   \"\"\"\r\n    x\r\n    \"\"\"\n}\n",
    ] {
        let diagnostics = check(text);
        assert!(diag::has_errors(&diagnostics), "{text:?}: {diagnostics:?}");
    }
}

#[test]
fn strings_mean_what_they_say() {
    for (source, expected) in [
        (r#""""#, ""),
        (r#""a\n\t\"\\\$\u{e9}""#, "a\n\t\"\\$é"),
        ("\"\"\"\n  a\n    b\n\n  c\n  \"\"\"", "a\n  b\n\nc"),
        ("\"\"\"\r\n  a\r\n  b\r\n  \"\"\"", "a\nb"),
        ("\"\"\"one line\"\"\"", "one line"),
        ("\"\"\"\n  a ${1} b\n  c\n  \"\"\"", "a <hole> b\nc"),
        ("\"\"\"\n  \"\"\"", ""),
    ] {
        let (_, file, diagnostics) = parse(&format!("cachelang 1\nlet a = {source}\n"));
        assert!(diagnostics.is_empty(), "{source}: {diagnostics:?}");
        let Some(ast::ItemKind::Let(item)) = file.items.first().map(|item| &item.kind) else {
            panic!("{source}: {file:?}");
        };
        let ast::ExprKind::String(parts) = &item.value.kind else { panic!("{source}: {item:?}") };
        let text: String = parts
            .iter()
            .map(|part| match part {
                ast::StringPart::Text(text) => text.as_str(),
                ast::StringPart::Hole(_) => "<hole>",
            })
            .collect();
        assert_eq!(text, expected, "{source}");
    }
}

#[test]
fn spans_hold_no_blanks() {
    let text = "cachelang 1\nlet a = b ?? c  # comment\nlet d = f(x , y) \nparam e: int = 1   # end\nwave w { run \"x\"  }\n";
    let (sources, file, diagnostics) = parse(text);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let items: Vec<&str> = file.items.iter().map(|item| sources.slice(item.span)).collect();
    assert_eq!(items, ["let a = b ?? c", "let d = f(x , y)", "param e: int = 1", "wave w { run \"x\"  }"]);
}

#[test]
#[ignore = "a measurement; run it with --release"]
fn speed() {
    let text = EXAMPLE.repeat(1_000_000 / EXAMPLE.len());
    let start = Instant::now();
    let (_, file, _) = parse(&text);
    let spent = start.elapsed();
    println!("{} items, {:.1} MB/s", file.items.len(), text.len() as f64 / 1e6 / spent.as_secs_f64());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_tokens_are_parsed(tokens in proptest::collection::vec(proptest::sample::select(&TOKENS[..]), 0..120)) {
        check(&tokens.concat());
    }

    #[test]
    fn any_part_of_the_example_is_parsed(start in 0..EXAMPLE.len(), length in 0..400_usize) {
        let end = (start + length).min(EXAMPLE.len());
        if let Some(part) = EXAMPLE.get(start..end) {
            check(part);
        }
    }
}
