//! Checks of waves that need values: what never runs, what is in no wave, what is pushed twice, and promotions.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use super::lower::Lowering;
use super::trace::{StageTrace, StepTrace, Trace, WaveTrace};
use super::{ImageId, Plan, RepositoryId, errors};
use crate::check::program::{self, Expr};
use crate::check::push_order::Block;
use crate::source::Span;

impl<'a> Lowering<'a> {
    pub(super) fn check_waves(&self, plan: &Plan, trace: &Trace<'a>) {
        for wave in &trace.waves {
            match wave.item.attributes.get("when").filter(|when| self.is_never(when)) {
                Some(when) => self.eval.report(errors::never_runs("wave", &wave.item.name, when.span, false)),
                None => self.check_stages(wave),
            }
        }
        self.check_promotions(plan, trace);
        self.check_two_pushes(plan, trace);
        self.check_images_in_waves(plan, trace);
    }

    /// Whether a condition does not hold in any run.
    fn is_never(&self, when: &Expr) -> bool {
        !self.unless_false(Some(when)) && !self.eval.varies(when)
    }

    /// Why no stage of an item runs in any run; `true`: a list of its `for` is empty.
    fn never(&self, stage: &StageTrace<'a>) -> Option<(Span, bool)> {
        let mut lists = stage.item.binders.iter().map(|binder| &binder.list);
        if lists.clone().any(|list| self.eval.varies(list)) {
            return None;
        }
        if stage.whens.is_empty() {
            let empty = lists.find(|list| self.list(Some(list)).is_empty())?;
            return Some((empty.span, true));
        }
        let when = stage.item.attributes.get("when")?;
        let never = !self.eval.varies(when) && !stage.whens.contains(&true);
        never.then_some((when.span, false))
    }

    /// Reports every stage that never runs of itself: at the first stage that waits for it, if there is one.
    fn check_stages(&self, wave: &WaveTrace<'a>) {
        let never: Vec<_> = wave.stages.iter().map(|stage| self.never(stage)).collect();
        let followers = followers(&wave.stages);
        let direct = |index: usize| followers.get(index).map(Vec::as_slice).unwrap_or_default();
        for (index, stage) in wave.stages.iter().enumerate() {
            let Some((why, is_list)) = never.get(index).copied().flatten() else { continue };
            let Some((at, after)) = direct(index).first().filter(|_| !is_list) else {
                self.eval.report(errors::never_runs("stage", &stage.item.name, why, is_list));
                continue;
            };
            let (mut pending, mut seen) = (vec![index], BTreeSet::new());
            while let Some(before) = pending.pop() {
                // What waits for a stage that never runs of itself is said with that one.
                let is_said = before != index && matches!(never.get(before), Some(Some((_, false))));
                let next = direct(before).iter().map(|(next, _)| *next).filter(|_| !is_said);
                pending.extend(next.filter(|next| seen.insert(*next)));
            }
            let named = |index: &usize| wave.stages.get(*index).map(|stage| &stage.item.name);
            let rest = seen.iter().filter(|more| *more != at && **more != index).filter_map(named);
            let more: Vec<&str> = rest.map(|name| name.value.as_str()).collect();
            if let Some(other) = named(at) {
                self.eval.report(errors::waits_for_never(other, (*after, &stage.item.name), why, &more));
            }
        }
    }

    /// `promote` must not move a tag that does not move.
    fn check_promotions(&self, plan: &Plan, trace: &Trace<'a>) {
        let mut reported = HashSet::new();
        for step in &trace.steps {
            let image = step.uses.last().map(|(image, ..)| *image);
            for (tag, varies, span) in &step.promotes {
                let Some(immutable) = self.immutable(plan, tag).filter(|_| !varies) else { continue };
                if !reported.insert(*span) {
                    continue;
                }
                let registry = |id: RepositoryId| plan.repository(id).registry;
                let from = image.and_then(|image| plan.image(image).tags.first());
                let copied =
                    from.is_some_and(|from| registry(from.tag.repository) != registry(tag.repository));
                self.eval.report(errors::promote_to_immutable(*span, &immutable, copied));
            }
        }
    }

