//! Here-documents of a shell script: where they begin, and where they end.

use super::{FrameKind, Lost, Misplaced, Scanner};

/// A here-document whose text has not begun yet.
pub(super) struct Heredoc {
    delimiter: Vec<Option<char>>,
    /// `<<'EOF'`
    is_quoted: bool,
    /// `<<-EOF`
    strips_tabs: bool,
}

impl Scanner {
    /// `<`, or a here-document.
    pub(super) fn less_than(&mut self, in_substitution: bool) -> Result<(), Lost> {
        self.word = None;
        self.at += 1;
        match self.symbol(0) {
            Some(Some('<')) => self.at += 1,
            _ if self.is_joined(0) => return Err(Lost),
            _ => return Ok(()),
        }
        if in_substitution {
            return Err(Lost);
        }
        let strips_tabs = self.symbol(0) == Some(Some('-'));
        self.at += usize::from(strips_tabs);
        while matches!(self.symbol(0), Some(Some(' ' | '\t'))) {
            self.at += 1;
        }
        let (delimiter, is_quoted) = self.delimiter()?;
        self.pending.push_back(Heredoc { delimiter, is_quoted, strips_tabs });
        Ok(())
    }

    /// The word behind `<<`, and whether a part of it is quoted.
    fn delimiter(&mut self) -> Result<(Vec<Option<char>>, bool), Lost> {
        let (mut word, mut is_quoted) = (Vec::new(), false);
        let mut quote = None;
        loop {
            let symbol = match self.symbol(0) {
                Some(Some(character)) => character,
                Some(None) => return Err(Lost),
                None => '\n',
            };
            match (quote, symbol) {
                (Some(_), '\n') | (_, '$' | '`') | (Some('"'), '\\') => return Err(Lost),
                (Some(open), close) if open == close => quote = None,
                (None, '\'' | '"') => {
                    is_quoted = true;
                    quote = Some(symbol);
                }
                (None, '\\') => {
                    is_quoted = true;
                    self.at += 1;
                    let escaped = self.symbol(0).flatten().filter(|escaped| *escaped != '\n').ok_or(Lost)?;
                    word.push(Some(escaped));
                }
                (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')') => break,
                _ => word.push(Some(symbol)),
            }
            self.at += 1;
        }
        if word.is_empty() { Err(Lost) } else { Ok((word, is_quoted)) }
    }

    /// Goes into the text of the next here-document, if one begins here.
    pub(super) fn next_heredoc(&mut self) -> Result<(), Lost> {
        while let Some(heredoc) = self.pending.pop_front() {
            let (end, next) = self.heredoc_end(&heredoc)?;
            if !heredoc.is_quoted {
                self.push(FrameKind::Heredoc { end, next });
                return Ok(());
            }
            let text = self.symbols.get(self.at..end).unwrap_or_default();
            let count = text.iter().filter(|symbol| symbol.is_none()).count();
            self.holes.extend(std::iter::repeat_n(Err(Misplaced::QuotedHeredoc), count));
            self.at = next;
        }
        Ok(())
    }

    /// Where the text of a here-document ends, and where the line behind its delimiter begins.
    fn heredoc_end(&self, heredoc: &Heredoc) -> Result<(usize, usize), Lost> {
        let mut start = self.at;
        // Lines that a backslash joins are one line.
        let mut joined: Vec<Option<char>> = Vec::new();
        loop {
            let rest = self.symbols.get(start..).unwrap_or_default();
            let length = rest.iter().position(|symbol| *symbol == Some('\n')).unwrap_or(rest.len());
            let mut line = rest.get(..length).unwrap_or_default();
            let next = (start + length + 1).min(self.symbols.len());
            if heredoc.strips_tabs {
                let tabs = line.iter().take_while(|symbol| **symbol == Some('\t')).count();
                line = line.get(tabs..).unwrap_or_default();
            }
            let backslashes = line.iter().rev().take_while(|symbol| **symbol == Some('\\')).count();
            if !heredoc.is_quoted && backslashes % 2 == 1 {
                joined.extend(line.split_last().map(|(_, line)| line).unwrap_or_default());
            } else if joined.is_empty() {
                if line == heredoc.delimiter {
                    return Ok((start, next));
                }
            } else {
                joined.extend(line);
                if joined == heredoc.delimiter {
                    return Err(Lost);
                }
                joined.clear();
            }
            if next == self.symbols.len() {
                return Err(Lost);
            }
            start = next;
        }
    }
}
