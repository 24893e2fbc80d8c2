//! Items: params, lets, secrets, registries, repositories and images.

use super::attributes::{EntryRef, Owner};
use super::exprs::{Deferred, Place, Slot, Subject};
use super::names::{Kind, ValueItem};
use super::program::{
    Cache, Expr, ExprKind, Image, ParamRules, Part, Program, Registry, RegistryKind, Repository, Secret,
    SecretSource, Value, ValueId,
};
use super::types::Type;
use super::{Checker, Order, errors, order, schema};
use indexmap::IndexMap;

use crate::source::Spanned;
use crate::syntax::ast::{self, ItemKind, TypeName};

impl<'a> Checker<'a> {
    /// Checks every param and let, used or not, each after those that it uses.
    pub(super) fn values(&mut self, program: &mut Program) {
        let order = Order::of(&self.names);
        let cyclic: Vec<_> =
            order.cycles.iter().flat_map(|cycle| cycle.0.iter().map(|(id, _)| *id)).collect();
        for id in &cyclic {
            self.set_value(*id, Type::Error, None);
        }
        for cycle in &order.cycles {
            let members: Vec<_> =
                cycle.0.iter().map(|(id, at)| (self.names.value(*id).name(), *at)).collect();
            self.report(errors::cyclic_value(&members));
        }
        let mut rules: IndexMap<ValueId, ParamRules> = IndexMap::new();
        for id in &order.values {
            let (ty, expr) = self.check_value(*id);
            if let ValueItem::Param(param) = self.names.value(*id) {
                rules.insert(*id, self.param_rules(param, &ty));
            }
            if !cyclic.contains(id) {
                self.set_value(*id, ty, expr);
            }
        }
        for (index, item) in self.names.values().enumerate() {
            let (ty, expr) = self.values.get(index).cloned().flatten().unwrap_or((Type::Error, None));
            let param = rules.shift_remove(&ValueId(index));
            program.values.push(Value { name: item.name().clone(), ty, expr, param });
        }
        program.order = order.values;
    }

    fn set_value(&mut self, id: ValueId, ty: Type, expr: Option<Expr>) {
        if let Some(slot) = self.values.get_mut(id.0) {
            *slot = Some((ty, expr));
        }
    }

    /// The type and expression of one value.
    fn check_value(&mut self, id: ValueId) -> (Type, Option<Expr>) {
        let item = self.names.value(id);
        self.deferred = Deferred::Forbidden(Some(item.name().span));
        match item {
            ValueItem::Let(item) => {
                let expr = self.infer(&item.value);
                if let ExprKind::Secret(secret) = expr.kind {
                    let (name, declared) = self.names.item(Kind::Secret(secret));
                    self.report(errors::secret_leaks(name, expr.span, declared.span, Slot::Plain));
                    return (Type::Error, None);
                }
                (expr.ty.clone(), Some(expr))
            }
            ValueItem::Param(param) => {
                let ty = self.param_type(&param.ty);
                let place = Place::plain(Subject::Default(&param.name));
                let default = param.default.as_ref().map(|expr| self.expr(expr, &ty, place));
                (ty, default)
            }
        }
    }

    fn param_type(&mut self, ty: &Spanned<TypeName>) -> Type {
        match &ty.value {
            TypeName::String => Type::String,
            TypeName::Int => Type::Int,
            TypeName::Bool => Type::Bool,
            TypeName::Duration => Type::Duration,
            TypeName::ListOfString => Type::list(Type::String),
            TypeName::Unknown(name) => {
                self.report(errors::unknown_param_type(name, ty.span));
                Type::Error
            }
        }
    }

