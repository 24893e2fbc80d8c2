//! What an embedding program adds to the language: functions and values of its own, which files use like the built-in ones.
//!
//! ```
//! use cachelang::environment::Nothing;
//! use cachelang::language::{Language, Type, Value};
//! use cachelang::source::SourceMap;
//!
//! let language = Language::new()
//!     .with_value("team", Type::String, "payments")?
//!     .with_function("owner", [Type::String], Type::String, |arguments| match arguments {
//!         [Value::String(service)] => Ok(format!("{service}@example.com").into()),
//!         _ => Err("expected the name of a service".to_owned()),
//!     })?;
//! let mut sources = SourceMap::new();
//! let text = "cachelang 1\nwave w { run \"notify\" owner(team) }\n";
//! let file = sources.add(".cachefile", ".cachefile", text);
//! let (_program, diagnostics) = language.check(&mut sources, file, &Nothing);
//! assert!(diagnostics.is_empty());
//! # Ok::<(), cachelang::language::LanguageError>(())
//! ```

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

/// The language, with what was added to it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Language {
    functions: IndexMap<String, Arc<Function>>,
    values: IndexMap<String, (Type, Value)>,
}

/// The types that functions and values of an embedding program can have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `string`
    String,
    /// `int`
    Int,
    /// `bool`
    Bool,
    /// `list<T>`
    List(Box<Type>),
    /// `map<T>`
    Map(Box<Type>),
}

/// A value of one of these types.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Of [`Type::String`].
    String(String),
    /// Of [`Type::Int`].
    Int(i64),
    /// Of [`Type::Bool`].
    Bool(bool),
    /// Of [`Type::List`].
    List(Vec<Value>),
    /// Of [`Type::Map`], in its order.
    Map(IndexMap<String, Value>),
}

/// Why something cannot be added to the language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LanguageError {
    /// Names are letters, digits and `_`, and do not begin with a digit.
    #[error("`{name}` is not a name of the language")]
    NotAName {
        /// The name that was given.
        name: String,
    },
    /// The language or something that was added has that name.
    #[error("`{name}` means something else already")]
    Taken {
        /// The name that was given.
        name: String,
    },
    /// The value is of another type than the one it was declared with.
    #[error("the value of `{name}` is not of the type `{declared}`")]
    WrongType {
        /// The name of the value.
        name: String,
        /// Its type as it was declared.
        declared: Type,
    },
}

/// What a function computes: its arguments have the types that it was declared with. `Err` is a reason for the person who
/// wrote the call.
pub type Body = dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync;

/// A function of an embedding program.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Type>,
    pub(crate) result: Type,
    body: Box<Body>,
}

impl Language {
    /// The language as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same language with one more function. It is called while a plan is made, once for each call that is evaluated,
    /// and its result counts as read from outside: the plan lists it.
    ///
    /// # Errors
    /// When the name is none, or taken.
    pub fn with_function(
        mut self,
        name: &str,
        parameters: impl IntoIterator<Item = Type>,
        result: Type,
        body: impl Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Result<Self, LanguageError> {
        self.check_name(name)?;
        let parameters = parameters.into_iter().collect();
        let function = Function { name: name.to_owned(), parameters, result, body: Box::new(body) };
        self.functions.insert(name.to_owned(), Arc::new(function));
        Ok(self)
    }

    /// The same language with one more value. A file that declares an item of this name has its own.
    ///
    /// # Errors
    /// When the name is none or taken, or the value is not of that type.
    pub fn with_value(
        mut self,
        name: &str,
        ty: Type,
        value: impl Into<Value>,
    ) -> Result<Self, LanguageError> {
        self.check_name(name)?;
        let value = value.into();
        if !value.is_of(&ty) {
            return Err(LanguageError::WrongType { name: name.to_owned(), declared: ty });
        }
        self.values.insert(name.to_owned(), (ty, value));
        Ok(self)
    }

    fn check_name(&self, name: &str) -> Result<(), LanguageError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = name.to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_word) {
            return Err(LanguageError::NotAName { name });
        }
        let is_added = self.functions.contains_key(&name) || self.values.contains_key(&name);
        if is_added || RESERVED.contains(&name.as_str()) || crate::check::is_built_in(&name) {
            return Err(LanguageError::Taken { name });
        }
        Ok(())
    }

    pub(crate) fn function(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    pub(crate) fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&(Type, Value)> {
        self.values.get(name)
    }
}

/// Words that the language keeps for itself, besides the names of its functions.
const RESERVED: [&str; 20] = [
    "true", "false", "if", "then", "else", "for", "in", "and", "or", "not", "match", "fn", "use", "import",
    "include", "template", "module", "as", "with", "null",
];

impl Function {
    /// Computes a value of the type that was declared.
    ///
    /// # Errors
    /// What the function says, or that its result is of another type.
    pub(crate) fn call(&self, arguments: &[Value]) -> Result<Value, String> {
        let value = (self.body)(arguments)?;
        if value.is_of(&self.result) {
            Ok(value)
        } else {
            Err(format!("the embedding program returned a value that is not of the type `{}`", self.result))
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name).finish()
    }
}

impl Value {
    fn is_of(&self, ty: &Type) -> bool {
        match (self, ty) {
            (Value::String(_), Type::String) | (Value::Int(_), Type::Int) | (Value::Bool(_), Type::Bool) => {
                true
            }
            (Value::List(items), Type::List(ty)) => items.iter().all(|item| item.is_of(ty)),
            (Value::Map(entries), Type::Map(ty)) => entries.values().all(|value| value.is_of(ty)),
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Type {
    /// As the language writes it: `list<string>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("string"),
            Type::Int => f.write_str("int"),
            Type::Bool => f.write_str("bool"),
            Type::List(item) => write!(f, "list<{item}>"),
            Type::Map(value) => write!(f, "map<{value}>"),
        }
    }
}
