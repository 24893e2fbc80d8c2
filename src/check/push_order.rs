//! The proof that an image's digest is used only after its push: waves run in file order, `pre` before the stages,
//! stages in parallel unless `after` orders them, `post` after them, steps of one block in order.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::names::Kind;
use super::program::{
    Attributes, DeferredField, Expr, ExprKind, ImageId, ImageRef, Program, Stage, Step, StepKind, Wave,
    WaveBody,
};
use super::{Checker, errors};
use crate::source::Span;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) wave: usize,
    pub(crate) block: Block,
    pub(crate) step: usize,
}

/// The part of a wave that a step is in; a wave without stages is one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    Steps,
    Pre,
    Stage(usize),
    Post,
}

impl Wave {
    /// Every step with its place, in the order of the file.
    pub(crate) fn steps(&self, wave: usize) -> Vec<(Position, &Step)> {
        let blocks: Vec<(Block, &[Step])> = match &self.body {
            WaveBody::Steps(steps) => vec![(Block::Steps, steps)],
            WaveBody::Stages { pre, stages, post } => {
                let stages = stages
                    .iter()
                    .enumerate()
                    .map(|(index, stage)| (Block::Stage(index), stage.steps.as_slice()));
                std::iter::once((Block::Pre, pre.as_slice()))
                    .chain(stages)
                    .chain([(Block::Post, post.as_slice())])
                    .collect()
            }
        };
        let steps = blocks.into_iter().flat_map(|(block, steps)| {
            steps.iter().enumerate().map(move |(step, found)| (Position { wave, block, step }, found))
        });
        steps.collect()
    }

    fn stages(&self) -> &[Stage] {
        match &self.body {
            WaveBody::Steps(_) => &[],
            WaveBody::Stages { stages, .. } => stages,
        }
    }

    /// Whether what stands at `first` has ended when what stands at `second` starts; both are in this wave.
    fn orders(&self, first: Position, second: Position) -> bool {
        match (first.block, second.block) {
            (one, other) if one == other => first.step < second.step,
            (Block::Pre, _) | (Block::Stage(_), Block::Post) => true,
            (Block::Stage(first), Block::Stage(second)) => self.waits_for(second, first),
            _ => false,
        }
    }

    /// Whether a stage starts after another one, however far `after` has to be followed.
    pub(crate) fn waits_for(&self, stage: usize, other: usize) -> bool {
        let mut seen = HashSet::new();
        let mut pending = vec![stage];
        while let Some(index) = pending.pop() {
            let Some(stage) = self.stages().get(index) else { continue };
            for before in &stage.after {
                if before.value.0 == other {
                    return true;
                }
                if seen.insert(before.value.0) {
                    pending.push(before.value.0);
                }
            }
        }
        false
    }
}

impl Program {
    /// Whether what stands at `first` has ended when what stands at `second` starts.
    pub(crate) fn orders(&self, first: Position, second: Position) -> bool {
        if first.wave != second.wave {
            return first.wave < second.wave;
        }
        self.waves.get(first.wave).is_some_and(|wave| wave.orders(first, second))
    }

    /// Every step of every wave.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (Position, &Step)> {
        self.waves.iter().enumerate().flat_map(|(index, wave)| wave.steps(index))
    }
}

