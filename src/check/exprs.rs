//! Types of expressions: [`ast::Expr`] → [`Expr`].
//!
//! [`Checker::expr`] pushes the expected type inwards, so that a list item or a branch is blamed and not the whole;
//! [`Checker::infer`] finds the type of what carries its own.

use indexmap::IndexMap;

use super::functions::Function;
use super::names::Kind;
use super::program::{Expr, ExprKind, Part, ValueId};
use super::types::Type;
use super::{Checker, ValueState, errors};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{self, BinaryOperator, Name};

/// Whether values that only the run knows (`image.ref`) may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deferred {
    Forbidden,
    Allowed,
}

/// Where a value ends up, which decides the conversions and what a secret there would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// An attribute or operand without conversions.
    Plain,
    /// `args`: ints and bools become text; what stands here is stored in the image.
    BuildArguments,
    /// `labels`: stored in the image.
    Stored,
    /// `cache.from`: a tag is the inline cache of its image.
    CacheSource,
    /// An argument of `run`.
    CommandArgument,
    /// Inside `${…}`: ints and bools become text.
    Hole,
}

impl<'a> Checker<'a> {
    /// Checks an expression against the type that its place wants.
    pub(super) fn expr(&mut self, expr: &'a ast::Expr, expected: &Type, slot: Slot) -> Expr {
        match (&expr.kind, expected.required()) {
            (ast::ExprKind::List(items), Type::List(item)) => {
                let items = items.iter().map(|expr| self.expr(expr, item, slot)).collect();
                Expr { kind: ExprKind::List(items), ty: expected.clone(), span: expr.span }
            }
            (ast::ExprKind::Map(entries), Type::Map(value)) => {
                let entries = self.map(entries, value, slot);
                Expr { kind: ExprKind::Map(entries), ty: expected.clone(), span: expr.span }
            }
            (ast::ExprKind::If { condition, then, otherwise }, _) => {
                let condition = Box::new(self.expr(condition, &Type::Bool, Slot::Plain));
                let then = Box::new(self.expr(then, expected, slot));
                let otherwise = Box::new(self.expr(otherwise, expected, slot));
                Expr {
                    kind: ExprKind::If { condition, then, otherwise },
                    ty: expected.clone(),
                    span: expr.span,
                }
            }
            (ast::ExprKind::Binary { operator, left, right }, _)
                if operator.value == BinaryOperator::Default =>
            {
                let left = self.expr(left, &expected.clone().optional(), slot);
                let right = self.expr(right, expected, slot);
                binary(operator.value, left, right, expected.clone(), expr.span)
            }
            (ast::ExprKind::Binary { operator, left, right }, Type::List(_))
                if operator.value == BinaryOperator::Concat =>
            {
                let left = self.expr(left, expected.required(), slot);
                let right = self.expr(right, expected.required(), slot);
                binary(operator.value, left, right, expected.required().clone(), expr.span)
            }
            _ => {
                let found = self.infer(expr);
                self.convert(found, expected, slot)
            }
        }
    }

    /// Makes a typed expression fit its place or reports why it does not.
    fn convert(&mut self, found: Expr, expected: &Type, slot: Slot) -> Expr {
        if found.ty.fits(expected) {
            return found;
        }
        let span = found.span;
        let wrap = |kind, ty| Expr { kind, ty, span };
        match (&found.ty, expected.required(), slot) {
            (Type::Int | Type::Bool, Type::String, Slot::BuildArguments | Slot::Hole) => {
                wrap(ExprKind::Text(Box::new(found)), Type::String)
            }
            (Type::Tag, Type::Cache, Slot::CacheSource) => {
                wrap(ExprKind::RegistryCache { tag: Box::new(found), mode: None }, Type::Cache)
            }
            _ => {
                let diagnostic = self.mismatch(&found, expected, slot);
                self.report(diagnostic);
                Expr::error(span)
            }
        }
    }

    fn mismatch(&self, found: &Expr, expected: &Type, slot: Slot) -> crate::diag::Diagnostic {
        if let (ExprKind::Secret(id), false) = (&found.kind, *expected.required() == Type::Secret) {
            let secret = self.names.iter().find(|(_, declared)| declared.kind == Kind::Secret(*id));
            let (name, declared) = secret.expect("a secret expression names a declared secret");
            return errors::secret_leaks(name, found.span, declared.span, slot);
        }
        let item_kinds = [Type::Registry, Type::Repository, Type::Image, Type::Secret];
        if (item_kinds.contains(&found.ty) || item_kinds.contains(expected.required()))
            && let Some((name, declared)) = self.item_of(found)
        {
            let candidates = self.names.of_kind(|kind| kind.noun() == expected.required().to_string());
            return errors::wrong_kind(name, declared, found.span, expected, &candidates);
        }
        if found.ty.required().fits(expected) {
            return errors::maybe_unset(found.span, &found.ty, expected);
        }
        errors::type_mismatch(found, expected)
    }

