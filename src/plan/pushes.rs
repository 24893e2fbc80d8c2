//! Checks of what is pushed where and when, which need the values of a plan.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::lower::Lowering;
use super::trace::{StepTrace, Trace};
use super::{Cache, CacheTarget, ImageId, Plan, Tag, Wave, WaveBody, errors};
use crate::check::program::DeferredField;
use crate::check::push_order::Block;
use crate::source::Span;

impl<'a> Lowering<'a> {
    /// Two images must not push the same tag.
    pub(super) fn check_tags(&self, plan: &Plan, trace: &Trace<'a>) {
        let pushes = trace.steps.iter().filter(|step| step.is_push());
        let pushed: HashSet<ImageId> = pushes.flat_map(|step| &step.images).map(|(id, _)| *id).collect();
        let mut owners: IndexMap<&Tag, (ImageId, Span)> = IndexMap::new();
        for (index, image) in trace.images.iter().enumerate() {
            let id = ImageId(index);
            for (tag, span) in image.tags.iter().filter(|_| pushed.contains(&id)) {
                let (first, first_span) = *owners.entry(tag).or_insert((id, *span));
                if first == id {
                    continue;
                }
                let shown = (plan.repository(tag.repository).item.as_str(), tag.tag.as_str());
                let Some(owner) = trace.images.get(first.0) else { continue };
                if std::ptr::eq(owner.item, image.item) {
                    let members = (plan.image(first).name.as_str(), plan.image(id).name.as_str());
                    self.eval.report(errors::tag_pushed_by_family(shown, members, *span));
                    continue;
                }
                // Both images may take the tag from one `let`: then the lists say which images they are.
                let list =
                    |item: &crate::check::program::Image| item.attributes.get("tags").map(|list| list.span);
                let spans = match (first_span == *span, list(owner.item), list(image.item)) {
                    (true, Some(first), Some(second)) if first != second => (first, second),
                    (true, ..) => (owner.item.name.span, image.item.name.span),
                    _ => (first_span, *span),
                };
                self.eval.report(errors::tag_pushed_twice(
                    shown,
                    (&owner.item.name.value, spans.0),
                    (&image.item.name.value, spans.1),
                    self.eval.program().short(spans.1),
                ));
            }
        }
        self.check_cache_tags(plan, trace, &owners);
    }

    /// No image must push over the cache of another one. An image that is only built writes its cache too.
    fn check_cache_tags(&self, plan: &Plan, trace: &Trace<'a>, owners: &IndexMap<&Tag, (ImageId, Span)>) {
        let built: HashSet<ImageId> =
            trace.steps.iter().flat_map(|step| &step.images).map(|(id, _)| *id).collect();
        for (index, (image, planned)) in trace.images.iter().zip(&plan.images).enumerate() {
            let id = ImageId(index);
            if !built.contains(&id) {
                continue;
            }
            for tag in written_caches(&planned.cache) {
                let Some((owner, push)) = owners.get(tag).filter(|(owner, _)| *owner != id) else {
                    continue;
                };
                let written = image.item.attributes.block("cache").and_then(|cache| cache.get("to"));
                self.eval.report(errors::tag_is_a_cache(
                    (&plan.repository(tag.repository).item, &tag.tag),
                    (&plan.image(*owner).name, *push),
                    (&planned.name, written.map_or(image.item.name.span, |expr| expr.span)),
                ));
            }
        }
    }

