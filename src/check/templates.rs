//! Templates: their attributes become part of the images that extend them.
//!
//! Parents are merged in the order in which they are named, then the image's own attributes: maps by key, everything
//! else replaced. A template is checked once, where it is written; what it gives is shared by all that extend it.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::attributes::{EntryRef, Owner};
use super::names::{Kind, TemplateId};
use super::program::{Attributes, Expr, ExprKind};
use super::{Checker, errors, schema};
use crate::source::Span;
use crate::syntax::ast;

/// How many templates may extend each other in a row.
pub(super) const MAX_DEPTH: usize = 64;

/// The merged attributes of the templates, each after those that it extends.
#[derive(Default)]
pub(super) struct Templates {
    /// What is inherited is not taken apart: templates in layers have in common most of what is above them.
    merged: IndexMap<TemplateId, Attributes>,
    /// How many templates stand above each of them, itself included.
    depths: IndexMap<TemplateId, usize>,
    /// Those that extend themselves: what they give is not known.
    cyclic: HashSet<TemplateId>,
}

/// A template whose parents are looked at, with those that were not yet.
struct Open<'a> {
    id: TemplateId,
    parents: std::slice::Iter<'a, ast::Name>,
}

impl<'a> Checker<'a> {
    /// Checks every template, each after those that it extends. The walk keeps its own stack: a chain of templates
    /// may be as long as a file.
    pub(super) fn templates(&mut self) -> Templates {
        let mut templates = Templates::default();
        let mut looked_at = HashSet::new();
        for id in self.names.templates() {
            if !looked_at.insert(id) {
                continue;
            }
            let mut open = vec![self.open(id)];
            let mut waiting = HashSet::from([id]);
            while let Some(top) = open.last_mut() {
                let Some(parent) = top.parents.next() else {
                    let id = top.id;
                    open.pop();
                    waiting.remove(&id);
                    self.template(id, &mut templates);
                    continue;
                };
                let Some(Kind::Template(next)) = self.names.get(&parent.value).map(|found| found.kind) else {
                    continue;
                };
                if waiting.contains(&next) {
                    let circle: Vec<_> = open.iter().skip_while(|one| one.id != next).collect();
                    let names: Vec<_> = circle.iter().map(|one| &self.names.template(one.id).name).collect();
                    self.report(errors::cyclic_template(&names, parent.span));
                    templates.cyclic.extend(circle.iter().map(|one| one.id));
                } else if looked_at.insert(next) {
                    waiting.insert(next);
                    open.push(self.open(next));
                }
            }
        }
        templates
    }

    fn open(&self, id: TemplateId) -> Open<'a> {
        Open { id, parents: self.names.template(id).extends.iter() }
    }

    fn template(&mut self, id: TemplateId, templates: &mut Templates) {
        let template = self.names.template(id);
        let mut owner = Owner::item("image", &template.name);
        owner.is_partial = true;
        let own = self.attributes(owner, template.entries.iter().map(EntryRef::from), schema::IMAGE);
        if templates.cyclic.contains(&id) {
            self.used.extend(template.extends.iter().map(|parent| parent.value.as_str()));
            return;
        }
        let parents =
            template.extends.iter().filter_map(|parent| match self.names.get(&parent.value)?.kind {
                Kind::Template(id) => templates.depths.get(&id),
                _ => None,
            });
        let depth = parents.max().map_or(1, |above| above + 1);
        templates.depths.insert(id, depth);
        if depth > MAX_DEPTH {
            // One more is reported, not each of those that follow.
            if depth == MAX_DEPTH + 1 {
                self.report(errors::templates_too_deep(&template.name));
            }
            return;
        }
        let (merged, _) = self.extend(template, own, templates);
        templates.merged.insert(id, shared(merged));
    }

    /// The attributes of an image with those of its parents, and whether all of these are known.
    pub(super) fn extended(
        &mut self,
        image: &'a ast::Image,
        own: Attributes,
        templates: &Templates,
    ) -> (Attributes, bool) {
        let (mut attributes, complete) = self.extend(image, own, templates);
        flatten(&mut attributes);
        (attributes, complete)
    }

    fn extend(
        &mut self,
        image: &'a ast::Image,
        own: Attributes,
        templates: &Templates,
    ) -> (Attributes, bool) {
        if image.extends.is_empty() {
            return (own, true);
        }
        let mut merged = Attributes::new(schema::IMAGE);
        let mut complete = true;
        let mut named: IndexMap<&str, Span> = IndexMap::new();
        for parent in &image.extends {
            if let Some(first) = named.get(parent.value.as_str()) {
                self.report(errors::extends_twice(parent, *first, &image.name));
                continue;
            }
            named.insert(&parent.value, parent.span);
            match self.names.get(&parent.value).map(|declared| declared.kind) {
                Some(Kind::Template(id)) => {
                    self.used.insert(&parent.value);
                    match templates.merged.get(&id) {
                        Some(parent) => merge(&mut merged, parent.clone()),
                        // In a circle or too deep, which is reported.
                        None => complete = false,
                    }
                }
                Some(Kind::Poisoned) => complete = false,
                None if !self.all_files_known => complete = false,
                found => {
                    complete = false;
                    let declared = found.and_then(|_| self.names.get(&parent.value));
                    let diagnostic = errors::not_a_template(parent, declared, self.names.of_kind("template"));
                    self.report(diagnostic);
                }
            }
        }
        merge(&mut merged, own);
        (merged, complete)
    }
}

