//! How a typed expression meets the place that it stands in: the conversions, and why there is none.

use super::exprs::{Deferred, Place, Slot};
use super::names::{Declared, Kind, ValueItem};
use super::program::{CacheMethod, Expr, ExprKind, Named};
use super::types::Type;
use super::{Checker, errors};
use crate::diag::Diagnostic;
use crate::syntax::ast::Name;

impl<'a> Checker<'a> {
    /// Makes a typed expression fit its place or reports why it does not.
    pub(super) fn convert(&mut self, found: Expr, expected: &Type, place: Place<'a>) -> Expr {
        if found.ty.fits(expected) {
            return found;
        }
        let span = found.span;
        let wrap = |kind, ty| Expr { kind, ty, span };
        // Unset stays unset, where that is allowed.
        let have = if matches!(expected, Type::Optional(_)) { found.ty.required() } else { &found.ty };
        let is_optional = matches!(found.ty, Type::Optional(_));
        match (have, expected.required(), place.slot) {
            (Type::Int | Type::Bool, Type::String, Slot::BuildArguments | Slot::Limits | Slot::Hole) => {
                let ty = if is_optional { Type::String.optional() } else { Type::String };
                wrap(ExprKind::Text(Box::new(found)), ty)
            }
            (Type::Tag, Type::Cache, Slot::CacheSource) if !is_optional => {
                let mut arguments = Named::default();
                arguments.add("tag", found);
                wrap(ExprKind::Cache { method: CacheMethod::Registry, arguments }, Type::Cache)
            }
            // The plan takes tags there as they are.
            (Type::List(item), Type::List(want), Slot::CacheSource)
                if (&**item, &**want) == (&Type::Tag, &Type::Cache) =>
            {
                wrap(found.kind, Type::list(Type::Cache))
            }
            (Type::Image, Type::Context, Slot::NamedContext) => wrap(found.kind, Type::Context),
            // The plan must see which secret it is.
            (Type::Secret, Type::String, Slot::CommandEnvironment)
                if matches!(found.kind, ExprKind::Secret(_)) =>
            {
                wrap(found.kind, Type::String)
            }
            _ => {
                let diagnostic = self.mismatch(&found, expected, place);
                self.report(diagnostic);
                Expr::error(span)
            }
        }
    }

    fn mismatch(&self, found: &Expr, expected: &Type, place: Place<'a>) -> Diagnostic {
        let source = self.short(found.span);
        if found.ty.has_secret()
            && !expected.required().has_secret()
            && let Some(diagnostic) = self.leak(found, place.slot)
        {
            return diagnostic;
        }
        let takes_image = matches!(expected.required(), Type::Image | Type::Context);
        let takes_reference = *expected.required() == Type::String && self.deferred == Deferred::Allowed;
        if found.ty == Type::Family
            && (takes_image || takes_reference)
            && let Some(diagnostic) = self.family_not_image(found, if takes_image { "" } else { ".ref" })
        {
            return diagnostic;
        }
        let item_kinds =
            [Type::Registry, Type::Repository, Type::Image, Type::Family, Type::Secret, Type::Builder];
        if let (Some((name, declared)), false) =
            (self.item_of(found), matches!(expected.required(), Type::List(_) | Type::Map(_)))
        {
            let is_value = matches!(declared.kind, Kind::Param(_) | Kind::Let(_));
            if item_kinds.contains(expected.required()) || (item_kinds.contains(&found.ty) && !is_value) {
                let candidates = self.names.of_kind(&expected.required().to_string());
                let has_ref = self.deferred == Deferred::Allowed;
                return errors::wrong_kind(name, declared, found, expected, candidates, has_ref);
            }
        }
        let becomes_text = matches!(place.slot, Slot::BuildArguments | Slot::Limits | Slot::Hole)
            && matches!(found.ty.required(), Type::Int | Type::Bool)
            && *expected == Type::String;
        if found.ty.required().fits(expected) || (becomes_text && matches!(found.ty, Type::Optional(_))) {
            return errors::maybe_unset(found, expected, place.subject, source);
        }
        let repository = self.names.of_kind("repository").first().copied().unwrap_or("app");
        errors::type_mismatch(found, expected, place.subject, source, repository)
    }

    /// The item that an expression is the plain name of.
    fn item_of(&self, expr: &Expr) -> Option<(&'a str, Declared)> {
        let kind = match expr.kind {
            ExprKind::Registry(id) => Kind::Registry(id),
            ExprKind::Repository(id) => Kind::Repository(id),
            ExprKind::Image(ref image) if image.keys.is_empty() => Kind::Image(image.image),
            ExprKind::Secret(id) => Kind::Secret(id),
            ExprKind::Builder(id) => Kind::Builder(id),
            ExprKind::Value(id) => match self.names.value(id) {
                ValueItem::Param(_) => Kind::Param(id),
                ValueItem::Let(_) => Kind::Let(id),
            },
            _ => return None,
        };
        Some(self.names.item(kind))
    }

    /// Reports an expression that holds secrets where none may be: a list of them has no use, and what is made of it
    /// would not be known as a secret.
    pub(super) fn without_secrets(&mut self, found: Expr) -> Expr {
        let leak = if found.ty.has_secret() { self.leak(&found, Slot::Plain) } else { None };
        match leak {
            Some(diagnostic) => {
                self.report(diagnostic);
                Expr::error(found.span)
            }
            None => found,
        }
    }

    /// The first secret in an expression, reported.
    fn leak(&self, found: &Expr, slot: Slot) -> Option<Diagnostic> {
        let mut pending = vec![found];
        while let Some(expr) = pending.pop() {
            if let ExprKind::Secret(id) = expr.kind {
                let (name, declared) = self.names.item(Kind::Secret(id));
                return Some(errors::secret_leaks(name, expr.span, declared.span, slot));
            }
            pending.extend(expr.children().into_iter().rev());
        }
        None
    }

    /// A key of a map that names a variable or a build argument.
    pub(super) fn check_key(&mut self, key: &Name, slot: Slot) {
        let what = match slot {
            Slot::BuildArguments => "a build argument",
            Slot::CommandEnvironment => "an environment variable",
            Slot::Stored => "a label",
            Slot::Annotations => "an annotation",
            _ => return,
        };
        let is_fine = match slot {
            Slot::Stored | Slot::Annotations => !key.value.trim().is_empty(),
            _ => !key.value.is_empty() && !key.value.contains(|one: char| one == '=' || one.is_whitespace()),
        };
        if !is_fine {
            self.report(errors::not_a_key(key, what));
        }
    }
}
