//! Files that the grammar accepts, made from a tape of bytes: every construct, with comments, blanks and line breaks
//! wherever they may stand.
//!
//! A tape makes the files small when its bytes are: 0, and the end of the tape, choose the simplest alternative. So
//! whatever shrinks bytes shrinks files. What is made means nothing: names and types are arbitrary.

#![allow(clippy::indexing_slicing, reason = "indexes are picked below the lengths")]

/// The file of a tape.
pub(crate) fn file(tape: &[u8]) -> String {
    let mut maker = Maker { tape: tape.iter(), text: String::new(), depth: 0, one_line: false };
    let (crlf, bom) = (maker.chance(), maker.chance());
    maker.file();
    let mut text = maker.text;
    if crlf {
        text = text.replace('\n', "\r\n");
    }
    if bom {
        text.insert(0, '\u{feff}');
    }
    text
}

const NAMES: [&str; 8] = ["a", "b", "c_2", "Name", "_x", "git", "env", "to_"];
/// Words that are no names, but may be fields, keys and names of arguments.
const WORDS: [&str; 8] = ["a", "if", "for", "then", "in", "push", "image", "true"];
const ATTRIBUTES: [&str; 8] = ["context", "tags", "when", "args", "target", "timeout", "for", "stage"];
const TEXTS: [&str; 10] = ["x", "", " ", "a b", "é", "#", "\\n", "\\\"", "{ }", "\\u{e9}"];
const COMMENTS: [&str; 5] = ["# c", "#", "## about", "#\tx  ", "# \"q\" { é"];

struct Maker<'a> {
    tape: std::slice::Iter<'a, u8>,
    text: String,
    /// How deep values are nested.
    depth: usize,
    /// Inside a hole of a one-line string.
    one_line: bool,
}

