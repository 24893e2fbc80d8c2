//! Puts a plan together: every item of the program with its values.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::eval::{Evaluator, Value};
use super::rules::{is_platform, repository_name_problem, tag_problem};
use super::{
    Build, Cache, CacheSource, CacheTarget, Command, Image, ImageId, Inputs, Network, PathKind, Plan,
    Program, PushTag, Registry, RegistryId, RegistryKind, Repository, Secret, SecretSource, Step, Tag, Text,
    Wave, errors,
};
use crate::check::program::{self, Expr, ExprKind, Program as Checked};
use crate::diag::Diagnostic;
use crate::source::{Span, Spanned};

const MAX_RETRIES: i64 = 100;

pub(super) fn lower(program: &Checked, inputs: &Inputs<'_>) -> (Plan, Vec<Diagnostic>) {
    let lowering = Lowering { eval: Evaluator::new(program, inputs) };
    lowering.eval.all_values();
    let registries: Vec<_> = program.registries.iter().map(|registry| lowering.registry(registry)).collect();
    let repositories =
        program.repositories.iter().map(|item| lowering.repository(item, &registries)).collect();
    let images = program.images.iter().map(|image| lowering.image(image)).collect();
    let waves = program.waves.iter().map(|wave| lowering.wave(wave)).collect();
    let mut plan = Plan { inputs: Vec::new(), registries, repositories, images, waves };
    lowering.check_tags(&plan);
    lowering.check_pushes(&plan);
    order_tags(&mut plan);
    let (diagnostics, read) = lowering.eval.finish();
    plan.inputs = read;
    (plan, diagnostics)
}

pub(super) struct Lowering<'a> {
    pub(super) eval: Evaluator<'a>,
}

