//! Puts a plan together: every item of the program with its values.

mod aws;
mod images;
mod settings;
mod waves;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::eval::{Evaluator, Value};
use super::rules::repository_name_problem;
use super::trace::Trace;
use super::{
    Builder, BuilderKind, Cache, CacheSource, Inputs, Lifecycle, Plan, Registry, RegistryId, RegistryKind,
    Repository, Secret, SecretSource, Tag, Tls, errors,
};
use crate::check::program::{self, Attributes, Expr, Program as Checked};
use crate::diag::Diagnostic;
use crate::source::SourceMap;

const MAX_RETRIES: i64 = 100;
/// Amazon ECR's limit of a lifecycle rule's `countNumber`, which is that of a 32-bit integer.
const MAX_KEPT: i64 = i32::MAX as i64;

pub(super) fn lower(
    sources: &mut SourceMap,
    program: &Checked,
    inputs: &Inputs<'_>,
) -> (Plan, Vec<Diagnostic>) {
    let lowering = Lowering { eval: Evaluator::new(program, inputs), trace: RefCell::default() };
    lowering.eval.families();
    lowering.eval.all_values();
    let registries: Vec<_> = program.registries.iter().map(|registry| lowering.registry(registry)).collect();
    let repositories =
        program.repositories.iter().map(|item| lowering.repository(item, &registries)).collect();
    let builders = program.builders.iter().map(|builder| lowering.builder(builder)).collect();
    let images = lowering.images();
    let waves = program.waves.iter().enumerate().map(|(index, wave)| lowering.wave(index, wave)).collect();
    let folder = lowering.eval.entry_folder();
    let (version, inputs) = (Plan::VERSION, Vec::new());
    let mut plan = Plan { version, folder, inputs, registries, repositories, builders, images, waves };
    let trace = lowering.trace.take();
    lowering.check_tags(&plan, &trace);
    lowering.check_pushes(&plan, &trace);
    lowering.check_images(&plan, &trace);
    order_tags(&mut plan);
    lowering.check_dockerfiles(&mut plan, &trace, sources);
    // What a Dockerfile needs is not forgotten, so this comes after it.
    lowering.check_waves(&plan, &trace);
    let (diagnostics, read) = lowering.eval.finish();
    plan.inputs = read;
    (plan, diagnostics)
}

pub(super) struct Lowering<'a> {
    pub(super) eval: Evaluator<'a>,
    trace: RefCell<Trace<'a>>,
}

impl<'a> Lowering<'a> {
    fn optional(&self, expr: Option<&Expr>) -> Option<Value> {
        expr.map(|expr| self.eval.value(expr)).filter(|value| *value != Value::Unset)
    }

    fn string(&self, expr: &Expr) -> String {
        match self.eval.value(expr) {
            Value::String(text) => text,
            _ => String::new(),
        }
    }

