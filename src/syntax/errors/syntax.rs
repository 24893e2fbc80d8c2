//! E0101 to E0115: items, attributes, blocks and steps.

use super::steps::{STEPS, step_at_top_level};
use crate::diag::{Code, Diagnostic, only_similar, similar};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::syntax::scan::ITEM_KEYWORDS;

/// Words that cannot be declared, because they mean something where a value stands.
const RESERVED: [&str; 7] = ["true", "false", "if", "then", "else", "for", "in"];

pub(in crate::syntax) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word) || super::values::is_reserved_for_later(word)
}

// ---- Items

/// What a chunk starts with instead of a keyword. None if its own pass reports it.
pub(in crate::syntax) fn unknown_item(word: &Name, name: Option<&Name>, rest: &str) -> Option<Diagnostic> {
    let text = word.value.as_str();
    if !text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        // Characters that are not printable ASCII were reported by the scanner.
        return text.chars().all(|character| character.is_ascii_graphic()).then(|| not_an_item(word));
    }
    let after = rest.trim_start();
    if after.starts_with([':', '=']) {
        return Some(attribute_outside_block(word, after));
    }
    if STEPS.contains(&text) {
        return Some(step_at_top_level(word, format!("{text}{rest}").trim_end()));
    }
    if matches!(text, "stage" | "pre" | "post") {
        let diagnostic = Diagnostic::new(
            Code::UnknownItem,
            format!("`{text}` does not start an item"),
            word.span,
            "belongs in a `wave`",
        );
        return Some(diagnostic.with_help("move it into `wave NAME { … }`"));
    }
    let diagnostic = Diagnostic::new(
        Code::UnknownItem,
        format!("`{text}` does not start an item"),
        word.span,
        "unknown keyword",
    );
    let foreign = match text {
        "target" | "service" => Some("image"),
        "variable" | "arg" | "ARG" => Some("param"),
        "locals" | "local" | "const" | "var" | "def" => Some("let"),
        "group" | "job" | "jobs" | "pipeline" | "stages" | "deploy" => Some("wave"),
        "import" | "use" => Some("include"),
        _ => None,
    };
    let mut meant = None;
    let help = if let Some(keyword) = foreign {
        match name {
            Some(name) => format!("write `{keyword} {}`", name.value),
            None => format!("write `{keyword}`"),
        }
    } else {
        let known = ITEM_KEYWORDS.into_iter().chain(["include", "cachelang"]);
        meant = only_similar(text, known.clone());
        match similar(text, known) {
            Some(keyword) => format!("a keyword with a similar name exists: `{keyword}`"),
            None => "items start with `param`, `let`, `secret`, `registry`, `repository`, `image` or `wave`"
                .to_owned(),
        }
    };
    Some(diagnostic.with_help(help).with_edit_if(word.span, meant))
}

/// A Compose file or a workflow. `key` is its first key.
pub(in crate::syntax) fn yaml(key: Span) -> Diagnostic {
    Diagnostic::new(Code::UnknownItem, "this looks like YAML, not like a `.cachefile`", key, "a key of YAML")
        .with_help("write `cachelang 1` and an `image NAME { context = \".\" }` for each image that is built")
}

fn not_an_item(word: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("expected an item, found `{}`", word.value),
        word.span,
        "not the start of an item",
    )
    .with_help("items start with `param`, `let`, `secret`, `registry`, `repository`, `image` or `wave`")
}

fn attribute_outside_block(word: &Name, after: &str) -> Diagnostic {
    let name = &word.value;
    let value = after.trim_start_matches([':', '=']).trim();
    let short =
        value.chars().count() <= 40 && !value.contains(['#', '`']) && !value.ends_with(['{', '[', '(']);
    let value = if short && !value.is_empty() { value } else { "…" };
    Diagnostic::new(
        Code::AttributeOutsideBlock,
        format!("attribute `{name}` outside a block"),
        word.span,
        "not allowed at top level",
    )
    .with_help(format!("write `let {} = {value}`, or move it into a block", name.replace('-', "_")))
}

pub(in crate::syntax) fn version_not_first(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        "`cachelang` is not the first line",
        span,
        "items stand before this",
    )
    .with_help("move it to the top of the file")
}

pub(in crate::syntax) fn malformed_version(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        "the language version is a whole number",
        span,
        "not a version of the language",
    )
    .with_help("write `cachelang 1`")
}

pub(in crate::syntax) fn items_on_one_line(span: Span) -> Diagnostic {
    Diagnostic::new(Code::MissingSeparator, "two items on one line", span, "expected a new line before this")
        .with_help("start every item on a line of its own")
}

