//! What the grammar could not read, said in words: from the text around the failure, not from the grammar's rules.
//!
//! The grammar tolerates most of what people write, so little arrives here.

use super::errors::{failures as errors, syntax, values};
use super::parse::Rule;
use super::scan::ITEM_KEYWORDS;
use crate::diag::Diagnostic;
use crate::source::{FileId, Span};

/// Where and how the grammar failed in a chunk.
pub(super) struct Failure<'a> {
    pub(super) file: FileId,
    /// Where the chunk starts in its file.
    pub(super) base: usize,
    pub(super) source: &'a str,
    pub(super) at: usize,
    /// The rules that were tried there.
    pub(super) expected: &'a [Rule],
    /// The innermost `{` around it.
    pub(super) block: Option<usize>,
}

/// The diagnostic for a failure. There is always one, and its wording never depends on names of rules.
pub(super) fn classify(failure: &Failure<'_>) -> Diagnostic {
    let found = failure.found();
    let span = failure.span(found);
    let before = failure.line_before();
    let word_before = last_word(before);
    let rest = failure.source.get(failure.at..).unwrap_or_default();
    let rest_of_line = rest.lines().next().unwrap_or_default();
    match found {
        "?" => {
            let condition = before.split_once(" = ").map_or("", |(_, condition)| condition.trim());
            let branches = rest_of_line.trim_start_matches('?').split_once(':');
            match branches.filter(|_| !condition.is_empty()) {
                Some((then, otherwise)) => values::ternary(condition, then.trim(), otherwise.trim(), span),
                None => values::ternary("a", "b", "c", span),
            }
        }
        "$" => values::stray_dollar(span),
        "<" if rest.starts_with("<<") => values::heredoc(span),
        "and" | "or" | "not" => values::word_operator(found, span),
        "=" if failure.in_step() => {
            let start = before.trim_end().len() - word_before.len();
            let start = failure.at - before.len() + start;
            errors::option_without_braces(word_before, failure.span_at(start, word_before.len()))
        }
        "-" if rest.starts_with("--") || before.ends_with([' ', '\t']) => {
            errors::unquoted_argument(argument(rest_of_line), failure.span(argument(rest_of_line)))
        }
        "-" if !word_before.is_empty() => {
            let whole = format!("{word_before}{}", argument(rest_of_line));
            let start = failure.at - word_before.len();
            errors::dashed_value(&whole, failure.span_at(start, whole.len()))
        }
        "." | "/" | "*" | "~" if failure.expects_value() || failure.in_step() => {
            let start =
                if before.ends_with(word_before) { failure.at - word_before.len() } else { failure.at };
            let text = argument(failure.source.get(start..).unwrap_or_default());
            errors::unquoted_argument(text, failure.span_at(start, text.len()))
        }
        "for" if failure.in_list() => errors::for_needs_value(span),
        "|" | "&" if rest.starts_with("||") || rest.starts_with("&&") => {
            errors::operator_between_steps(&found.repeat(2), failure.span_at(failure.at, 2))
        }
        "=" if failure.expected.contains(&Rule::body) => {
            syntax::block_not_value(before.split_whitespace().next().unwrap_or_default(), span)
        }
        _ if before.trim() == "include" => {
            let text = argument(rest_of_line);
            errors::unquoted_argument(text, failure.span_at(failure.at, text.len()))
        }
        "|" | "&" => errors::single_operator(found, span),
        _ if ITEM_KEYWORDS.contains(&found) && failure.block.is_some() => {
            errors::item_inside_block(found, span)
        }
        "{" if failure.block.is_some() || is_reserved_header(before) => failure.unknown_block(),
        _ if before.split_whitespace().collect::<Vec<_>>() == ["param", word_before] => {
            errors::param_without_colon(word_before, found, span)
        }
        _ if failure.follows_value(found) => failure.after_value(found, span),
        _ => errors::unexpected(&failure.expected_words(), &failure.found_words(found), span),
    }
}

impl<'a> Failure<'a> {
    /// A block that starts with a word that starts none.
    fn unknown_block(&self) -> Diagnostic {
        let before = self.line_before();
        let line = before.rsplit(['{', '}', ',', ';']).next().unwrap_or_default().trim_start();
        let length = line.find(|one| !is_word(one)).unwrap_or(line.len());
        let word = line.get(..length).unwrap_or_default();
        let span = self.span_at(self.at - line.len(), length);
        if is_reserved_header(line) {
            let name = last_word(line);
            let start = self.at - line.len() + line.trim_end().len() - name.len();
            syntax::reserved_header(name, self.span_at(start, name.len()))
        } else if ITEM_KEYWORDS.contains(&word) {
            errors::item_inside_block(word, span)
        } else if word.is_empty() || matches!(word, "stage" | "pre" | "post") {
            errors::unexpected(&self.expected_words(), "`{`", self.span("{"))
        } else {
            errors::unknown_block(word, span)
        }
    }

