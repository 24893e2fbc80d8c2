//! Checks of what is pushed where, which need the values of a plan.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::eval::Value;
use super::lower::Lowering;
use super::{Cache, CacheTarget, Plan, Tag, errors};
use crate::check::program;
use crate::source::{Span, Spanned};

impl Lowering<'_> {
    /// The images of every step that has some, also in waves that are skipped in this run.
    fn images_of(&self, images: fn(&program::Step) -> &[Spanned<program::ImageId>]) -> HashSet<usize> {
        let steps = self.eval.program().waves.iter().flat_map(|wave| &wave.steps);
        steps.flat_map(images).map(|image| image.value.0).collect()
    }

    /// Two images must not push the same tag.
    pub(super) fn check_tags(&self, plan: &Plan) {
        let mut owners: IndexMap<Tag, (usize, Span)> = IndexMap::new();
        let pushed = self.images_of(|step| match step {
            program::Step::Push(images) => images,
            _ => &[],
        });
        for (index, image) in self.eval.program().images.iter().enumerate() {
            let Some(list) = image.tags.as_ref().filter(|_| pushed.contains(&index)) else {
                continue;
            };
            for value in self.list(Some(list)) {
                let Value::Tag { tag, span, .. } = value else { continue };
                let (first, first_span) = *owners.entry(tag.clone()).or_insert((index, span));
                if first == index {
                    continue;
                }
                let named = self.eval.program().images.get(first);
                let (first_name, first_list) =
                    named.map_or(("", None), |image| (image.name.value.as_str(), image.tags.as_ref()));
                // Both images may take the tag from one `let`: then the lists say which images they are.
                let spans = match first_list {
                    Some(first_list) if first_span == span => (first_list.span, list.span),
                    _ => (first_span, span),
                };
                self.eval.report(errors::tag_pushed_twice(
                    (&plan.repository(tag.repository).item, &tag.tag),
                    (first_name, spans.0),
                    (&image.name.value, spans.1),
                    self.eval.program().short(spans.1),
                ));
            }
        }
        self.check_cache_tags(plan, &owners);
    }

    /// No image must push over the cache of another one. An image that is only built writes its cache too.
    fn check_cache_tags(&self, plan: &Plan, owners: &IndexMap<Tag, (usize, Span)>) {
        let images = &self.eval.program().images;
        let built = self.images_of(|step| match step {
            program::Step::Build(images) | program::Step::Push(images) => images,
            _ => &[],
        });
        for (index, (image, planned)) in images.iter().zip(&plan.images).enumerate() {
            if !built.contains(&index) {
                continue;
            }
            for tag in written_caches(&planned.cache) {
                let Some((owner, push)) = owners.get(tag).filter(|(owner, _)| *owner != index) else {
                    continue;
                };
                let pusher = images.get(*owner).map_or("", |image| &image.name.value);
                let written = image.cache.as_ref().and_then(|cache| cache.to.as_ref());
                self.eval.report(errors::tag_is_a_cache(
                    (&plan.repository(tag.repository).item, &tag.tag),
                    (pusher, *push),
                    (&image.name.value, written.map_or(image.name.span, |expr| expr.span)),
                ));
            }
        }
    }

    /// What the checker cannot know, because it depends on values: waves that are skipped, and lists of tags that
    /// turn out empty.
    pub(super) fn check_pushes(&self, plan: &Plan) {
        let program = self.eval.program();
        let mut pushed: IndexMap<program::ImageId, Span> = IndexMap::new();
        let mut skipped: IndexMap<program::ImageId, (Span, &program::Wave)> = IndexMap::new();
        for (wave, planned) in program.waves.iter().zip(&plan.waves) {
            for step in &wave.steps {
                match step {
                    program::Step::Push(images) if planned.when => {
                        pushed.extend(images.iter().map(|image| (image.value, image.span)));
                    }
                    program::Step::Push(images) => {
                        skipped.extend(images.iter().map(|image| (image.value, (image.span, wave))));
                    }
                    _ if !planned.when => {}
                    _ => self.check_uses(step, wave, &pushed, &mut skipped),
                }
            }
        }
        for (id, push) in pushed {
            let Some((image, tags)) =
                program.images.get(id.0).and_then(|image| image.tags.as_ref().map(|tags| (image, tags)))
            else {
                continue;
            };
            let is_empty = match self.eval.value(tags) {
                Value::List(items) => items.is_empty(),
                value => value == Value::Unset,
            };
            if is_empty {
                self.eval.report(errors::no_tags(&image.name.value, tags.span, push));
            }
        }
    }

    fn check_uses(
        &self,
        step: &program::Step,
        wave: &program::Wave,
        pushed: &IndexMap<program::ImageId, Span>,
        skipped: &mut IndexMap<program::ImageId, (Span, &program::Wave)>,
    ) {
        for one in step.deferred_uses().into_iter().filter(|one| !pushed.contains_key(&one.image)) {
            // Taken out, so that each image is reported once.
            let Some((push, push_wave)) = skipped.shift_remove(&one.image) else { continue };
            let name = self.eval.program().images.get(one.image.0).map_or("", |image| &image.name.value);
            let when = push_wave.when.as_ref().map_or(push_wave.name.span, |when| when.span);
            self.eval.report(errors::push_is_skipped(
                (name, one.field),
                one.span,
                &wave.name.value,
                (push, &push_wave.name.value),
                when,
            ));
        }
    }
}

/// The tags that a build may write its cache to.
fn written_caches(cache: &Cache) -> Vec<&Tag> {
    match cache {
        Cache::Automatic(tag) => vec![tag],
        Cache::Explicit { to, .. } => to
            .iter()
            .filter_map(|target| match target {
                CacheTarget::Registry { tag, .. } => Some(tag),
                CacheTarget::Inline => None,
            })
            .collect(),
    }
}
