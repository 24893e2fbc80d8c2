//! Where the holes of a shell script stand: which quotes of a POSIX shell are open around each of them.
//!
//! The value of a hole is never part of the text that the shell reads. The shell gets it in a variable, and the hole
//! becomes a reference to it. This module finds out how that reference has to look, and which holes no reference can
//! stand for. It knows less than a shell does: behind a construct that shells disagree about, it gives up.

mod heredoc;

use std::collections::VecDeque;

use heredoc::Heredoc;

/// How the value of a hole gets into a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hole {
    /// Outside of quotes: the reference needs quotes of its own.
    Word,
    /// Inside `"…"` or a here-document, where the shell replaces a reference as it is; or in a comment, which it skips.
    Quoted,
}

/// Why a hole cannot get a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misplaced {
    SingleQuotes,
    /// `<<'EOF'`
    QuotedHeredoc,
    Backquotes,
    /// Directly behind `\`.
    Backslash,
    /// Directly behind `$`.
    Dollar,
    /// In `${…}` or `$((…))` of the shell.
    Expansion,
    /// Behind something that not every shell reads in the same way, or that does not end.
    Unclear,
}

/// The place of every hole of a script, in order. A part is a text, or a hole if it is `None`.
pub(crate) fn holes<'a>(parts: impl Iterator<Item = Option<&'a str>>) -> Vec<Result<Hole, Misplaced>> {
    let mut symbols = Vec::new();
    for part in parts {
        match part {
            Some(text) => symbols.extend(text.chars().map(Some)),
            None => symbols.push(None),
        }
    }
    let count = symbols.iter().filter(|symbol| symbol.is_none()).count();
    let frames = vec![Frame { kind: FrameKind::Script, first_hole: 0 }];
    let mut scanner = Scanner {
        symbols,
        at: 0,
        frames,
        pending: VecDeque::new(),
        word: None,
        is_name: false,
        index: 0,
        holes: Vec::new(),
    };
    let ended = scanner.scan();
    // What did not end was perhaps never opened.
    let open = scanner.frames.get(1).map_or(scanner.holes.len(), |frame| frame.first_hole);
    for hole in scanner.holes.iter_mut().skip(open).filter(|hole| hole.is_ok()) {
        *hole = Err(Misplaced::Unclear);
    }
    debug_assert!(ended.is_err() || scanner.holes.len() == count, "every hole was seen");
    scanner.holes.resize(count, Err(Misplaced::Unclear));
    scanner.holes
}

/// The scanner no longer knows what a shell would do.
struct Lost;

/// Something open that has an end.
struct Frame {
    kind: FrameKind,
    /// How many holes came before it.
    first_hole: usize,
}

#[derive(Clone, Copy)]
enum FrameKind {
    /// The whole script.
    Script,
    /// `$(…)`, with so many `(` open in it.
    Substitution { parentheses: usize },
    /// `"…"`
    Double,
    /// The text of `<<EOF` up to `end`; the script goes on at `next`.
    Heredoc { end: usize, next: usize },
}

struct Scanner {
    /// `None` is a hole.
    symbols: Vec<Option<char>>,
    at: usize,
    /// The whole script, and what is open in it.
    frames: Vec<Frame>,
    pending: VecDeque<Heredoc>,
    /// Where the word began that the scanner is in; none between words.
    word: Option<usize>,
    /// The word is a name so far.
    is_name: bool,
    /// How many `[` are open from `name[` on: an index, which some shells calculate.
    index: usize,
    holes: Vec<Result<Hole, Misplaced>>,
}

impl Scanner {
    fn scan(&mut self) -> Result<(), Lost> {
        while let Some(frame) = self.frames.last() {
            let kind = frame.kind;
            let heredoc = self.frames.get(1).and_then(|frame| match frame.kind {
                FrameKind::Heredoc { end, next } => Some((end, next)),
                _ => None,
            });
            if let Some((end, next)) = heredoc.filter(|(end, _)| self.at >= *end) {
                if self.frames.len() > 2 || self.at > end {
                    return Err(Lost);
                }
                self.frames.pop();
                self.at = next;
                self.next_heredoc()?;
                continue;
            }
            let Some(symbol) = self.symbol(0) else { return Ok(()) };
            match kind {
                FrameKind::Script => self.command(symbol, None)?,
                FrameKind::Substitution { parentheses } => self.command(symbol, Some(parentheses))?,
                FrameKind::Double => self.quoted(symbol, true)?,
                FrameKind::Heredoc { .. } => self.quoted(symbol, false)?,
            }
        }
        Ok(())
    }

