//! The built-in functions: names and signatures. What they compute is in [`crate::plan`].

use std::fmt;
use std::sync::Arc;

use super::types::Type;
use crate::language;

/// What a call names: a built-in function, or one of the embedding program.
#[derive(Debug, Clone)]
pub(crate) enum Callee {
    BuiltIn(Function),
    Host(Arc<language::Function>),
}

impl Callee {
    pub(crate) fn name(&self) -> &str {
        match self {
            Callee::BuiltIn(function) => function.name(),
            Callee::Host(function) => &function.name,
        }
    }

    pub(crate) fn signature(&self) -> Signature {
        match self {
            Callee::BuiltIn(function) => function.signature(),
            Callee::Host(function) => Signature {
                parameters: function.parameters.iter().map(Type::of_host).collect(),
                result: Type::of_host(&function.result),
            },
        }
    }
}

impl fmt::Display for Callee {
    /// `join(list<string>, string) -> string`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = self.signature();
        let parameters: Vec<_> = signature.parameters.iter().map(Type::to_string).collect();
        write!(f, "{}({}) -> {}", self.name(), parameters.join(", "), signature.result)
    }
}

/// A built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Basename,
    /// `git("url#ref")`, a build context
    Git,
    HashFiles,
    Keys,
    Length,
    Now,
    Read,
    Sha256,
    Env,
    Join,
    Split,
    Lower,
    Upper,
    Replace,
    Trim,
    Slug,
    Short,
    StartsWith,
    EndsWith,
    Contains,
}

/// Parameters and result of a function.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Type>,
    pub(crate) result: Type,
}

impl Function {
    pub(crate) const ALL: &[(&'static str, Function)] = &[
        ("basename", Function::Basename),
        ("contains", Function::Contains),
        ("ends_with", Function::EndsWith),
        ("env", Function::Env),
        ("git", Function::Git),
        ("hash_files", Function::HashFiles),
        ("join", Function::Join),
        ("keys", Function::Keys),
        ("length", Function::Length),
        ("lower", Function::Lower),
        ("now", Function::Now),
        ("read", Function::Read),
        ("replace", Function::Replace),
        ("sha256", Function::Sha256),
        ("short", Function::Short),
        ("slug", Function::Slug),
        ("split", Function::Split),
        ("starts_with", Function::StartsWith),
        ("trim", Function::Trim),
        ("upper", Function::Upper),
    ];

    pub(crate) fn by_name(name: &str) -> Option<Function> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }

    pub(crate) fn signature(self) -> Signature {
        let signature = |parameters: &[Type], result| Signature { parameters: parameters.to_vec(), result };
        match self {
            Function::Env => signature(&[Type::String], Type::String.optional()),
            Function::Join => signature(&[Type::list(Type::String), Type::String], Type::String),
            Function::Split => signature(&[Type::String, Type::String], Type::list(Type::String)),
            Function::Git => signature(&[Type::String], Type::Context),
            Function::HashFiles => signature(&[Type::list(Type::String)], Type::String),
            Function::Keys => signature(&[Type::map(Type::Error)], Type::list(Type::String)),
            // Texts too: the checker has the rule.
            Function::Length => signature(&[Type::list(Type::Error)], Type::Int),
            Function::Now => signature(&[], Type::String),
            Function::Read => signature(&[Type::Path], Type::String),
            Function::Basename | Function::Sha256 => signature(&[Type::String], Type::String),
            Function::Lower | Function::Upper | Function::Trim | Function::Slug | Function::Short => {
                signature(&[Type::String], Type::String)
            }
            Function::Replace => signature(&[Type::String, Type::String, Type::String], Type::String),
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                signature(&[Type::String, Type::String], Type::Bool)
            }
        }
    }
}