    /// The item that an expression is the plain name of.
    fn item_of(&self, expr: &Expr) -> Option<(&'a str, super::names::Declared)> {
        let kind = match expr.kind {
            ExprKind::Registry(id) => Kind::Registry(id),
            ExprKind::Repository(id) => Kind::Repository(id),
            ExprKind::Image(id) => Kind::Image(id),
            ExprKind::Secret(id) => Kind::Secret(id),
            ExprKind::Value(id) => match self.names.value(id) {
                super::names::ValueItem::Param(_) => Kind::Param(id),
                super::names::ValueItem::Let(_) => Kind::Let(id),
            },
            _ => return None,
        };
        self.names.iter().find(|(_, declared)| declared.kind == kind)
    }

    fn map(&mut self, entries: &'a [ast::MapEntry], value: &Type, slot: Slot) -> IndexMap<String, Expr> {
        let mut seen: IndexMap<&str, Span> = IndexMap::new();
        let mut map = IndexMap::new();
        for entry in entries {
            if let Some(first) = seen.insert(&entry.key.value, entry.key.span) {
                self.report(errors::duplicate_key(&entry.key, first));
            }
            map.insert(entry.key.value.clone(), self.expr(&entry.value, value, slot));
        }
        map
    }

    /// The type of an expression on its own.
    pub(super) fn infer(&mut self, expr: &'a ast::Expr) -> Expr {
        let span = expr.span;
        let make = |kind, ty| Expr { kind, ty, span };
        match &expr.kind {
            ast::ExprKind::String(parts) => make(ExprKind::String(self.string(parts)), Type::String),
            ast::ExprKind::Int(value) => make(ExprKind::Int(*value), Type::Int),
            ast::ExprKind::Bool(value) => make(ExprKind::Bool(*value), Type::Bool),
            ast::ExprKind::Duration(value) => make(ExprKind::Duration(*value), Type::Duration),
            ast::ExprKind::Size(value) => make(ExprKind::Size(*value), Type::Size),
            ast::ExprKind::List(items) => self.list(items, span),
            ast::ExprKind::Map(entries) => {
                make(ExprKind::Map(self.map(entries, &Type::String, Slot::Plain)), Type::map(Type::String))
            }
            ast::ExprKind::Name(name) => self.name(name, span),
            ast::ExprKind::Field { base, field } => self.field(base, field, span),
            ast::ExprKind::Call { callee, arguments } => self.call(callee, arguments, span),
            ast::ExprKind::Tag { repository, tag } => {
                let repository = Box::new(self.expr(repository, &Type::Repository, Slot::Plain));
                let tag = Box::new(self.tag_name(tag));
                make(ExprKind::Tag { repository, tag }, Type::Tag)
            }
            ast::ExprKind::If { condition, then, otherwise } => {
                let condition = Box::new(self.expr(condition, &Type::Bool, Slot::Plain));
                let then = Box::new(self.infer(then));
                let ty = then.ty.clone();
                let otherwise = Box::new(self.expr(otherwise, &ty, Slot::Plain));
                make(ExprKind::If { condition, then, otherwise }, ty)
            }
            ast::ExprKind::Not(inner) => {
                make(ExprKind::Not(Box::new(self.expr(inner, &Type::Bool, Slot::Plain))), Type::Bool)
            }
            ast::ExprKind::Binary { operator, left, right } => self.operator(operator, left, right, span),
            ast::ExprKind::Comprehension { .. } => self.later("a list comprehension", span),
            ast::ExprKind::Index { base, .. } => {
                self.infer(base);
                self.later("`[…]` behind a value", span)
            }
            ast::ExprKind::Error => Expr::error(span),
        }
    }

    fn later(&mut self, what: &str, span: Span) -> Expr {
        self.report(errors::not_yet(what, span));
        Expr::error(span)
    }

    /// A tag's text: the one place where a bare word is probably meant as a string.
    fn tag_name(&mut self, tag: &'a ast::Expr) -> Expr {
        match &tag.kind {
            ast::ExprKind::Name(name) if self.names.get(name).is_none() => {
                let known = self.names.of_kind(|kind| matches!(kind, Kind::Param(_) | Kind::Let(_)));
                self.report(errors::unknown_tag_name(name, tag.span, &known));
                Expr::error(tag.span)
            }
            _ => self.expr(tag, &Type::String, Slot::Plain),
        }
    }