    /// One step in commands; `parentheses` are those inside of `$(…)`.
    fn command(&mut self, symbol: Option<char>, parentheses: Option<usize>) -> Result<(), Lost> {
        match symbol {
            None => {
                self.in_word(1);
                self.value(Hole::Word);
            }
            Some('\\') if self.is_joined(0) => {
                // A keyword can be written on two lines.
                if parentheses.is_some() && self.word.is_some() {
                    return Err(Lost);
                }
                self.at += 2;
            }
            Some('\\') => {
                self.in_word(0);
                self.backslash();
            }
            Some('\'') => {
                self.in_word(1);
                self.single_quotes()?;
            }
            Some('"') => {
                self.in_word(1);
                self.push(FrameKind::Double);
            }
            Some('`') => {
                self.in_word(1);
                self.backquotes()?;
            }
            Some('$') => {
                self.in_word(0);
                self.dollar(true)?;
            }
            Some('#') if self.word.is_none() => self.comment(parentheses.is_some())?,
            Some('<') => self.less_than(parentheses.is_some())?,
            Some('(' | ')') => self.parenthesis(symbol == Some('('), parentheses)?,
            Some('\n') => {
                self.between_words(parentheses)?;
                match parentheses {
                    Some(_) => self.newline_inside()?,
                    None => self.next_heredoc()?,
                }
            }
            Some(' ' | '\t' | ';' | '&' | '|' | '>') => self.between_words(parentheses)?,
            Some(_) => self.in_word(1),
        }
        Ok(())
    }

    /// `(` or `)` in commands.
    fn parenthesis(&mut self, opens: bool, parentheses: Option<usize>) -> Result<(), Lost> {
        self.between_words(parentheses)?;
        // `((…))` is arithmetic for some shells, which evaluates the values of variables.
        if opens && (self.symbol(0) == Some(Some('(')) || self.is_joined(0)) {
            return Err(Lost);
        }
        match parentheses {
            Some(count) if opens => self.set_parentheses(count + 1),
            Some(0) => {
                self.frames.pop();
                // The word around the `$(…)` goes on, and no comment begins here.
                self.word = Some(self.at);
            }
            Some(count) => self.set_parentheses(count - 1),
            None => {}
        }
        Ok(())
    }

    /// One step in `"…"` or the text of a here-document.
    fn quoted(&mut self, symbol: Option<char>, is_double: bool) -> Result<(), Lost> {
        match symbol {
            None => {
                self.value(Hole::Quoted);
                self.at += 1;
            }
            Some('"') if is_double => {
                self.frames.pop();
                self.at += 1;
                self.word = self.word.or(Some(self.at));
            }
            Some('\\') => self.backslash(),
            Some('`') => {
                self.at += 1;
                self.backquotes()?;
            }
            Some('$') => self.dollar(false)?,
            Some('\n') => {
                self.at += 1;
                self.newline_inside()?;
            }
            Some(_) => self.at += 1,
        }
        Ok(())
    }

    fn backslash(&mut self) {
        if self.symbol(1) == Some(None) {
            self.holes.push(Err(Misplaced::Backslash));
        }
        self.at += 2;
    }

    fn single_quotes(&mut self) -> Result<(), Lost> {
        while let Some(symbol) = self.next() {
            match symbol {
                Some('\'') => return Ok(()),
                Some('\n') => self.newline_inside()?,
                Some(_) => {}
                None => self.holes.push(Err(Misplaced::SingleQuotes)),
            }
        }
        Err(Lost)
    }

    fn backquotes(&mut self) -> Result<(), Lost> {
        while let Some(symbol) = self.next() {
            match symbol {
                Some('`') => return Ok(()),
                Some('\n') => self.newline_inside()?,
                Some('\\') if self.symbol(0) != Some(None) => self.at += 1,
                Some(_) => {}
                None => self.holes.push(Err(Misplaced::Backquotes)),
            }
        }
        Err(Lost)
    }

