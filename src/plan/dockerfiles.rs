//! What the Dockerfiles of a plan say: which images need which, and what does not fit together.
//!
//! BuildKit is the judge of Dockerfiles. Here errors are what it would certainly refuse, and warnings what it silently
//! ignores. Of what a Dockerfile leaves to the engine nothing is said.

mod needs;
mod places;
mod texts;

use std::collections::HashSet;

use self::needs::{By, Need, Tags};
use self::texts::{Text, Texts};
use super::errors::dockerfiles as words;
use super::eval::Value;
use super::families::Family;
use super::graph::Needs;
use super::lower::Lowering;
use super::trace::Trace;
use super::{Cache, CacheTarget, Image, ImageId, Plan, SideStage, Stages};
use crate::check::program::{Attributes, Expr, Image as Item};
use crate::diag::{Diagnostic, Severity, similar};
use crate::dockerfile::{Dockerfile, Uses, is_predefined_arg};
use crate::source::{SourceMap, Span, Spanned};

/// The attributes without whose values nothing can be said of a Dockerfile.
const ATTRIBUTES: [&str; 7] =
    ["context", "dockerfile", "dockerfile_inline", "target", "args", "contexts", "secrets"];

/// One image with what it is built from.
struct One<'a, 'p> {
    item: &'a Item,
    key: &'p [Value],
    image: &'p Image,
    text: Option<&'p Text>,
    uses: Option<Uses<'p>>,
}

impl One<'_, '_> {
    fn attribute(&self, name: &str) -> Option<&Expr> {
        self.item.attributes.get(name)
    }

    /// An attribute, or the name of the image that could have it.
    fn place(&self, name: &str) -> Span {
        self.attribute(name).map_or(self.item.name.span, |expr| expr.span)
    }

    fn file(&self) -> &str {
        words::file_of(self.image)
    }

    /// The stages that a build of the image uses.
    fn stages(&self) -> Stages {
        let (Some(text), Some(uses)) = (self.text, &self.uses) else { return Stages::default() };
        let name = |index: usize| text.dockerfile.stages.get(index).and_then(|stage| stage.name.as_ref());
        // As BuildKit names the steps (buildkit, frontend/dockerfile/dockerfile2llb/convert.go).
        let label = |index| name(index).map_or(format!("stage-{index}"), |name| name.value.to_lowercase());
        let below = |index: &usize| uses.below.get(index).into_iter().flatten().map(|below| label(*below));
        let beside = |index: &usize| SideStage {
            label: label(*index),
            has_name: name(*index).is_some(),
            below: below(index).collect(),
        };
        let target = text.dockerfile.target(self.image.build.target.as_deref());
        let own = target.into_iter().flat_map(|target| below(&target).chain([label(target)]));
        Stages { own: own.collect(), beside: uses.beside.iter().map(beside).collect() }
    }
}

/// Tells what belongs to inline Dockerfiles apart, which cannot be shown.
struct Reports<'l, 'a> {
    lowering: &'l Lowering<'a>,
    sources: &'l SourceMap,
    texts: &'l Texts,
}

impl Reports<'_, '_> {
    fn names_to_compare(&self) -> usize {
        self.lowering.eval.searches.limit()
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.lowering.eval.report(words::without_labels_in(diagnostic, self.sources, &self.texts.inline));
    }

    /// Of a family it is said once, with the members that it is true of.
    fn report_of(&self, one: &One<'_, '_>, diagnostic: Diagnostic) {
        self.lowering.eval.with_key(&one.item.binders, one.key, || self.report(diagnostic));
    }
}

impl<'a> Lowering<'a> {
    /// Reads the Dockerfiles of all images into `sources`, checks them and completes [`Image::needs`].
    pub(super) fn check_dockerfiles(&self, plan: &mut Plan, trace: &Trace<'a>, sources: &mut SourceMap) {
        let keys: Vec<&[Value]> =
            self.eval.families().iter().flat_map(|Family { keys, .. }| keys).map(Vec::as_slice).collect();
        let items = || trace.images.iter().zip(&keys).map(|(trace, key)| (trace.item, *key));
        let has_errors =
            self.eval.found.borrow().iter().any(|found| found.diagnostic.severity() == Severity::Error);
        let mut texts = Texts::default();
        let mut files = Vec::new();
        for ((item, key), image) in items().zip(&plan.images) {
            let is_known = !has_errors || self.is_known(item, key);
            files.push(if is_known { texts.of(self, sources, item, image) } else { None });
        }
        let tags = Tags::of(plan);
        let reports = Reports { lowering: self, sources, texts: &texts };
        let mut images = Vec::new();
        let mut needs: Needs<Need> = Vec::new();
        for (((item, key), image), file) in items().zip(&plan.images).zip(&files) {
            let text = file.and_then(|file| texts.texts.get(file));
            let mut one = One { item, key, image, text, uses: None };
            one.uses = text.and_then(|text| reports.uses(&one, &text.dockerfile));
            let id = ImageId(images.len());
            needs.push(self.needs_of(id, (image, &item.attributes), one.uses.as_ref(), &tags));
            images.push(one);
        }
        for (one, needs) in images.iter().zip(&needs) {
            let bases = needs.iter().filter_map(|(base, _)| images.get(*base));
            reports.check(one, bases);
            reports.check_platforms(&images, one, needs);
        }
        for circle in self.check_circles(plan, trace, &needs) {
            reports.report(words::cyclic_images(&circle));
        }
        let stages: Vec<_> = images.iter().map(One::stages).collect();
        for ((image, needs), stages) in plan.images.iter_mut().zip(&needs).zip(stages) {
            image.stages = stages;
            let mut seen = HashSet::new();
            let ids = needs.iter().map(|(base, _)| ImageId(*base));
            image.needs = ids.filter(|base| seen.insert(*base)).collect();
            image.needs.sort_unstable();
        }
    }

