//! Templates: their attributes become part of the images that extend them.
//!
//! Parents are merged in the order in which they are named, then the image's own attributes: maps by key, everything
//! else replaced. A template is checked once, where it is written.

use indexmap::IndexMap;

use super::attributes::{EntryRef, Owner};
use super::names::{Kind, TemplateId};
use super::program::{Attributes, Expr, ExprKind};
use super::types::Type;
use super::{Checker, errors, schema};
use crate::syntax::ast;

/// The merged attributes of the templates that were checked without an error in their parents.
pub(super) type Templates = IndexMap<TemplateId, Attributes>;

impl<'a> Checker<'a> {
    /// Checks every template, each after those that it extends.
    pub(super) fn templates(&mut self) -> Templates {
        let ids: Vec<_> = self
            .names
            .iter()
            .filter_map(|(_, declared)| match declared.kind {
                Kind::Template(id) => Some(id),
                _ => None,
            })
            .collect();
        let mut templates = Templates::new();
        for id in ids {
            self.template(id, &mut templates, &mut Vec::new());
        }
        templates
    }

    fn template(&mut self, id: TemplateId, done: &mut Templates, open: &mut Vec<TemplateId>) {
        if done.contains_key(&id) {
            return;
        }
        let template = self.names.template(id);
        open.push(id);
        for parent in &template.extends {
            let Some(Kind::Template(next)) = self.names.get(&parent.value).map(|declared| declared.kind)
            else {
                continue;
            };
            if let Some(start) = open.iter().position(|one| *one == next) {
                let circle: Vec<_> =
                    open.iter().skip(start).map(|one| &self.names.template(*one).name).collect();
                self.report(errors::cyclic_template(&circle, parent.span));
                done.insert(next, Attributes::default());
            } else {
                self.template(next, done, open);
            }
        }
        open.pop();
        let mut owner = Owner::item("image", &template.name);
        owner.is_partial = true;
        let own = self.attributes(owner, template.entries.iter().map(EntryRef::from), schema::IMAGE);
        let (merged, _) = self.extend(template, own, done);
        done.insert(id, merged);
    }

    /// The attributes of an image with those of its parents, and whether all of these are known.
    pub(super) fn extend(
        &mut self,
        image: &'a ast::Image,
        own: Attributes,
        templates: &Templates,
    ) -> (Attributes, bool) {
        let mut merged = Attributes::new(schema::IMAGE);
        let mut complete = true;
        for parent in &image.extends {
            match self.names.get(&parent.value).map(|declared| declared.kind) {
                Some(Kind::Template(id)) => {
                    self.used.insert(&parent.value);
                    merged = templates
                        .get(&id)
                        .map(|parent| merge(merged.clone(), parent.clone()))
                        .unwrap_or(merged);
                }
                Some(Kind::Poisoned) => complete = false,
                found => {
                    complete = false;
                    let templates = self.names.of_kind(|kind| matches!(kind, Kind::Template(_)));
                    let declared = found.and_then(|_| self.names.get(&parent.value));
                    self.report(errors::not_a_template(parent, declared, &templates));
                }
            }
        }
        (merge(merged, own), complete)
    }
}

/// Both, the second one winning.
fn merge(mut first: Attributes, second: Attributes) -> Attributes {
    for (name, value) in second.values {
        let value = match first.values.shift_remove(name) {
            Some(inherited) if matches!(value.ty.required(), Type::Map(_)) => merge_maps(inherited, value),
            _ => value,
        };
        first.values.insert(name, value);
    }
    for (name, block) in second.blocks {
        let block = match first.blocks.shift_remove(name) {
            Some(inherited) => merge(inherited, block),
            None => block,
        };
        first.blocks.insert(name, block);
    }
    first
}

fn merge_maps(first: Expr, second: Expr) -> Expr {
    let (ty, span) = (second.ty.clone(), second.span);
    Expr { kind: ExprKind::Merged(Box::new(first), Box::new(second)), ty, span }
}
