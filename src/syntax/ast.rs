//! A `.cachefile` as it is written. Nothing is resolved or checked here beyond the grammar.
//!
//! The tree is owned, borrows nothing and knows nothing of the parser. [`ExprKind::Error`] and
//! [`ItemKind::Poisoned`] stand where a diagnostic has already been reported; later passes stay silent about them.

use std::fmt;
use std::time::Duration;

use crate::source::{Span, Spanned};

/// An identifier and where it stands.
pub type Name = Spanned<String>;

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// `cachelang 1`
    pub version: Option<Spanned<u64>>,
    pub items: Vec<Item>,
    /// Every comment, in file order.
    pub comments: Vec<Comment>,
}

/// From a `#` to the end of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    pub span: Span,
    /// Nothing but blanks stands before it on its line.
    pub alone: bool,
}

/// A top-level declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The `## …` lines directly above, joined with newlines.
    pub description: Option<String>,
    pub kind: ItemKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    Param(Param),
    Let(Let),
    Secret(Secret),
    Registry(Block),
    Repository(Block),
    Builder(Block),
    Template(Image),
    Image(Image),
    Wave(Wave),
    /// `include "path"`
    Include(Expr),
    /// An item with a syntax error whose keyword and name could still be read.
    Poisoned(Name),
}

impl ItemKind {
    /// The name that values call it by; waves have names of their own.
    pub fn name(&self) -> Option<&Name> {
        match self {
            ItemKind::Param(param) => Some(&param.name),
            ItemKind::Let(item) => Some(&item.name),
            ItemKind::Secret(secret) => Some(&secret.name),
            ItemKind::Registry(block) | ItemKind::Repository(block) | ItemKind::Builder(block) => {
                Some(&block.name)
            }
            ItemKind::Template(image) | ItemKind::Image(image) => Some(&image.name),
            ItemKind::Poisoned(name) => Some(name),
            ItemKind::Wave(_) | ItemKind::Include(_) => None,
        }
    }
}

/// `param NAME: TYPE = default { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    pub name: Name,
    pub ty: Spanned<TypeName>,
    pub default: Option<Expr>,
    pub attributes: Vec<Attribute>,
}

/// A type as it is written after `param NAME:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeName {
    String,
    Int,
    Bool,
    Duration,
    ListOfString,
    /// Anything else, as written: the checker says what types there are.
    Unknown(String),
}

/// `let NAME = expr`
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    pub name: Name,
    pub value: Expr,
}

/// `secret NAME = env("X")`
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    pub name: Name,
    pub source: Expr,
}

/// `registry NAME { … }`, `repository NAME { … }`, `builder NAME { … }`, and blocks inside items (`cache { … }`).
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub name: Name,
    pub entries: Vec<Entry>,
    pub span: Span,
}

/// What stands between the braces of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    Attribute(Attribute),
    Block(Block),
}

/// `NAME = value`
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    pub name: Name,
    pub value: Expr,
}

/// `image NAME [extends a, b] [for x in list] { … }`, and templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub name: Name,
    pub extends: Vec<Name>,
    pub binders: Vec<Binder>,
    pub entries: Vec<Entry>,
}

/// `x in list` of a `for`
#[derive(Debug, Clone, PartialEq)]
pub struct Binder {
    pub name: Name,
    pub list: Expr,
}

/// `wave NAME { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Wave {
    pub name: Name,
    pub entries: Vec<WaveEntry>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum WaveEntry {
    Attribute(Attribute),
    Step(Step),
    Pre(Steps),
    Stage(Stage),
    Post(Steps),
}

/// `pre { … }` and `post { … }`; `keyword` is where the word stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    pub keyword: Span,
    pub steps: Vec<Step>,
}

/// `stage NAME [for x in list] [after a, b] { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub name: Name,
    pub binders: Vec<Binder>,
    pub after: Vec<Name>,
    pub entries: Vec<StageEntry>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StageEntry {
    Attribute(Attribute),
    Step(Step),
}

/// One step; `keyword` is where the word `push`, `run`, … stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub keyword: Span,
    pub kind: StepKind,
    /// `{ timeout = 5m }` behind `run` and `sh`.
    pub options: Vec<Attribute>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `build a, b`
    Build(Vec<Expr>),
    /// `push a, b`
    Push(Vec<Expr>),
    /// `promote image to tag, tag`
    Promote { image: Expr, to: Vec<Expr> },
    /// `run "program" argument …`; never empty
    Run(Vec<Expr>),
    /// `sh "script"`
    Sh(Expr),
    /// `approve "question"`
    Approve(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

impl Expr {
    /// The text of a string without holes.
    pub fn literal(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::String(parts) => match parts.as_slice() {
                [] => Some(""),
                [StringPart::Text(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    String(Vec<StringPart>),
    Int(i64),
    Bool(bool),
    Duration(Duration),
    /// A number of bytes.
    Size(u64),
    List(Vec<Expr>),
    Map(Vec<MapEntry>),
    /// `[value for binder in list if condition]`
    Comprehension {
        value: Box<Expr>,
        binder: Box<Binder>,
        condition: Option<Box<Expr>>,
    },
    Name(String),
    /// `base.name`
    Field {
        base: Box<Expr>,
        field: Name,
    },
    /// `base[index]`
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// `callee(arguments)`; the callee is a name or a field
    Call {
        callee: Box<Expr>,
        arguments: Vec<Argument>,
    },
    /// `repository:tag`
    Tag {
        repository: Box<Expr>,
        tag: Box<Expr>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Not(Box<Expr>),
    Binary {
        operator: Spanned<BinaryOperator>,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// An expression that was already reported.
    Error,
}

/// A piece of a string: its text after escapes, or a `${…}` hole.
#[derive(Debug, Clone, PartialEq)]
pub enum StringPart {
    Text(String),
    Hole(Expr),
}

/// `key = value` of a map; keys are words or strings.
#[derive(Debug, Clone, PartialEq)]
pub struct MapEntry {
    pub key: Name,
    pub value: Expr,
}

/// An argument of a call, named or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    pub name: Option<Name>,
    pub value: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `??`
    Default,
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `+`
    Concat,
}

impl fmt::Display for BinaryOperator {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BinaryOperator::Default => "??",
            BinaryOperator::Or => "||",
            BinaryOperator::And => "&&",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Concat => "+",
        })
    }
}