    /// Whether every attribute has the value that the file means. A mistake in one of them was reported.
    fn is_known(&self, item: &Item, key: &[Value]) -> bool {
        let before = self.eval.found.borrow().len();
        let expressions = ATTRIBUTES.iter().filter_map(|name| item.attributes.get(name));
        let is_known = self.eval.with_key(&item.binders, key, || {
            expressions.map(|expr| self.eval.value(expr)).all(|value| !has_error(&value))
        });
        // What evaluation finds a second time.
        self.eval.found.borrow_mut().truncate(before);
        is_known
    }
}

fn has_error(value: &Value) -> bool {
    match value {
        Value::Error => true,
        Value::List(items) => items.iter().any(has_error),
        Value::Map(entries) => entries.values().any(has_error),
        _ => false,
    }
}

impl Reports<'_, '_> {
    /// What a build of an image uses of its Dockerfile, if that has the stages that the image names.
    fn uses<'p>(&self, one: &One<'_, 'p>, dockerfile: &'p Dockerfile) -> Option<Uses<'p>> {
        let build = &one.image.build;
        let program = self.lowering.eval.program();
        let no_stage = |name: &str, at| {
            let named = || dockerfile.stages.iter().filter_map(|stage| stage.name.as_ref());
            let close = similar(name, dockerfile.stage_names().take(self.names_to_compare()));
            let close = named().find(|stage| Some(stage.value.as_str()) == close);
            let stages: Vec<_> = dockerfile.stage_names().collect();
            self.report_of(one, words::no_stage(one.file(), name, at, close, &stages));
        };
        for name in build.no_cache_stages.iter().filter(|name| dockerfile.target(Some(name)).is_none()) {
            let list = one.attribute("no_cache_stages");
            no_stage(name, list.map_or(one.item.name.span, |list| places::item(program, list, name)));
        }
        let Some(target) = dockerfile.target(build.target.as_deref()) else {
            no_stage(build.target.as_deref().unwrap_or_default(), one.place("target"));
            return None;
        };
        let contexts: Vec<_> = build.contexts.keys().map(String::as_str).collect();
        Some(dockerfile.uses(target, &build.args, &contexts))
    }

    fn check<'p>(&self, one: &One<'_, 'p>, bases: impl Iterator<Item = &'p One<'p, 'p>> + Clone) {
        let (Some(text), Some(uses)) = (one.text, &one.uses) else { return };
        self.check_args(one, text, bases);
        self.check_secrets(one, text, uses);
        self.check_contexts(one, text, uses);
        self.check_inline_cache(one, text, uses);
        if let Some(broken) = uses.broken_froms.first() {
            let at = one.place("args");
            self.report_of(one, words::argument_without_value(broken, at, one.attribute("args").is_some()));
        }
    }

    /// Build arguments that no `ARG` declares, nor an `ONBUILD ARG` of an image that it starts from.
    fn check_args<'p>(
        &self,
        one: &One<'_, 'p>,
        text: &Text,
        bases: impl Iterator<Item = &'p One<'p, 'p>> + Clone,
    ) {
        let declares = |text: &Text, name: &str| text.declared.contains(name);
        let Some(args) = one.attribute("args") else { return };
        for name in one.image.build.args.keys() {
            if declares(text, name)
                || is_predefined_arg(name)
                || bases.clone().filter_map(|base| base.text).any(|text| declares(text, name))
            {
                continue;
            }
            let at = places::key(self.lowering.eval.program(), args, name);
            let is_free = |name: &&Spanned<String>| !one.image.build.args.contains_key(&name.value);
            let names = || text.dockerfile.declared_args().map(|arg| &arg.name).filter(is_free);
            let close = similar(name, names().map(|name| name.value.as_str()).take(self.names_to_compare()));
            let close = names().find(|name| Some(name.value.as_str()) == close);
            self.report_of(one, words::unknown_build_argument(one.file(), name, at, close));
        }
    }

    fn check_secrets(&self, one: &One<'_, '_>, text: &Text, uses: &Uses<'_>) {
        let passed = &one.image.build.secrets;
        let missing: Vec<_> =
            uses.secrets.iter().filter(|mount| mount.required && !passed.contains_key(&mount.id)).collect();
        if let Some(first) = missing.first() {
            let ids: HashSet<_> = missing.iter().map(|mount| mount.id.as_str()).collect();
            let mut more: Vec<_> = ids.into_iter().filter(|id| *id != first.id).collect();
            more.sort_unstable();
            let image = (one.image.name.as_str(), one.item.name.span);
            let has_secrets = one.attribute("secrets").is_some();
            self.report_of(one, words::secret_not_passed(one.file(), first, &more, image, has_secrets));
        }
        let (Some(secrets), Some(ids)) = (one.attribute("secrets"), text.dockerfile.secret_ids()) else {
            return;
        };
        for id in passed.keys().filter(|id| !ids.contains(id.as_str()) && !is_for_engine(id)) {
            let at = places::key(self.lowering.eval.program(), secrets, id);
            let bodies = text.dockerfile.stages.iter().flat_map(|stage| &stage.body.secrets);
            let free = ids.iter().copied().filter(|id| !passed.contains_key(*id));
            let close = similar(id, free.take(self.names_to_compare()));
            let close = bodies.into_iter().find(|mount| Some(mount.id.as_str()) == close);
            self.report_of(one, words::secret_not_mounted(one.file(), id, at, close));
        }
    }

    /// Named contexts that no stage uses. One that only another target uses is fine: images share their contexts.
    fn check_contexts(&self, one: &One<'_, '_>, text: &Text, uses: &Uses<'_>) {
        let Some(contexts) = one.attribute("contexts") else { return };
        let build = &one.image.build;
        if uses.has_unknown_base || build.contexts.keys().all(|name| uses.contexts.contains(name)) {
            return;
        }
        let names: Vec<_> = build.contexts.keys().map(String::as_str).collect();
        let Some(used) = text.dockerfile.used_contexts(&build.args, &names) else { return };
        for name in names.into_iter().filter(|name| !used.contains(*name)) {
            let at = places::key(self.lowering.eval.program(), contexts, name);
            let is_free = |from: &&Spanned<String>| !build.contexts.contains_key(&from.value);
            let froms = || text.dockerfile.stages.iter().map(|stage| &stage.from).filter(is_free);
            let close = similar(name, froms().map(|from| from.value.as_str()).take(self.names_to_compare()));
            let close = froms().find(|from| Some(from.value.as_str()) == close);
            self.report_of(one, words::context_not_used(one.file(), name, at, close));
        }
    }

    /// Inline cache holds the layers of the result, so what is copied from other stages is built anew.
    fn check_inline_cache(&self, one: &One<'_, '_>, text: &Text, uses: &Uses<'_>) {
        let Cache::Explicit { to, .. } = &one.image.cache else { return };
        let is_only_inline = !to.is_empty() && to.iter().all(|target| *target == CacheTarget::Inline);
        let written = one.item.attributes.block("cache").and_then(|cache: &Attributes| cache.get("to"));
        let beside = uses.beside.first().and_then(|stage| text.dockerfile.stages.get(*stage));
        if let (true, Some(written), Some(stage)) = (is_only_inline, written, beside) {
            let program = self.lowering.eval.program();
            let at = places::inline_cache(program, written);
            let repository = one.image.tags.first().and_then(|pushed| {
                program.repositories.get(pushed.tag.repository.0).map(|item| item.item.value.as_str())
            });
            let place = stage.name.as_ref().map_or(stage.from.span, |name| name.span);
            self.report_of(one, words::inline_keeps_final_stage(at, place, uses.beside.len(), repository));
        }
    }

    /// A base must be there for each platform. What an image without `platforms` is built for is the engine's choice.
    fn check_platforms(&self, images: &[One<'_, '_>], one: &One<'_, '_>, needs: &[(usize, Need)]) {
        for (base, need) in needs {
            let Some(base) = images.get(*base).filter(|_| need.by == By::Reference { has_platform: false })
            else {
                continue;
            };
            let (wanted, built) = (&one.image.build.platforms, &base.image.build.platforms);
            let missing = wanted.iter().find(|platform| !built.contains(platform));
            let (Some(missing), false) = (missing, built.is_empty()) else { continue };
            let Some(platforms) = one.attribute("platforms") else { continue };
            let at = places::item(self.lowering.eval.program(), platforms, missing);
            let base = (base.image.name.as_str(), base.place("platforms"), built.as_slice());
            self.report_of(one, words::platform_not_built(missing, at, base, need.place));
        }
    }
}

/// Secrets that the engine itself reads, to fetch what `ADD` and contexts name.
fn is_for_engine(id: &str) -> bool {
    id.starts_with("GIT_AUTH_") || id.starts_with("HTTP_AUTH_")
}