    /// A push behind one that always runs has nothing left to do.
    fn check_two_pushes(&self, plan: &Plan, trace: &Trace<'a>) {
        let mut pushes: IndexMap<ImageId, Vec<(&StepTrace<'a>, Span)>> = IndexMap::new();
        for step in trace.steps.iter().filter(|step| step.is_push()) {
            for (id, span) in &step.images {
                pushes.entry(*id).or_default().push((step, *span));
            }
        }
        let mut reported = HashSet::new();
        for (id, found) in pushes {
            let mut found = found.iter().skip_while(|(step, _)| !is_unconditional(trace, step));
            let Some(((_, first), (again, span))) = found.next().zip(found.next()) else { continue };
            if !reported.insert(*span) {
                continue;
            }
            let name = &plan.image(id).name;
            let stage = stage_of(trace, again).filter(|_| span == first);
            self.eval.report(match stage {
                Some(stage) => errors::pushed_by_each(name, *span, &stage.item.name, stage.whens.len()),
                None => errors::pushed_twice(name, *span, *first),
            });
        }
    }

    /// Images that no wave builds, and that no image needs. The images of a program without waves are built by name.
    fn check_images_in_waves(&self, plan: &Plan, trace: &Trace<'a>) {
        // The step that builds it may be the one with a mistake.
        if trace.waves.is_empty() || self.eval.has_errors() {
            return;
        }
        let in_steps = trace.steps.iter().flat_map(|step| &step.images).map(|(id, _)| *id);
        let needed = plan.images.iter().flat_map(|image| &image.needs).copied();
        // An image that is promoted or whose digest is used is pushed, or that is an error.
        let digests = trace.steps.iter().flat_map(|step| &step.uses).map(|(id, ..)| *id);
        let used: HashSet<ImageId> = in_steps.chain(needed).chain(digests).collect();
        // By the place of the item's name: how many images it makes.
        let mut counts: HashMap<Span, usize> = HashMap::new();
        let mut unused: IndexMap<Span, (&program::Image, Vec<ImageId>)> = IndexMap::new();
        for (index, image) in trace.images.iter().enumerate() {
            let name = &image.item.name;
            *counts.entry(name.span).or_default() += 1;
            if !used.contains(&ImageId(index)) && !name.value.starts_with('_') {
                unused.entry(name.span).or_insert((image.item, Vec::new())).1.push(ImageId(index));
            }
        }
        for (span, (item, ids)) in unused {
            let all = counts.get(&span).copied().unwrap_or_default();
            let names: Vec<&str> = ids.iter().map(|id| plan.image(*id).name.as_str()).collect();
            let has_tags = item.attributes.get("tags").is_some();
            self.eval.report(errors::in_no_wave(&item.name, &names, all, has_tags));
        }
    }
}

/// By stage: those that name it behind `after`, and where.
fn followers(stages: &[StageTrace<'_>]) -> Vec<Vec<(usize, Span)>> {
    let mut followers = vec![Vec::new(); stages.len()];
    for (index, stage) in stages.iter().enumerate() {
        for after in &stage.item.after {
            if let Some(followers) = followers.get_mut(after.value.0) {
                followers.push((index, after.span));
            }
        }
    }
    followers
}

/// The stage of a step.
fn stage_of<'t, 'a>(trace: &'t Trace<'a>, step: &StepTrace<'a>) -> Option<&'t StageTrace<'a>> {
    match step.block {
        Block::Stage(index) => trace.waves.get(step.wave)?.stages.get(index),
        _ => None,
    }
}

/// Whether a step has no condition, nor its stage or its wave. A stage that waits for others may be skipped with them.
fn is_unconditional(trace: &Trace<'_>, step: &StepTrace<'_>) -> bool {
    let wave = trace.waves.get(step.wave).is_some_and(|wave| wave.item.attributes.get("when").is_none());
    let is_free =
        |stage: &StageTrace<'_>| stage.item.attributes.get("when").is_none() && stage.item.after.is_empty();
    wave && stage_of(trace, step).is_none_or(is_free)
}
