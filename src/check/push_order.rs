//! The proof that an image's digest is used only after its push: waves run in file order, `pre` before the stages,
//! stages in parallel unless `after` orders them, `post` after them, steps of one block in order.

use indexmap::IndexMap;

use super::names::Kind;
use super::program::{
    Attributes, DeferredField, Expr, ExprKind, ImageId, ImageRef, Program, Stage, Step, StepKind, Wave,
    WaveBody,
};
use super::pushes::Pushes;
use super::stage_order::{Followers, StageOrder};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    pub(crate) fn stages(&self) -> &[Stage] {
        match &self.body {
            WaveBody::Steps(_) => &[],
            WaveBody::Stages { stages, .. } => stages,
        }
    }

    pub(crate) fn stage_order(&self) -> StageOrder {
        let after = |stage: &Stage| stage.after.iter().map(|after| after.value.0).collect();
        StageOrder::new(self.stages().iter().map(after).collect())
    }
}

/// What is known of the order of a program's steps.
pub(crate) struct StepOrder(Vec<StageOrder>);

impl StepOrder {
    pub(crate) fn of(program: &Program) -> Self {
        Self(program.waves.iter().map(Wave::stage_order).collect())
    }

    /// Whether what stands at `first` has ended when what stands at `second` starts.
    pub(crate) fn precedes(&self, first: Position, second: Position) -> bool {
        if first.wave != second.wave {
            return first.wave < second.wave;
        }
        match (first.block, second.block) {
            (one, other) if one == other => first.step < second.step,
            (Block::Pre, _) | (Block::Stage(_), Block::Post) => true,
            (Block::Stage(one), Block::Stage(other)) => self.stages_precede(first.wave, one, other),
            _ => false,
        }
    }

    /// The stages of a wave that start after one of `first` has ended.
    pub(super) fn followers(&self, wave: usize, first: Vec<usize>) -> Followers {
        self.0.get(wave).map(|order| order.followers(first)).unwrap_or_default()
    }

    pub(crate) fn stages_precede(&self, wave: usize, first: usize, second: usize) -> bool {
        self.0.get(wave).is_some_and(|order| order.precedes(first, second))
    }
}

impl Program {
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
        let mut pushes: IndexMap<ImageId, Pushes> = IndexMap::new();
        for (position, step) in program.steps() {
            if let StepKind::Push(images) = &step.kind {
                for image in images {
                    let first = || Pushes::new(position, image.span);
                    pushes.entry(image.image).or_insert_with(first).add(position);
                }
            }
        }
        let order = StepOrder::of(program);
        let mut early: IndexMap<ImageId, Vec<(Position, DeferredUse<'_>)>> = IndexMap::new();
        for (position, one) in program.deferred_uses() {
            let found = pushes.get_mut(&one.image.image);
            if !found.is_some_and(|pushes| pushes.precede(position, &order)) {
                early.entry(one.image.image).or_default().push((position, one));
            }
        }
        for (id, uses) in early {
            let (image, declared) = self.names.item(Kind::Image(id));
            let Some(((position, first), more)) = uses.split_first() else { continue };
            let wave = program.waves.get(position.wave);
            let one = errors::Use {
                image,
                field: first.field.map(DeferredField::word),
                span: first.span,
                wave: wave.map_or("", |wave| wave.name.value.as_str()),
                more: more.len(),
            };
            match pushes.get(&id).map(|pushes| &pushes.first) {
                Some((push, span)) => {
                    let why = match (position.block == push.block, first.in_stage_env) {
                        (true, true) if position.wave == push.wave => errors::Later::StageEnv,
                        _ => program.why_later(&order, *position, *push),
                    };
                    self.report(errors::ref_before_push(&one, *span, &why));
                }
                None if self.all_pushes_known => self.report(errors::ref_never_pushed(&one, declared.span)),
                None => {}
            }
        }
        for (id, Pushes { first: (_, push), .. }) in pushes {
            let image = program.images.get(id.0);
            let image = image.filter(|image| image.complete && image.attributes.get("tags").is_none());
            if let Some(image) = image {
                let repository = self.names.of_kind("repository").first().copied();
                self.report(errors::no_tags(&image.name.value, image.name.span, push, repository));
            }
        }
    }

