//! A checked program: names are resolved to indices, every expression has a type, nothing is evaluated yet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::functions::Callee;
use super::schema::Attribute;
use super::types::Type;
use crate::environment::GitFact;
use crate::language;
use crate::source::{FileId, Span, Spanned};
use crate::syntax::allow::Allows;
use crate::syntax::ast::{BinaryOperator, Name};

/// The items of a program whose checks found no error.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The files that spans point into, for messages that repeat an expression and for relative paths.
    pub(crate) files: HashMap<FileId, ProgramFile>,
    /// The file that is run; the others are included.
    pub(crate) entry: Option<FileId>,
    /// The order in which [`Program::values`] can be evaluated.
    pub(crate) order: Vec<ValueId>,
    pub(crate) values: Vec<Value>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) registries: Vec<Registry>,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) builders: Vec<Builder>,
    pub(crate) images: Vec<Image>,
    pub(crate) waves: Vec<Wave>,
    /// The warnings that comments allow.
    pub(crate) allows: Allows,
    /// How many [`LocalId`]s there are.
    pub(crate) locals: usize,
}

/// A file of the program.
#[derive(Debug, Clone)]
pub(crate) struct ProgramFile {
    pub(crate) text: Arc<str>,
    /// Where the relative paths that are written in it start.
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId(pub(crate) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SecretId(pub(crate) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RegistryId(pub(crate) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RepositoryId(pub(crate) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BuilderId(pub(crate) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ImageId(pub(crate) usize);
/// An index into the stages of one wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StageId(pub(crate) usize);
/// The name that a `for` binds; one of the whole program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LocalId(pub(crate) usize);

/// A `param` or a `let`.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) name: Name,
    pub(crate) ty: Type,
    /// `None` for a param without a default.
    pub(crate) expr: Option<Expr>,
    /// Set for a `param`: `description`, `oneof`, `matches`.
    pub(crate) param: Option<Attributes>,
}

#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) name: Name,
    pub(crate) source: SecretSource,
}

#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    Env(Expr),
    File(Expr),
}

#[derive(Debug, Clone)]
pub(crate) struct Registry {
    pub(crate) name: Name,
    pub(crate) kind: RegistryKind,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegistryKind {
    Oci,
    Ecr,
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) item: Name,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone)]
pub(crate) struct Builder {
    pub(crate) name: Name,
    pub(crate) kind: BuilderKind,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuilderKind {
    Docker,
    Buildkit,
}

/// One image, or a family of them if it has binders.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// Whether every attribute was read; otherwise that is reported.
    pub(crate) complete: bool,
    pub(crate) name: Name,
    pub(crate) binders: Vec<Binder>,
    /// With those of the templates that it extends.
    pub(crate) attributes: Attributes,
}

/// `x in list` of a `for`
#[derive(Debug, Clone)]
pub(crate) struct Binder {
    pub(crate) local: LocalId,
    pub(crate) name: Name,
    pub(crate) list: Expr,
}

#[derive(Debug, Clone)]
pub(crate) struct Wave {
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    pub(crate) body: WaveBody,
}

/// What a wave does: steps in order, or stages.
#[derive(Debug, Clone)]
pub(crate) enum WaveBody {
    Steps(Vec<Step>),
    Stages { pre: Vec<Step>, stages: Vec<Stage>, post: Vec<Step> },
}

#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) name: Name,
    pub(crate) binders: Vec<Binder>,
    pub(crate) after: Vec<Spanned<StageId>>,
    pub(crate) attributes: Attributes,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
}

#[derive(Debug, Clone)]
pub(crate) enum StepKind {
    Build(Vec<ImageRef>),
    Push(Vec<ImageRef>),
    Promote { image: ImageRef, to: Vec<Expr> },
    Run { arguments: Vec<Expr>, options: Attributes },
    Sh { script: Expr, options: Attributes },
    Approve(Expr),
}

/// An image: one by its name, a whole family by its name, or one of a family by name and keys.
#[derive(Debug, Clone)]
pub(crate) struct ImageRef {
    pub(crate) image: ImageId,
    /// One for each binder of the family, or none.
    pub(crate) keys: Vec<Expr>,
    pub(crate) span: Span,
}

/// A few things by the names that a schema gives them, in the order in which they came. There is no table behind it:
/// to look at each of them is faster than to hash a name.
#[derive(Debug, Clone)]
pub(crate) struct Named<T>(Vec<(&'static str, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Adds a thing whose name is not there yet.
    pub(crate) fn add(&mut self, name: &'static str, value: T) {
        debug_assert!(!self.contains(name), "`{name}` is there twice");
        self.0.push((name, value));
    }

    /// Takes a thing out; the others keep their order.
    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Everything, changed one by one under the same names.
    pub(crate) fn map(self, change: impl Fn(T) -> T) -> Self {
        Self(self.0.into_iter().map(|(name, value)| (name, change(value))).collect())
    }
}

impl<T> IntoIterator for Named<T> {
    type Item = (&'static str, T);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Checked attributes by name. Those that are missing although required were reported.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    schema: &'static [Attribute],
    pub(crate) values: Named<Expr>,
    pub(crate) blocks: Named<Attributes>,
}

impl Attributes {
    pub(crate) fn new(schema: &'static [Attribute]) -> Self {
        Self { schema, values: Named::default(), blocks: Named::default() }
    }

    pub(super) fn schema(&self) -> &'static [Attribute] {
        self.schema
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Expr> {
        debug_assert!(
            self.schema.is_empty() || self.schema.iter().any(|attribute| attribute.name == name),
            "`{name}` is not in the schema"
        );
        self.values.get(name)
    }

    pub(crate) fn block(&self, name: &str) -> Option<&Attributes> {
        self.blocks.get(name)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) ty: Type,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    String(Vec<Part>),
    Int(i64),
    Bool(bool),
    Duration(std::time::Duration),
    Size(u64),
    List(Vec<Expr>),
    Map(IndexMap<String, Expr>),
    Value(ValueId),
    Secret(SecretId),
    Registry(RegistryId),
    Repository(RepositoryId),
    Builder(BuilderId),
    /// The name that a `for` binds.
    Local(LocalId),
    /// An image, a family or one of a family.
    Image(ImageRef),
    /// `image.ref`, `image.digest`
    Deferred {
        image: ImageRef,
        field: DeferredField,
    },
    /// `git.commit`
    Git(GitFact),
    /// `base[index]` of a list or a map
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// `[value for binder in list if condition]`
    Comprehension {
        value: Box<Expr>,
        binder: Box<Binder>,
        condition: Option<Box<Expr>>,
    },
    /// The value of an attribute from templates, and the image's own one: maps of which a later one wins, of other
    /// types one. Shared, because many images can extend one template; never empty.
    Inherited(Vec<Arc<Expr>>),
    Call {
        function: Callee,
        arguments: Vec<Expr>,
    },
    Tag {
        repository: Box<Expr>,
        tag: Box<Expr>,
    },
    /// A tag as a cache source, or a call of `cache.…`; arguments by name, the first one of `cache.registry` is `tag`.
    Cache {
        method: CacheMethod,
        arguments: Named<Expr>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Not(Box<Expr>),
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// An int or bool as text.
    Text(Box<Expr>),
    /// Already reported.
    Error,
}

/// What is known of an image after its push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeferredField {
    Ref,
    Digest,
}

impl DeferredField {
    pub(crate) fn word(self) -> &'static str {
        match self {
            DeferredField::Ref => "ref",
            DeferredField::Digest => "digest",
        }
    }
}

/// Where a build cache is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheMethod {
    Registry,
    Inline,
    Local,
    Gha,
    S3,
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(String),
    Hole(Expr),
}

impl Expr {
    pub(crate) fn error(span: Span) -> Self {
        Self { kind: ExprKind::Error, ty: Type::Error, span }
    }

