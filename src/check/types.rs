//! The types of the language.

use std::fmt;
use std::sync::Arc;

use crate::language;

/// How many lists and maps a value may have inside each other; a text has as many brackets.
///
/// Lets can nest a value deeper than any text: what goes through types and values would go as deep.
pub(super) const MAX_DEPTH: usize = 64;

/// The type of an expression or of a place that takes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    String,
    Int,
    Bool,
    Duration,
    Size,
    List(Arc<Type>),
    Map(Arc<Type>),
    /// `T?`: may be unset.
    Optional(Arc<Type>),
    Secret,
    Registry,
    Repository,
    Tag,
    Cache,
    Image,
    /// An image with `for`, which is several.
    Family,
    Builder,
    /// What an image is built from: a path, an image, or a repository. Only places have this type.
    Context,
    /// Only places have this type; the values are strings.
    Path,
    /// The element type of `[]`: fits every list.
    Nothing,
    /// Already reported; fits everything.
    Error,
}

impl Type {
    /// The type of a function or a value of an embedding program.
    pub(crate) fn of_host(ty: &language::Type) -> Type {
        match ty {
            language::Type::String => Type::String,
            language::Type::Int => Type::Int,
            language::Type::Bool => Type::Bool,
            language::Type::List(item) => Type::list(Self::of_host(item)),
            language::Type::Map(value) => Type::map(Self::of_host(value)),
        }
    }

    pub(crate) fn list(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    pub(crate) fn map(value: Type) -> Type {
        Type::Map(Arc::new(value))
    }

    pub(crate) fn optional(self) -> Type {
        match self {
            Type::Optional(_) | Type::Error => self,
            other => Type::Optional(Arc::new(other)),
        }
    }

    /// Whether its values hold other values.
    pub(crate) fn is_collection(&self) -> bool {
        matches!(self.required(), Self::List(_) | Self::Map(_))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.required(), Self::Map(_))
    }

    /// How many lists and maps are inside each other, and what the innermost one holds.
    fn depth(&self) -> (usize, &Type) {
        let (mut depth, mut innermost) = (0, self.required());
        while let Type::List(inner) | Type::Map(inner) = innermost {
            depth += 1;
            innermost = inner.required();
        }
        (depth, innermost)
    }

    pub(super) fn is_too_deep(&self) -> bool {
        self.depth().0 > MAX_DEPTH
    }

    /// Whether the innermost values were reported.
    pub(super) fn has_error(&self) -> bool {
        *self.depth().1 == Type::Error
    }

    /// Whether a value of it is a secret or holds one.
    pub(crate) fn has_secret(&self) -> bool {
        match self {
            Type::Secret => true,
            Type::List(inner) | Type::Map(inner) | Type::Optional(inner) => inner.has_secret(),
            _ => false,
        }
    }

    /// The type without `?`.
    pub(crate) fn required(&self) -> &Type {
        match self {
            Type::Optional(inner) => inner,
            other => other,
        }
    }

    /// The type that holds the values of both, if there is one.
    pub(crate) fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Type::Nothing, other) | (other, Type::Nothing) => Some(other.clone()),
            (Type::Error, other) | (other, Type::Error) => Some(other.clone()),
            (Type::Optional(one), other) | (other, Type::Optional(one)) => {
                one.join(other.required()).map(Type::optional)
            }
            (Type::List(one), Type::List(other)) => one.join(other).map(Type::list),
            (Type::Map(one), Type::Map(other)) => one.join(other).map(Type::map),
            (one, other) => (one == other).then(|| one.clone()),
        }
    }

    /// Whether `==` means something for values of this type.
    pub(crate) fn can_be_compared(&self) -> bool {
        match self {
            Type::String | Type::Int | Type::Bool | Type::Duration | Type::Size => true,
            Type::Nothing | Type::Error => true,
            Type::Optional(inner) | Type::List(inner) | Type::Map(inner) => inner.can_be_compared(),
            Type::Secret
            | Type::Registry
            | Type::Repository
            | Type::Tag
            | Type::Cache
            | Type::Image
            | Type::Family
            | Type::Builder
            | Type::Context
            | Type::Path => false,
        }
    }

    /// Whether a value of this type can stand where `expected` is wanted, without any conversion.
    pub(crate) fn fits(&self, expected: &Type) -> bool {
        match (self, expected) {
            (Type::Error | Type::Nothing, _) | (_, Type::Error) => true,
            (Type::Optional(have), Type::Optional(want)) => have.fits(want),
            (have, Type::Optional(want)) => have.fits(want),
            // The values of `contexts`.
            (Type::Map(have), Type::Map(want)) if (&**have, &**want) == (&Type::Image, &Type::Context) => {
                true
            }
            (Type::List(have), Type::List(want)) | (Type::Map(have), Type::Map(want)) => have.fits(want),
            (Type::String, Type::Path | Type::Context) => true,
            (have, want) => have == want,
        }
    }
}

impl fmt::Display for Type {
    /// As users write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("string"),
            Type::Int => f.write_str("int"),
            Type::Bool => f.write_str("bool"),
            Type::Duration => f.write_str("duration"),
            Type::Size => f.write_str("size"),
            Type::List(item) => write!(f, "list<{item}>"),
            Type::Map(value) => write!(f, "map<{value}>"),
            Type::Optional(inner) => write!(f, "{inner}?"),
            Type::Secret => f.write_str("secret"),
            Type::Registry => f.write_str("registry"),
            Type::Repository => f.write_str("repository"),
            Type::Tag => f.write_str("tag"),
            Type::Cache => f.write_str("cache"),
            Type::Image => f.write_str("image"),
            Type::Family => f.write_str("family<image>"),
            Type::Builder => f.write_str("builder"),
            Type::Context | Type::Path => f.write_str("path"),
            Type::Nothing | Type::Error => f.write_str("value"),
        }
    }
}