impl Maker<'_> {
    /// A number below `count`.
    fn pick(&mut self, count: usize) -> usize {
        self.tape.next().map_or(0, |byte| usize::from(*byte) % count)
    }

    /// True once in eight.
    fn chance(&mut self) -> bool {
        self.pick(8) == 7
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn one_of(&mut self, texts: &[&str]) {
        let index = self.pick(texts.len());
        self.text.push_str(texts[index]);
    }

    /// Blanks or nothing.
    fn blank(&mut self) {
        self.one_of(&[" ", "", " ", " ", "  ", "\t", " ", " "]);
    }

    fn space(&mut self) {
        self.one_of(&[" ", " ", " ", "  ", "\t"]);
    }

    fn comment(&mut self) {
        self.one_of(&COMMENTS);
        self.push("\n");
    }

    /// Where line breaks and comments are free.
    fn gap(&mut self) {
        if self.one_line {
            return self.blank();
        }
        match self.pick(16) {
            10 => self.push("\n"),
            11 => self.push("\n\n\n  "),
            12 => {
                self.space();
                self.comment();
            }
            13 => {
                self.push("\n\n    ");
                self.comment();
                self.push("  ");
                self.comment();
            }
            _ => self.blank(),
        }
    }

    /// The end of a line between members or items.
    fn line_end(&mut self) {
        self.blank();
        if self.pick(4) == 3 {
            self.comment();
        } else {
            self.push("\n");
        }
        while self.pick(4) == 3 {
            self.one_of(&["\n", "\n\n", "   \n"]);
            if self.chance() {
                self.push("  ");
                self.comment();
            }
        }
        self.one_of(&["", "", "  ", "\t"]);
    }

    fn name(&mut self) {
        self.one_of(&NAMES);
    }

    fn names(&mut self) {
        self.name();
        while self.pick(3) == 2 {
            self.comma();
            self.name();
        }
    }

    /// A comma inside a line, which may be broken behind it.
    fn comma(&mut self) {
        self.blank();
        self.push(",");
        self.gap();
    }

    // ---- Items

    fn file(&mut self) {
        if self.chance() {
            self.comment();
            self.push("\n");
        }
        if self.pick(8) != 7 {
            self.push("cachelang 1");
            self.line_end();
        }
        for _ in 0..self.pick(6) + 1 {
            self.item();
            self.line_end();
        }
        if self.chance() {
            self.comment();
        }
    }

    fn item(&mut self) {
        match self.pick(10) {
            0 | 1 => self.binding("let"),
            2 => self.binding("secret"),
            3 => self.param(),
            4 => {
                self.push("include ");
                self.text_string();
            }
            5 | 6 => self.image(),
            7 => {
                let kinds = ["registry", "repository", "builder"];
                let kind = kinds[self.pick(3)];
                self.head(kind);
                self.block(2);
            }
            8 => {
                self.head("template");
                if self.chance() {
                    self.push(" extends ");
                    self.names();
                }
                self.block(2);
            }
            _ => self.wave(),
        }
    }

    fn head(&mut self, keyword: &str) {
        self.push(keyword);
        self.space();
        self.name();
    }

    fn binding(&mut self, keyword: &str) {
        self.head(keyword);
        self.assigned();
    }

    fn assigned(&mut self) {
        self.blank();
        self.push("=");
        self.blank();
        self.value();
    }

    fn param(&mut self) {
        self.head("param");
        self.blank();
        self.push(":");
        self.blank();
        self.one_of(&["string", "int", "bool", "duration", "list<string>"]);
        if self.pick(3) != 0 {
            self.assigned();
        }
        if self.pick(3) == 2 {
            self.space();
            self.options();
        }
    }

    fn image(&mut self) {
        self.head("image");
        if self.chance() {
            self.push(" extends ");
            self.names();
        }
        self.binders();
        self.block(2);
    }

    fn binders(&mut self) {
        for index in 0..[0, 0, 0, 1, 2][self.pick(5)] {
            if index == 0 {
                self.push(" for ");
            } else {
                self.comma();
            }
            self.name();
            self.push(" in ");
            self.value();
        }
    }

    fn wave(&mut self) {
        self.head("wave");
        self.space();
        let mut members = Vec::new();
        for _ in 0..self.pick(5) {
            members.push([Member::Step, Member::Attribute, Member::Stage, Member::Phase][self.pick(4)]);
        }
        self.members(&members, 0);
    }

    fn stage(&mut self) {
        self.head("stage");
        self.binders();
        if self.pick(3) == 2 {
            self.push(" after ");
            self.names();
        }
        self.space();
        let mut members = Vec::new();
        for _ in 0..self.pick(4) {
            members.push([Member::Step, Member::Attribute][self.pick(2)]);
        }
        self.members(&members, 0);
    }

    // ---- Members

    /// A block of attributes and of blocks, so many levels of these.
    fn block(&mut self, levels: usize) {
        self.space();
        let mut members = Vec::new();
        for _ in 0..self.pick(4) {
            let is_block = levels > 0 && self.pick(4) == 3;
            members.push(if is_block { Member::Block } else { Member::Attribute });
        }
        self.members(&members, levels);
    }

    fn options(&mut self) {
        let members = vec![Member::Attribute; self.pick(4)];
        self.members(&members, 0);
    }

    fn members(&mut self, members: &[Member], levels: usize) {
        self.push("{");
        self.gap();
        for (index, member) in members.iter().enumerate() {
            self.member(*member, levels);
            let next = members.get(index + 1);
            let is_step = |member: Member| matches!(member, Member::Step | Member::Stage);
            let steps = is_step(*member) || next.is_some_and(|next| is_step(*next));
            match self.pick(4) {
                0 | 1 => self.line_end(),
                _ if next.is_none() => self.gap(),
                // Behind a step of several operands a comma would be one of its own.
                choice => {
                    self.blank();
                    self.push(if steps { ";" } else { "," });
                    if choice == 2 { self.gap() } else { self.line_end() }
                }
            }
        }
        self.push("}");
    }

    fn member(&mut self, member: Member, levels: usize) {
        match member {
            Member::Attribute => {
                self.one_of(&ATTRIBUTES);
                self.assigned();
            }
            Member::Block => {
                self.one_of(&["cache", "lifecycle", "tls"]);
                self.block(levels.saturating_sub(1));
            }
            Member::Step => self.step(),
            Member::Stage => self.stage(),
            Member::Phase => {
                self.one_of(&["pre", "post"]);
                self.space();
                let members = vec![Member::Step; self.pick(3)];
                self.members(&members, 0);
            }
        }
    }

    fn step(&mut self) {
        match self.pick(6) {
            0 => {
                self.one_of(&["push ", "build "]);
                self.chains();
            }
            1 => {
                self.push("promote ");
                self.chain();
                self.push(" to ");
                self.chains();
            }
            2 | 3 => {
                self.push("run");
                self.space();
                // A program without a name is a mistake.
                if self.pick(2) == 1 {
                    self.chain()
                } else {
                    self.push("\"tool\"")
                }
                for _ in 0..self.pick(4) {
                    self.space();
                    self.operand();
                }
                self.step_options();
            }
            4 => {
                self.push("sh ");
                self.string();
                self.step_options();
            }
            _ => {
                self.push("approve ");
                self.string();
            }
        }
    }

    fn step_options(&mut self) {
        if self.pick(3) == 2 {
            self.space();
            self.options();
        }
    }

    fn chains(&mut self) {
        self.chain();
        while self.pick(3) == 2 {
            self.comma();
            self.chain();
        }
    }

    fn operand(&mut self) {
        match self.pick(6) {
            0 | 1 => self.string(),
            2 => self.chain(),
            3 => self.paren(),
            4 => self.list(),
            _ => self.one_of(&["1", "-2", "true", "5m", "64MiB"]),
        }
    }

    // ---- Values

    fn value(&mut self) {
        if self.depth >= 5 {
            return self.name();
        }
        self.depth += 1;
        let mut compared = false;
        let mut complete = self.unary();
        while !complete && self.pick(4) == 3 {
            self.gap_around_operator();
            let operators = ["+", "??", "||", "&&", "==", "!="];
            let count = if compared { 4 } else { 6 };
            let operator = operators[self.pick(count)];
            compared = operator.contains('=') || (compared && operator == "+");
            self.push(operator);
            self.gap_around_operator();
            complete = self.unary();
        }
        self.depth -= 1;
    }

    /// Line breaks are free around operators, also outside brackets.
    fn gap_around_operator(&mut self) {
        if self.pick(2) == 0 { self.space() } else { self.gap() }
    }

    /// True for a conditional, which takes in all that follows.
    fn unary(&mut self) -> bool {
        while self.chance() {
            self.push("!");
            self.blank();
        }
        let choice = self.pick(13);
        match choice {
            0..=2 => self.chain(),
            3 | 4 => self.string(),
            5 => self.one_of(&["1", "-12", "0", "true", "false", "300ms", "7d", "64MiB"]),
            6 | 7 => self.list(),
            8 => self.map(),
            9 => self.paren(),
            10 => self.conditional(),
            _ => self.chain(),
        }
        choice == 10
    }

    fn conditional(&mut self) {
        self.push("if ");
        self.value();
        for word in ["then", "else"] {
            self.space();
            self.gap();
            self.push(word);
            self.space();
            self.gap();
            self.value();
        }
    }

    fn paren(&mut self) {
        self.push("(");
        self.gap();
        self.value();
        self.gap();
        self.push(")");
    }

    fn list(&mut self) {
        self.push("[");
        self.gap();
        if self.pick(4) == 3 {
            self.value();
            self.space();
            self.gap();
            self.push("for ");
            self.name();
            self.push(" in ");
            self.value();
            if self.pick(2) == 1 {
                self.space();
                self.gap();
                self.push("if ");
                self.value();
            }
            self.gap();
        } else {
            for _ in 0..self.pick(4) {
                self.value();
                self.comma();
            }
            if self.pick(2) == 1 {
                self.value();
                self.gap();
            }
        }
        self.push("]");
    }

    fn map(&mut self) {
        self.push("{");
        self.gap();
        for _ in 0..self.pick(3) {
            self.key();
            self.assigned();
            self.comma();
        }
        if self.pick(2) == 1 {
            self.key();
            self.assigned();
            self.gap();
        }
        self.push("}");
    }

    fn key(&mut self) {
        if self.pick(3) == 2 { self.text_string() } else { self.one_of(&WORDS) }
    }

    fn chain(&mut self) {
        self.name();
        while self.depth < 5 && self.pick(3) == 2 {
            match self.pick(3) {
                0 => {
                    self.push(".");
                    self.one_of(&WORDS);
                }
                1 => self.call(),
                _ => {
                    self.depth += 1;
                    self.push("[");
                    self.gap();
                    self.value();
                    self.gap();
                    self.push("]");
                    self.depth -= 1;
                }
            }
        }
        if self.depth < 5 && self.pick(5) == 4 {
            self.push(":");
            match self.pick(3) {
                0 => self.string(),
                1 => {
                    self.depth += 1;
                    self.paren();
                    self.depth -= 1;
                }
                _ => self.name(),
            }
        }
    }

    fn call(&mut self) {
        self.push("(");
        self.gap();
        let count = self.pick(3);
        for index in 0..count {
            if self.pick(3) == 2 {
                self.one_of(&WORDS);
                self.blank();
                self.push("=");
                self.gap();
            }
            self.value();
            if index + 1 < count || self.pick(3) == 2 {
                self.comma();
            } else {
                self.gap();
            }
        }
        self.push(")");
    }

    // ---- Strings

    /// A string without holes.
    fn text_string(&mut self) {
        self.push("\"");
        self.one_of(&TEXTS);
        self.push("\"");
    }

    fn string(&mut self) {
        if !self.one_line && self.pick(6) == 5 {
            return self.multiline();
        }
        self.push("\"");
        for _ in 0..self.pick(4) {
            self.one_of(&TEXTS);
            if self.depth < 5 && self.pick(3) == 2 {
                let outer = std::mem::replace(&mut self.one_line, true);
                self.hole();
                self.one_line = outer;
            }
        }
        self.push("\"");
    }

    fn hole(&mut self) {
        self.depth += 1;
        self.push("${");
        self.gap();
        self.value();
        self.gap();
        self.push("}");
        self.depth -= 1;
    }

    fn multiline(&mut self) {
        self.push("\"\"\"");
        let below = self.pick(4) != 3;
        self.push(if below { "\n" } else { "text" });
        for _ in 0..self.pick(4) {
            self.one_of(&["", "  ", "    ", "\t"]);
            self.one_of(&TEXTS);
            self.one_of(&["", " \"quoted\" ", "# no comment", "  ", "}"]);
            if self.depth < 5 && self.pick(4) == 3 {
                self.hole();
            }
            self.push("\n");
        }
        self.push(if below { "  \"\"\"" } else { " end\"\"\"" });
    }
}

#[derive(Clone, Copy)]
enum Member {
    Attribute,
    Block,
    Step,
    Stage,
    /// `pre` or `post`
    Phase,
}
