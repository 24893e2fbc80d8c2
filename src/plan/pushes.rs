//! Checks of what is pushed where and when, which need the values of a plan.

use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;

use super::lower::Lowering;
use super::trace::{StepTrace, Trace};
use super::{ImageId, Plan, errors};
use crate::check::program::DeferredField;
use crate::check::push_order::{Block, Position, StepOrder};
use crate::source::Span;

impl<'a> Lowering<'a> {
    /// What the checker cannot know, because it depends on values: waves that are skipped, members of families, and
    /// lists of tags that turn out empty.
    pub(super) fn check_pushes(&self, plan: &Plan, trace: &Trace<'a>) {
        let mut pushes: HashMap<ImageId, Vec<(&StepTrace<'a>, Span)>> = HashMap::new();
        for step in trace.steps.iter().filter(|step| step.is_push()) {
            for (id, span) in &step.images {
                pushes.entry(*id).or_default().push((step, *span));
            }
        }
        // Most uses stand behind a push of their own block, so that the others need not be looked through.
        let mut first: HashMap<_, usize> = HashMap::new();
        for (id, found) in &pushes {
            for (push, _) in found.iter().filter(|(push, _)| push.runs) {
                let first = first.entry((*id, push.wave, push.block, push.member)).or_insert(push.index);
                *first = push.index.min(*first);
            }
        }
        let order = StepOrder::of(self.eval.program());
        let is_built = |id: &ImageId| plan.images.get(id.0).is_some_and(|image| image.when);
        let mut reported = HashSet::new();
        for step in trace.steps.iter().filter(|step| step.runs) {
            for (id, field, span) in &step.uses {
                if reported.contains(id) {
                    continue;
                }
                let found = pushes.get(id).map(Vec::as_slice).unwrap_or_default();
                let own = first.get(&(*id, step.wave, step.block, step.member));
                let is_pushed = own.is_some_and(|index| *index < step.index)
                    || found.iter().any(|(push, _)| push.runs && precedes(&order, push, step));
                if !(is_built(id) && is_pushed) {
                    reported.insert(*id);
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