    /// Whether a complete value stands before what was found, and nothing that could go on with it.
    fn follows_value(&self, found: &str) -> bool {
        let ends_value = |last: char| is_word(last) || matches!(last, '"' | ')' | ']' | '}');
        let before = self.line_before().trim_end();
        found.starts_with(|first: char| is_word(first) || first == '"')
            && before.contains('=')
            && before.ends_with(ends_value)
            && !self.expects_value()
            && !self.expected.iter().any(|rule| matches!(rule, Rule::kw_then | Rule::kw_else | Rule::kw_in))
    }

    fn after_value(&self, found: &str, span: Span) -> Diagnostic {
        let before = self.line_before().trim_end();
        let blanks = self.line_before().len() - before.len();
        let blanks = self.span_at(self.at - blanks, blanks);
        let diagnostic = syntax::value_after_value(before, found, span);
        diagnostic.map(|one| syntax::without_blanks(one, blanks)).unwrap_or_else(|| {
            let word = last_word(before);
            let start = self.at - self.line_before().len() + before.len() - word.len();
            values::word_operator(word, self.span_at(start, word.len()))
        })
    }

    /// The word, string or character at the failure; empty at the end of a line or of the chunk.
    fn found(&self) -> &'a str {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let length = match rest.chars().next() {
            None | Some('\n' | '\r') => 0,
            Some(first) if is_word(first) => rest.find(|one| !is_word(one)).unwrap_or(rest.len()),
            Some('"') => {
                let line = rest.lines().next().unwrap_or_default();
                line.get(1..).and_then(|inner| inner.find('"')).map_or(1, |end| end + 2)
            }
            Some(first) => first.len_utf8(),
        };
        rest.get(..length).unwrap_or_default()
    }

    fn span(&self, found: &str) -> Span {
        if !found.is_empty() {
            return self.span_at(self.at, found.len());
        }
        // At the end of a line, the last token is what one would edit.
        let before = self.source.get(..self.at).unwrap_or_default().trim_end();
        let last = before.chars().next_back().map_or(0, char::len_utf8);
        let word = last_word(before).len().max(last);
        self.span_at(before.len() - word, word)
    }

    fn span_at(&self, start: usize, length: usize) -> Span {
        Span::new(self.file, self.base + start..self.base + start + length)
    }

    /// The text of the line before the failure.
    fn line_before(&self) -> &'a str {
        let before = self.source.get(..self.at).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }

    fn in_step(&self) -> bool {
        let segment = self.line_before().rsplit(['{', ';']).next().unwrap_or_default();
        let first: &str = segment.split_whitespace().next().unwrap_or_default();
        matches!(first, "run" | "sh" | "build" | "push" | "promote" | "approve")
    }

    fn in_list(&self) -> bool {
        self.source.get(..self.at).is_some_and(|before| before.trim_end().ends_with('['))
    }

    fn expects_value(&self) -> bool {
        self.expected.iter().any(|rule| matches!(rule, Rule::value | Rule::number | Rule::list))
    }

    fn expected_words(&self) -> Vec<&'static str> {
        let has = |rules: &[Rule]| self.expected.iter().any(|rule| rules.contains(rule));
        let mut words = Vec::new();
        let values = [Rule::value, Rule::number, Rule::list, Rule::paren, Rule::string, Rule::chain];
        if has(&values) {
            words.push("a value");
        }
        for (rules, noun) in [
            (&[Rule::type_name][..], "a type"),
            (&[Rule::item_name, Rule::binder], "a name"),
            (&[Rule::kw_in], "`in`"),
            (&[Rule::kw_then], "`then`"),
            (&[Rule::kw_else], "`else`"),
            (&[Rule::equals], "`=`"),
        ] {
            if has(rules) && !words.contains(&"a value") {
                words.push(noun);
            }
        }
        if has(&[Rule::body]) && words.is_empty() {
            words.push("`{`");
        }
        if has(&[Rule::entry, Rule::entry_word, Rule::word]) && words.is_empty() {
            words.push("a name");
        }
        words
    }

    fn found_words(&self, found: &str) -> String {
        match found.chars().next() {
            None => "end of line".into(),
            Some('"') => "a string".into(),
            Some(_) => format!("`{found}`"),
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Whether a line is `wave after `: a word of headers in the place of the name.
fn is_reserved_header(before: &str) -> bool {
    let words: Vec<_> = before.split_whitespace().collect();
    matches!(words.as_slice(), [keyword, "extends" | "for" | "after"]
        if ITEM_KEYWORDS.contains(keyword) || *keyword == "stage")
}

/// The word that a text ends with, blanks aside.
fn last_word(text: &str) -> &str {
    let text = text.trim_end();
    let start = text.rfind(|character| !is_word(character)).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// Everything up to a blank or a bracket: what a shell would take as one word.
fn argument(text: &str) -> &str {
    let end = text.find([' ', '\t', '\n', '\r', ',', ';', '{', '}', ')', ']', '"']);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}
