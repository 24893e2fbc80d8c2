//! A checked file: names are resolved to indices, every expression has a type, nothing is evaluated yet.

use std::sync::Arc;

use indexmap::IndexMap;

use super::functions::Function;
use super::types::Type;
use crate::source::{Span, Spanned};
use crate::syntax::ast::{BinaryOperator, Name};

/// The items of a program whose checks found no error.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The text that spans point into, for messages that repeat an expression.
    pub(crate) source: Arc<str>,
    /// The order in which [`Program::values`] can be evaluated.
    pub(crate) order: Vec<ValueId>,
    pub(crate) values: Vec<Value>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) registries: Vec<Registry>,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) images: Vec<Image>,
    pub(crate) waves: Vec<Wave>,
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
pub(crate) struct ImageId(pub(crate) usize);

/// A `param` or a `let`.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) name: Name,
    pub(crate) ty: Type,
    /// `None` for a param without a default.
    pub(crate) expr: Option<Expr>,
    /// Set for a `param`.
    pub(crate) param: Option<ParamRules>,
}

/// What a param's value must fulfil besides its type.
#[derive(Debug, Clone, Default)]
pub(crate) struct ParamRules {
    pub(crate) oneof: Option<Expr>,
    pub(crate) matches: Option<Expr>,
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
}

#[derive(Debug, Clone)]
pub(crate) enum RegistryKind {
    Oci { host: Expr, username: Option<Expr>, password: Option<Expr>, insecure: Option<Expr> },
    Ecr { account: Expr, region: Expr, profile: Option<Expr>, endpoint: Option<Expr>, host: Option<Expr> },
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) item: Name,
    pub(crate) registry: Expr,
    pub(crate) name: Option<Expr>,
    pub(crate) create: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// Whether every attribute was read; otherwise that is reported.
    pub(crate) complete: bool,
    pub(crate) name: Name,
    pub(crate) context: Option<Expr>,
    pub(crate) dockerfile: Option<Expr>,
    pub(crate) target: Option<Expr>,
    pub(crate) args: Option<Expr>,
    pub(crate) labels: Option<Expr>,
    pub(crate) platforms: Option<Expr>,
    pub(crate) network: Option<Expr>,
    pub(crate) extra_hosts: Option<Expr>,
    pub(crate) pull: Option<Expr>,
    pub(crate) no_cache: Option<Expr>,
    pub(crate) timeout: Option<Expr>,
    pub(crate) tags: Option<Expr>,
    /// `None`: cached automatically.
    pub(crate) cache: Option<Cache>,
}

impl Image {
    /// An image whose attributes could not be checked.
    pub(crate) fn unchecked(name: Name) -> Self {
        Self {
            complete: false,
            name,
            context: None,
            dockerfile: None,
            target: None,
            args: None,
            labels: None,
            platforms: None,
            network: None,
            extra_hosts: None,
            pull: None,
            no_cache: None,
            timeout: None,
            tags: None,
            cache: None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cache {
    pub(crate) from: Option<Expr>,
    pub(crate) to: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Wave {
    pub(crate) name: Name,
    pub(crate) when: Option<Expr>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Build(Vec<Spanned<ImageId>>),
    Push(Vec<Spanned<ImageId>>),
    Run { arguments: Vec<Expr>, options: StepOptions },
    Sh { script: Expr, options: StepOptions },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct StepOptions {
    pub(crate) env: Option<Expr>,
    pub(crate) dir: Option<Expr>,
    pub(crate) timeout: Option<Expr>,
    pub(crate) retries: Option<Expr>,
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
    Image(ImageId),
    /// `image.ref`
    Ref(ImageId),
    /// `image.digest`
    Digest(ImageId),
    Call {
        function: Function,
        arguments: Vec<Expr>,
    },
    Tag {
        repository: Box<Expr>,
        tag: Box<Expr>,
    },
    /// A tag as a cache source, or `cache.registry(tag, mode = …)`.
    RegistryCache {
        tag: Box<Expr>,
        mode: Option<Box<Expr>>,
    },
    /// `cache.inline()`
    InlineCache,
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

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(String),
    Hole(Expr),
}

impl Expr {
    pub(crate) fn error(span: Span) -> Self {
        Self { kind: ExprKind::Error, ty: Type::Error, span }
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
            ExprKind::RegistryCache { tag, mode } => {
                std::iter::once(tag).chain(mode).map(|expr| &**expr).collect()
            }
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
            | ExprKind::Image(_)
            | ExprKind::Ref(_)
            | ExprKind::Digest(_)
            | ExprKind::InlineCache
            | ExprKind::Error => Vec::new(),
        }
    }
}

impl Program {
    /// An expression as written, if it is short enough to stand in a sentence.
    pub(crate) fn short(&self, span: Span) -> Option<&str> {
        let text = self.source.get(span.range())?;
        let fits = text.chars().count() <= super::LONGEST_SOURCE && !text.contains(['\n', '`']);
        fits.then_some(text)
    }
}