    /// What the checker cannot know, because it depends on values: waves that are skipped, members of families, and
    /// lists of tags that turn out empty.
    pub(super) fn check_pushes(&self, plan: &Plan, trace: &Trace<'a>) {
        let mut pushes: HashMap<ImageId, Vec<(&StepTrace<'a>, Span)>> = HashMap::new();
        for step in trace.steps.iter().filter(|step| step.is_push()) {
            for (id, span) in &step.images {
                pushes.entry(*id).or_default().push((step, *span));
            }
        }
        let mut reported = HashSet::new();
        for step in trace.steps.iter().filter(|step| step.runs) {
            for (id, field, span) in &step.uses {
                let found = pushes.get(id).map(Vec::as_slice).unwrap_or_default();
                if found.iter().any(|(push, _)| push.runs && precedes(plan, push, step))
                    || reported.contains(id)
                {
                    continue;
                }
                reported.insert(*id);
                self.report_use(plan, (*id, *field, *span), step, found);
            }
        }
        let mut ids: Vec<_> =
            pushes.iter().filter(|(_, found)| found.iter().any(|(push, _)| push.runs)).collect();
        ids.sort_by_key(|(id, _)| **id);
        for (id, found) in ids {
            let Some(image) = trace.images.get(id.0).filter(|image| image.tags.is_empty()) else { continue };
            let tags = image.item.attributes.get("tags");
            if let (Some(tags), Some((_, push))) = (tags, found.first())
                && self.is_empty_list(tags)
            {
                self.eval.report(errors::no_tags(&plan.image(*id).name, tags.span, *push));
            }
        }
    }

    fn is_empty_list(&self, tags: &crate::check::program::Expr) -> bool {
        match self.eval.value(tags) {
            super::eval::Value::List(items) => items.is_empty(),
            value => value == super::eval::Value::Unset,
        }
    }

    /// A use that no push of this run precedes. Where that is so in every run, the checker has reported it.
    fn report_use(
        &self,
        plan: &Plan,
        (id, field, span): (ImageId, Option<DeferredField>, Span),
        step: &StepTrace<'a>,
        pushes: &[(&StepTrace<'a>, Span)],
    ) {
        let name = &plan.image(id).name;
        let wave_of = |index: usize| plan.waves.get(index).map_or("", |wave| wave.name.as_str());
        let skipped = pushes.iter().find(|(push, _)| !push.runs && precedes(plan, push, step));
        let field = field.map_or("ref", DeferredField::word);
        if let Some((push, at)) = skipped {
            let wave = self.eval.program().waves.get(push.wave);
            let when =
                wave.map_or(*at, |wave| wave.attributes.get("when").map_or(wave.name.span, |when| when.span));
            let push = (*at, wave_of(push.wave));
            self.eval.report(errors::push_is_skipped((name, field), span, wave_of(step.wave), push, when));
        } else if name.contains('[') {
            let pushed = pushes.first().map(|(_, at)| *at);
            self.eval.report(errors::member_not_pushed(name, span, pushed));
        }
    }
}

/// Whether a step has ended when another one starts.
fn precedes(plan: &Plan, first: &StepTrace<'_>, second: &StepTrace<'_>) -> bool {
    if first.wave != second.wave {
        return first.wave < second.wave;
    }
    match (first.block, second.block) {
        (one, other) if one == other => first.index < second.index,
        (Block::Pre, _) | (Block::Stage(_), Block::Post) => true,
        (Block::Stage(before), Block::Stage(after)) => waits_for(plan.waves.get(first.wave), after, before),
        _ => false,
    }
}

/// Whether a stage starts after another one, however far `after` has to be followed.
fn waits_for(wave: Option<&Wave>, stage: usize, other: usize) -> bool {
    let Some(WaveBody::Stages { stages, .. }) = wave.map(|wave| &wave.body) else { return false };
    let mut seen = HashSet::new();
    let mut pending = vec![stage];
    while let Some(stage) = pending.pop().and_then(|index| stages.get(index)) {
        if stage.after.contains(&other) {
            return true;
        }
        pending.extend(stage.after.iter().copied().filter(|before| seen.insert(*before)));
    }
    false
}

/// The tags that a build may write its cache to.
fn written_caches(cache: &Cache) -> Vec<&Tag> {
    match cache {
        Cache::Automatic(tag) => vec![tag],
        Cache::Explicit { to, .. } => to.iter().filter_map(CacheTarget::tag).collect(),
    }
}
