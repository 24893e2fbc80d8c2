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
    if let Some(diagnostic) = failure.header(found, span).or_else(|| failure.foreign(found, span)) {
        return diagnostic;
    }
    match found {
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
        "=" if failure.expected.contains(&Rule::body) => syntax::block_not_value(before.trim(), span),
        _ if before.trim() == "cachelang" && !found.is_empty() => {
            syntax::malformed_version(span).with_edit_if(span, (found == "\"1\"").then_some("1"))
        }
        "" if failure.has_brace_on_next_line() => errors::brace_on_next_line(before.trim(), span),
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
    /// What other languages write in values and types.
    fn foreign(&self, found: &str, span: Span) -> Option<Diagnostic> {
        let before = self.line_before();
        let rest = self.source.get(self.at..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        Some(match found {
            "?" => {
                let condition = segment(before).trim();
                let branches = ternary_branches(line.trim_start_matches('?'));
                match branches.filter(|_| !condition.is_empty() && !self.in_step()) {
                    Some((then, otherwise)) => values::ternary(condition, then, otherwise, span),
                    None => values::ternary("a", "b", "c", span),
                }
            }
            "$" if rest.starts_with("${{") => {
                let length = line.find("}}").map_or(3, |end| end + 2);
                let source = line.get(..length).unwrap_or_default();
                values::github_expression(source, self.span_at(self.at, length))
            }
            "$" => values::stray_dollar(span),
            "<" if rest.starts_with("<<") => values::heredoc(span),
            "and" | "or" | "not" => values::word_operator(found, span),
            "(" | "[" | "<" if before.trim_start().starts_with("param ") && !before.contains('=') => {
                let brackets = if found == "<" { argument(line) } else { in_brackets(line) };
                let word = last_word(before);
                let written = format!("{word}{brackets}");
                errors::type_with_brackets(&written, self.span_at(self.at - word.len(), written.len()))
            }
            "<" | ">" => {
                let length = if rest.as_bytes().get(1) == Some(&b'=') { 2 } else { 1 };
                let operator = rest.get(..length).unwrap_or(found);
                errors::no_such_comparison(operator, self.span_at(self.at, length))
            }
            "-" | "*" | "/" if self.in_arithmetic() => errors::arithmetic(found, span),
            "=" => return self.equals_signs(),
            _ => return None,
        })
    }

    /// `a === b`, `let a == b`
    fn equals_signs(&self) -> Option<Diagnostic> {
        let before = self.line_before();
        let rest = self.source.get(self.at..).unwrap_or_default();
        let start = before.trim_end_matches(['=', '!']);
        let length = rest.len() - rest.trim_start_matches('=').len() + before.len() - start.len();
        let operator = self.span_at(self.at - before.len() + start.len(), length);
        let words: Vec<_> = segment(start).split_whitespace().collect();
        match words.as_slice() {
            ["let" | "secret", name] | [name]
                if length == 2 && !start.trim_end().ends_with('=') && name.chars().all(is_word) =>
            {
                Some(syntax::comparison_for_equals(name, operator))
            }
            _ if length == 3 => {
                Some(values::triple_equals(before.ends_with('!') || before.ends_with("!="), operator))
            }
            _ => None,
        }
    }

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

    /// What is wrong between the keyword of a block and its `{`.
    fn header(&self, found: &str, span: Span) -> Option<Diagnostic> {
        let before = self.line_before();
        let line = before.rsplit(['{', '}', ';']).next().unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        let (keyword, name) = (*words.first()?, *words.get(1)?);
        let is_block = matches!(
            keyword,
            "registry" | "repository" | "builder" | "template" | "image" | "wave" | "stage"
        );
        if !is_block || line.contains(['=', ':']) {
            return None;
        }
        let last = *words.last()?;
        match found {
            ":" | "=" | "[" if words.len() > 2 && matches!(last, "after" | "extends") => {
                Some(errors::names_behind(last, found, span))
            }
            _ if found.starts_with('"') && words.len() > 2 && matches!(last, "after" | "extends") => {
                Some(errors::names_behind(last, found, span))
            }
            ":" if words.len() == 2 => Some(errors::colon_behind_header(keyword, name, span)),
            _ if self.expected.contains(&Rule::body) && found.starts_with(is_word) => {
                errors::foreign_clause(keyword, found, span)
            }
            _ => None,
        }
    }

    /// Whether a sign stands between two operands, with a blank on both sides.
    fn in_arithmetic(&self) -> bool {
        let after = self.source.get(self.at + 1..).unwrap_or_default();
        let (before, line) = (self.line_before(), after.lines().next().unwrap_or_default());
        let is_operand = |one: char| is_word(one) || matches!(one, ')' | ']' | '(');
        !self.in_step()
            && before.trim_end().ends_with(is_operand)
            && before.ends_with(' ') == line.starts_with(' ')
            && line.trim_start().starts_with(is_operand)
            && (before.ends_with(' ') || last_word(before).starts_with(|first: char| first.is_ascii_digit()))
            && before.contains('=')
    }

    fn has_brace_on_next_line(&self) -> bool {
        let rest = self.source.get(self.at..).unwrap_or_default();
        self.expected.contains(&Rule::body) && rest.trim_start().starts_with('{')
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

/// The characters of a text that stand in no string, each with its place.
fn outside_strings(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut in_string, mut escaped) = (false, false);
    text.char_indices().filter(move |(_, character)| {
        let was_inside = in_string;
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        !was_inside && !in_string
    })
}

/// The end of a line that belongs to one value: what stands behind the last `=`, `,`, `;` or bracket that is open.
fn segment(line: &str) -> &str {
    let mut outer = Vec::new();
    let mut start = 0;
    for (at, character) in outside_strings(line) {
        let rest = line.get(at..).unwrap_or_default();
        let before = line.get(..at).unwrap_or_default();
        match character {
            '(' | '[' | '{' => outer.push(std::mem::replace(&mut start, at + 1)),
            ')' | ']' | '}' => start = outer.pop().unwrap_or(at + 1),
            ',' | ';' => start = at + 1,
            '=' if !rest.starts_with("==") && !before.ends_with(['=', '!', '<', '>']) => start = at + 1,
            _ => {}
        }
    }
    line.get(start..).unwrap_or_default()
}

/// The `b` and `c` of `a ? b : c`, from what follows the `?`. None if they are more than two simple values.
fn ternary_branches(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut colon: Option<usize> = None;
    let mut end = text.len();
    for (at, character) in outside_strings(text) {
        let is_spaced = text.get(..at).is_some_and(|before| before.ends_with(' '));
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ')' | ']' | '}' | ',' | ';' if depth == 0 => {
                end = at;
                break;
            }
            // A colon without a blank may be that of a tag.
            ':' if depth == 0 && (is_spaced || colon.is_none()) => colon = Some(at),
            '?' => return None,
            _ => {}
        }
    }
    let (then, otherwise) = (text.get(..colon?)?.trim(), text.get(colon? + 1..end)?.trim());
    (!then.is_empty() && !otherwise.is_empty()).then_some((then, otherwise))
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

/// Brackets and what stands in them, at the start of a text.
fn in_brackets(text: &str) -> &str {
    let end = text.find([')', ']']).map_or(1, |end| end + 1);
    text.get(..end).unwrap_or_default()
}

/// Everything up to a blank or a bracket: what a shell would take as one word.
fn argument(text: &str) -> &str {
    let end = text.find([' ', '\t', '\n', '\r', ',', ';', '{', '}', ')', ']', '"']);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}
