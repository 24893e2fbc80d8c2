//! Checks of images against each other and against their repositories, which need the values of a plan.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use super::eval::TagForm;
use super::lower::Lowering;
use super::trace::{Base, ImageTrace, StepTrace, Trace};
use super::{Attest, Cache, CacheTarget, Image, ImageId, Plan, RegistryKind, RepositoryId, Tag, errors};
use crate::check::program::{DeferredField, Expr, ExprKind, Part, StepKind};
use crate::diag::{Diagnostic, similar};
use crate::source::Span;

/// What is said of an image, besides what the plan has.
struct Planned<'a> {
    id: ImageId,
    image: &'a Image,
    trace: &'a ImageTrace<'a>,
    pushed: bool,
}

/// What a file writes to one repository, as far as a cache could be there.
#[derive(Default)]
struct Writes {
    /// In this run, or under another condition; in order, as messages look through them.
    texts: BTreeSet<String>,
    /// In other runs.
    forms: HashSet<TagForm>,
}

impl<'a> Lowering<'a> {
    pub(super) fn check_images(&self, plan: &Plan, trace: &Trace<'a>) {
        self.check_bases(plan, trace);
        self.check_skipped_bases(plan, trace);
        let operands = |pushes: bool| {
            let steps = trace.steps.iter().filter(move |step| !pushes || step.is_push());
            steps.flat_map(|step| &step.images).map(|(id, _)| *id).collect::<HashSet<_>>()
        };
        let (pushed, built) = (operands(true), operands(false));
        let images = plan.images.iter().zip(&trace.images).enumerate();
        let images = images.map(|(index, (image, trace))| {
            let id = ImageId(index);
            Planned { id, image, trace, pushed: pushed.contains(&id) }
        });
        let built: Vec<_> = images.filter(|one| built.contains(&one.id)).collect();
        let writes = self.writes(trace, &built);
        for one in &built {
            self.check_immutable(plan, one);
            self.check_sources(plan, one, &writes);
        }
        self.check_uses(plan, trace, &built);
        self.check_lifecycles(plan, &built);
    }

    /// Reports something of an image; of a family it is said once, with the members that it is true of.
    fn report_of(&self, image: &ImageTrace<'_>, diagnostic: Diagnostic) {
        self.eval.with_key(&image.item.binders, &image.key, || self.eval.report(diagnostic));
    }

    /// A base must be there for each platform. What an image without `platforms` is built for is the engine's choice.
    fn check_bases(&self, plan: &Plan, trace: &Trace<'a>) {
        for (image, one) in plan.images.iter().zip(&trace.images) {
            for Base { image: id, span } in &one.bases {
                let base = plan.image(*id);
                let missing = image.platforms().iter().find(|platform| !base.platforms().contains(platform));
                let (Some(missing), false) = (missing, base.platforms().is_empty()) else { continue };
                let Some(item) = trace.images.get(id.0).map(|base| base.item) else { continue };
                let at = item.attributes.get("platforms").map_or(item.name.span, |expr| expr.span);
                let built = base.platforms();
                self.report_of(one, errors::platform_not_built(&base.name, missing, (*span, at), built));
            }
        }
    }

    /// What is built in this run must not need an image that its `when` leaves out. (The tag of such an image in `FROM`
    /// is what the registry has.)
    fn check_skipped_bases(&self, plan: &Plan, trace: &Trace<'a>) {
        let running = trace.steps.iter().filter(|step| step.runs).flat_map(|step| &step.images);
        let mut pending: Vec<ImageId> = match trace.waves.is_empty() {
            // Images are built by their names.
            true => (0..plan.images.len()).map(ImageId).collect(),
            false => running.map(|(id, _)| *id).collect(),
        };
        let mut built = HashSet::new();
        while let Some(id) = pending.pop() {
            if plan.image(id).when && built.insert(id) {
                pending.extend(
                    trace.images.get(id.0).into_iter().flat_map(|one| &one.bases).map(|base| base.image),
                );
            }
        }
        let images = trace.images.iter().enumerate().filter(|(index, _)| built.contains(&ImageId(*index)));
        for (_, one) in images {
            for Base { image: base, span } in &one.bases {
                let item = trace.images.get(base.0).map(|base| base.item);
                let when = item.and_then(|item| item.attributes.get("when"));
                if let Some(when) = when.filter(|_| !plan.image(*base).when) {
                    let names = (one.item.name.value.as_str(), plan.image(*base).name.as_str());
                    self.report_of(one, errors::skipped_base(names, *span, when.span));
                }
            }
        }
    }