    /// A comment, up to the end of its line. Not every shell knows comments in `$(…)`.
    fn comment(&mut self, in_substitution: bool) -> Result<(), Lost> {
        if in_substitution {
            return Err(Lost);
        }
        while let Some(symbol) = self.symbol(0).filter(|symbol| *symbol != Some('\n')) {
            if symbol.is_none() {
                self.holes.push(Ok(Hole::Quoted));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn dollar(&mut self, in_command: bool) -> Result<(), Lost> {
        match self.symbol(1) {
            Some(None) => {
                self.holes.push(Err(Misplaced::Dollar));
                self.at += 2;
            }
            Some(Some('(')) if self.symbol(2) == Some(Some('(')) => {
                self.at += 3;
                self.arithmetic()?;
            }
            Some(Some('(')) if self.is_joined(2) => return Err(Lost),
            Some(Some('(')) => {
                self.at += 2;
                self.push(FrameKind::Substitution { parentheses: 0 });
                self.word = None;
            }
            Some(Some('{')) => {
                self.at += 2;
                self.parameter()?;
            }
            Some(Some('[')) => return Err(Lost),
            // `$'…'` and `$"…"` are quotes of their own for some shells.
            Some(Some('\'' | '"')) if in_command => return Err(Lost),
            _ if self.is_joined(1) => return Err(Lost),
            Some(Some('$' | '#' | '?' | '!' | '@' | '*' | '-' | '0'..='9')) => self.at += 2,
            _ => self.at += 1,
        }
        Ok(())
    }

    /// `${…}`, behind the brace. Shells disagree about quotes in it.
    fn parameter(&mut self) -> Result<(), Lost> {
        let is_name = |one: char| one.is_ascii_alphanumeric() || "_#?!@*-$".contains(one);
        if !self.symbol(0).flatten().is_some_and(is_name) {
            if self.symbol(0) == Some(None) {
                self.holes.push(Err(Misplaced::Expansion));
            }
            return Err(Lost);
        }
        let mut depth = 1_usize;
        while let Some(symbol) = self.next() {
            match symbol {
                Some('}') if depth == 1 => return Ok(()),
                Some('}') => depth -= 1,
                Some('$') if self.symbol(0) == Some(Some('{')) => {
                    depth += 1;
                    self.at += 1;
                }
                Some('$') if matches!(self.symbol(0), Some(Some('(' | '['))) => return Err(Lost),
                Some('\'' | '"' | '\\' | '`' | '\n') => return Err(Lost),
                Some(_) => {}
                None => self.holes.push(Err(Misplaced::Expansion)),
            }
        }
        Err(Lost)
    }

    /// `$((…))`, behind the parentheses. It may also be a subshell in a `$(…)`: what could be one is not followed.
    fn arithmetic(&mut self) -> Result<(), Lost> {
        let mut depth = 0_usize;
        while let Some(symbol) = self.next() {
            match symbol {
                Some('(') => depth += 1,
                Some(')') if depth > 0 => depth -= 1,
                Some(')') if self.symbol(0) == Some(Some(')')) => {
                    self.at += 1;
                    return Ok(());
                }
                Some('<') if self.symbol(0) == Some(Some('<')) => return Err(Lost),
                Some(')' | '\'' | '"' | '\\' | '`' | '\n' | ';' | '#' | '{' | '[') => return Err(Lost),
                Some('$') if self.symbol(0) == Some(Some('(')) => return Err(Lost),
                Some(_) => {}
                None => self.holes.push(Err(Misplaced::Expansion)),
            }
        }
        Err(Lost)
    }

    /// Goes on by so many symbols, in a word that may begin here.
    fn in_word(&mut self, count: usize) {
        let is_first = self.word.is_none();
        self.word = self.word.or(Some(self.at));
        let symbol = self.symbol(0).flatten();
        match symbol {
            Some('[') if self.index > 0 || (self.is_name && !is_first) => self.index += 1,
            Some(']') => self.index = self.index.saturating_sub(1),
            _ => {}
        }
        let fits = symbol.is_some_and(|one| one.is_ascii_alphanumeric() || one == '_');
        self.is_name = fits && (is_first || self.is_name);
        self.at += count;
    }

    /// Ends a word in front of the current symbol, and goes behind it.
    fn between_words(&mut self, parentheses: Option<usize>) -> Result<(), Lost> {
        let word = self.word.take().and_then(|start| self.symbols.get(start..self.at));
        self.at += 1;
        // The `)` of its patterns would end the `$(…)`.
        let is_case = word.is_some_and(|word| word.iter().copied().eq("case".chars().map(Some)));
        if is_case && parentheses.is_some() { Err(Lost) } else { Ok(()) }
    }

    fn value(&mut self, hole: Hole) {
        self.holes.push(if self.index > 0 { Err(Misplaced::Unclear) } else { Ok(hole) });
    }

    /// Whether a backslash joins two lines so many places ahead.
    fn is_joined(&self, ahead: usize) -> bool {
        self.symbol(ahead) == Some(Some('\\')) && self.symbol(ahead + 1) == Some(Some('\n'))
    }

    /// A line ends inside of quotes or of `$(…)`: where a here-document begins then is not clear.
    fn newline_inside(&self) -> Result<(), Lost> {
        if self.pending.is_empty() { Ok(()) } else { Err(Lost) }
    }

    fn push(&mut self, kind: FrameKind) {
        self.frames.push(Frame { kind, first_hole: self.holes.len() });
    }

    fn set_parentheses(&mut self, parentheses: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.kind = FrameKind::Substitution { parentheses };
        }
    }

    /// The symbol so many places ahead; none behind the end.
    fn symbol(&self, ahead: usize) -> Option<Option<char>> {
        self.symbols.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<Option<char>> {
        let symbol = self.symbol(0)?;
        self.at += 1;
        Some(symbol)
    }
}
