//! The attributes of one item or block, checked against the [`super::schema`].

use indexmap::IndexMap;

use super::exprs::Slot;
use super::program::Expr;
use super::schema::{Attribute, Form};
use super::types::Type;
use super::{Checker, errors};
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
}

/// Checked attributes by name. Those that are missing although required were reported.
pub(super) struct Attributes {
    values: IndexMap<&'static str, Expr>,
    blocks: IndexMap<&'static str, Attributes>,
    span: Span,
}

impl Attributes {
    pub(super) fn take(&mut self, name: &str) -> Option<Expr> {
        self.values.shift_remove(name)
    }

    /// A required attribute; an error expression where it is missing.
    pub(super) fn require(&mut self, name: &str) -> Expr {
        self.take(name).unwrap_or(Expr::error(self.span))
    }

    pub(super) fn take_block(&mut self, name: &str) -> Option<Attributes> {
        self.blocks.shift_remove(name)
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
}

/// The conversions that the value of an attribute gets.
fn slot(owner: Owner<'_>, attribute: &str) -> Slot {
    match (owner.kind, attribute) {
        ("image", "args") => Slot::BuildArguments,
        ("image", "labels") => Slot::Stored,
        ("cache", "from") => Slot::CacheSource,
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
        let mut found = Attributes { values: IndexMap::new(), blocks: IndexMap::new(), span: owner.span };
        let mut seen: IndexMap<&'a str, Span> = IndexMap::new();
        for entry in entries {
            let name = entry.name();
            if let Some(first) = seen.get(name.value.as_str()) {
                self.report(errors::set_twice(name, *first, owner));
                continue;
            }
            seen.insert(&name.value, name.span);
            let Some(attribute) = schema.iter().find(|attribute| attribute.name == name.value) else {
                self.report(errors::unknown_attribute(name, owner.kind, schema));
                continue;
            };
            self.attribute(owner, attribute, entry, &mut found);
        }
        for attribute in schema {
            if matches!(attribute.form, Form::Required(_)) && !seen.contains_key(attribute.name) {
                let registries = self.names.of_kind(|kind| matches!(kind, super::names::Kind::Registry(_)));
                self.report(errors::missing_attribute(attribute.name, owner, &registries));
            }
        }
        found
    }

    fn attribute(
        &mut self,
        owner: Owner<'_>,
        attribute: &'static Attribute,
        entry: EntryRef<'a>,
        found: &mut Attributes,
    ) {
        match (&attribute.form, entry) {
            (Form::Later, _) => {
                let what = format!("`{}` of `{}`", attribute.name, owner.kind);
                self.report(errors::not_yet(&what, entry.name().span));
            }
            (Form::Required(ty), EntryRef::Attribute(entry)) => {
                let value = self.expr(&entry.value, &ty(), slot(owner, attribute.name));
                found.values.insert(attribute.name, value);
            }
            (Form::Optional(ty), EntryRef::Attribute(entry)) => {
                let expected = Type::optional(ty());
                let value = self.expr(&entry.value, &expected, slot(owner, attribute.name));
                found.values.insert(attribute.name, value);
            }
            (Form::Block(schema), EntryRef::Block(block)) => {
                let owner = Owner { kind: attribute.name, name: attribute.name, span: block.name.span };
                let entries = block.entries.iter().map(EntryRef::from);
                let attributes = self.attributes(owner, entries, schema);
                found.blocks.insert(attribute.name, attributes);
            }
            (Form::Block(_), EntryRef::Attribute(entry)) => self.report(errors::block_not_value(&entry.name)),
            (Form::Required(_) | Form::Optional(_), EntryRef::Block(block)) => {
                self.report(errors::value_not_block(&block.name));
            }
        }
    }
}
