//! Here-documents: a Dockerfile → the same text, byte for byte in its place, without them.
//!
//! The parser underneath knows only those that start an instruction (`RUN <<EOF`, `COPY <<EOF …`). The bodies of all
//! others (`RUN cat <<EOF > file`) would be read as instructions, so all of them become blanks first. The rules are
//! those of BuildKit's `frontend/dockerfile/parser/parser.go`.

use std::borrow::Cow;
use std::ops::Range;

/// Where a here-document starts that does not end: the line of its instruction.
#[derive(Debug)]
pub(super) struct Unterminated {
    pub(super) instruction: Range<usize>,
    pub(super) delimiter: String,
}

/// The text with blanks instead of the bodies and their last lines.
pub(super) fn blank_out(text: &str, escape: char) -> Result<Cow<'_, str>, Unterminated> {
    if !text.contains("<<") {
        return Ok(Cow::Borrowed(text));
    }
    let mut blanked = String::with_capacity(text.len());
    let mut lines = Lines { text, at: 0 };
    while let Some(instruction) = Instruction::read(&mut lines, escape) {
        let source = text.get(instruction.range.clone()).unwrap_or_default();
        if !instruction.may_have_heredocs() {
            blanked.push_str(source);
            continue;
        }
        // Without its `<<` the parser takes the delimiter for a word of the command.
        blanked.push_str(&source.replace("<<", "__"));
        for heredoc in heredocs(&instruction.text) {
            loop {
                let Some(line) = lines.next() else {
                    let instruction = instruction.range;
                    return Err(Unterminated { instruction, delimiter: heredoc.delimiter });
                };
                let body = text.get(line).unwrap_or_default();
                blanked.extend(body.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
                let body = body.trim_end_matches(['\r', '\n']);
                let body = if heredoc.strips_tabs { body.trim_start_matches('\t') } else { body };
                if body == heredoc.delimiter {
                    break;
                }
            }
        }
    }
    Ok(Cow::Owned(blanked))
}

/// The lines of a text as ranges, each with its newline.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        self.at += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        Some(start..self.at)
    }
}

/// The lines of one instruction, or a comment or an empty line between instructions.
struct Instruction {
    range: Range<usize>,
    /// Without continuations, and without the comments and empty lines between them.
    text: String,
}

impl Instruction {
    fn read(lines: &mut Lines<'_>, escape: char) -> Option<Self> {
        let mut instruction = Instruction { range: lines.at..lines.at, text: String::new() };
        loop {
            let Some(line) = lines.next() else {
                return (!instruction.range.is_empty()).then_some(instruction);
            };
            let starts = instruction.range.is_empty();
            instruction.range.end = line.end;
            let line = lines.text.get(line).unwrap_or_default().trim_end_matches(['\r', '\n']);
            let trimmed = line.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                if starts {
                    return Some(instruction);
                }
                continue;
            }
            let line = if starts { trimmed } else { line };
            match continued(line, escape) {
                Some(line) => instruction.text.push_str(line),
                None => {
                    instruction.text.push_str(line);
                    return Some(instruction);
                }
            }
        }
    }

    /// BuildKit looks into these three instructions, unless they have the JSON form.
    fn may_have_heredocs(&self) -> bool {
        if !self.text.contains("<<") {
            return false;
        }
        let (mut keyword, mut rest) = split_word(&self.text);
        if keyword.eq_ignore_ascii_case("ONBUILD") {
            (keyword, rest) = split_word(rest);
        }
        while rest.starts_with("--") {
            rest = split_word(rest).1;
        }
        ["RUN", "COPY", "ADD"].iter().any(|name| keyword.eq_ignore_ascii_case(name))
            && !(rest.starts_with('[') && serde_json::from_str::<Vec<String>>(rest).is_ok())
    }
}

/// The line without the escape character at its end, if it has one that is not itself escaped.
fn continued(line: &str, escape: char) -> Option<&str> {
    let line = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!line.ends_with(escape)).then_some(line)
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[derive(Debug, PartialEq, Eq)]
struct Heredoc {
    delimiter: String,
    /// `<<-`
    strips_tabs: bool,
}

/// The here-documents that an instruction announces. As in BuildKit there are none when its quotes are not closed.
fn heredocs(instruction: &str) -> Vec<Heredoc> {
    words(instruction).unwrap_or_default().iter().filter_map(|word| heredoc(word)).collect()
}

/// The shell words of a text as written, with quotes and escapes; `<<` takes the blanks behind it along.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if character.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        word.push(character);
        match character {
            '\\' => word.extend(rest.next()),
            '\'' | '"' => loop {
                let inner = rest.next()?;
                word.push(inner);
                if inner == character {
                    break;
                }
                if inner == '\\' && character == '"' {
                    word.push(rest.next()?);
                }
            },
            '<' if rest.next_if_eq(&'<').is_some() => {
                word.push('<');
                word.extend(rest.next_if_eq(&'-'));
                while rest.next_if(|blank| blank.is_whitespace()).is_some() {}
            }
            _ => {}
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    Some(words)
}

/// `<<EOF`, `3<<-"EOF"`: `^(\d*)<<(-?)\s*([^<]*)$`
fn heredoc(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix("<<")?;
    let (strips_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    if rest.contains('<') {
        return None;
    }
    let delimiter = unquoted(rest);
    (!delimiter.is_empty()).then_some(Heredoc { delimiter, strips_tabs })
}

fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut rest = word.chars();
    while let Some(character) = rest.next() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '\\') => text.extend(rest.next()),
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_announce() {
        for (instruction, delimiters) in [
            ("RUN <<EOF", &["EOF"][..]),
            ("RUN cat <<EOF > /a", &["EOF"]),
            ("RUN cat << EOF", &["EOF"]),
            ("RUN <<A cat <<-'B b' 3<<\"C\"", &["A", "B b", "C"]),
            ("RUN cat <<\"$X\"", &["$X"]),
            ("RUN echo $((1<<2))", &[]),
            ("RUN cat <<<word", &[]),
            ("RUN echo '<<EOF'", &[]),
            ("RUN echo \\<<EOF", &[]),
            ("RUN echo it's <<EOF", &[]),
            ("RUN cat <<", &[]),
            ("RUN cat <<EOF>/a", &["EOF>/a"]),
        ] {
            let found: Vec<_> = heredocs(instruction).into_iter().map(|heredoc| heredoc.delimiter).collect();
            assert_eq!(found, delimiters, "{instruction}");
        }
    }

    #[test]
    fn bodies_become_blanks() {
        let text = "FROM a\nRUN cat <<A \\\n # no <<X\n <<-B\né\nA\n\t\tB\nCMD <<C\n# <<D\nRUN [\"<<E\"]\nUSER <<F\n";
        let blanked = blank_out(text, '\\').expect("all of them end");
        assert_eq!(
            blanked,
            "FROM a\nRUN cat __A \\\n # no __X\n __-B\n  \n \n   \nCMD <<C\n# <<D\nRUN [\"<<E\"]\nUSER <<F\n"
        );
        assert_eq!(blanked.len(), text.len());
    }

    #[test]
    fn a_body_must_end() {
        let found = blank_out("FROM a\nRUN <<A\nb\n", '\\').expect_err("it does not end");
        assert_eq!((found.instruction, found.delimiter.as_str()), (7..15, "A"));
    }
}
