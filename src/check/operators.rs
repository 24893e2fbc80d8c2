//! Operators, and conditionals, lists and maps that have no expected type.

use indexmap::IndexMap;

use super::exprs::{Place, Slot, Subject};
use super::program::{Expr, ExprKind};
use super::types::Type;
use super::{Checker, errors};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{self, BinaryOperator};

impl<'a> Checker<'a> {
    /// `if` without an expected type: the branches must have one in common.
    pub(super) fn conditional(
        &mut self,
        condition: &'a ast::Expr,
        then: &'a ast::Expr,
        otherwise: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        let condition = Box::new(self.condition(condition));
        let then = self.infer(then);
        let otherwise = self.infer(otherwise);
        let (ty, otherwise) = self.unify(&then.ty, otherwise, Subject::Else { then: then.span });
        let (then, otherwise) = (Box::new(then), Box::new(otherwise));
        Expr { kind: ExprKind::If { condition, then, otherwise }, ty, span }
    }

    /// The type that holds values of both types; reports the second expression if there is none.
    fn unify(&mut self, first: &Type, second: Expr, subject: Subject<'a>) -> (Type, Expr) {
        match first.join(&second.ty) {
            Some(ty) => (ty, second),
            None => (first.clone(), self.convert(second, first, Place::plain(subject))),
        }
    }

    /// A list without an expected type: the first item says what the others must be.
    pub(super) fn list(&mut self, items: &'a [ast::Expr], span: Span) -> Expr {
        let mut ty = Type::Nothing;
        let mut first = None;
        let mut typed = Vec::new();
        for item in items {
            let found = self.infer(item);
            let found = self.without_secrets(found);
            let subject = Subject::Item { attribute: None, first };
            let (joined, found) = self.unify(&ty, found, subject);
            if !matches!(found.kind, ExprKind::Error) {
                first = first.or(Some(found.span));
            }
            ty = joined;
            typed.push(found);
        }
        Expr { kind: ExprKind::List(typed), ty: Type::list(ty), span }
    }

    /// The entries of a map; `value` checks one of them.
    pub(super) fn map(
        &mut self,
        entries: &'a [ast::MapEntry],
        slot: Slot,
        mut value: impl FnMut(&mut Self, &'a ast::MapEntry) -> Expr,
    ) -> IndexMap<String, Expr> {
        let mut seen: IndexMap<&str, Span> = IndexMap::new();
        let mut map = IndexMap::new();
        for entry in entries {
            if let Some(first) = seen.get(entry.key.value.as_str()) {
                self.report(errors::duplicate_key(&entry.key, *first));
            } else {
                seen.insert(&entry.key.value, entry.key.span);
            }
            self.check_key(&entry.key, slot);
            let found = value(self, entry);
            map.insert(entry.key.value.clone(), found);
        }
        map
    }

    /// A map without an expected type: the first value says what the others must be.
    pub(super) fn inferred_map(&mut self, entries: &'a [ast::MapEntry], span: Span) -> Expr {
        let mut ty = Type::Nothing;
        let entries = self.map(entries, Slot::Plain, |checker, entry| {
            let found = checker.infer(&entry.value);
            let (joined, found) = checker.unify(&ty, found, Subject::Entry(&entry.key));
            ty = joined;
            found
        });
        Expr { kind: ExprKind::Map(entries), ty: Type::map(ty), span }
    }

    pub(super) fn operator(
        &mut self,
        operator: &Spanned<BinaryOperator>,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        let place = Place::plain(Subject::Operand(operator.value));
        match operator.value {
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = self.before_the_run(operator.span, |checker| {
                    (checker.expr(left, &Type::Bool, place), checker.expr(right, &Type::Bool, place))
                });
                binary(operator.value, left, right, Type::Bool, span)
            }
            BinaryOperator::Equal | BinaryOperator::NotEqual => {
                self.before_the_run(operator.span, |checker| checker.comparison(operator, left, right, span))
            }
            BinaryOperator::Default => {
                let tag = self.tag_with_default(left, right);
                let is_tag = tag.is_some();
                let left = tag.unwrap_or_else(|| self.infer(left));
                let right = self.infer(right);
                // A default that was meant for a tag's text says nothing about the type of the whole.
                if is_tag && matches!(left.kind, ExprKind::Error) {
                    return Expr::error(span);
                }
                // An unset left side gives the right one, so the `?` is the right side's.
                let (ty, right) = self.unify(left.ty.required(), right, place.subject);
                self.warn_of_useless_default(&left, &right);
                binary(operator.value, left, right, ty, span)
            }
            BinaryOperator::Concat => self.concat(operator, left, right, span),
        }
    }

