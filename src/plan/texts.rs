//! Texts with holes for what only the run knows, and shell scripts.

use std::collections::HashSet;

use super::eval::{Evaluator, Value};
use super::limits::{MAX_TEXT, Size};
use super::{ScriptPiece, Text, TextPiece};
use crate::check::program::{DeferredField, Expr, ExprKind, Part};
use crate::check::scripts;
use crate::shell::Hole;
use crate::syntax::ast::BinaryOperator;

impl Evaluator<'_> {
    /// The value of a text that may hold what only the run knows.
    pub(super) fn text(&self, expr: &Expr) -> Text {
        let mut text = LimitedText::default();
        self.append(expr, &mut text);
        self.exceeds(Size::text(text.length), expr.span);
        text.text
    }

    /// Adds a text; `false` if it is unset.
    fn append(&self, expr: &Expr, text: &mut LimitedText) -> bool {
        match &expr.kind {
            ExprKind::Deferred { image, field } => {
                let ids = self.images(image).unwrap_or_default();
                text.text.0.extend(ids.into_iter().map(|id| match field {
                    DeferredField::Ref => TextPiece::Ref(id),
                    DeferredField::Digest => TextPiece::Digest(id),
                }));
            }
            ExprKind::String(parts) => {
                for part in parts {
                    match part {
                        Part::Text(literal) => text.push_literal(literal),
                        Part::Hole(expr) => {
                            self.append(expr, text);
                        }
                    }
                }
            }
            ExprKind::If { condition, then, otherwise } => match self.value(condition) {
                Value::Bool(true) => return self.append(then, text),
                Value::Bool(false) => return self.append(otherwise, text),
                _ => {}
            },
            ExprKind::Binary { operator: BinaryOperator::Default, left, right } => {
                return self.append(left, text) || self.append(right, text);
            }
            _ => match self.value(expr) {
                Value::String(literal) => text.push_literal(&literal),
                Value::Unset => return false,
                _ => {}
            },
        }
        true
    }

    /// A shell script: the holes that are written in it are values, which the shell never reads as code.
    pub(super) fn script(&self, expr: &Expr) -> Vec<ScriptPiece> {
        let mut pending = vec![expr];
        // A value that was unset once is unset again.
        let mut seen = HashSet::new();
        while let Some(expr) = pending.pop() {
            match &expr.kind {
                ExprKind::String(parts) => return self.written_script(parts),
                ExprKind::If { condition, then, otherwise } => match self.value(condition) {
                    Value::Bool(true) => pending.push(then),
                    Value::Bool(false) => pending.push(otherwise),
                    _ => {}
                },
                ExprKind::Binary { operator: BinaryOperator::Default, left, right } => {
                    pending.extend([&**right, left]);
                }
                ExprKind::Value(id) if let Some(script) = self.program().script_of(*id) => {
                    pending.extend(seen.insert(*id).then_some(script));
                }
                _ => {
                    let mut text = LimitedText::default();
                    if self.append(expr, &mut text) {
                        self.exceeds(Size::text(text.length), expr.span);
                        return text.text.0.into_iter().map(script_piece).collect();
                    }
                }
            }
        }
        Vec::new()
    }

    /// A script that is written out.
    fn written_script(&self, parts: &[Part]) -> Vec<ScriptPiece> {
        let mut holes = scripts::holes(parts).into_iter();
        let mut piece = |part: &Part| match part {
            Part::Text(script) => ScriptPiece::Script(script.clone()),
            Part::Hole(expr) => match holes.next() {
                Some(Ok(Hole::Quoted)) => ScriptPiece::Quoted(self.text(expr)),
                // What is misplaced was reported.
                _ => ScriptPiece::Word(self.text(expr)),
            },
        };
        parts.iter().map(&mut piece).collect()
    }
}

/// A piece of a script that is not written out.
fn script_piece(piece: TextPiece) -> ScriptPiece {
    match piece {
        TextPiece::Literal(script) => ScriptPiece::Script(script),
        deferred => ScriptPiece::Word(Text(vec![deferred])),
    }
}

/// A text that stops growing at the limit of a value.
#[derive(Default)]
struct LimitedText {
    text: Text,
    /// Of all literals, also of those that had no room any more.
    length: usize,
}

impl LimitedText {
    fn push_literal(&mut self, more: &str) {
        self.length = self.length.saturating_add(more.len());
        if self.length > MAX_TEXT {
            return;
        }
        match self.text.0.last_mut() {
            Some(TextPiece::Literal(text)) => text.push_str(more),
            _ => self.text.0.push(TextPiece::Literal(more.to_owned())),
        }
    }
}