/// Adds attributes that win over those that are there.
fn merge(merged: &mut Attributes, more: Attributes) {
    for (name, value) in more.values {
        let value = match merged.values.remove(name) {
            Some(inherited) if value.ty.is_map() => merge_maps(inherited, value),
            _ => value,
        };
        merged.values.add(name, value);
    }
    for (name, block) in more.blocks {
        match merged.blocks.get_mut(name) {
            Some(inherited) => merge(inherited, block),
            None => merged.blocks.add(name, block),
        }
    }
}

/// The entries of both.
fn merge_maps(first: Expr, second: Expr) -> Expr {
    let (ty, span) = (second.ty.clone(), second.span);
    let mut parts = parts_of(first);
    parts.extend(parts_of(second));
    Expr { kind: ExprKind::Inherited(parts), ty, span }
}

fn parts_of(expr: Expr) -> Vec<Arc<Expr>> {
    match expr.kind {
        ExprKind::Inherited(parts) => parts,
        _ => vec![Arc::new(expr)],
    }
}

/// Takes apart what is inherited, for an image. What comes from one template in several ways is there once, where it
/// comes last: what stands there twice gives nothing new, and else each generation could double it.
fn flatten(attributes: &mut Attributes) {
    for expr in attributes.values.values_mut() {
        if let ExprKind::Inherited(parts) = &mut expr.kind {
            *parts = written_parts(parts);
        }
    }
    attributes.blocks.values_mut().for_each(flatten);
}

/// The expressions that are written, in their order. The walk goes backwards.
fn written_parts(parts: &[Arc<Expr>]) -> Vec<Arc<Expr>> {
    let (mut written, mut seen) = (Vec::new(), HashSet::new());
    let mut pending: Vec<&Arc<Expr>> = parts.iter().collect();
    while let Some(part) = pending.pop() {
        if !seen.insert(Arc::as_ptr(part)) {
            continue;
        }
        match &part.kind {
            ExprKind::Inherited(inner) => pending.extend(inner),
            _ => written.push(Arc::clone(part)),
        }
    }
    written.reverse();
    written
}

/// Attributes that many images and templates can have without a copy for each.
fn shared(attributes: Attributes) -> Attributes {
    let share = |expr: Expr| {
        let (ty, span) = (expr.ty.clone(), expr.span);
        Expr { kind: ExprKind::Inherited(vec![Arc::new(expr)]), ty, span }
    };
    let mut shared = Attributes::new(attributes.schema());
    shared.values = attributes.values.map(share);
    shared.blocks = attributes.blocks.map(self::shared);
    shared
}
