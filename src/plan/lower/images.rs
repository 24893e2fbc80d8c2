//! Images: what they are built from, their tags and caches.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Lowering;
use super::settings::{EXTRA_HOST, SSH, ULIMIT};
use crate::check::program::{self, Expr, ExprKind};
use crate::environment::PathKind;
use crate::plan::cache_tag::cache_tag;
use crate::plan::eval::{CachePlace, Value, WrittenTag};
use crate::plan::families::key_text;
use crate::plan::rules::is_platform;
use crate::plan::trace::{Base, ImageTrace};
use crate::plan::{
    Attest, Build, Cache, CacheMode, CacheSource, CacheTarget, Context, Image, Network, PushTag, Secret,
    Stages, Tag, errors,
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
        let from = self.caches(image, "from");
        let to = self.caches(image, "to");
        let (contexts, bases) = self.contexts(attributes.get("contexts"));
        self.trace.borrow_mut().images.push(ImageTrace {
            item: image,
            key: key.to_vec(),
            tags: written.iter().map(|one| (one.tag.clone(), one.span)).collect(),
            written,
            cache_from: cache_tags(&from),
            cache_to: cache_tags(&to),
            bases,
        });
        let cache = match image.attributes.block("cache") {
            Some(_) => Cache::Explicit { from: sources(from), to: targets(to) },
            None => automatic_cache(image, key, &tags),
        };
        let build = self.build(image, contexts);
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
            stages: Stages::default(),
        }
    }

    fn build(&self, image: &program::Image, contexts: IndexMap<String, Context>) -> Build {
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
            ssh: self.checked_list(attributes.get("ssh"), &SSH),
            contexts,
            platforms: self.platforms(attributes.get("platforms")),
            network: self.network(attributes.get("network")),
            extra_hosts: self.checked_map(attributes.get("extra_hosts"), &EXTRA_HOST),
            shm_size: self.shm_size(attributes.get("shm_size")),
            ulimits: self.checked_map(attributes.get("ulimits"), &ULIMIT),
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

    /// The contexts by name, and those of them that are images of the program.
    fn contexts(&self, expr: Option<&Expr>) -> (IndexMap<String, Context>, Vec<Base>) {
        let mut contexts = IndexMap::new();
        let mut bases: IndexMap<String, Base> = IndexMap::new();
        // Part by part: a path is relative to the file in which it is written.
        for part in expr.map(Expr::written).unwrap_or_default() {
            let Some(Value::Map(entries)) = self.optional(Some(part)) else { continue };
            for (name, value) in Arc::unwrap_or_clone(entries) {
                let span = entry_span(part, &name);
                let context = match value {
                    Value::Images(ids) => ids.first().map(|id| Context::Image(*id)),
                    Value::GitContext(url) => Some(Context::Git(url)),
                    Value::String(text) => Some(self.named_context(text, span)),
                    _ => None,
                };
                let Some(context) = context else { continue };
                match context {
                    Context::Image(image) => bases.insert(name.clone(), Base { image, span }),
                    _ => bases.shift_remove(&name),
                };
                contexts.insert(name, context);
            }
        }
        (contexts, bases.into_values().collect())
    }

    /// A folder or a reference to an image of elsewhere.
    fn named_context(&self, text: String, span: Span) -> Context {
        if text.starts_with("docker-image://") {
            return Context::Reference(text);
        }
        if text.contains("://") {
            self.eval.report(errors::unknown_context(&text, span));
            return Context::Reference(text);
        }
        let folder = self.eval.path(&text, span);
        let kind = self.eval.inputs().environment.path_kind(&folder);
        if kind != Some(PathKind::Folder) {
            self.eval.report(errors::missing_context(&text, &folder, kind, span));
        }
        Context::Folder(folder)
    }

    fn secrets(&self, expr: Option<&Expr>) -> IndexMap<String, Secret> {
        let Some(Value::Map(entries)) = self.optional(expr) else { return IndexMap::new() };
        let secret = |(name, value)| match value {
            Value::Secret(id) => Some((name, self.secret(id)?)),
            _ => None,
        };
        Arc::unwrap_or_clone(entries).into_iter().filter_map(secret).collect()
    }

    fn written_tags(&self, expr: Option<&Expr>) -> Vec<WrittenTag> {
        let tag = |value| match value {
            Value::Tag(tag) => Some(*tag),
            _ => None,
        };
        self.list(expr).into_iter().filter_map(tag).collect()
    }

    /// One list of the `cache` block.
    fn caches(&self, image: &program::Image, name: &str) -> Vec<(CachePlace, CacheMode)> {
        let list = image.attributes.block("cache").and_then(|cache| cache.get(name));
        let cache = |value| match value {
            Value::Cache(cache) => Some(*cache),
            Value::Tag(tag) => Some((CachePlace::Registry(*tag), CacheMode::Min)),
            _ => None,
        };
        self.list(list).into_iter().filter_map(cache).collect()
    }

    pub(super) fn platforms(&self, expr: Option<&Expr>) -> Vec<String> {
        let mut platforms = Vec::new();
        for value in self.list(expr) {
            let (Value::String(platform), Some(expr)) = (value, expr) else { continue };
            if !is_platform(&platform) {
                let span = expr.item_written(|text| text == platform).unwrap_or(expr.span);
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

/// Without a `cache` block: a tag of its own in the first repository that the image is tagged in.
fn automatic_cache(image: &program::Image, key: &[Value], tags: &[PushTag]) -> Cache {
    let Some(first) = tags.first() else {
        return Cache::Explicit { from: Vec::new(), to: Vec::new() };
    };
    let keys: Vec<_> = key.iter().filter_map(Value::as_text).collect();
    Cache::Automatic(Tag { repository: first.tag.repository, tag: cache_tag(&image.name.value, &keys) })
}

/// Each tag once; one that is written in two ways is unique if one of them is.
fn push_tags(written: &[WrittenTag]) -> Vec<PushTag> {
    let mut tags: IndexMap<&Tag, bool> = IndexMap::new();
    for one in written {
        *tags.entry(&one.tag).or_insert(true) &= !one.varies;
    }
    tags.into_iter().map(|(tag, moving)| PushTag { tag: tag.clone(), moving }).collect()
}

fn cache_tags(caches: &[(CachePlace, CacheMode)]) -> Vec<WrittenTag> {
    let tag = |(place, _): &(CachePlace, CacheMode)| match place {
        CachePlace::Registry(tag) => Some(tag.clone()),
        _ => None,
    };
    caches.iter().filter_map(tag).collect()
}

fn sources(caches: Vec<(CachePlace, CacheMode)>) -> Vec<CacheSource> {
    let source = |(place, _)| match place {
        CachePlace::Registry(tag) => Some(CacheSource::Registry(tag.tag)),
        CachePlace::Local(folder) => Some(CacheSource::Local(folder)),
        CachePlace::Gha { scope } => Some(CacheSource::Gha { scope }),
        CachePlace::S3(bucket) => Some(CacheSource::S3(bucket)),
        // An inline cache is in an image, which is named by its tag.
        CachePlace::Inline => None,
    };
    caches.into_iter().filter_map(source).collect()
}

fn targets(caches: Vec<(CachePlace, CacheMode)>) -> Vec<CacheTarget> {
    let target = |(place, mode)| match place {
        CachePlace::Registry(tag) => CacheTarget::Registry { tag: tag.tag, mode },
        CachePlace::Local(folder) => CacheTarget::Local { folder, mode },
        CachePlace::Gha { scope } => CacheTarget::Gha { scope, mode },
        CachePlace::S3(bucket) => CacheTarget::S3 { bucket, mode },
        CachePlace::Inline => CacheTarget::Inline,
    };
    caches.into_iter().map(target).collect()
}

/// Where the value of an entry stands, if the map is written out.
pub(super) fn entry_span(map: &Expr, key: &str) -> Span {
    let entry = |part: &Expr| match &part.kind {
        ExprKind::Map(entries) => entries.get(key).map(|value| value.span),
        _ => None,
    };
    map.written().into_iter().rev().find_map(entry).unwrap_or(map.span)
}
