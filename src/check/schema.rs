//! Which attributes each item has: the one table that checks, suggestions and documentation come from.

use super::types::Type;

/// One attribute of an item or block.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
}

/// What may be written for an attribute.
#[derive(Debug)]
pub(crate) enum Form {
    /// `name = value`; must be there.
    Required(fn() -> Type),
    /// `name = value`; absent when it is not written or its value is unset.
    Optional(fn() -> Type),
    /// `name { … }`
    Block(&'static [Attribute]),
    /// Part of the language, but not of this version of the program.
    Later,
}

const fn required(name: &'static str, ty: fn() -> Type) -> Attribute {
    Attribute { name, form: Form::Required(ty) }
}

const fn optional(name: &'static str, ty: fn() -> Type) -> Attribute {
    Attribute { name, form: Form::Optional(ty) }
}

const fn block(name: &'static str, attributes: &'static [Attribute]) -> Attribute {
    Attribute { name, form: Form::Block(attributes) }
}

const fn later(name: &'static str) -> Attribute {
    Attribute { name, form: Form::Later }
}

fn string() -> Type {
    Type::String
}

fn bool() -> Type {
    Type::Bool
}

fn duration() -> Type {
    Type::Duration
}

fn strings() -> Type {
    Type::list(Type::String)
}

fn string_map() -> Type {
    Type::map(Type::String)
}

/// The kinds that a registry can have.
pub(crate) const REGISTRY_KINDS: &[&str] = &["ecr", "oci"];

pub(crate) const ECR_REGISTRY: &[Attribute] = &[
    required("kind", string),
    required("account", string),
    required("region", string),
    optional("profile", string),
    later("role"),
    optional("endpoint", string),
    optional("host", string),
    later("public"),
];

pub(crate) const OCI_REGISTRY: &[Attribute] = &[
    required("kind", string),
    required("host", string),
    optional("username", string),
    optional("password", || Type::Secret),
    optional("insecure", bool),
];

pub(crate) const REPOSITORY: &[Attribute] = &[
    required("registry", || Type::Registry),
    optional("name", string),
    optional("create", bool),
    later("immutable"),
    later("mutable_tags"),
    later("scan_on_push"),
    later("kms_key"),
    later("lifecycle"),
    later("manage"),
];

pub(crate) const CACHE: &[Attribute] =
    &[optional("from", || Type::list(Type::Cache)), optional("to", || Type::list(Type::Cache))];

pub(crate) const IMAGE: &[Attribute] = &[
    optional("context", string),
    optional("dockerfile", string),
    later("dockerfile_inline"),
    optional("target", string),
    optional("args", string_map),
    optional("labels", string_map),
    later("annotations"),
    later("secrets"),
    later("ssh"),
    later("contexts"),
    optional("platforms", strings),
    optional("network", string),
    optional("extra_hosts", string_map),
    later("shm_size"),
    later("ulimits"),
    optional("pull", bool),
    optional("no_cache", bool),
    later("no_cache_stages"),
    later("attest"),
    later("load"),
    optional("tags", || Type::list(Type::Tag)),
    block("cache", CACHE),
    later("builder"),
    optional("timeout", duration),
    later("retries"),
    later("when"),
];

/// The rules of a param depend on its type.
pub(crate) const STRING_PARAM: &[Attribute] =
    &[optional("description", string), optional("oneof", strings), optional("matches", string)];
pub(crate) const INT_PARAM: &[Attribute] =
    &[optional("description", string), optional("oneof", || Type::list(Type::Int))];
pub(crate) const DURATION_PARAM: &[Attribute] =
    &[optional("description", string), optional("oneof", || Type::list(Type::Duration))];
pub(crate) const OTHER_PARAM: &[Attribute] = &[optional("description", string)];

pub(crate) const WAVE: &[Attribute] = &[optional("when", bool)];

/// Options of `run` and `sh`.
pub(crate) const COMMAND: &[Attribute] = &[
    optional("env", string_map),
    optional("dir", string),
    optional("timeout", duration),
    optional("retries", || Type::Int),
];

/// The items and their attributes, for "is an attribute of …".
pub(crate) const ITEMS: &[(&str, &[Attribute])] = &[
    ("registry", ECR_REGISTRY),
    ("registry", OCI_REGISTRY),
    ("repository", REPOSITORY),
    ("image", IMAGE),
    ("cache", CACHE),
    ("wave", WAVE),
    ("run", COMMAND),
];