    /// What is written for an attribute: the maps of templates and the own one, or one value.
    pub(crate) fn written(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Inherited(parts) => parts.iter().map(|part| &**part).collect(),
            _ => vec![self],
        }
    }

    /// Where a text stands in a list that is written out; the last one if it stands there twice.
    pub(crate) fn item_written(&self, is_it: impl Fn(&str) -> bool) -> Option<Span> {
        let written = self.written();
        let ExprKind::List(items) = &written.last()?.kind else { return None };
        let item = items.iter().rev().find(|item| super::literal_text(item).is_some_and(&is_it));
        item.map(|item| item.span)
    }

    /// A value of the embedding program, as if it were written at that place.
    pub(super) fn of_host(ty: &language::Type, value: &language::Value, span: Span) -> Self {
        let inner = match ty {
            language::Type::List(inner) | language::Type::Map(inner) => inner,
            other => other,
        };
        let inner = |value| Self::of_host(inner, value, span);
        let kind = match value {
            language::Value::String(text) => ExprKind::String(vec![Part::Text(text.clone())]),
            language::Value::Int(number) => ExprKind::Int(*number),
            language::Value::Bool(value) => ExprKind::Bool(*value),
            language::Value::List(items) => ExprKind::List(items.iter().map(inner).collect()),
            language::Value::Map(entries) => {
                ExprKind::Map(entries.iter().map(|(key, value)| (key.clone(), inner(value))).collect())
            }
        };
        Self { kind, ty: Type::of_host(ty), span }
    }

