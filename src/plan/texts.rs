//! Texts with holes for what only the run knows, and shell scripts.

use super::eval::{Evaluator, Value};
use super::limits::{MAX_TEXT, Size};
use super::{ScriptPiece, Text, TextPiece};
use crate::check::program::{DeferredField, Expr, ExprKind, Part};
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

    /// A shell script: the holes that are written in it become words.
    pub(super) fn script(&self, expr: &Expr) -> Vec<ScriptPiece> {
        let ExprKind::String(parts) = &expr.kind else {
            let text = self.text(expr);
            let literal = |piece| match piece {
                TextPiece::Literal(script) => ScriptPiece::Script(script),
                deferred => ScriptPiece::Word(Text(vec![deferred])),
            };
            return text.0.into_iter().map(literal).collect();
        };
        let piece = |part: &Part| match part {
            Part::Text(script) => ScriptPiece::Script(script.clone()),
            Part::Hole(expr) => ScriptPiece::Word(self.text(expr)),
        };
        parts.iter().map(piece).collect()
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
