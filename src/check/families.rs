//! What the checker knows of families: how many images a `for` makes, if its lists are written out.

use super::Checker;
use super::names::{Kind, ValueItem};
use super::program::{Expr, ExprKind, ImageId};
use crate::diag::Diagnostic;
use crate::source::Span;
use crate::syntax::ast;

/// The binders of a family, for messages.
pub(super) struct FamilyKeys<'a> {
    pub(super) binders: Vec<BinderKeys<'a>>,
    /// `name in ["api", "cron"]`
    pub(super) span: Span,
}

pub(super) struct BinderKeys<'a> {
    pub(super) name: &'a str,
    /// What the name goes through, if that is written out.
    pub(super) keys: Option<Vec<&'a str>>,
}

impl<'a> Checker<'a> {
    /// Reports a family, or a part of one, where one image is needed; `field` is what was asked of it: `.ref`
    pub(super) fn family_not_image(&self, found: &Expr, field: &str) -> Option<Diagnostic> {
        let ExprKind::Image(image) = &found.kind else { return None };
        let keys = self.family_keys(image.image)?;
        let (name, _) = self.names.item(Kind::Image(image.image));
        let source = self.short(found.span).unwrap_or(name);
        Some(super::errors::family_not_image(&keys, source, image.keys.len(), found.span, field))
    }

    fn family_keys(&self, image: ImageId) -> Option<FamilyKeys<'a>> {
        let binders = self.binders.get(&image).copied()?;
        let (first, last) = (binders.first()?, binders.last()?);
        let keys = |binder: &'a ast::Binder| BinderKeys {
            name: &binder.name.value,
            keys: self.literal_items(&binder.list),
        };
        let span = first.name.span.to(last.list.span);
        Some(FamilyKeys { binders: binders.iter().map(keys).collect(), span })
    }

    /// The texts of a list that is written out, here or in a `let`.
    fn literal_items(&self, list: &'a ast::Expr) -> Option<Vec<&'a str>> {
        let list = match &list.kind {
            ast::ExprKind::Name(name) => match self.names.get(name)?.kind {
                Kind::Let(id) => match self.names.value(id) {
                    ValueItem::Let(item) => &item.value,
                    ValueItem::Param(_) => return None,
                },
                _ => return None,
            },
            _ => list,
        };
        match &list.kind {
            ast::ExprKind::List(items) => items.iter().map(ast::Expr::literal).collect(),
            _ => None,
        }
    }
}
