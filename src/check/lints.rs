//! Warnings about what is allowed and most likely not meant: secrets in the open, and shell syntax in strings that no
//! shell reads.

use std::collections::HashSet;

use super::items::literal_text;
use super::names::{Kind, ValueItem};
use super::program::{Attributes, Expr, ExprKind, Program, Step, StepKind, WaveBody};
use super::{Checker, errors};
use crate::diag::looks_like_aws_key;
use crate::source::Span;
use crate::syntax::ast::{self, TypeName};

/// The last word of a name that says that its value is secret.
const SECRET_WORDS: &[&str] =
    &["token", "password", "passwd", "passphrase", "secret", "credential", "credentials"];
/// Two words that say so together.
const SECRET_ENDS: &[&str] = &["api_key", "access_key", "private_key", "secret_key"];

/// Programs that give `$` a meaning of their own.
const READS_DOLLAR: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "ash",
    "zsh",
    "ksh",
    "fish",
    "eval",
    "ssh",
    "awk",
    "gawk",
    "mawk",
    "perl",
    "php",
    "jq",
    "yq",
    "sed",
    "grep",
    "egrep",
    "envsubst",
    "make",
    "xargs",
    "find",
    "pwsh",
    "powershell",
    "python",
    "python3",
    "node",
    "ruby",
    "psql",
];

/// Attributes whose text something else reads: a Dockerfile, a person, a regular expression.
const NOT_LOOKED_AT: &[&str] = &["dockerfile_inline", "description", "matches", "oneof"];

impl<'a> Checker<'a> {
    /// Looks at everything that was checked. What is not used is not looked at for dollars: who reads it is not known.
    pub(super) fn lint(&mut self, program: &Program) {
        self.secret_params();
        let mut dollars = Dollars::default();
        let items = program.registries.iter().map(|registry| &registry.attributes);
        let items = items.chain(program.repositories.iter().map(|repository| &repository.attributes));
        let items = items.chain(program.builders.iter().map(|builder| &builder.attributes));
        for attributes in items.chain(program.images.iter().map(|image| &image.attributes)) {
            dollars.attributes(attributes);
        }
        for wave in &program.waves {
            match &wave.body {
                WaveBody::Steps(steps) => dollars.steps(steps),
                WaveBody::Stages { pre, stages, post } => {
                    dollars.steps(pre);
                    dollars.steps(post);
                    for stage in stages {
                        dollars.attributes(&stage.attributes);
                        dollars.steps(&stage.steps);
                    }
                }
            }
        }
        for span in dollars.strings {
            self.dollar(span);
        }
    }

    /// Warns of the first `$NAME` in a string, as it is written.
    fn dollar(&mut self, string: Span) {
        let text = self.sources.slice(string);
        let Some((start, variable)) = shell_variable(text) else { return };
        // `$COMMIT` and `param commit` are the same thing to whoever writes it.
        let lower = variable.to_lowercase();
        let meant = [variable, lower.as_str()].into_iter().find(|name| {
            let found = self.names.get(name).map(|declared| declared.kind);
            matches!(found, Some(Kind::Param(_) | Kind::Let(_)))
        });
        let is_variable = variable.len() > 1 && variable.chars().all(|one| !one.is_ascii_lowercase());
        if meant.is_none() && !is_variable {
            return;
        }
        let at = string.range().start + start;
        let span = Span::new(string.file, at..at + 1 + variable.len());
        self.report(errors::dollar_in_string(variable, span, meant));
    }

    fn secret_params(&mut self) {
        let params: Vec<_> = self
            .names
            .values()
            .filter_map(|item| match item {
                ValueItem::Param(param) if param.ty.value == TypeName::String => Some(&param.name),
                _ => None,
            })
            .collect();
        for name in params {
            let lower = name.value.to_lowercase();
            let last = lower.rsplit('_').next().unwrap_or_default();
            let word = SECRET_WORDS.iter().find(|word| **word == last).copied();
            let end = SECRET_ENDS.iter().find(|end| lower == **end || lower.ends_with(&format!("_{end}")));
            if let Some(word) = word.or(end.map(|_| "key")) {
                self.report(errors::secret_as_param(name, word));
            }
        }
    }