    /// Tags and caches that are written in every run, in a repository whose tags do not move.
    fn check_immutable(&self, plan: &Plan, one: &Planned<'_>) {
        let unique = one.trace.written.iter().find(|tag| tag.varies);
        let unique = unique.and_then(|tag| self.eval.program().short(tag.span));
        let moving: HashSet<_> = one.image.tags.iter().filter(|tag| tag.moving).map(|tag| &tag.tag).collect();
        for written in one.trace.written.iter().filter(|tag| one.pushed && moving.contains(&tag.tag)) {
            if let Some(immutable) = self.immutable(plan, &written.tag) {
                let unique = unique.filter(|_| !written.varies);
                self.report_of(one.trace, errors::immutable_tag(&immutable, written.span, unique));
            }
        }
        for written in one.trace.cache_to.iter().filter(|tag| !tag.varies) {
            if let Some(immutable) = self.immutable(plan, &written.tag) {
                self.report_of(one.trace, errors::immutable_cache(&immutable, written.span));
            }
        }
        if let Cache::Automatic(tag) = &one.image.cache
            && let Some(immutable) = self.immutable(plan, tag)
        {
            let name = &one.trace.item.name;
            self.report_of(one.trace, errors::immutable_automatic_cache(&immutable, name));
        }
    }

    /// The repository of a tag, if that does not let the tag move.
    pub(super) fn immutable<'p>(&self, plan: &'p Plan, tag: &'p Tag) -> Option<errors::Immutable<'p>> {
        let repository = plan.repository(tag.repository);
        if !repository.is_fixed(&tag.tag) {
            return None;
        }
        let item = self.eval.program().repositories.get(tag.repository.0)?;
        Some(errors::Immutable {
            repository: &repository.item,
            tag: &tag.tag,
            set: item.attributes.get("immutable")?.span,
            is_ecr: !matches!(plan.registry(repository.registry).kind, RegistryKind::Oci { .. }),
            has_mutable_tags: item.attributes.get("mutable_tags").is_some(),
        })
    }