    /// Warns of `left ?? right` where the left side is never unset.
    pub(super) fn warn_of_useless_default(&mut self, left: &Expr, right: &Expr) {
        // Where an attribute may be unset, what is written out for it has its type.
        let is_written_out = matches!(left.kind, ExprKind::List(_) | ExprKind::Map(_));
        let is_unknown =
            matches!(left.ty, Type::Optional(_) | Type::Nothing | Type::Error) && !is_written_out;
        if !is_unknown && right.ty != Type::Error {
            self.report(errors::useless_default(left, right.span, self.short(left.span)));
        }
    }

    /// The left side of `??` if it is a tag: the colon binds stronger, so that the default is not the tag's text's.
    pub(super) fn tag_with_default(&mut self, left: &'a ast::Expr, right: &'a ast::Expr) -> Option<Expr> {
        let ast::ExprKind::Tag { repository, tag } = &left.kind else { return None };
        let subject = Subject::Tag(repository.span);
        let sources = self.short(repository.span).zip(self.short(tag.span)).zip(self.short(right.span));
        let repository = self.expr(repository, &Type::Repository, Place::plain(Subject::Repository));
        let found = self.infer(tag);
        let is_unset = matches!(found.ty, Type::Optional(_)) && *found.ty.required() == Type::String;
        if is_unset && !matches!(right.kind, ast::ExprKind::Tag { .. }) {
            self.report(errors::default_behind_tag(&found, sources));
            return Some(Expr::error(left.span));
        }
        let tag = Box::new(self.convert(found, &Type::String, Place::plain(subject)));
        let kind = ExprKind::Tag { repository: Box::new(repository), tag };
        Some(Expr { kind, ty: Type::Tag, span: left.span })
    }

    fn comparison(
        &mut self,
        operator: &Spanned<BinaryOperator>,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        let subject = Subject::Operand(operator.value);
        let left = self.infer(left);
        if !left.ty.can_be_compared() {
            self.infer(right);
            self.report(errors::not_comparable(&left, operator.span));
            return Expr::error(span);
        }
        // The right side may be unset whatever the left side is.
        let right = self.infer(right);
        let right = match left.ty.join(&right.ty) {
            Some(_) => right,
            None => self.convert(right, left.ty.required(), Place::plain(subject)),
        };
        binary(operator.value, left, right, Type::Bool, span)
    }

    fn concat(
        &mut self,
        operator: &Spanned<BinaryOperator>,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        let sources = self.short(left.span).zip(self.short(right.span));
        let left = self.infer(left);
        if !matches!(left.ty, Type::List(_) | Type::Error) {
            self.infer(right);
            self.report(errors::not_a_list(&left, operator.span, sources));
            return Expr::error(span);
        }
        let right = self.infer(right);
        let (ty, right) = self.unify(&left.ty, right, Subject::Operand(operator.value));
        binary(operator.value, left, right, ty, span)
    }
}

pub(super) fn binary(operator: BinaryOperator, left: Expr, right: Expr, ty: Type, span: Span) -> Expr {
    Expr { kind: ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) }, ty, span }
}
