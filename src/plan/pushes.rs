//! Checks of what is pushed where and when, which need the values of a plan.

use std::collections::{HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};

use super::lower::Lowering;
use super::trace::{StepTrace, Trace};
use super::{ImageId, Plan, Tag, errors};
use crate::check::program::DeferredField;
use crate::check::push_order::{Block, Position, StepOrder};
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
            for tag in planned.cache.written() {
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
        let order = StepOrder::of(self.eval.program());
        let is_built = |id: &ImageId| plan.images.get(id.0).is_some_and(|image| image.when);
        let mut reported = HashSet::new();
        for step in trace.steps.iter().filter(|step| step.runs) {
            for (id, field, span) in &step.uses {
                let found = pushes.get(id).map(Vec::as_slice).unwrap_or_default();
                let mut found_before = found.iter().filter(|(push, _)| precedes(&order, push, step));
                let is_known = is_built(id) && found_before.any(|(push, _)| push.runs);
                if !is_known && reported.insert(*id) {
                    self.report_use((plan, trace, &order), (*id, *field, *span), step, found);
                }
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
        (plan, trace, order): (&Plan, &Trace<'a>, &StepOrder),
        (id, field, span): (ImageId, Option<DeferredField>, Span),
        step: &StepTrace<'a>,
        pushes: &[(&StepTrace<'a>, Span)],
    ) {
        let image = plan.image(id);
        let wave = plan.waves.get(step.wave).map_or("", |wave| wave.name.as_str());
        let one = errors::Use { image: &image.name, field: field.map(DeferredField::word), span, wave };
        let before: Vec<_> = pushes.iter().filter(|(push, _)| precedes(order, push, step)).collect();
        let condition = trace.images.get(id.0).and_then(|image| image.item.attributes.get("when"));
        let skipped_image = condition.filter(|_| !image.when).map(|when| errors::Skipped {
            kind: "image",
            name: &image.name,
            when: when.span,
        });
        let skipped = before.iter().find_map(|(push, at)| Some((*at, why_skipped(plan, trace, push)?)));
        let skipped = before.first().and_then(|(_, at)| Some((*at, skipped_image?))).or(skipped);
        self.eval.report(match (skipped, pushes.first()) {
            (Some((at, skipped)), _) => errors::push_is_skipped(&one, at, &skipped),
            (None, Some((push, at))) => {
                let stages = (push.wave == step.wave).then(|| parallel(plan, order, push, step)).flatten();
                errors::pushed_later(&one, *at, stages)
            }
            (None, None) => {
                let siblings = siblings(plan, trace, id);
                let siblings = siblings.as_ref().map(|(at, names)| (*at, names.as_slice()));
                errors::never_pushed(&one, siblings)
            }
        });
    }
}

/// The first push of others of the family of an image, with all that are pushed.
fn siblings<'p>(plan: &'p Plan, trace: &Trace<'_>, id: ImageId) -> Option<(Span, Vec<&'p str>)> {
    let item = trace.images.get(id.0)?.item;
    let is_sibling =
        |other: &ImageId| trace.images.get(other.0).is_some_and(|other| std::ptr::eq(other.item, item));
    let pushes = trace.steps.iter().filter(|step| step.is_push()).flat_map(|step| &step.images);
    let found: Vec<_> = pushes.filter(|(other, _)| is_sibling(other)).collect();
    let names: IndexSet<&str> = found.iter().map(|(other, _)| plan.image(*other).name.as_str()).collect();
    Some((found.first()?.1, names.into_iter().collect()))
}

/// Whether a step has ended when another one starts.
fn precedes(order: &StepOrder, first: &StepTrace<'_>, second: &StepTrace<'_>) -> bool {
    // Stages of a family run in parallel.
    let in_one_family = first.wave == second.wave && first.block == second.block;
    let position = |step: &StepTrace<'_>| Position { wave: step.wave, block: step.block, step: step.index };
    (!in_one_family || first.member == second.member) && order.precedes(position(first), position(second))
}

/// The planned stages of two steps, if they run in parallel.
fn parallel<'p>(
    plan: &'p Plan,
    order: &StepOrder,
    first: &StepTrace<'_>,
    second: &StepTrace<'_>,
) -> Option<(&'p str, &'p str)> {
    let (Block::Stage(_), Block::Stage(_)) = (first.block, second.block) else { return None };
    if first.member == second.member || precedes(order, second, first) {
        return None;
    }
    let stages = plan.waves.get(first.wave)?.stages();
    Some((stages.get(first.member)?.name.as_str(), stages.get(second.member)?.name.as_str()))
}

/// The `when` that skips a step in this run.
fn why_skipped<'p>(plan: &'p Plan, trace: &Trace<'_>, step: &StepTrace<'_>) -> Option<errors::Skipped<'p>> {
    let (wave, traced) = (plan.waves.get(step.wave)?, trace.waves.get(step.wave)?);
    if !wave.when {
        let when = traced.item.attributes.get("when")?.span;
        return Some(errors::Skipped { kind: "wave", name: &wave.name, when });
    }
    let Block::Stage(_) = step.block else { return None };
    // The stage itself, or one that it waits for, however far that is.
    let stages = wave.stages();
    let (mut pending, mut seen) = (vec![step.member], HashSet::new());
    while let Some(stage) = pending.pop().and_then(|index| Some((index, stages.get(index)?))) {
        let (index, stage) = stage;
        if stage.when {
            let is_skipped = |before: &usize| stages.get(*before).is_some_and(|before| !before.runs);
            pending.extend(stage.after.iter().copied().filter(|one| is_skipped(one) && seen.insert(*one)));
            continue;
        }
        let item = traced.stages.iter().find(|item| item.members().contains(&index))?.item;
        let when = item.attributes.get("when")?.span;
        return Some(errors::Skipped { kind: "stage", name: &stage.name, when });
    }
    None
}