    /// Warns of a string that should not be in any file.
    pub(super) fn keys_in_string(&mut self, parts: &'a [ast::StringPart], span: Span) {
        let texts = parts.iter().filter_map(|part| match part {
            ast::StringPart::Text(text) => Some(text),
            ast::StringPart::Hole(_) => None,
        });
        if let Some(what) = texts.into_iter().find_map(|text| looks_like_aws_key(text)) {
            self.report(errors::looks_like_aws_key(span, what));
        }
    }
}

/// The strings that nothing but the engine, a registry or a program reads.
#[derive(Default)]
struct Dollars {
    strings: Vec<Span>,
    /// Templates are part of many images.
    seen: HashSet<Span>,
}

impl Dollars {
    fn attributes(&mut self, attributes: &Attributes) {
        for (name, value) in attributes.values.iter() {
            if !NOT_LOOKED_AT.contains(&name) {
                self.expr(value);
            }
        }
        for block in attributes.blocks.values() {
            self.attributes(block);
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match &step.kind {
                StepKind::Build(_) | StepKind::Push(_) => {}
                StepKind::Promote { to, .. } => to.iter().for_each(|tag| self.expr(tag)),
                StepKind::Approve(question) => self.expr(question),
                StepKind::Sh { options, .. } => self.attributes(options),
                StepKind::Run { arguments, options } => {
                    self.attributes(options);
                    // A program behind another one, such as `docker exec api sh -c …`, is one of them too.
                    let names = arguments.iter().filter_map(literal_text);
                    let names = names.map(|text| text.rsplit('/').next().unwrap_or_default());
                    if !names.into_iter().any(|name| READS_DOLLAR.contains(&name)) {
                        arguments.iter().for_each(|argument| self.expr(argument));
                    }
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        let mut pending = vec![expr];
        while let Some(expr) = pending.pop() {
            match &expr.kind {
                // Inherited parts are shared, so that one visit is enough.
                _ if matches!(expr.kind, ExprKind::Inherited(_)) => {
                    let parts = expr.written();
                    pending.extend(parts.into_iter().filter(|part| self.seen.insert(part.span)));
                }
                ExprKind::String(_) => {
                    if self.seen.insert(expr.span) {
                        self.strings.push(expr.span);
                    }
                    pending.extend(expr.children());
                }
                // The arguments of a function are no texts of their own, and an index is a key.
                ExprKind::Call { .. } | ExprKind::Index { .. } => {}
                _ => pending.extend(expr.children()),
            }
        }
    }
}

/// The first `$NAME` of a string as written, with its place; not `\$NAME`, and no hole.
fn shell_variable(text: &str) -> Option<(usize, &str)> {
    let mut characters = text.char_indices().peekable();
    let mut holes = 0_usize;
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '$' if characters.peek().is_some_and(|(_, next)| *next == '{') => holes += 1,
            '}' => holes = holes.saturating_sub(1),
            '$' if holes == 0 => {
                let rest = text.get(at + 1..)?;
                let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_');
                let name = rest.get(..end.unwrap_or(rest.len()))?;
                if name.starts_with(|one: char| one.is_ascii_alphabetic() || one == '_') {
                    return Some((at, name));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::shell_variable;

    #[test]
    fn dollars_that_a_shell_would_read() {
        for (text, found) in [
            (r#""$COMMIT""#, Some("COMMIT")),
            (r#""a-$X.y""#, Some("X")),
            (r#""\$COMMIT""#, None),
            (r#""${commit}""#, None),
            (r#""${replace(x, "$A", "b")} $B""#, Some("B")),
            (r#""5$ and $1 and $""#, None),
        ] {
            assert_eq!(shell_variable(text).map(|(_, name)| name), found, "{text}");
        }
    }
}