    fn optional_string(&self, expr: Option<&Expr>) -> Option<String> {
        match self.optional(expr) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn flag(&self, expr: Option<&Expr>) -> bool {
        self.optional_flag(expr) == Some(true)
    }

    fn optional_flag(&self, expr: Option<&Expr>) -> Option<bool> {
        match self.optional(expr) {
            Some(Value::Bool(flag)) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn list(&self, expr: Option<&Expr>) -> Vec<Value> {
        match self.optional(expr) {
            Some(Value::List(items)) => Arc::unwrap_or_clone(items),
            _ => Vec::new(),
        }
    }

    /// Whether a condition is absent or holds.
    pub(super) fn unless_false(&self, expr: Option<&Expr>) -> bool {
        !matches!(self.optional(expr), Some(Value::Bool(false)))
    }

    /// A condition as it is written, on one line.
    fn condition(&self, expr: Option<&Expr>) -> Option<String> {
        let text = self.eval.program().text(expr?.span)?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn strings(&self, expr: Option<&Expr>) -> Vec<String> {
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        self.list(expr).into_iter().filter_map(text).collect()
    }

    fn string_map(&self, expr: Option<&Expr>) -> IndexMap<String, String> {
        let Some(Value::Map(entries)) = self.optional(expr) else { return IndexMap::new() };
        let text = |(key, value)| match value {
            Value::String(text) => Some((key, text)),
            _ => None,
        };
        Arc::unwrap_or_clone(entries).into_iter().filter_map(text).collect()
    }

    fn registry(&self, registry: &program::Registry) -> Registry {
        let attributes = &registry.attributes;
        let text = |name: &str| self.optional_string(attributes.get(name));
        let identity = || self.identity(attributes);
        let host = || {
            let host = attributes.get("host").map(|host| self.host(host));
            host.filter(|host| !host.is_empty())
        };
        let kind = match registry.kind {
            program::RegistryKind::Oci => RegistryKind::Oci {
                host: host().unwrap_or_default(),
                username: text("username"),
                password: match self.optional(attributes.get("password")) {
                    Some(Value::Secret(id)) => self.secret(id),
                    _ => None,
                },
                insecure: self.flag(attributes.get("insecure")),
            },
            program::RegistryKind::Ecr if self.flag(attributes.get("public")) => {
                RegistryKind::EcrPublic { identity: identity() }
            }
            program::RegistryKind::Ecr => RegistryKind::Ecr {
                account: self.required(registry, "account", |expr| Some(self.account(expr))),
                region: self.required(registry, "region", |expr| self.region(Some(expr))),
                identity: identity(),
                endpoint: self.api(attributes.get("endpoint")),
                host: host(),
            },
        };
        Registry { name: registry.name.value.clone(), kind }
    }

    /// An attribute of a private registry of Amazon ECR. Whether it must be there depends on the value of `public`.
    fn required(
        &self,
        registry: &program::Registry,
        name: &str,
        value: impl FnOnce(&Expr) -> Option<String>,
    ) -> String {
        let Some(expr) = registry.attributes.get(name) else {
            self.eval.report(errors::missing_setting(&registry.name, name));
            return String::new();
        };
        if self.optional(Some(expr)).is_none() {
            let source = self.eval.program().short(expr.span);
            self.eval.report(errors::unset_setting(&registry.name, name, expr.span, source));
            return String::new();
        }
        value(expr).unwrap_or_default()
    }

    /// `host` or `host:port`, as image references start.
    fn host(&self, expr: &Expr) -> String {
        let value = self.eval.value(expr);
        let Value::String(host) = value else { return String::new() };
        let (name, port) = host.rsplit_once(':').unwrap_or((&host, "443"));
        let name_fits = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
        };
        if !name_fits(name) || port.parse::<u16>().is_err() {
            self.eval.report(errors::bad_host(&host, expr.span));
        }
        host
    }

    fn account(&self, expr: &Expr) -> String {
        let Value::String(account) = self.eval.value(expr) else { return String::new() };
        if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
            self.eval.report(errors::bad_account(&account, expr.span));
        }
        account
    }

    fn secret(&self, id: program::SecretId) -> Option<Secret> {
        let secret = self.eval.program().secrets.get(id.0)?;
        let source = match &secret.source {
            program::SecretSource::Env(name) => SecretSource::Env(self.string(name)),
            program::SecretSource::File(path) => {
                SecretSource::File(self.eval.path(&self.string(path), path.span))
            }
        };
        Some(Secret { name: secret.name.value.clone(), source })
    }

    fn repository(&self, repository: &program::Repository, registries: &[Registry]) -> Repository {
        let attributes = &repository.attributes;
        let item = repository.item.value.clone();
        let registry = match attributes.get("registry").map(|registry| self.eval.value(registry)) {
            Some(Value::Registry(id)) => id,
            _ => RegistryId(0),
        };
        let ecr =
            registries.get(registry.0).is_some_and(|found| !matches!(found.kind, RegistryKind::Oci { .. }));
        let name = self
            .optional_string(attributes.get("name"))
            .unwrap_or_else(|| item.trim_start_matches('_').replace('_', "-"));
        if let Some(problem) = repository_name_problem(&name, ecr) {
            let span = attributes.get("name").map_or(repository.item.span, |expr| expr.span);
            self.eval.report(errors::bad_repository_name(&name, span, &problem, ecr));
        }
        let lifecycle = attributes.block("lifecycle").map(|lifecycle| Lifecycle {
            keep_last: lifecycle.get("keep_last").map(|expr| self.count(expr, 1, MAX_KEPT)),
            untagged_after: self.days(lifecycle.get("untagged_after")),
        });
        Repository {
            item,
            registry,
            name,
            create: self.flag(attributes.get("create")),
            immutable: self.optional_flag(attributes.get("immutable")),
            mutable_tags: self.mutable_tags(attributes.get("mutable_tags"), ecr),
            scan_on_push: self.optional_flag(attributes.get("scan_on_push")),
            kms_key: self.kms_key(attributes.get("kms_key")),
            lifecycle,
            resource_tags: self.resource_tags(attributes.get("resource_tags")),
            manage: self.flag(attributes.get("manage")),
        }
    }

    fn builder(&self, builder: &program::Builder) -> Builder {
        let attributes = &builder.attributes;
        let file = |block: &Attributes, name: &str| {
            let expr = block.get(name)?;
            Some(self.eval.path(&self.optional_string(Some(expr))?, expr.span))
        };
        let tls = attributes.block("tls").map(|tls| Tls {
            ca: file(tls, "ca").unwrap_or_default(),
            cert: file(tls, "cert"),
            key: file(tls, "key"),
        });
        let planned = Builder {
            name: builder.name.value.clone(),
            kind: match builder.kind {
                program::BuilderKind::Docker => BuilderKind::Docker,
                program::BuilderKind::Buildkit => BuilderKind::Buildkit,
            },
            endpoint: self.endpoint(attributes.get("endpoint")),
            tls,
            platforms: self.platforms(attributes.get("platforms")),
        };
        self.check_tls(&planned, attributes);
        planned
    }

    fn retries(&self, expr: Option<&Expr>) -> u32 {
        expr.map_or(0, |expr| self.count(expr, 0, MAX_RETRIES))
    }

    /// A number within limits; `least` if it is unset or reported.
    fn count(&self, expr: &Expr, least: i64, most: i64) -> u32 {
        let count = match self.optional(Some(expr)) {
            Some(Value::Int(count)) => count,
            _ => least,
        };
        if !(least..=most).contains(&count) {
            self.eval.report(errors::bad_count(count, expr.span, least, most));
        }
        u32::try_from(count).unwrap_or(0)
    }
}

/// Brings tags into push order: those that name one build first, those that move from build to build last.
/// A tag that is also a cache source moves, whatever it is made of.
fn order_tags(plan: &mut Plan) {
    let sources: HashSet<Tag> = plan
        .images
        .iter()
        .flat_map(|image| match &image.cache {
            Cache::Explicit { from, .. } => from.iter().filter_map(CacheSource::tag).cloned().collect(),
            Cache::Automatic(tag) => vec![tag.clone()],
        })
        .collect();
    for image in &mut plan.images {
        for pushed in &mut image.tags {
            pushed.moving |= sources.contains(&pushed.tag);
        }
        image.tags.sort_by_key(|pushed| pushed.moving);
    }
}