/// `let a = 1;`
pub(in crate::syntax) fn semicolon_after_item(span: Span, ends_line: bool) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::MissingSeparator, "`;` does not separate items", span, "expected a new line");
    if ends_line {
        diagnostic.with_help("remove it; an item ends with its line").with_edit(span, "")
    } else {
        diagnostic.with_help("start every item on a line of its own").with_edit(span, "\n")
    }
}

// ---- Names

/// The name that is nearest to a text.
pub(in crate::syntax) fn word_from(text: &str) -> String {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let name: String = text.chars().map(|one| if is_word(one) { one } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
        format!("_{name}")
    } else {
        name
    }
}

pub(in crate::syntax) fn quoted_name(keyword: &str, text: &str, span: Span) -> Diagnostic {
    let name = word_from(text);
    Diagnostic::new(
        Code::QuotedName,
        format!("`{keyword}` needs a name, not a string"),
        span,
        "names are not quoted",
    )
    .with_help(format!("write `{keyword} {name}`"))
    // Another name than the text may be one that its uses do not have.
    .with_edit_if(span, (name == text).then_some(name))
}

pub(in crate::syntax) fn dashed_name(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, format!("`{name}` is not a name"), span, "names use `_`")
        .with_help(format!("write `{}`", name.replace('-', "_")))
}

pub(in crate::syntax) fn reserved_name(name: &Name) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{}` is a reserved word", name.value),
        name.span,
        "cannot be declared",
    )
    .with_help(format!("choose another name, such as `{}_`", name.value))
}

/// `wave after { … }`
pub(in crate::syntax) fn reserved_header(word: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{word}` cannot be the name of a block"),
        span,
        "has a meaning of its own here",
    )
    .with_help(format!("choose another name, such as `{word}_`"))
}

