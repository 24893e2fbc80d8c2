//! Steps: `build`, `push`, `promote`, `run`, `sh`, `approve`.

use super::bodies::Place;
use super::{Lower, Node};
use crate::source::Span;
use crate::syntax::ast::{Attribute, Expr, ExprKind, Step, StepKind};
use crate::syntax::errors::steps as errors;
use crate::syntax::parse::Rule;

/// A step as the grammar found it.
struct Parts {
    keyword: Span,
    operands: Vec<Expr>,
    commas: Vec<Span>,
}

impl<'a> Lower<'a> {
    /// One step and where it ends; none if it lacks what it acts on.
    pub(super) fn step(&mut self, node: Node<'a>) -> (Option<Step>, Span) {
        let start = self.span(&node);
        let mut nodes = node.into_inner();
        let Some(head) = nodes.next() else { return (None, start) };
        let word = head.as_str();
        let keyword = self.span(&head);
        let mut parts = Parts { keyword, operands: Vec::new(), commas: Vec::new() };
        let mut options: Option<(Vec<Attribute>, Span)> = None;
        let mut end = keyword;
        for node in nodes {
            match node.as_rule() {
                Rule::comma => {
                    let comma = self.span(&node);
                    parts.commas.push(self.first_token(comma));
                }
                Rule::body => {
                    end = self.span(&node);
                    let place = Place::options(word, keyword);
                    let open = self.first_token(end);
                    options = Some((self.attributes(node, &place, 0), open));
                }
                _ => {
                    let operand = self.primary(node, 0);
                    end = operand.span;
                    parts.operands.push(operand);
                }
            }
        }
        if let Some((_, open)) = &options
            && !matches!(word, "run" | "sh")
        {
            self.report(errors::step_without_options(word, *open));
            options = None;
        }
        let options = options.map(|(options, _)| options).unwrap_or_default();
        let span = Span { end: end.end, ..keyword };
        let kind = self.step_kind(word, parts);
        (kind.map(|kind| Step { keyword, kind, options, span }), span)
    }

    /// Words that touch are no longer one word, as they would be for a shell.
    fn require_blanks(&mut self, words: &[Expr]) {
        for (before, word) in words.iter().zip(words.iter().skip(1)) {
            if before.span.range().end == word.span.range().start {
                let token = self.first_token(word.span);
                self.report(errors::words_touch(before.span, token));
            }
        }
    }

    fn step_kind(&mut self, word: &str, parts: Parts) -> Option<StepKind> {
        if parts.operands.is_empty() {
            self.report(errors::missing_argument(word, parts.keyword));
            return None;
        }
        match word {
            "promote" => return self.promote(parts),
            "build" | "push" => {
                self.require_commas(&parts.operands);
                let images = parts.operands;
                return Some(if word == "build" { StepKind::Build(images) } else { StepKind::Push(images) });
            }
            _ => {}
        }
        if let Some(comma) = parts.commas.first() {
            self.report(errors::comma_between_arguments(word, *comma));
        }
        if word == "run" {
            let is_empty = |kind: &ExprKind| matches!(kind, ExprKind::String(parts) if parts.is_empty());
            if let Some(program) = parts.operands.first().filter(|program| is_empty(&program.kind)) {
                self.report(errors::empty_program(program.span));
            }
            self.require_blanks(&parts.operands);
            return Some(StepKind::Run(parts.operands));
        }
        let mut operands = parts.operands.into_iter();
        let only = operands.next()?;
        if let Some(extra) = operands.next()
            && parts.commas.is_empty()
        {
            self.report(errors::one_argument(word, self.first_token(extra.span)));
        }
        Some(if word == "sh" { StepKind::Sh(only) } else { StepKind::Approve(only) })
    }

    /// `promote image to tag, tag`
    fn promote(&mut self, parts: Parts) -> Option<StepKind> {
        let is_to = |operand: &Expr| matches!(&operand.kind, ExprKind::Name(name) if name == "to");
        let mut operands = parts.operands;
        let Some(at) = operands.iter().position(is_to) else {
            let image = operands.first().and_then(|image| self.short(image.span)).unwrap_or("lambda");
            let end = operands.first().map_or(parts.keyword, |operand| operand.span);
            let image = image.to_owned();
            self.report(errors::promote_without_to(&image, parts.keyword, end));
            return None;
        };
        let to = operands.split_off(at + 1);
        let marker = operands.pop()?.span;
        if to.is_empty() {
            self.report(errors::promote_without_tag(marker));
            return None;
        }
        let mut operands = operands.into_iter();
        let Some(image) = operands.next() else {
            self.report(errors::missing_argument("promote", parts.keyword));
            return None;
        };
        if let Some(extra) = operands.next() {
            self.report(errors::one_argument("promote", self.first_token(extra.span)));
        }
        self.require_commas(&to);
        Some(StepKind::Promote { image, to })
    }

    fn require_commas(&mut self, operands: &[Expr]) {
        for (before, after) in operands.iter().zip(operands.iter().skip(1)) {
            if !self.gap(before.span, after.span).comma {
                let previous = self.short(before.span);
                let diagnostic = errors::missing_operand_comma(self.first_token(after.span), previous);
                self.report(diagnostic.with_edit(before.span.after(), ","));
            }
        }
    }
}