impl Lowering<'_> {
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
        matches!(self.optional(expr), Some(Value::Bool(true)))
    }

    fn duration(&self, expr: Option<&Expr>) -> Option<Duration> {
        match self.optional(expr) {
            Some(Value::Duration(duration)) => Some(duration),
            _ => None,
        }
    }

    pub(super) fn list(&self, expr: Option<&Expr>) -> Vec<Value> {
        match self.optional(expr) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    fn string_map(&self, expr: Option<&Expr>) -> IndexMap<String, String> {
        let Some(Value::Map(entries)) = self.optional(expr) else { return IndexMap::new() };
        let text = |(key, value)| match value {
            Value::String(text) => Some((key, text)),
            _ => None,
        };
        entries.into_iter().filter_map(text).collect()
    }

    fn registry(&self, registry: &program::Registry) -> Registry {
        let kind = match &registry.kind {
            program::RegistryKind::Oci { host, username, password, insecure } => RegistryKind::Oci {
                host: self.host(host),
                username: self.optional_string(username.as_ref()),
                password: self.secret(password.as_ref()),
                insecure: self.flag(insecure.as_ref()),
            },
            program::RegistryKind::Ecr { account, region, profile, endpoint, host } => RegistryKind::Ecr {
                account: self.account(account),
                region: self.string(region),
                profile: self.optional_string(profile.as_ref()),
                endpoint: self.optional_string(endpoint.as_ref()),
                host: host.as_ref().map(|host| self.host(host)).filter(|host| !host.is_empty()),
            },
        };
        Registry { name: registry.name.value.clone(), kind }
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

    fn secret(&self, expr: Option<&Expr>) -> Option<Secret> {
        let Some(Value::Secret(id)) = self.optional(expr) else { return None };
        let secret = self.eval.program().secrets.get(id.0)?;
        let source = match &secret.source {
            program::SecretSource::Env(name) => SecretSource::Env(self.string(name)),
            program::SecretSource::File(path) => SecretSource::File(self.path(&self.string(path))),
        };
        Some(Secret { name: secret.name.value.clone(), source })
    }

    fn path(&self, written: &str) -> PathBuf {
        // Without the `.` components that people write, so that messages show the plain path.
        let path = self.eval.inputs().folder.join(written);
        path.components().collect()
    }

    fn repository(&self, repository: &program::Repository, registries: &[Registry]) -> Repository {
        let item = repository.item.value.clone();
        let registry = match self.eval.value(&repository.registry) {
            Value::Registry(id) => id,
            _ => RegistryId(0),
        };
        let ecr =
            registries.get(registry.0).is_some_and(|found| matches!(found.kind, RegistryKind::Ecr { .. }));
        let name = self.optional_string(repository.name.as_ref()).unwrap_or_else(|| item.replace('_', "-"));
        if let Some(problem) = repository_name_problem(&name, ecr) {
            let span = repository.name.as_ref().map_or(repository.item.span, |expr| expr.span);
            self.eval.report(errors::bad_repository_name(&name, span, &problem, ecr));
        }
        Repository { item, registry, name, create: self.flag(repository.create.as_ref()) }
    }

    fn image(&self, image: &program::Image) -> Image {
        let tags = self.tags(image);
        let cache = self.cache(image, &tags);
        let timeout = self.duration(image.timeout.as_ref());
        Image { name: image.name.value.clone(), build: self.build(image), timeout, tags, cache }
    }

    fn build(&self, image: &program::Image) -> Build {
        let (context, dockerfile) = self.files(image);
        Build {
            context,
            dockerfile,
            target: self.optional_string(image.target.as_ref()),
            args: self.string_map(image.args.as_ref()),
            labels: self.string_map(image.labels.as_ref()),
            platforms: self.platforms(image.platforms.as_ref()),
            network: self.network(image.network.as_ref()),
            extra_hosts: self.string_map(image.extra_hosts.as_ref()),
            pull: self.flag(image.pull.as_ref()),
            no_cache: self.flag(image.no_cache.as_ref()),
        }
    }

    /// The context and the Dockerfile, which must exist.
    fn files(&self, image: &program::Image) -> (PathBuf, String) {
        let environment = self.eval.inputs().environment;
        let written = self.optional_string(image.context.as_ref()).unwrap_or_else(|| ".".to_owned());
        let context = self.path(&written);
        let dockerfile = self.optional_string(image.dockerfile.as_ref());
        let file = dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned());
        let kind = environment.path_kind(&context);
        if kind != Some(PathKind::Folder) {
            let span = image.context.as_ref().map_or(image.name.span, |expr| expr.span);
            self.eval.report(errors::missing_path(&written, &context, kind, PathKind::Folder, span));
            return (context, file);
        }
        let looked_up: PathBuf = context.join(&file).components().collect();
        let kind = environment.path_kind(&looked_up);
        match (&image.dockerfile, kind) {
            (_, Some(PathKind::File)) => {}
            (Some(expr), kind) => {
                self.eval.report(errors::missing_path(&file, &looked_up, kind, PathKind::File, expr.span));
            }
            (None, _) => self.eval.report(errors::no_dockerfile(&image.name, &looked_up)),
        }
        (context, file)
    }

    fn tags(&self, image: &program::Image) -> Vec<PushTag> {
        let mut tags: Vec<PushTag> = Vec::new();
        for value in self.list(image.tags.as_ref()) {
            let Value::Tag { tag, varies, .. } = value else { continue };
            match tags.iter_mut().find(|other| other.tag == tag) {
                Some(same) => same.moving &= !varies,
                None => tags.push(PushTag { tag, moving: !varies }),
            }
        }
        tags
    }

    fn cache(&self, image: &program::Image, tags: &[PushTag]) -> Cache {
        match (&image.cache, tags.first()) {
            (Some(cache), _) => Cache::Explicit { from: self.cache_from(cache), to: self.cache_to(cache) },
            (None, Some(first)) => {
                let tag = format!("cache-{}", image.name.value);
                if tag_problem(&tag).is_some() {
                    self.eval.report(errors::long_cache_tag(&image.name, &tag));
                }
                Cache::Automatic(Tag { repository: first.tag.repository, tag })
            }
            (None, None) => Cache::Explicit { from: Vec::new(), to: Vec::new() },
        }
    }

    fn cache_from(&self, cache: &program::Cache) -> Vec<CacheSource> {
        let source = |value| match value {
            Value::RegistryCache { tag, .. } => Some(CacheSource::Registry(tag)),
            _ => None,
        };
        self.list(cache.from.as_ref()).into_iter().filter_map(source).collect()
    }

    fn cache_to(&self, cache: &program::Cache) -> Vec<CacheTarget> {
        let target = |value| match value {
            Value::RegistryCache { tag, mode } => Some(CacheTarget::Registry { tag, mode }),
            Value::InlineCache => Some(CacheTarget::Inline),
            _ => None,
        };
        self.list(cache.to.as_ref()).into_iter().filter_map(target).collect()
    }

    fn platforms(&self, expr: Option<&Expr>) -> Vec<String> {
        let mut platforms = Vec::new();
        for value in self.list(expr) {
            let (Value::String(platform), Some(expr)) = (value, expr) else { continue };
            if !is_platform(&platform) {
                let span = item_span(expr, &platform).unwrap_or(expr.span);
                self.eval.report(errors::bad_platform(&platform, span));
            }
            platforms.push(platform);
        }
        platforms
    }

    fn network(&self, expr: Option<&Expr>) -> Network {
        match (self.optional_string(expr).as_deref(), expr) {
            (None | Some("default"), _) => Network::Default,
            (Some("none"), _) => Network::None,
            (Some("host"), _) => Network::Host,
            (Some(other), Some(expr)) => {
                let choices = ["default", "none", "host"];
                self.eval.report(errors::not_a_choice("a network mode", other, expr.span, &choices));
                Network::Default
            }
            (Some(_), None) => Network::Default,
        }
    }

    fn wave(&self, wave: &program::Wave) -> Wave {
        let when = !matches!(self.optional(wave.when.as_ref()), Some(Value::Bool(false)));
        Wave {
            name: wave.name.value.clone(),
            when,
            steps: wave.steps.iter().map(|step| self.step(step)).collect(),
        }
    }

    fn step(&self, step: &program::Step) -> Step {
        let images = |operands: &[Spanned<program::ImageId>]| {
            operands.iter().map(|operand| ImageId(operand.value.0)).collect()
        };
        match step {
            program::Step::Build(operands) => Step::Build { images: images(operands) },
            program::Step::Push(operands) => Step::Push { images: images(operands) },
            program::Step::Run { arguments, options } => {
                let words = arguments.iter().map(|argument| self.eval.text(argument)).collect();
                Step::Command(self.command(Program::Run(words), options))
            }
            program::Step::Sh { script, options } => {
                Step::Command(self.command(Program::Sh(self.eval.script(script)), options))
            }
        }
    }

    fn command(&self, program: Program, options: &program::StepOptions) -> Command {
        let dir = self.optional_string(options.dir.as_ref());
        Command {
            program,
            env: self.command_env(options.env.as_ref()),
            dir: self.path(dir.as_deref().unwrap_or(".")),
            timeout: self.duration(options.timeout.as_ref()),
            retries: self.retries(options.retries.as_ref()),
        }
    }

    /// The environment may hold what only the run knows, where it is written as a map.
    fn command_env(&self, expr: Option<&Expr>) -> IndexMap<String, Text> {
        match expr.map(|expr| &expr.kind) {
            Some(ExprKind::If { condition, then, otherwise }) => match self.eval.value(condition) {
                Value::Bool(true) => self.command_env(Some(then)),
                Value::Bool(false) => self.command_env(Some(otherwise)),
                _ => IndexMap::new(),
            },
            Some(ExprKind::Map(entries)) => {
                entries.iter().map(|(name, value)| (name.clone(), self.eval.text(value))).collect()
            }
            _ => {
                let literal = |text| Text(vec![super::TextPiece::Literal(text)]);
                self.string_map(expr).into_iter().map(|(name, value)| (name, literal(value))).collect()
            }
        }
    }

    fn retries(&self, expr: Option<&Expr>) -> u32 {
        match (self.optional(expr), expr) {
            (Some(Value::Int(count)), Some(expr)) => {
                if !(0..=MAX_RETRIES).contains(&count) {
                    self.eval.report(errors::bad_count(count, expr.span, MAX_RETRIES));
                }
                u32::try_from(count).unwrap_or(0)
            }
            _ => 0,
        }
    }
}

/// Where a text stands in a list that is written out.
fn item_span(list: &Expr, text: &str) -> Option<Span> {
    let ExprKind::List(items) = &list.kind else { return None };
    let is_it = |item: &&Expr| crate::check::literal_text(item) == Some(text);
    items.iter().find(is_it).map(|item| item.span)
}

/// Brings tags into push order: those that name one build first, those that move from build to build last.
/// A tag that is also a cache source moves, whatever it is made of.
fn order_tags(plan: &mut Plan) {
    let sources: Vec<Tag> = plan
        .images
        .iter()
        .flat_map(|image| match &image.cache {
            Cache::Explicit { from, .. } => {
                from.iter().map(|CacheSource::Registry(tag)| tag.clone()).collect()
            }
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
