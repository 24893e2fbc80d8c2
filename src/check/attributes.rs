//! The attributes of one item or block, checked against the [`super::schema`].

use std::collections::{HashMap, HashSet};

use super::exprs::{Deferred, Place, Slot, Subject};
use super::program::{Attributes, CacheMethod, Expr, ExprKind, Named};
use super::schema::{Attribute, Form};
use super::types::Type;
use super::{Checker, errors, order};
use crate::source::Span;
use crate::syntax::ast;

/// What a message calls the item that attributes belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    /// `image`, `cache`
    pub(super) kind: &'a str,
    /// Its name in the file; for a block without a name the word itself.
    pub(super) name: &'a str,
    pub(super) span: Span,
    /// A template: what is required may come from elsewhere.
    pub(super) is_partial: bool,
}

impl<'a> Owner<'a> {
    pub(super) fn item(kind: &'a str, name: &'a ast::Name) -> Self {
        Self { kind, name: &name.value, span: name.span, is_partial: false }
    }
}

/// An attribute or block of a body, whichever kind of body it stands in.
#[derive(Clone, Copy)]
pub(super) enum EntryRef<'a> {
    Attribute(&'a ast::Attribute),
    Block(&'a ast::Block),
}

impl<'a> From<&'a ast::Entry> for EntryRef<'a> {
    fn from(entry: &'a ast::Entry) -> Self {
        match entry {
            ast::Entry::Attribute(attribute) => EntryRef::Attribute(attribute),
            ast::Entry::Block(block) => EntryRef::Block(block),
        }
    }
}

impl<'a> From<&'a ast::Attribute> for EntryRef<'a> {
    fn from(attribute: &'a ast::Attribute) -> Self {
        EntryRef::Attribute(attribute)
    }
}

impl<'a> EntryRef<'a> {
    fn name(self) -> &'a ast::Name {
        match self {
            EntryRef::Attribute(attribute) => &attribute.name,
            EntryRef::Block(block) => &block.name,
        }
    }

    fn exprs(self) -> Vec<&'a ast::Expr> {
        match self {
            EntryRef::Attribute(attribute) => vec![&attribute.value],
            EntryRef::Block(block) => order::exprs_of_entries(&block.entries),
        }
    }
}

/// The conversions that the value of an attribute gets.
fn slot(owner: Owner<'_>, attribute: &str) -> Slot {
    match (owner.kind, attribute) {
        ("image", "args") => Slot::BuildArguments,
        ("image", "ulimits") => Slot::Limits,
        ("image", "dockerfile_inline") => Slot::Dockerfile,
        ("image", "context") => Slot::Context,
        ("image", "contexts") => Slot::NamedContext,
        ("image", "labels") => Slot::Stored,
        ("image", "annotations") => Slot::Annotations,
        ("cache", "from") => Slot::CacheSource,
        ("run" | "sh" | "stage", "env") => Slot::CommandEnvironment,
        _ => Slot::Plain,
    }
}

impl<'a> Checker<'a> {
    pub(super) fn attributes(
        &mut self,
        owner: Owner<'_>,
        entries: impl IntoIterator<Item = EntryRef<'a>>,
        schema: &'static [Attribute],
    ) -> Attributes {
        let mut found = Attributes::new(schema);
        let mut seen: Named<Span> = Named::default();
        let mut unknown: HashMap<&'a str, Span> = HashMap::new();
        let entries: Vec<_> = entries.into_iter().collect();
        let mut written: HashSet<String> = entries.iter().map(|entry| entry.name().value.clone()).collect();
        for entry in entries {
            let name = entry.name();
            let attribute = schema.iter().find(|attribute| attribute.name == name.value);
            let first = match attribute {
                Some(attribute) => seen.get(attribute.name),
                None => unknown.get(name.value.as_str()),
            };
            if let Some(first) = first {
                self.report(errors::set_twice(name, *first, owner));
                self.use_names(entry.exprs());
                continue;
            }
            let Some(attribute) = attribute else {
                unknown.insert(&name.value, name.span);
                let mut diagnostic = errors::unknown_attribute(name, owner.kind, schema);
                // A second value for an attribute would be another mistake.
                diagnostic.edits.retain(|edit| written.insert(edit.replacement.clone()));
                self.report(diagnostic);
                self.use_names(entry.exprs());
                continue;
            };
            seen.add(attribute.name, name.span);
            self.attribute(owner, attribute, entry, &mut found);
        }
        for attribute in schema {
            if matches!(attribute.form, Form::Required(_))
                && !owner.is_partial
                && !seen.contains(attribute.name)
            {
                let registries = self.names.of_kind("registry");
                let diagnostic = errors::missing_attribute(attribute.name, owner, registries);
                self.report(diagnostic);
            }
        }
        found
    }

