//! Items: params, lets, secrets, registries, repositories and images.

use super::attributes::{EntryRef, Owner};
use super::exprs::{Deferred, Place, Subject};
use super::names::{Kind, ValueItem};
use super::program::{
    Attributes, Binder, Builder, BuilderKind, Expr, ExprKind, Image, LocalId, Part, Program, Registry,
    RegistryKind, Repository, Secret, SecretSource, Value, ValueId,
};
use super::templates::Templates;
use super::types::Type;
use super::{Checker, Order, errors, order, schema};
use indexmap::IndexMap;

use crate::include::ParsedFile;
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
            if let Some((first, more)) = members.split_first() {
                self.report(errors::cyclic_value(*first, more));
            }
        }
        let mut rules: IndexMap<ValueId, Attributes> = IndexMap::new();
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
                let expr = self.without_secrets(expr);
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

    fn param_rules(&mut self, param: &'a ast::Param, ty: &Type) -> Attributes {
        let schema = match ty {
            // The type was reported; any rule may be meant.
            Type::Error => return Attributes::default(),
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
        let owner = Owner::item("param", &param.name);
        self.attributes(owner, fitting.into_iter().map(EntryRef::from), schema)
    }

    /// Everything but values and waves.
    pub(super) fn items(&mut self, files: &'a [ParsedFile], program: &mut Program) {
        let templates = self.templates();
        for item in files.iter().flat_map(|file| &file.ast.items) {
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
                ItemKind::Builder(block) => {
                    let builder = self.builder(block);
                    program.builders.push(builder);
                }
                ItemKind::Image(image) => {
                    let image = self.image(image, &templates);
                    program.images.push(image);
                }
                ItemKind::Template(_)
                | ItemKind::Include(_)
                | ItemKind::Param(_)
                | ItemKind::Let(_)
                | ItemKind::Wave(_)
                | ItemKind::Poisoned(_) => {}
            }
        }
        self.check_settings(program);
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
        let place = |function| Place::plain(Subject::SecretSource(function));
        match call {
            Some(("env", value)) => SecretSource::Env(self.expr(value, &Type::String, place("env"))),
            Some(("file", value)) => SecretSource::File(self.expr(value, &Type::String, place("file"))),
            _ => {
                self.report(errors::secret_source(source.span));
                SecretSource::Env(Expr::error(source.span))
            }
        }
    }

    fn registry(&mut self, block: &'a ast::Block) -> Registry {
        let name = block.name.clone();
        let owner = Owner::item("registry", &block.name);
        let kinds = schema::REGISTRY_KINDS;
        // What else a registry may have depends on its kind, so the kind must be a literal.
        let Some(kind) = self.literal_kind(block, owner, "registry kind", kinds) else {
            return Registry { name, kind: RegistryKind::Oci, attributes: Attributes::default() };
        };
        let (kind, schema) = match kind {
            "ecr" => (RegistryKind::Ecr, schema::ECR_REGISTRY),
            _ => (RegistryKind::Oci, schema::OCI_REGISTRY),
        };
        let attributes = self.attributes(owner, block.entries.iter().map(EntryRef::from), schema);
        if kind == RegistryKind::Ecr && !attributes.values.contains("public") {
            for required in ["account", "region"] {
                if !attributes.values.contains(required) {
                    self.report(errors::missing_attribute(required, owner, &[]));
                }
            }
        }
        self.check_public(&attributes);
        self.check_role(&attributes);
        Registry { name, kind, attributes }
    }

    /// The public gallery has one address, and belongs to no account and region that could be chosen.
    fn check_public(&mut self, registry: &Attributes) {
        let public =
            registry.values.get("public").filter(|public| matches!(public.kind, ExprKind::Bool(true)));
        let Some(public) = public.map(|public| public.span) else { return };
        for name in ["account", "region", "endpoint", "host"] {
            if let Some(value) = registry.values.get(name) {
                self.report(errors::not_in_public(name, value.span, public));
            }
        }
    }

    /// What goes with a role means nothing without one.
    fn check_role(&mut self, registry: &Attributes) {
        for name in ["external_id", "session_name"] {
            if let (Some(value), None) = (registry.values.get(name), registry.values.get("role")) {
                self.report(errors::without_role(name, value.span));
            }
        }
    }

    /// Reports settings of repositories that only private registries of Amazon ECR have, where the registry is written out.
    fn check_settings(&mut self, program: &Program) {
        for repository in &program.repositories {
            let attributes = &repository.attributes;
            let Some(ExprKind::Registry(id)) = attributes.values.get("registry").map(|expr| &expr.kind)
            else {
                continue;
            };
            let registry = program.registries.get(id.0);
            // One without attributes was reported.
            let Some(registry) = registry.filter(|one| !one.attributes.values.is_empty()) else { continue };
            let is_public = || {
                let public = registry.attributes.values.get("public");
                public.is_some_and(|public| matches!(public.kind, ExprKind::Bool(true)))
            };
            let place = match registry.kind {
                RegistryKind::Oci => errors::NotPrivate::OtherRegistry,
                RegistryKind::Ecr if is_public() => errors::NotPrivate::Gallery,
                RegistryKind::Ecr => continue,
            };
            for name in ["create", "scan_on_push", "kms_key", "resource_tags", "manage"] {
                let value = attributes.values.get(name);
                if let Some(value) = value.filter(|value| !matches!(value.kind, ExprKind::Bool(false))) {
                    self.report(errors::only_in_ecr(name, value.span, place, &registry.name));
                }
            }
            let lifecycle = attributes.blocks.get("lifecycle");
            if let Some(value) = lifecycle.and_then(|block| block.values.values().next()) {
                self.report(errors::only_in_ecr("lifecycle", value.span, place, &registry.name));
            }
        }
    }

    /// The `kind` of a registry or builder, if it is one that exists.
    fn literal_kind(
        &mut self,
        block: &'a ast::Block,
        owner: Owner<'_>,
        what: &str,
        kinds: &'static [&'static str],
    ) -> Option<&'static str> {
        let kind = block.entries.iter().find_map(|entry| match entry {
            ast::Entry::Attribute(attribute) if attribute.name.value == "kind" => Some(&attribute.value),
            _ => None,
        });
        let found = kind.and_then(ast::Expr::literal);
        let known = kinds.iter().copied().find(|one| Some(*one) == found);
        match (known, kind) {
            (Some(known), _) => return Some(known),
            (None, Some(kind)) if matches!(kind.kind, ast::ExprKind::Error) => {}
            (None, Some(kind)) => self.report(errors::unknown_kind(what, kinds, found, kind.span)),
            (None, None) => self.report(errors::missing_attribute("kind", owner, &[])),
        }
        self.use_names(order::exprs_of_entries(&block.entries));
        None
    }

    fn repository(&mut self, block: &'a ast::Block) -> Repository {
        let owner = Owner::item("repository", &block.name);
        let attributes = self.attributes(owner, block.entries.iter().map(EntryRef::from), schema::REPOSITORY);
        Repository { item: block.name.clone(), attributes }
    }

    fn builder(&mut self, block: &'a ast::Block) -> Builder {
        let name = block.name.clone();
        let owner = Owner::item("builder", &block.name);
        let Some(kind) = self.literal_kind(block, owner, "builder kind", schema::BUILDER_KINDS) else {
            return Builder { name, kind: BuilderKind::Docker, attributes: Attributes::default() };
        };
        let kind = if kind == "docker" { BuilderKind::Docker } else { BuilderKind::Buildkit };
        let attributes = self.attributes(owner, block.entries.iter().map(EntryRef::from), schema::BUILDER);
        let builder = Builder { name, kind, attributes };
        self.check_connection(&builder, owner);
        builder
    }

    /// What a builder is reached by must be whole: the rest would be found out only when it does not answer.
    fn check_connection(&mut self, builder: &Builder, owner: Owner<'_>) {
        let attributes = &builder.attributes;
        let has_endpoint = attributes.values.contains("endpoint");
        if builder.kind == BuilderKind::Buildkit && !has_endpoint {
            self.report(errors::missing_attribute("endpoint", owner, &[]));
        }
        let Some(tls) = attributes.blocks.get("tls") else { return };
        if let (BuilderKind::Docker, false, Some(tls)) = (builder.kind, has_endpoint, tls.values.get("ca")) {
            self.report(errors::tls_without_endpoint(tls.span, &builder.name));
        }
        for (found, missing) in [("cert", "key"), ("key", "cert")] {
            if let (Some(value), None) = (tls.values.get(found), tls.values.get(missing)) {
                self.report(errors::half_identity(found, value.span, missing));
            }
        }
    }

    fn image(&mut self, image: &'a ast::Image, templates: &Templates) -> Image {
        let binders = self.bind(&image.binders);
        let owner = Owner::item("image", &image.name);
        let own = self.attributes(owner, image.entries.iter().map(EntryRef::from), schema::IMAGE);
        self.unbind(binders.len());
        let (attributes, complete) = self.extended(image, own, templates);
        Image { complete, name: image.name.clone(), binders, attributes }
    }

    /// Binds the names of a `for`, for what follows; each list may use the names before it.
    pub(super) fn bind(&mut self, binders: &'a [ast::Binder]) -> Vec<Binder> {
        let mut bound = Vec::new();
        for binder in binders {
            let list = self.before_the_run(binder.name.span, |checker| {
                checker.expr(&binder.list, &Type::list(Type::String), Place::plain(Subject::BinderList))
            });
            bound.push(self.bind_one(&binder.name, list, Type::String));
        }
        bound
    }

    /// Binds one name to the items of a list.
    pub(super) fn bind_one(&mut self, name: &'a ast::Name, list: Expr, item: Type) -> Binder {
        let local = LocalId(self.locals);
        self.locals += 1;
        let report = match self.names.get(&name.value) {
            Some(declared) => Some(errors::binder_hides(name, declared)),
            None if self.scope.iter().any(|(other, ..)| *other == name.value) => {
                Some(errors::binder_twice(name))
            }
            None => None,
        };
        // Which of the two a use means is not known, so nothing more is said about either.
        let item = if report.is_some() { Type::Error } else { item };
        self.diagnostics.extend(report);
        self.scope.push((&name.value, local, item));
        Binder { local, name: name.clone(), list }
    }

    /// Ends the scope of the last `count` names.
    pub(super) fn unbind(&mut self, count: usize) {
        self.scope.truncate(self.scope.len().saturating_sub(count));
    }

    /// Warns of items that nothing uses; a leading `_` says that this is meant.
    pub(super) fn unused(&mut self) {
        let unused: Vec<_> = self
            .names
            .iter()
            .filter(|(name, declared)| {
                let counts = matches!(
                    declared.kind,
                    Kind::Param(_)
                        | Kind::Let(_)
                        | Kind::Secret(_)
                        | Kind::Registry(_)
                        | Kind::Repository(_)
                        | Kind::Template(_)
                        | Kind::Builder(_)
                );
                counts && !name.starts_with('_') && !self.used.contains(name)
            })
            .collect();
        for (name, declared) in unused {
            self.report(errors::unused(declared.kind.noun(), name, declared.span));
        }
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