pub(in crate::syntax) fn missing_name(word: &str, keyword: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{word}` without a name"),
        keyword,
        "expected a name after this",
    )
    .with_help(format!("write `{word} NAME`"))
}

pub(in crate::syntax) fn missing_type(name: &Name, guess: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnexpectedToken,
        format!("param `{}` has no type", name.value),
        name.span,
        "expected `:` and a type after this",
    )
    .with_note("types are `string`, `int`, `bool`, `duration` and `list<string>`")
    .with_help(format!("write `param {}: {guess}`", name.value))
}

pub(in crate::syntax) fn clause_not_allowed(clause: &str, block: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::UnexpectedToken,
        format!("`{block}` cannot have `{clause}`"),
        span,
        "not allowed here",
    );
    match clause {
        "extends" => diagnostic.with_help("only `image` and `template` extend templates"),
        "for" => diagnostic.with_help("only `image` and `stage` are repeated with `for`"),
        _ if block == "wave" => diagnostic.with_help("waves run in file order; remove `after`"),
        _ => diagnostic.with_help("only a `stage` waits with `after`"),
    }
}

// ---- Attributes

/// `:` or `:=` where `=` belongs; `value` is the source of a short value.
pub(in crate::syntax) fn expected_equals(
    name: &str,
    sign: &str,
    span: Span,
    value: Option<&str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::ExpectedEquals,
        format!("expected `=` after `{name}`"),
        span,
        if sign == ":" { "attributes use `=`" } else { "`=` is enough" },
    );
    match value {
        Some(value) => diagnostic.with_help(format!("write `{name} = {value}`")),
        None => diagnostic.with_help(format!("replace `{sign}` with `=`")),
    }
}

/// `let a == "b"`
pub(in crate::syntax) fn comparison_for_equals(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ExpectedEquals,
        format!("expected `=` after `{name}`"),
        span,
        "this compares two values",
    )
    .with_help(format!("write `{name} = …`"))
    .with_edit(span, "=")
}

/// `context "."`, and `no_cache` alone. `at` is the first token of the value.
pub(in crate::syntax) fn missing_equals(name: &Name, value: Option<&str>, at: Option<Span>) -> Diagnostic {
    let text = &name.value;
    let diagnostic = Diagnostic::new(
        Code::ExpectedEquals,
        format!("expected `=` after `{text}`"),
        at.unwrap_or(name.span),
        if at.is_some() { "expected `=` before this" } else { "has no value" },
    );
    let diagnostic = match at {
        Some(at) => diagnostic.with_edit(at.before(), "= "),
        None => diagnostic,
    };
    diagnostic.with_help(format!("write `{text} = {}`", value.unwrap_or("…")))
}

pub(in crate::syntax) fn expected_equals_before_map(name: &str, open: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ExpectedEquals,
        format!("expected `=` after `{name}`"),
        open,
        "expected `=` before this",
    )
    .with_help(format!("write `{name} = {{ … }}`"))
    .with_edit(open.before(), "= ")
}

pub(in crate::syntax) fn missing_value(name: &str, sign: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MissingValue,
        format!("`{name}` has no value"),
        sign,
        "a value must follow on this line",
    )
    .with_help(format!("write a value, or remove `{name}`"))
}

pub(in crate::syntax) fn missing_separator(span: Span, steps: bool) -> Diagnostic {
    let (what, label, help) = if steps {
        (
            "steps",
            "expected a new line or `;` before this",
            "put each step on its own line, or write `;` between them",
        )
    } else {
        (
            "attributes",
            "expected a new line or `,` before this",
            "put each attribute on its own line, or write `,` between them",
        )
    };
    Diagnostic::new(Code::MissingSeparator, format!("two {what} without a separator"), span, label)
        .with_help(help)
}

/// `;` between attributes or map entries.
pub(in crate::syntax) fn semicolon(span: Span, members: &str, separator: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingSeparator,
        format!("`;` does not separate {members}"),
        span,
        format!("expected {separator}"),
    )
    .with_help("write `,`; only steps are separated by `;`")
    .with_edit(span, ",")
}

/// A word or value behind a complete value. None if the value before it was reported for the same reason.
pub(in crate::syntax) fn value_after_value(before: &str, found: &str, span: Span) -> Option<Diagnostic> {
    let last = before.rsplit([' ', '\t']).next().unwrap_or_default();
    if super::values::is_reserved_for_later(last) {
        return None;
    }
    let is_unit = matches!(found, "ms" | "s" | "m" | "h" | "d" | "KiB" | "MiB" | "GiB" | "TiB");
    if is_unit && last.ends_with(|last: char| last.is_ascii_digit()) {
        return Some(super::values::blank_before_unit(last, found, span));
    }
    if matches!(found, "and" | "or" | "not") {
        return Some(super::values::word_operator(found, span));
    }
    Some(
        Diagnostic::new(
            Code::UnexpectedToken,
            format!("expected the end of the value, found {}", quoted(found)),
            span,
            "the value ends before this",
        )
        .with_help("put it on its own line, or join values with an operator"),
    )
}

/// Adds the removal of the blanks in front of a unit.
pub(in crate::syntax) fn without_blanks(diagnostic: Diagnostic, blanks: Span) -> Diagnostic {
    let is_unit = diagnostic.code == Code::MalformedNumber;
    diagnostic.with_edit_if(blanks, is_unit.then_some(""))
}

fn quoted(source: &str) -> String {
    if source.starts_with('"') { "a string".to_owned() } else { format!("`{source}`") }
}

/// `items` are "list items", "arguments" or "map entries"; `previous` is the source of a short one before.
pub(in crate::syntax) fn missing_comma(
    span: Span,
    previous: Option<&str>,
    items: &str,
    closer: char,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::MissingComma,
        format!("missing `,` between {items}"),
        span,
        format!("expected `,` or `{closer}` before this"),
    );
    match previous {
        Some(previous) => diagnostic.with_help(format!("add `,` after `{previous}`")),
        None => diagnostic.with_help("add `,` before this"),
    }
}

pub(in crate::syntax) fn dashed_key(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::NotAnAttributeName,
        format!("`{name}` is not a key"),
        span,
        "a key with `-` is quoted",
    )
    .with_help(format!("write `\"{name}\"`"))
    .with_edit(span, format!("\"{name}\""))
}

pub(in crate::syntax) fn quoted_attribute(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::QuotedName, format!("attribute `{name}` is quoted"), span, "names are not quoted")
        .with_help(format!("write `{name}`"))
        .with_edit_if(span, (word_from(name) == name).then_some(name))
}

pub(in crate::syntax) fn hole_in_key(span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, "a key of a map cannot have `${}`", span, "expected plain text")
}

pub(in crate::syntax) fn block_not_value(name: &str, sign: Span) -> Diagnostic {
    Diagnostic::new(Code::BlockNotValue, format!("`{name}` is a block, not a value"), sign, "remove this")
        .with_help(format!("write `{name} {{ … }}`"))
}

pub(in crate::syntax) fn map_not_block(name: &str, open: Span) -> Diagnostic {
    Diagnostic::new(
        Code::BlockNotValue,
        format!("`{name}` is a map, not a block"),
        open,
        "expected `=` before this",
    )
    .with_help(format!("write `{name} = {{ … }}`"))
    .with_edit(open.before(), "= ")
}