    /// The value of an attribute: evaluated before the run, except for the environment of a command.
    fn value_of(&mut self, owner: Owner<'_>, entry: &'a ast::Attribute, expected: &Type) -> Expr {
        let name = &entry.name;
        let place = Place::new(slot(owner, &name.value), Subject::Attribute(name));
        let is_command = matches!(owner.kind, "run" | "sh" | "stage");
        let here = if is_command && name.value == "env" {
            Deferred::Allowed
        } else {
            Deferred::Forbidden(Some(name.span))
        };
        let deferred = std::mem::replace(&mut self.deferred, here);
        let value = self.expr(&entry.value, expected, place);
        self.deferred = deferred;
        if let Slot::CacheSource = place.slot {
            self.check_sources(&value);
        }
        value
    }

    /// An inline cache is written into an image and read from its tag.
    fn check_sources(&mut self, sources: &Expr) {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        // With the name of the `let` that they are in.
        let mut pending = vec![(sources, None)];
        while let Some((source, named)) = pending.pop() {
            match &source.kind {
                ExprKind::Cache { method: CacheMethod::Inline, .. } => {
                    found.push(named.unwrap_or(source.span))
                }
                ExprKind::Value(id) if seen.insert(*id) => {
                    let value = self.values.get(id.0).and_then(Option::as_ref);
                    let expr = value.and_then(|(_, expr)| expr.as_ref());
                    pending.extend(expr.map(|expr| (expr, named.or(Some(source.span)))));
                }
                _ => pending.extend(source.children().into_iter().map(|one| (one, named))),
            }
        }
        for at in found {
            self.report(errors::inline_source(at));
        }
    }

    fn attribute(
        &mut self,
        owner: Owner<'_>,
        attribute: &'static Attribute,
        entry: EntryRef<'a>,
        found: &mut Attributes,
    ) {
        match (&attribute.form, entry) {
            (Form::Required(ty), EntryRef::Attribute(entry)) => {
                let value = self.value_of(owner, entry, &ty());
                found.values.add(attribute.name, value);
            }
            (Form::Optional(ty), EntryRef::Attribute(entry)) => {
                let value = self.value_of(owner, entry, &Type::optional(ty()));
                found.values.add(attribute.name, value);
            }
            (Form::Block(schema), EntryRef::Block(block)) => {
                let owner = Owner {
                    kind: attribute.name,
                    name: attribute.name,
                    span: block.name.span,
                    is_partial: owner.is_partial,
                };
                let entries = block.entries.iter().map(EntryRef::from);
                let attributes = self.attributes(owner, entries, schema);
                found.blocks.add(attribute.name, attributes);
            }
            (Form::Block(_), EntryRef::Attribute(attribute)) => {
                self.report(errors::block_not_value(&attribute.name));
                self.use_names(entry.exprs());
            }
            (Form::Required(_) | Form::Optional(_), EntryRef::Block(block)) => {
                self.report(errors::value_not_block(&block.name));
                self.use_names(entry.exprs());
            }
        }
    }
}