    fn report_stage_circles(&mut self, program: &Program) {
        for wave in &program.waves {
            for circle in wave.stage_order().circles() {
                let named: Vec<_> = circle
                    .iter()
                    .zip(circle.iter().cycle().skip(1))
                    .filter_map(|(one, next)| {
                        let one = wave.stages().get(*one)?;
                        let at = one.after.iter().find(|after| after.value.0 == *next)?;
                        Some((&one.name, at.span))
                    })
                    .collect();
                if let Some((first, more)) = named.split_first() {
                    self.report(errors::cyclic_stages(*first, more));
                }
            }
        }
    }
}

impl Program {
    /// Every place that needs the digest of an image. The `env` of a stage is needed by its first step.
    fn deferred_uses(&self) -> impl Iterator<Item = (Position, DeferredUse<'_>)> {
        let of_stages = self.waves.iter().enumerate().flat_map(|(wave, item)| {
            item.stages().iter().enumerate().flat_map(move |(stage, item)| {
                let position = Position { wave, block: Block::Stage(stage), step: 0 };
                item.deferred_uses().into_iter().map(move |one| (position, one))
            })
        });
        let of_steps = self
            .steps()
            .flat_map(|(position, step)| step.deferred_uses().into_iter().map(move |one| (position, one)));
        of_stages.chain(of_steps)
    }

    /// Why a step does not run before another one: why what is pushed at `push` is not known at `usage`.
    fn why_later<'a>(&'a self, order: &StepOrder, usage: Position, push: Position) -> errors::Later<'a> {
        let wave = self.waves.get(push.wave);
        let stage_name = |index: usize| {
            let stage = wave.and_then(|wave| wave.stages().get(index));
            stage.map_or("", |stage| stage.name.value.as_str())
        };
        if push.wave != usage.wave {
            return errors::Later::Wave(wave.map_or("", |wave| wave.name.value.as_str()));
        }
        match (usage.block, push.block) {
            (Block::Stage(one), Block::Stage(other)) if one != other => {
                let (usage_stage, push_stage) = (stage_name(one), stage_name(other));
                if order.stages_precede(usage.wave, one, other) {
                    errors::Later::Follower { usage: usage_stage, push: push_stage }
                } else {
                    errors::Later::Parallel { usage: usage_stage, push: push_stage }
                }
            }
            (Block::Pre, Block::Stage(_) | Block::Post) => errors::Later::BehindPre,
            (Block::Stage(_), Block::Post) => errors::Later::InPost,
            _ => errors::Later::Step,
        }
    }
}

/// A place that needs the digest of an image.
pub(crate) struct DeferredUse<'a> {
    pub(crate) image: &'a ImageRef,
    /// `None`: as the operand of `promote`
    pub(crate) field: Option<DeferredField>,
    pub(crate) span: Span,
    /// Needed before the first step of its stage.
    in_stage_env: bool,
}

impl Stage {
    /// The images whose digests its `env` needs.
    pub(crate) fn deferred_uses(&self) -> Vec<DeferredUse<'_>> {
        let uses = uses_in(self.attributes.get("env").into_iter().collect());
        uses.into_iter().map(|one| DeferredUse { in_stage_env: true, ..one }).collect()
    }
}

impl Step {
    /// The images whose digests the step needs, in the order of the text.
    pub(crate) fn deferred_uses(&self) -> Vec<DeferredUse<'_>> {
        match &self.kind {
            StepKind::Build(_) | StepKind::Push(_) => Vec::new(),
            StepKind::Promote { image, .. } => {
                vec![DeferredUse { image, field: None, span: image.span, in_stage_env: false }]
            }
            StepKind::Run { arguments, options } => {
                uses_in(arguments.iter().chain(values(options)).collect())
            }
            StepKind::Sh { script, options } => {
                uses_in(std::iter::once(script).chain(values(options)).collect())
            }
            StepKind::Approve(question) => uses_in(vec![question]),
        }
    }
}

fn uses_in(mut pending: Vec<&Expr>) -> Vec<DeferredUse<'_>> {
    let mut uses = Vec::new();
    while let Some(expr) = pending.pop() {
        match &expr.kind {
            ExprKind::Deferred { image, field } => {
                uses.push(DeferredUse { image, field: Some(*field), span: expr.span, in_stage_env: false });
            }
            _ => pending.extend(expr.children()),
        }
    }
    uses.sort_by_key(|one| one.span);
    uses
}

fn values(attributes: &Attributes) -> impl Iterator<Item = &Expr> {
    attributes.values.values()
}
