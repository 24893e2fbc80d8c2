//! Images: what they are built from, their tags and caches.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::Lowering;
use crate::check::program::{self, Attributes, Expr, ExprKind};
use crate::environment::PathKind;
use crate::plan::eval::{CachePlace, Value};
use crate::plan::families::key_text;
use crate::plan::functions::slug;
use crate::plan::rules::{is_platform, tag_problem};
use crate::plan::trace::ImageTrace;
use crate::plan::{
    Attest, Build, Cache, CacheSource, CacheTarget, Context, Image, Network, PushTag, Secret, Tag, errors,
};
use crate::source::Span;

impl<'a> Lowering<'a> {
    /// Every image of every family.
    pub(super) fn images(&self) -> Vec<Image> {
        let items = self.eval.program().images.iter().zip(self.eval.families());
        let images = items.flat_map(|(item, family)| {
            let image = |key: &Vec<Value>| self.eval.with_key(&item.binders, key, || self.image(item, key));
            family.keys.iter().map(image)
        });
        images.collect()
    }

    fn image(&self, image: &'a program::Image, key: &[Value]) -> Image {
        let attributes = &image.attributes;
        let name = format!("{}{}", image.name.value, key_text(key));
        let written = self.written_tags(attributes.get("tags"));
        let tags = push_tags(&written);
        let spans = written.into_iter().map(|(tag, _, span)| (tag, span)).collect();
        self.trace.borrow_mut().images.push(ImageTrace { item: image, tags: spans });
        let cache = self.cache(image, key, &tags);
        let build = self.build(image);
        let builder = match self.optional(attributes.get("builder")) {
            Some(Value::Builder(id)) => Some(id),
            _ => None,
        };
        let needs = build.contexts.values().filter_map(|context| match context {
            Context::Image(id) => Some(*id),
            _ => None,
        });
        Image {
            name,
            when: self.unless_false(attributes.get("when")),
            condition: self.condition(attributes.get("when")),
            builder,
            needs: needs.collect(),
            load: self.flag(attributes.get("load")),
            timeout: self.duration(attributes.get("timeout")),
            retries: self.retries(attributes.get("retries")),
            build,
            tags,
            cache,
        }
    }

    fn build(&self, image: &program::Image) -> Build {
        let attributes = &image.attributes;
        let (context, dockerfile) = self.files(image);
        Build {
            context,
            dockerfile,
            dockerfile_inline: self.optional_string(attributes.get("dockerfile_inline")),
            target: self.optional_string(attributes.get("target")),
            args: self.string_map(attributes.get("args")),
            labels: self.string_map(attributes.get("labels")),
            annotations: self.string_map(attributes.get("annotations")),
            secrets: self.secrets(attributes.get("secrets")),
            ssh: self.strings(attributes.get("ssh")),
            contexts: self.contexts(attributes.get("contexts")),
            platforms: self.platforms(attributes.get("platforms")),
            network: self.network(attributes.get("network")),
            extra_hosts: self.string_map(attributes.get("extra_hosts")),
            shm_size: match self.optional(attributes.get("shm_size")) {
                Some(Value::Size(bytes)) => Some(bytes),
                _ => None,
            },
            ulimits: self.string_map(attributes.get("ulimits")),
            pull: self.flag(attributes.get("pull")),
            no_cache: self.flag(attributes.get("no_cache")),
            no_cache_stages: self.strings(attributes.get("no_cache_stages")),
            attest: self.attest(attributes.get("attest")),
        }
    }