impl Checker<'_> {
    /// Reports every image whose `.ref` or `.digest` is used before its push, and every push of an image without
    /// tags, at the first place of each.
    pub(super) fn prove_push_order(&mut self, program: &Program) {
        self.report_stage_circles(program);
        let mut pushes: IndexMap<ImageId, Vec<(Position, Span)>> = IndexMap::new();
        for (position, step) in program.steps() {
            if let StepKind::Push(images) = &step.kind {
                for image in images {
                    pushes.entry(image.image).or_default().push((position, image.span));
                }
            }
        }
        let mut early: IndexMap<ImageId, Vec<(Position, DeferredUse<'_>)>> = IndexMap::new();
        for (position, step) in program.steps() {
            for one in step.deferred_uses() {
                let found = pushes.get(&one.image.image).into_iter().flatten();
                if !found.into_iter().any(|(push, _)| program.orders(*push, position)) {
                    early.entry(one.image.image).or_default().push((position, one));
                }
            }
        }
        for (id, uses) in early {
            let (image, declared) = self.names.item(Kind::Image(id));
            let Some(((position, first), more)) = uses.split_first() else { continue };
            let name_of = |wave: usize| program.waves.get(wave).map_or("", |wave| wave.name.value.as_str());
            let one = errors::Use {
                image,
                field: first.field.map_or("ref", DeferredField::word),
                span: first.span,
                wave: name_of(position.wave),
                more: more.len(),
            };
            match pushes.get(&id).and_then(|pushes| pushes.first()) {
                Some((push, span)) => {
                    let stages = program.waves.get(push.wave).map(Wave::stages).unwrap_or_default();
                    let stage = |block| match block {
                        Block::Stage(index) => stages.get(index).map(|stage| stage.name.value.as_str()),
                        _ => None,
                    };
                    let parallel = (push.wave == position.wave)
                        .then(|| stage(push.block).zip(stage(position.block)))
                        .flatten();
                    self.report(errors::ref_before_push(&one, *span, name_of(push.wave), parallel));
                }
                None if self.all_pushes_known => self.report(errors::ref_never_pushed(&one, declared.span)),
                None => {}
            }
        }
        for (id, found) in pushes {
            let image = program.images.get(id.0);
            let image = image.filter(|image| image.complete && image.attributes.get("tags").is_none());
            if let (Some(image), Some((_, push))) = (image, found.first()) {
                let repositories = self.names.of_kind(|kind| matches!(kind, Kind::Repository(_)));
                let repository = repositories.first().copied();
                self.report(errors::no_tags(&image.name.value, image.name.span, *push, repository));
            }
        }
    }

    fn report_stage_circles(&mut self, program: &Program) {
        for wave in &program.waves {
            let mut reported: HashSet<usize> = HashSet::new();
            for (index, stage) in wave.stages().iter().enumerate() {
                if reported.contains(&index) || !wave.waits_for(index, index) {
                    continue;
                }
                let circle = circle(wave, index);
                reported.extend(&circle);
                let named: Vec<_> = circle
                    .iter()
                    .zip(circle.iter().cycle().skip(1))
                    .filter_map(|(one, next)| {
                        let one = wave.stages().get(*one)?;
                        let at = one.after.iter().find(|after| after.value.0 == *next)?;
                        Some((&one.name, at.span))
                    })
                    .collect();
                let _ = stage;
                self.report(errors::cyclic_stages(&named));
            }
        }
    }
}

/// The stages of one circle through `start`, each waiting for the next one.
fn circle(wave: &Wave, start: usize) -> Vec<usize> {
    let mut path = vec![start];
    loop {
        let Some(stage) = path.last().and_then(|last| wave.stages().get(*last)) else { return path };
        let next = stage.after.iter().map(|after| after.value.0);
        let next = next.into_iter().find(|next| *next == start || wave.waits_for(*next, start));
        match next {
            Some(next) if next != start && !path.contains(&next) => path.push(next),
            _ => return path,
        }
    }
}

/// A place that needs the digest of an image.
pub(crate) struct DeferredUse<'a> {
    pub(crate) image: &'a ImageRef,
    /// `None`: as the operand of `promote`
    pub(crate) field: Option<DeferredField>,
    pub(crate) span: Span,
}

impl Step {
    /// The images whose digests the step needs, in the order of the text.
    pub(crate) fn deferred_uses(&self) -> Vec<DeferredUse<'_>> {
        let mut uses = Vec::new();
        let mut pending: Vec<&Expr> = match &self.kind {
            StepKind::Build(_) | StepKind::Push(_) => Vec::new(),
            StepKind::Promote { image, .. } => {
                uses.push(DeferredUse { image, field: None, span: image.span });
                Vec::new()
            }
            StepKind::Run { arguments, options } => arguments.iter().chain(values(options)).collect(),
            StepKind::Sh { script, options } => std::iter::once(script).chain(values(options)).collect(),
            StepKind::Approve(question) => vec![question],
        };
        while let Some(expr) = pending.pop() {
            match &expr.kind {
                ExprKind::Deferred { image, field } => {
                    uses.push(DeferredUse { image, field: Some(*field), span: expr.span });
                }
                _ => pending.extend(expr.children()),
            }
        }
        uses.sort_by_key(|one| one.span);
        uses
    }
}

fn values(attributes: &Attributes) -> impl Iterator<Item = &Expr> {
    attributes.values.values()
}