    /// The expressions directly inside this one.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::String(parts) => {
                let holes = parts.iter().filter_map(|part| match part {
                    Part::Hole(expr) => Some(expr),
                    Part::Text(_) => None,
                });
                holes.collect()
            }
            ExprKind::List(items) | ExprKind::Call { arguments: items, .. } => items.iter().collect(),
            ExprKind::Map(entries) => entries.values().collect(),
            ExprKind::Tag { repository, tag } => vec![repository, tag],
            ExprKind::Cache { arguments, .. } => arguments.values().collect(),
            ExprKind::Image(image) | ExprKind::Deferred { image, .. } => image.keys.iter().collect(),
            ExprKind::Index { base, index } => vec![base, index],
            ExprKind::Comprehension { value, binder, condition } => {
                [&binder.list, &**value].into_iter().chain(condition.as_deref()).collect()
            }
            ExprKind::Inherited(parts) => parts.iter().map(|part| &**part).collect(),
            ExprKind::If { condition, then, otherwise } => vec![condition, then, otherwise],
            ExprKind::Not(inner) | ExprKind::Text(inner) => vec![inner],
            ExprKind::Binary { left, right, .. } => vec![left, right],
            ExprKind::Int(_)
            | ExprKind::Bool(_)
            | ExprKind::Duration(_)
            | ExprKind::Size(_)
            | ExprKind::Value(_)
            | ExprKind::Secret(_)
            | ExprKind::Registry(_)
            | ExprKind::Repository(_)
            | ExprKind::Builder(_)
            | ExprKind::Local(_)
            | ExprKind::Git(_)
            | ExprKind::Error => Vec::new(),
        }
    }
}

impl Program {
    /// What is written at a place.
    pub(crate) fn text(&self, span: Span) -> Option<&str> {
        self.files.get(&span.file)?.text.get(span.range())
    }

    /// An expression as written, if it is short enough to stand in a sentence.
    pub(crate) fn short(&self, span: Span) -> Option<&str> {
        let text = self.text(span)?;
        let fits = text.chars().count() <= super::LONGEST_SOURCE && !text.contains(['\n', '`']);
        fits.then_some(text)
    }

    /// The folder that a relative path starts from: that of the file in which it is written.
    pub(crate) fn folder(&self, written: Span) -> &Path {
        self.files.get(&written.file).map_or(Path::new(""), |file| &file.folder)
    }
}