    /// The context and the Dockerfile, which must exist.
    fn files(&self, image: &program::Image) -> (Context, String) {
        let environment = self.eval.inputs().environment;
        let attributes = &image.attributes;
        let dockerfile = self.optional_string(attributes.get("dockerfile"));
        let file = dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned());
        let at = attributes.get("context").map_or(image.name.span, |expr| expr.span);
        let written = match self.optional(attributes.get("context")) {
            Some(Value::String(path)) => path,
            Some(Value::GitContext(url)) => return (Context::Git(url), file),
            _ => ".".to_owned(),
        };
        let context = self.eval.path(&written, at);
        let kind = environment.path_kind(&context);
        if kind != Some(PathKind::Folder) {
            self.eval.report(errors::missing_path(&written, &context, kind, PathKind::Folder, at));
            return (Context::Folder(context), file);
        }
        if attributes.get("dockerfile_inline").is_some() {
            return (Context::Folder(context), file);
        }
        let looked_up: PathBuf = context.join(&file).components().collect();
        let kind = environment.path_kind(&looked_up);
        match (attributes.get("dockerfile"), kind) {
            (_, Some(PathKind::File)) => {}
            (Some(expr), kind) => {
                self.eval.report(errors::missing_path(&file, &looked_up, kind, PathKind::File, expr.span));
            }
            (None, _) => self.eval.report(errors::no_dockerfile(&image.name, &looked_up)),
        }
        (Context::Folder(context), file)
    }

    fn contexts(&self, expr: Option<&Expr>) -> IndexMap<String, Context> {
        let Some((expr, Value::Map(entries))) = expr.zip(self.optional(expr)) else { return IndexMap::new() };
        let context = |(name, value)| {
            let context = match value {
                Value::Images(ids) => Context::Image(*ids.first()?),
                Value::GitContext(url) => Context::Git(url),
                Value::String(text) if text.contains("://") => Context::Reference(text),
                Value::String(path) => Context::Folder(self.eval.path(&path, expr.span)),
                _ => return None,
            };
            Some((name, context))
        };
        entries.into_iter().filter_map(context).collect()
    }

    fn secrets(&self, expr: Option<&Expr>) -> IndexMap<String, Secret> {
        let Some(Value::Map(entries)) = self.optional(expr) else { return IndexMap::new() };
        let secret = |(name, value)| match value {
            Value::Secret(id) => Some((name, self.secret(id)?)),
            _ => None,
        };
        entries.into_iter().filter_map(secret).collect()
    }

    /// Tags, whether each varies from run to run, and where it is written.
    fn written_tags(&self, expr: Option<&Expr>) -> Vec<(Tag, bool, Span)> {
        let tag = |value| match value {
            Value::Tag { tag, varies, span } => Some((tag, varies, span)),
            _ => None,
        };
        self.list(expr).into_iter().filter_map(tag).collect()
    }

    fn cache(&self, image: &program::Image, key: &[Value], tags: &[PushTag]) -> Cache {
        match (image.attributes.block("cache"), tags.first()) {
            (Some(cache), _) => Cache::Explicit { from: self.cache_from(cache), to: self.cache_to(cache) },
            (None, Some(first)) => {
                let keys =
                    key.iter().map(|value| format!("-{}", slug(&key_text(std::slice::from_ref(value)))));
                let tag = format!("cache-{}{}", image.name.value, keys.collect::<String>());
                if tag_problem(&tag).is_some() {
                    self.eval.report(errors::long_cache_tag(&image.name, &tag));
                }
                Cache::Automatic(Tag { repository: first.tag.repository, tag })
            }
            (None, None) => Cache::Explicit { from: Vec::new(), to: Vec::new() },
        }
    }

    fn cache_from(&self, cache: &Attributes) -> Vec<CacheSource> {
        let source = |value| match value {
            Value::Cache { place, .. } => match place {
                CachePlace::Registry(tag) => Some(CacheSource::Registry(tag)),
                CachePlace::Local(folder) => Some(CacheSource::Local(folder)),
                CachePlace::Gha { scope } => Some(CacheSource::Gha { scope }),
                CachePlace::S3(bucket) => Some(CacheSource::S3(bucket)),
                CachePlace::Inline => None,
            },
            _ => None,
        };
        self.list(cache.get("from")).into_iter().filter_map(source).collect()
    }

    fn cache_to(&self, cache: &Attributes) -> Vec<CacheTarget> {
        let target = |value| match value {
            Value::Cache { place, mode } => Some(match place {
                CachePlace::Registry(tag) => CacheTarget::Registry { tag, mode },
                CachePlace::Local(folder) => CacheTarget::Local { folder, mode },
                CachePlace::Gha { scope } => CacheTarget::Gha { scope, mode },
                CachePlace::S3(bucket) => CacheTarget::S3 { bucket, mode },
                CachePlace::Inline => CacheTarget::Inline,
            }),
            _ => None,
        };
        self.list(cache.get("to")).into_iter().filter_map(target).collect()
    }

    pub(super) fn platforms(&self, expr: Option<&Expr>) -> Vec<String> {
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
        match self.choice(expr, "a network mode", &["default", "none", "host"]) {
            Some("none") => Network::None,
            Some("host") => Network::Host,
            _ => Network::Default,
        }
    }

    fn attest(&self, expr: Option<&Expr>) -> Attest {
        match self.choice(expr, "a kind of attestation", &["none", "min", "max"]) {
            Some("min") => Attest::Min,
            Some("max") => Attest::Max,
            _ => Attest::None,
        }
    }

    /// One of a few words; anything else is reported.
    fn choice(&self, expr: Option<&Expr>, what: &str, known: &[&'static str]) -> Option<&'static str> {
        let text = self.optional_string(expr)?;
        let found = known.iter().copied().find(|one| *one == text);
        if let (None, Some(expr)) = (found, expr) {
            self.eval.report(errors::not_a_choice(what, &text, expr.span, known));
        }
        found
    }
}

/// Each tag once; one that is written in two ways is unique if one of them is.
fn push_tags(written: &[(Tag, bool, Span)]) -> Vec<PushTag> {
    let mut tags: IndexMap<&Tag, bool> = IndexMap::new();
    for (tag, varies, _) in written {
        *tags.entry(tag).or_insert(true) &= !varies;
    }
    tags.into_iter().map(|(tag, moving)| PushTag { tag: tag.clone(), moving }).collect()
}

/// Where a text stands in a list that is written out.
fn item_span(list: &Expr, text: &str) -> Option<Span> {
    let ExprKind::List(items) = &list.kind else { return None };
    let is_it = |item: &&Expr| crate::check::literal_text(item) == Some(text);
    items.iter().find(is_it).map(|item| item.span)
}