    fn param_rules(&mut self, param: &'a ast::Param, ty: &Type) -> ParamRules {
        let schema = match ty {
            // The type was reported; any rule may be meant.
            Type::Error => return ParamRules::default(),
            Type::String => schema::STRING_PARAM,
            Type::Int => schema::INT_PARAM,
            Type::Duration => schema::DURATION_PARAM,
            _ => schema::OTHER_PARAM,
        };
        let known = |name: &str, schema: &[schema::Attribute]| schema.iter().any(|one| one.name == name);
        let (fitting, other): (Vec<_>, Vec<_>) = param.attributes.iter().partition(|attribute| {
            let name = &attribute.name.value;
            known(name, schema) || !known(name, schema::STRING_PARAM)
        });
        for attribute in other {
            self.report(errors::rule_of_other_type(&attribute.name, &param.name, ty));
            self.use_names([&attribute.value]);
        }
        let owner = Owner { kind: "param", name: &param.name.value, span: param.name.span };
        let mut attributes = self.attributes(owner, fitting.into_iter().map(EntryRef::from), schema);
        ParamRules { oneof: attributes.take("oneof"), matches: attributes.take("matches") }
    }

    /// Everything but values and waves.
    pub(super) fn items(&mut self, file: &'a ast::File, program: &mut Program) {
        for item in &file.items {
            match &item.kind {
                ItemKind::Secret(secret) => {
                    let secret = self.secret(secret);
                    program.secrets.push(secret);
                }
                ItemKind::Registry(block) => {
                    let registry = self.registry(block);
                    program.registries.push(registry);
                }
                ItemKind::Repository(block) => {
                    let repository = self.repository(block);
                    program.repositories.push(repository);
                }
                ItemKind::Image(image) => {
                    let image = self.image(image);
                    program.images.push(image);
                }
                ItemKind::Template(image) => {
                    self.report(errors::not_yet("`template`", image.name.span));
                    self.use_names(order::exprs_of_entries(&image.entries));
                }
                ItemKind::Builder(block) => {
                    self.report(errors::not_yet("`builder`", block.name.span));
                    self.use_names(order::exprs_of_entries(&block.entries));
                }
                ItemKind::Include(path) => {
                    self.report(errors::not_yet("`include`", path.span));
                    self.all_pushes_known = false;
                }
                ItemKind::Param(_) | ItemKind::Let(_) | ItemKind::Wave(_) | ItemKind::Poisoned(_) => {}
            }
        }
    }

    fn secret(&mut self, secret: &'a ast::Secret) -> Secret {
        let source = self.secret_source(&secret.source);
        Secret { name: secret.name.clone(), source }
    }

    /// `env("X")` or `file("path")`, and nothing else: the value must not be in the file.
    fn secret_source(&mut self, source: &'a ast::Expr) -> SecretSource {
        let call = match &source.kind {
            ast::ExprKind::Call { callee, arguments } => match (&callee.kind, arguments.as_slice()) {
                (ast::ExprKind::Name(name), [ast::Argument { name: None, value }]) => {
                    Some((name.as_str(), value))
                }
                _ => None,
            },
            ast::ExprKind::Error => return SecretSource::Env(Expr::error(source.span)),
            _ => None,
        };
        let place = Place::plain(Subject::SecretSource);
        match call {
            Some(("env", value)) => SecretSource::Env(self.expr(value, &Type::String, place)),
            Some(("file", value)) => SecretSource::File(self.expr(value, &Type::String, place)),
            _ => {
                self.report(errors::secret_source(source.span));
                SecretSource::Env(Expr::error(source.span))
            }
        }
    }

