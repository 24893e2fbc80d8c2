//! What each name of a program stands for.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::errors;
use super::program::{BuilderId, ImageId, RegistryId, RepositoryId, SecretId, ValueId};
use crate::diag::{Diagnostic, Searches};
use crate::include::ParsedFile;
use crate::source::Span;
use crate::syntax::ast::{self, ItemKind, Name};

/// A declared name. Waves have names of their own and are not here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Param(ValueId),
    Let(ValueId),
    Secret(SecretId),
    Registry(RegistryId),
    Repository(RepositoryId),
    Image(ImageId),
    Template(TemplateId),
    Builder(BuilderId),
    /// In an item with an error that was reported, or of two items.
    Poisoned,
}

impl Kind {
    /// The word for it in messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Kind::Param(_) => "param",
            Kind::Let(_) => "value",
            Kind::Secret(_) => "secret",
            Kind::Registry(_) => "registry",
            Kind::Repository(_) => "repository",
            Kind::Image(_) => "image",
            Kind::Template(_) => "template",
            Kind::Builder(_) => "builder",
            Kind::Poisoned => "item",
        }
    }
}

/// A template is merged into the images that extend it, so that the program has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TemplateId(pub(super) usize);

/// The declaration behind a [`ValueId`].
#[derive(Debug, Clone, Copy)]
pub(super) enum ValueItem<'a> {
    Param(&'a ast::Param),
    Let(&'a ast::Let),
}

impl<'a> ValueItem<'a> {
    pub(super) fn name(self) -> &'a Name {
        match self {
            ValueItem::Param(param) => &param.name,
            ValueItem::Let(item) => &item.name,
        }
    }
}

/// All names of a program, in the order of their declarations.
pub(super) struct Names<'a> {
    declared: IndexMap<&'a str, Declared>,
    by_kind: HashMap<Kind, &'a str>,
    /// By the word for their kind.
    by_noun: HashMap<&'static str, Vec<&'a str>>,
    values: Vec<ValueItem<'a>>,
    templates: Vec<&'a ast::Image>,
    pub(super) searches: Searches,
}

impl<'a> Names<'a> {
    /// Gives every item its id. Ids count the items of one kind in file order, repeated names included.
    pub(super) fn declare(files: &'a [ParsedFile], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut names = Names {
            declared: IndexMap::new(),
            by_kind: HashMap::new(),
            by_noun: HashMap::new(),
            values: Vec::new(),
            templates: Vec::new(),
            searches: Searches::default(),
        };
        let mut counts = Counts::default();
        for item in files.iter().flat_map(|file| &file.ast.items) {
            let (name, kind) = match &item.kind {
                ItemKind::Param(param) => {
                    names.values.push(ValueItem::Param(param));
                    (&param.name, Kind::Param(ValueId(names.values.len() - 1)))
                }
                ItemKind::Let(item) => {
                    names.values.push(ValueItem::Let(item));
                    (&item.name, Kind::Let(ValueId(names.values.len() - 1)))
                }
                ItemKind::Secret(secret) => (&secret.name, Kind::Secret(SecretId(next(&mut counts.secrets)))),
                ItemKind::Registry(block) => {
                    (&block.name, Kind::Registry(RegistryId(next(&mut counts.registries))))
                }
                ItemKind::Repository(block) => {
                    (&block.name, Kind::Repository(RepositoryId(next(&mut counts.repositories))))
                }
                ItemKind::Image(image) => (&image.name, Kind::Image(ImageId(next(&mut counts.images)))),
                ItemKind::Template(image) => {
                    names.templates.push(image);
                    (&image.name, Kind::Template(TemplateId(names.templates.len() - 1)))
                }
                ItemKind::Builder(block) => {
                    (&block.name, Kind::Builder(BuilderId(next(&mut counts.builders))))
                }
                ItemKind::Poisoned(name) => (name, Kind::Poisoned),
                ItemKind::Wave(_) | ItemKind::Include(_) => continue,
            };
            names.insert(name, kind, diagnostics);
        }
        for (name, declared) in &names.declared {
            names.by_noun.entry(declared.kind.noun()).or_default().push(name);
        }
        names
    }

    fn insert(&mut self, name: &'a Name, kind: Kind, diagnostics: &mut Vec<Diagnostic>) {
        match self.declared.get_mut(name.value.as_str()) {
            Some(first) => {
                diagnostics.push(errors::declared_twice(name, first.span));
                // Which of the two a use means is not known, so nothing more is said about either.
                first.kind = Kind::Poisoned;
            }
            None => {
                self.by_kind.insert(kind, &name.value);
                self.declared.insert(&name.value, Declared { kind, span: name.span });
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Declared> {
        self.declared.get(name).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, Declared)> {
        self.declared.iter().map(|(name, declared)| (*name, *declared))
    }

    /// Those that a message may suggest.
    pub(super) fn to_suggest(&self) -> impl Iterator<Item = (&'a str, Declared)> {
        self.iter().take(self.searches.limit())
    }

    /// The item of a kind that was made with a declared name.
    pub(super) fn item(&self, kind: Kind) -> (&'a str, Declared) {
        let found = self.by_kind.get(&kind).and_then(|name| Some((*name, self.get(name)?)));
        found.expect("expressions refer only to declared items")
    }

    /// The names of one kind, for "a similar name exists"; `noun` is [`Kind::noun`].
    pub(super) fn of_kind(&self, noun: &str) -> &[&'a str] {
        self.by_noun.get(noun).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = ValueItem<'a>> {
        self.values.iter().copied()
    }

    pub(super) fn value(&self, id: ValueId) -> ValueItem<'a> {
        *self.values.get(id.0).expect("value ids are made with their items")
    }

    /// The templates that can be meant by their names.
    pub(super) fn templates(&self) -> Vec<TemplateId> {
        let ids = self.declared.values().filter_map(|declared| match declared.kind {
            Kind::Template(id) => Some(id),
            _ => None,
        });
        ids.collect()
    }

    pub(super) fn template(&self, id: TemplateId) -> &'a ast::Image {
        self.templates.get(id.0).expect("template ids are made with their items")
    }
}

#[derive(Default)]
struct Counts {
    secrets: usize,
    registries: usize,
    repositories: usize,
    images: usize,
    builders: usize,
}

/// The count before it is raised.
fn next(count: &mut usize) -> usize {
    let id = *count;
    *count += 1;
    id
}
