//! The built-in functions: names and signatures. What they compute is in [`crate::plan`].

use super::types::Type;

/// A built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
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
        ("contains", Function::Contains),
        ("ends_with", Function::EndsWith),
        ("env", Function::Env),
        ("join", Function::Join),
        ("lower", Function::Lower),
        ("replace", Function::Replace),
        ("short", Function::Short),
        ("slug", Function::Slug),
        ("split", Function::Split),
        ("starts_with", Function::StartsWith),
        ("trim", Function::Trim),
        ("upper", Function::Upper),
    ];

    /// Functions of the language that this version does not have.
    pub(crate) const LATER: &[&'static str] =
        &["basename", "hash_files", "keys", "length", "now", "read", "sha256"];

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

impl std::fmt::Display for Function {
    /// `join(list<string>, string) -> string`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signature = self.signature();
        let parameters: Vec<_> = signature.parameters.iter().map(Type::to_string).collect();
        write!(f, "{}({}) -> {}", self.name(), parameters.join(", "), signature.result)
    }
}
