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

fn path() -> Type {
    Type::Path
}

fn int() -> Type {
    Type::Int
}

/// The kinds that a registry can have.
pub(crate) const REGISTRY_KINDS: &[&str] = &["ecr", "oci"];

pub(crate) const ECR_REGISTRY: &[Attribute] = &[
    required("kind", string),
    optional("account", string),
    optional("region", string),
    optional("profile", string),
    optional("role", string),
    optional("external_id", string),
    optional("session_name", string),
    optional("endpoint", string),
    optional("host", string),
    optional("public", bool),
];

pub(crate) const OCI_REGISTRY: &[Attribute] = &[
    required("kind", string),
    required("host", string),
    optional("username", string),
    optional("password", || Type::Secret),
    optional("insecure", bool),
];

pub(crate) const LIFECYCLE: &[Attribute] =
    &[optional("keep_last", int), optional("untagged_after", duration)];

pub(crate) const REPOSITORY: &[Attribute] = &[
    required("registry", || Type::Registry),
    optional("name", string),
    optional("create", bool),
    optional("immutable", bool),
    optional("mutable_tags", strings),
    optional("scan_on_push", bool),
    optional("kms_key", string),
    block("lifecycle", LIFECYCLE),
    optional("resource_tags", string_map),
    optional("manage", bool),
];

/// The kinds that a builder can have.
pub(crate) const BUILDER_KINDS: &[&str] = &["docker", "buildkit"];

pub(crate) const TLS: &[Attribute] = &[required("ca", path), optional("cert", path), optional("key", path)];

pub(crate) const BUILDER: &[Attribute] = &[
    required("kind", string),
    optional("endpoint", string),
    block("tls", TLS),
    optional("platforms", strings),
];

pub(crate) const CACHE: &[Attribute] =
    &[optional("from", || Type::list(Type::Cache)), optional("to", || Type::list(Type::Cache))];

pub(crate) const IMAGE: &[Attribute] = &[
    optional("context", || Type::Context),
    optional("dockerfile", path),
    optional("dockerfile_inline", string),
    optional("target", string),
    optional("args", string_map),
    optional("labels", string_map),
    optional("annotations", string_map),
    optional("secrets", || Type::map(Type::Secret)),
    optional("ssh", strings),
    optional("contexts", || Type::map(Type::Context)),
    optional("platforms", strings),
    optional("network", string),
    optional("extra_hosts", string_map),
    optional("shm_size", || Type::Size),
    optional("ulimits", string_map),
    optional("pull", bool),
    optional("no_cache", bool),
    optional("no_cache_stages", strings),
    optional("attest", string),
    optional("load", bool),
    optional("tags", || Type::list(Type::Tag)),
    block("cache", CACHE),
    optional("builder", || Type::Builder),
    optional("timeout", duration),
    optional("retries", int),
    optional("when", bool),
];

/// The types that a param can have.
pub(crate) const PARAM_TYPES: &[&str] = &["string", "int", "bool", "duration", "list<string>"];

/// The rules of a param depend on its type.
pub(crate) const STRING_PARAM: &[Attribute] =
    &[optional("description", string), optional("oneof", strings), optional("matches", string)];
pub(crate) const INT_PARAM: &[Attribute] =
    &[optional("description", string), optional("oneof", || Type::list(Type::Int))];
pub(crate) const DURATION_PARAM: &[Attribute] =
    &[optional("description", string), optional("oneof", || Type::list(Type::Duration))];
pub(crate) const OTHER_PARAM: &[Attribute] = &[optional("description", string)];

pub(crate) const WAVE: &[Attribute] = &[optional("when", bool)];

pub(crate) const STAGE: &[Attribute] =
    &[optional("when", bool), optional("env", string_map), optional("timeout", duration)];

/// Options of `run` and `sh`.
pub(crate) const COMMAND: &[Attribute] = &[
    optional("env", string_map),
    optional("dir", path),
    optional("timeout", duration),
    optional("retries", int),
];

/// The items and their attributes, for "is an attribute of …".
pub(crate) const ITEMS: &[(&str, &[Attribute])] = &[
    ("registry", ECR_REGISTRY),
    ("registry", OCI_REGISTRY),
    ("repository", REPOSITORY),
    ("lifecycle", LIFECYCLE),
    ("builder", BUILDER),
    ("tls", TLS),
    ("image", IMAGE),
    ("cache", CACHE),
    ("wave", WAVE),
    ("stage", STAGE),
    ("run", COMMAND),
];