    /// What the images and promotions of the file write to each repository, in this run or another one.
    fn writes(&self, trace: &Trace<'a>, built: &[Planned<'_>]) -> HashMap<RepositoryId, Writes> {
        let mut writes: HashMap<RepositoryId, Writes> = HashMap::new();
        let mut add = |repository: RepositoryId, text: &str, form: Option<TagForm>| {
            let writes = writes.entry(repository).or_default();
            writes.texts.insert(text.to_owned());
            writes.forms.extend(form.filter(|form| *form != TagForm::Fixed));
        };
        for one in built {
            for written in one.trace.written.iter().filter(|_| one.pushed).chain(&one.trace.cache_to) {
                add(written.tag.repository, &written.tag.tag, Some(written.form.clone()));
            }
            if let Cache::Automatic(tag) = &one.image.cache {
                add(tag.repository, &tag.tag, None);
            }
            let attributes = &one.trace.item.attributes;
            let to = attributes.block("cache").and_then(|cache| cache.get("to"));
            let exprs = attributes.get("tags").filter(|_| one.pushed).into_iter().chain(to);
            self.eval.with_key(&one.trace.item.binders, &one.trace.key, || {
                for (repository, text, form) in exprs.flat_map(|expr| self.eval.conditional_tags(expr)) {
                    add(repository, &text, Some(form));
                }
            });
        }
        for step in &trace.steps {
            let StepKind::Promote { to, .. } = &step.step.kind else { continue };
            step.promotes.iter().for_each(|(tag, ..)| add(tag.repository, &tag.tag, None));
            for (repository, text, form) in to.iter().flat_map(|expr| self.eval.conditional_tags(expr)) {
                add(repository, &text, Some(form));
            }
        }
        writes
    }

    /// Cache sources that no part of the file writes. A repository that the file writes nothing to belongs to another
    /// pipeline, so nothing is said of it; neither of a source that is another one in another run.
    fn check_sources(&self, plan: &Plan, one: &Planned<'_>, writes: &HashMap<RepositoryId, Writes>) {
        for source in one.trace.cache_from.iter().filter(|source| !source.varies) {
            let Some(writes) = writes.get(&source.tag.repository) else { continue };
            let text = source.tag.tag.as_str();
            if writes.texts.contains(text) || writes.forms.iter().any(|form| form.can_be(text)) {
                continue;
            }
            let targets = match &one.image.cache {
                Cache::Explicit { to, .. } => to.as_slice(),
                Cache::Automatic(_) => &[],
            };
            let to = one.trace.item.attributes.block("cache").and_then(|cache| cache.get("to"));
            let all_inline = targets.iter().all(|target| *target == CacheTarget::Inline);
            let warning = errors::cache_never_written(&errors::UnwrittenCache {
                repository: &plan.repository(source.tag.repository).item,
                tag: text,
                source: source.span,
                to: to.filter(|_| !targets.is_empty()).map(|to| (to.span, all_inline)),
                similar: similar(text, writes.texts.iter().map(String::as_str).take(100)),
            });
            self.report_of(one.trace, warning);
        }
    }

    /// What steps do with references.
    fn check_uses(&self, plan: &Plan, trace: &Trace<'a>, built: &[Planned<'_>]) {
        let by_id: HashMap<ImageId, &Planned<'_>> = built.iter().map(|one| (one.id, one)).collect();
        let mut reported = HashSet::new();
        for step in &trace.steps {
            for (id, field, span) in &step.uses {
                let Some(one) = by_id.get(id) else { continue };
                if *field == Some(DeferredField::Ref) && reported.insert((*span, *id)) {
                    self.check_reference(plan, one, *span);
                }
                if field.is_some() && is_for_lambda(step) && reported.insert((one.trace.item.name.span, *id))
                {
                    self.check_index(one, *span);
                }
            }
        }
    }

    /// An image in two repositories has two references. Two items can be one repository of a registry.
    fn check_reference(&self, plan: &Plan, one: &Planned<'_>, used: Span) {
        let mut tagged: IndexMap<String, (RepositoryId, Span)> = IndexMap::new();
        for tag in &one.trace.written {
            let id = tag.tag.repository;
            tagged.entry(plan.repository_reference(id)).or_insert((id, tag.span));
        }
        if tagged.len() > 1 {
            let tagged: Vec<_> =
                tagged.values().map(|(id, span)| (plan.repository(*id).item.as_str(), *span)).collect();
            self.eval.report(errors::two_references(&one.image.name, used, &tagged));
        }
    }

    /// An image that AWS Lambda gets must be one manifest.
    fn check_index(&self, one: &Planned<'_>, used: Span) {
        let attributes = &one.trace.item.attributes;
        let at = |name: &str| attributes.get(name).map_or(one.trace.item.name.span, |expr| expr.span);
        let because = if one.image.platforms().len() > 1 {
            (at("platforms"), "several platforms make an index")
        } else if one.image.build.attest != Attest::None {
            (at("attest"), "provenance makes an index")
        } else {
            return;
        };
        self.report_of(one.trace, errors::pushed_as_index(&one.image.name, because, used));
    }

    /// A rule that counts images deletes caches and moving tags too, where it keeps fewer than a run pushes.
    fn check_lifecycles(&self, plan: &Plan, built: &[Planned<'_>]) {
        let mut images: HashMap<RepositoryId, HashSet<ImageId>> = HashMap::new();
        let mut caches: HashMap<RepositoryId, HashSet<&str>> = HashMap::new();
        for one in built {
            for tag in one.image.tags.iter().filter(|_| one.pushed) {
                images.entry(tag.tag.repository).or_default().insert(one.id);
            }
            for tag in one.image.cache.written() {
                caches.entry(tag.repository).or_default().insert(&tag.tag);
            }
        }
        let items = plan.repositories.iter().zip(&self.eval.program().repositories).enumerate();
        for (index, (repository, item)) in items {
            let id = RepositoryId(index);
            let kept = repository.lifecycle.as_ref().and_then(|lifecycle| lifecycle.keep_last);
            let written = item.attributes.block("lifecycle").and_then(|block| block.get("keep_last"));
            let (Some(kept), Some(written)) = (kept, written) else { continue };
            let counts = (images.get(&id).map_or(0, HashSet::len), caches.get(&id).map_or(0, HashSet::len));
            if usize::try_from(kept).is_ok_and(|kept| kept < counts.0 + counts.1) {
                self.eval.report(errors::tags_expire(&repository.item, (written.span, kept), counts));
            }
        }
    }
}

impl Image {
    fn platforms(&self) -> &[String] {
        &self.build.platforms
    }
}

/// Whether a command is one that gives an image to AWS Lambda, as far as its literal words say.
fn is_for_lambda(step: &StepTrace<'_>) -> bool {
    let mut pending: Vec<&Expr> = match &step.step.kind {
        StepKind::Run { arguments, .. } => arguments.iter().collect(),
        StepKind::Sh { script, .. } => vec![script],
        _ => return false,
    };
    let (mut lambda, mut image) = (false, false);
    while let Some(expr) = pending.pop() {
        if let ExprKind::String(parts) = &expr.kind {
            for part in parts {
                let Part::Text(text) = part else { continue };
                lambda |= text.contains("lambda");
                image |= ["update-function-code", "create-function", "--image-uri", "ImageUri="]
                    .iter()
                    .any(|word| text.contains(word));
            }
        }
        pending.extend(expr.children());
    }
    lambda && image
}