    fn string(&mut self, parts: &'a [ast::StringPart]) -> Vec<Part> {
        let mut part = |part: &'a ast::StringPart| match part {
            ast::StringPart::Text(text) => Part::Text(text.clone()),
            ast::StringPart::Hole(expr) => Part::Hole(self.expr(expr, &Type::String, Slot::Hole)),
        };
        parts.iter().map(&mut part).collect()
    }

    /// A list without an expected type: the first item says what the others must be.
    fn list(&mut self, items: &'a [ast::Expr], span: Span) -> Expr {
        let Some((first, rest)) = items.split_first() else {
            return Expr { kind: ExprKind::List(Vec::new()), ty: Type::list(Type::Nothing), span };
        };
        let first = self.infer(first);
        let ty = first.ty.clone();
        let first_span = first.span;
        let mut typed = vec![first];
        for item in rest {
            let found = self.infer(item);
            if found.ty.fits(&ty) {
                typed.push(found);
            } else {
                self.report(errors::mixed_list(&found, first_span, &ty));
            }
        }
        Expr { kind: ExprKind::List(typed), ty: Type::list(ty), span }
    }

    fn name(&mut self, name: &'a str, span: Span) -> Expr {
        let Some(declared) = self.names.get(name) else {
            let diagnostic = match name {
                "git" => errors::not_yet("`git`", span),
                _ if Function::by_name(name).is_some() => errors::function_not_called(name, span),
                _ => errors::unknown_name(name, span, self.names.iter()),
            };
            self.report(diagnostic);
            return Expr::error(span);
        };
        self.used.push(name);
        let make = |kind, ty| Expr { kind, ty, span };
        match declared.kind {
            Kind::Param(id) | Kind::Let(id) => {
                let ty = self.value(id, span);
                make(ExprKind::Value(id), ty)
            }
            Kind::Secret(id) => make(ExprKind::Secret(id), Type::Secret),
            Kind::Registry(id) => make(ExprKind::Registry(id), Type::Registry),
            Kind::Repository(id) => make(ExprKind::Repository(id), Type::Repository),
            Kind::Image(id) => make(ExprKind::Image(id), Type::Image),
            Kind::Template | Kind::Builder | Kind::Poisoned => Expr::error(span),
        }
    }

    /// The type of a param or let, which is checked now if it was not before.
    pub(super) fn value(&mut self, id: ValueId, used_at: Span) -> Type {
        match self.values.get(id.0) {
            Some(ValueState::Done { ty, .. }) => ty.clone(),
            Some(ValueState::InProgress) => {
                let start = self.path.iter().position(|(on_path, _)| *on_path == id).unwrap_or(0);
                let cycle: Vec<_> = self.path.iter().skip(start).copied().collect();
                let steps: Vec<_> =
                    cycle.iter().skip(1).map(|(id, at)| (self.names.value(*id).name(), *at)).collect();
                let diagnostic = errors::cyclic_value(self.names.value(id).name(), &steps, used_at);
                self.report(diagnostic);
                Type::Error
            }
            _ => {
                self.set_value(id, ValueState::InProgress);
                self.path.push((id, used_at));
                // A value is evaluated before any wave, wherever it is used.
                let deferred = std::mem::replace(&mut self.deferred, Deferred::Forbidden);
                let (ty, expr) = self.check_value(id);
                self.deferred = deferred;
                self.path.pop();
                self.set_value(id, ValueState::Done { ty: ty.clone(), expr });
                ty
            }
        }
    }

    fn set_value(&mut self, id: ValueId, state: ValueState) {
        if let Some(slot) = self.values.get_mut(id.0) {
            *slot = state;
        }
    }

    fn field(&mut self, base: &'a ast::Expr, field: &'a Name, span: Span) -> Expr {
        if let ast::ExprKind::Name(name) = &base.kind
            && self.names.get(name).is_none()
            && name == "git"
        {
            return self.later(&format!("`git.{}`", field.value), span);
        }
        let base = self.infer(base);
        let ExprKind::Image(id) = base.kind else {
            if base.ty != Type::Error {
                self.report(errors::no_field(&base.ty, field));
            }
            return Expr::error(span);
        };
        let kind = match field.value.as_str() {
            "ref" => ExprKind::Ref(id),
            "digest" => ExprKind::Digest(id),
            _ => {
                self.report(errors::no_field(&base.ty, field));
                return Expr::error(span);
            }
        };
        if self.deferred == Deferred::Forbidden {
            let image = self.names.iter().find(|(_, declared)| declared.kind == Kind::Image(id));
            self.report(errors::ref_too_early(image.map_or("", |(name, _)| name), &field.value, span));
            return Expr::error(span);
        }
        Expr { kind, ty: Type::String, span }
    }

    fn call(&mut self, callee: &'a ast::Expr, arguments: &'a [ast::Argument], span: Span) -> Expr {
        match &callee.kind {
            ast::ExprKind::Name(name) => match Function::by_name(name) {
                Some(function) => self.function(function, arguments, span),
                None if Function::LATER.contains(&name.as_str()) => {
                    self.later(&format!("the function `{name}`"), callee.span)
                }
                None => {
                    self.report(errors::unknown_function(name, callee.span));
                    Expr::error(span)
                }
            },
            ast::ExprKind::Field { base, field } if is_name(base, "cache") => {
                self.cache(field, arguments, span)
            }
            _ => {
                self.report(errors::not_a_function(callee.span));
                Expr::error(span)
            }
        }
    }

    fn function(&mut self, function: Function, arguments: &'a [ast::Argument], span: Span) -> Expr {
        let signature = function.signature();
        let named = arguments.iter().find_map(|argument| argument.name.as_ref());
        if let Some(name) = named {
            self.report(errors::unknown_argument(&function.to_string(), name));
            return Expr::error(span);
        }
        if arguments.len() != signature.parameters.len() {
            self.report(errors::argument_count(function, signature.parameters.len(), arguments.len(), span));
            return Expr::error(span);
        }
        // A function needs its arguments now; what the run finds out later cannot be one.
        let deferred = std::mem::replace(&mut self.deferred, Deferred::Forbidden);
        let typed = arguments
            .iter()
            .zip(&signature.parameters)
            .map(|(argument, ty)| self.expr(&argument.value, ty, Slot::Plain))
            .collect();
        self.deferred = deferred;
        Expr { kind: ExprKind::Call { function, arguments: typed }, ty: signature.result, span }
    }

    /// `cache.registry(tag, mode = "max")` and `cache.inline()`
    fn cache(&mut self, field: &'a Name, arguments: &'a [ast::Argument], span: Span) -> Expr {
        match field.value.as_str() {
            "inline" if arguments.is_empty() => Expr { kind: ExprKind::InlineCache, ty: Type::Cache, span },
            "registry" => self.registry_cache(arguments, span),
            "inline" => {
                self.report(errors::cache_arguments("cache.inline() -> cache", span));
                Expr::error(span)
            }
            "local" | "gha" | "s3" => self.later(&format!("`cache.{}`", field.value), span),
            _ => {
                self.report(errors::unknown_cache(field));
                Expr::error(span)
            }
        }
    }

    fn registry_cache(&mut self, arguments: &'a [ast::Argument], span: Span) -> Expr {
        let (mut tag, mut mode) = (None, None);
        for argument in arguments {
            match &argument.name {
                None if tag.is_none() => {
                    tag = Some(Box::new(self.expr(&argument.value, &Type::Tag, Slot::Plain)))
                }
                Some(name) if name.value == "mode" && mode.is_none() => {
                    mode = Some(Box::new(self.expr(&argument.value, &Type::String, Slot::Plain)));
                }
                Some(name) => {
                    self.report(errors::unknown_argument(errors::REGISTRY_CACHE, name));
                    return Expr::error(span);
                }
                None => {
                    self.report(errors::cache_arguments(errors::REGISTRY_CACHE, span));
                    return Expr::error(span);
                }
            }
        }
        let Some(tag) = tag else {
            self.report(errors::cache_arguments(errors::REGISTRY_CACHE, span));
            return Expr::error(span);
        };
        Expr { kind: ExprKind::RegistryCache { tag, mode }, ty: Type::Cache, span }
    }

    fn operator(
        &mut self,
        operator: &Spanned<BinaryOperator>,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        match operator.value {
            BinaryOperator::And | BinaryOperator::Or => {
                let left = self.expr(left, &Type::Bool, Slot::Plain);
                let right = self.expr(right, &Type::Bool, Slot::Plain);
                binary(operator.value, left, right, Type::Bool, span)
            }
            BinaryOperator::Equal | BinaryOperator::NotEqual => {
                let left = self.infer(left);
                let right = self.expr(right, &left.ty.clone().optional(), Slot::Plain);
                binary(operator.value, left, right, Type::Bool, span)
            }
            BinaryOperator::Default => {
                let left = self.infer(left);
                let ty = left.ty.required().clone();
                let right = self.infer(right);
                let ty = if matches!(right.ty, Type::Optional(_)) { ty.optional() } else { ty };
                let right = self.convert(right, &ty, Slot::Plain);
                binary(operator.value, left, right, ty, span)
            }
            BinaryOperator::Concat => {
                let left = self.infer(left);
                if !matches!(left.ty, Type::List(_) | Type::Error) {
                    self.report(errors::not_a_list(&left, operator.span));
                    self.infer(right);
                    return Expr::error(span);
                }
                let ty = left.ty.clone();
                let right = self.expr(right, &ty, Slot::Plain);
                binary(operator.value, left, right, ty, span)
            }
        }
    }
}

fn binary(operator: BinaryOperator, left: Expr, right: Expr, ty: Type, span: Span) -> Expr {
    Expr { kind: ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) }, ty, span }
}

fn is_name(expr: &ast::Expr, name: &str) -> bool {
    matches!(&expr.kind, ast::ExprKind::Name(found) if found == name)
}