    fn registry(&mut self, block: &'a ast::Block) -> Registry {
        let name = block.name.clone();
        let owner = Owner { kind: "registry", name: &block.name.value, span: block.name.span };
        let entries = || block.entries.iter().map(EntryRef::from);
        let kind = block.entries.iter().find_map(|entry| match entry {
            ast::Entry::Attribute(attribute) if attribute.name.value == "kind" => Some(&attribute.value),
            _ => None,
        });
        // What else a registry may have depends on its kind, so the kind must be a literal.
        match kind.map(|kind| (literal(kind), kind.span)) {
            Some((Some("oci"), _)) => {
                let mut attributes = self.attributes(owner, entries(), schema::OCI_REGISTRY);
                let kind = RegistryKind::Oci {
                    host: attributes.require("host"),
                    username: attributes.take("username"),
                    password: attributes.take("password"),
                    insecure: attributes.take("insecure"),
                };
                Registry { name, kind }
            }
            Some((found, span)) if found != Some("ecr") => {
                self.report(errors::registry_kind(found, span));
                self.use_names(order::exprs_of_entries(&block.entries));
                Registry { name, kind: unknown_kind(span) }
            }
            found => {
                if found.is_none() {
                    self.report(errors::missing_attribute("kind", owner, &[]));
                    self.use_names(order::exprs_of_entries(&block.entries));
                    return Registry { name, kind: unknown_kind(block.name.span) };
                }
                let mut attributes = self.attributes(owner, entries(), schema::ECR_REGISTRY);
                let kind = RegistryKind::Ecr {
                    account: attributes.require("account"),
                    region: attributes.require("region"),
                    profile: attributes.take("profile"),
                    endpoint: attributes.take("endpoint"),
                    host: attributes.take("host"),
                };
                Registry { name, kind }
            }
        }
    }

    fn repository(&mut self, block: &'a ast::Block) -> Repository {
        let owner = Owner { kind: "repository", name: &block.name.value, span: block.name.span };
        let mut attributes =
            self.attributes(owner, block.entries.iter().map(EntryRef::from), schema::REPOSITORY);
        Repository {
            item: block.name.clone(),
            registry: attributes.require("registry"),
            name: attributes.take("name"),
            create: attributes.take("create"),
        }
    }

    fn image(&mut self, image: &'a ast::Image) -> Image {
        if let Some(parent) = image.extends.first() {
            self.report(errors::not_yet("`extends`", parent.span));
        }
        if let Some(binder) = image.binders.first() {
            self.report(errors::not_yet("`for` on an image", binder.name.span));
        }
        if !image.binders.is_empty() {
            // The binders are not names of values yet, so nothing inside can be checked.
            self.use_names(image.binders.iter().map(|binder| &binder.list));
            self.use_names(order::exprs_of_entries(&image.entries));
            return Image::unchecked(image.name.clone());
        }
        let owner = Owner { kind: "image", name: &image.name.value, span: image.name.span };
        let mut attributes = self.attributes(owner, image.entries.iter().map(EntryRef::from), schema::IMAGE);
        let cache = attributes
            .take_block("cache")
            .map(|mut cache| Cache { from: cache.take("from"), to: cache.take("to") });
        Image {
            complete: image.extends.is_empty(),
            name: image.name.clone(),
            context: attributes.take("context"),
            dockerfile: attributes.take("dockerfile"),
            target: attributes.take("target"),
            args: attributes.take("args"),
            labels: attributes.take("labels"),
            platforms: attributes.take("platforms"),
            network: attributes.take("network"),
            extra_hosts: attributes.take("extra_hosts"),
            pull: attributes.take("pull"),
            no_cache: attributes.take("no_cache"),
            timeout: attributes.take("timeout"),
            tags: attributes.take("tags"),
            cache,
        }
    }

    /// Warns of items that nothing uses; a leading `_` says that this is meant.
    pub(super) fn unused(&mut self) {
        let unused: Vec<_> = self
            .names
            .iter()
            .filter(|(name, declared)| {
                let counts = matches!(
                    declared.kind,
                    Kind::Param(_) | Kind::Let(_) | Kind::Secret(_) | Kind::Registry(_) | Kind::Repository(_)
                );
                counts && !name.starts_with('_') && !self.used.contains(name)
            })
            .collect();
        for (name, declared) in unused {
            self.report(errors::unused(declared.kind.noun(), name, declared.span));
        }
    }
}

fn unknown_kind(span: crate::source::Span) -> RegistryKind {
    RegistryKind::Oci { host: Expr::error(span), username: None, password: None, insecure: None }
}

/// The text of a string literal without holes.
fn literal(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ast::ExprKind::String(parts) => match parts.as_slice() {
            [] => Some(""),
            [ast::StringPart::Text(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The text of a checked string literal without holes.
pub(crate) fn literal_text(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::String(parts) => match parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}
