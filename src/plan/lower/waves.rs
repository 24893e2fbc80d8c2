//! Waves, stages and steps.

use indexmap::{IndexMap, IndexSet};

use super::Lowering;
use crate::check::program::{self, Attributes, Expr, ExprKind, ImageRef, StepKind};
use crate::check::push_order::Block;
use crate::plan::eval::Value;
use crate::plan::families::key_text;
use crate::plan::trace::{StageTrace, StepTrace, WaveTrace};
use crate::plan::{
    Command, EnvValue, ImageId, Program, PushTag, Stage, Step, Tag, Text, TextPiece, Wave, WaveBody, errors,
};
use crate::source::Span;

/// How many stages a wave has, with all members of its families.
const MAX_STAGES: usize = 10_000;
/// How often stages of a wave wait for others, all taken together.
const MAX_WAITS: usize = 1_000_000;

/// Where steps stand.
#[derive(Clone, Copy)]
struct At {
    wave: usize,
    block: Block,
    /// The planned stage.
    member: usize,
    runs: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn wave(&self, index: usize, wave: &'a program::Wave) -> Wave {
        let condition = wave.attributes.get("when");
        let when = self.unless_false(condition);
        let at = |block| At { wave: index, block, member: 0, runs: when };
        let mut traces = Vec::new();
        let body = match &wave.body {
            program::WaveBody::Steps(steps) => {
                WaveBody::Steps { steps: self.steps(at(Block::Steps), steps, None) }
            }
            program::WaveBody::Stages { pre, stages, post } => WaveBody::Stages {
                pre: self.steps(at(Block::Pre), pre, None),
                stages: self.stages(at(Block::Steps), wave, stages, &mut traces),
                post: self.steps(at(Block::Post), post, None),
            },
        };
        self.trace.borrow_mut().waves.push(WaveTrace { item: wave, stages: traces });
        Wave { name: wave.name.value.clone(), when, condition: self.condition(condition), body }
    }

    /// Every stage of every family.
    fn stages(
        &self,
        at: At,
        wave: &'a program::Wave,
        stages: &'a [program::Stage],
        traces: &mut Vec<StageTrace<'a>>,
    ) -> Vec<Stage> {
        let mut first = 0;
        let mut families = Vec::new();
        for item in stages {
            let keys = self.eval.keys(&item.binders).all;
            let condition = item.attributes.get("when");
            let when =
                |key: &Vec<Value>| self.eval.with_key(&item.binders, key, || self.unless_false(condition));
            let whens: Vec<bool> = keys.iter().map(when).collect();
            traces.push(StageTrace { item, first, whens: whens.clone() });
            first += keys.len();
            families.push(keys);
        }
        let (after, blocked, waits) = follow(wave, traces);
        if first > MAX_STAGES || waits > MAX_WAITS {
            let most = traces.iter().max_by_key(|trace| trace.whens.len());
            let span = most.map_or(wave.name.span, |trace| trace.item.name.span);
            self.eval.report(errors::too_many_stages(&wave.name.value, first, span));
            return Vec::new();
        }
        let mut planned = Vec::new();
        for (index, (item, keys)) in stages.iter().zip(&families).enumerate() {
            let blocked = blocked.get(index).copied().unwrap_or(false);
            let whens = traces.get(index).map(|trace| trace.whens.as_slice()).unwrap_or_default();
            for (key, when) in keys.iter().zip(whens) {
                let at = At {
                    block: Block::Stage(index),
                    member: planned.len(),
                    runs: at.runs && *when && !blocked,
                    ..at
                };
                let after = after.get(index).cloned().unwrap_or_default();
                let stage =
                    self.eval.with_key(&item.binders, key, || self.stage(at, item, key, after, *when));
                planned.push(stage);
            }
        }
        planned
    }

    fn stage(
        &self,
        at: At,
        stage: &'a program::Stage,
        key: &[Value],
        after: Vec<usize>,
        when: bool,
    ) -> Stage {
        Stage {
            name: format!("{}{}", stage.name.value, key_text(key)),
            after,
            when,
            condition: self.condition(stage.attributes.get("when")),
            runs: at.runs,
            env: self.command_env(stage.attributes.get("env")),
            timeout: self.duration(stage.attributes.get("timeout")),
            steps: self.steps(at, &stage.steps, Some(stage)),
        }
    }

    /// The steps of a block, which is that of `stage` or none.
    fn steps(&self, at: At, steps: &'a [program::Step], stage: Option<&'a program::Stage>) -> Vec<Step> {
        let mut planned = Vec::new();
        // What the `env` of a stage needs is needed by its first step.
        let mut uses_before = stage.map(program::Stage::deferred_uses).unwrap_or_default();
        for (index, step) in steps.iter().enumerate() {
            let images = match &step.kind {
                StepKind::Build(operands) | StepKind::Push(operands) => self.operands(operands),
                _ => Vec::new(),
            };
            let uses = uses_before.drain(..).chain(step.deferred_uses()).flat_map(|one| {
                let ids = self.eval.images(one.image).unwrap_or_default();
                ids.into_iter().map(move |id| (id, one.field, one.span))
            });
            let uses = uses.collect();
            let promotes = match &step.kind {
                StepKind::Promote { to, .. } => to.iter().filter_map(|tag| self.promoted(tag)).collect(),
                _ => Vec::new(),
            };
            let found = self.step(step, &images, &promotes);
            planned.extend(found);
            let At { wave, block, member, runs } = at;
            let trace = StepTrace { wave, block, member, index, runs, step, images, uses, promotes };
            self.trace.borrow_mut().steps.push(trace);
        }
        planned
    }

    fn step(
        &self,
        step: &program::Step,
        operands: &[(ImageId, Span)],
        promotes: &[(Tag, bool, Span)],
    ) -> Option<Step> {
        let images = || operands.iter().map(|(id, _)| *id).collect();
        let step = match &step.kind {
            StepKind::Build(_) => Step::Build { images: images() },
            StepKind::Push(_) => Step::Push { images: images() },
            StepKind::Promote { image, .. } => {
                let image = *self.eval.images(image)?.first()?;
                let tag =
                    |(tag, varies, _): &(Tag, bool, Span)| PushTag { tag: tag.clone(), moving: !varies };
                Step::Promote { image, to: promotes.iter().map(tag).collect() }
            }
            StepKind::Run { arguments, options } => {
                let words = arguments.iter().map(|argument| self.eval.text(argument)).collect();
                Step::Command(self.command(Program::Run(words), options))
            }
            StepKind::Sh { script, options } => {
                Step::Command(self.command(Program::Sh(self.eval.script(script)), options))
            }
            StepKind::Approve(question) => Step::Approve { question: self.eval.text(question) },
        };
        Some(step)
    }

    /// A tag, whether it varies from run to run, and where it is written.
    fn promoted(&self, expr: &Expr) -> Option<(Tag, bool, Span)> {
        match self.eval.value(expr) {
            Value::Tag(tag) => Some((tag.tag, tag.varies, expr.span)),
            _ => None,
        }
    }

    /// The images of a step.
    fn operands(&self, operands: &[ImageRef]) -> Vec<(ImageId, Span)> {
        let images = operands.iter().flat_map(|operand| {
            let ids = self.eval.images(operand).unwrap_or_default();
            ids.into_iter().map(|id| (id, operand.span))
        });
        images.collect()
    }

    fn command(&self, program: Program, options: &Attributes) -> Command {
        let dir = options.get("dir");
        let folder = match (dir, self.optional_string(dir)) {
            (Some(expr), Some(dir)) => self.eval.path(&dir, expr.span),
            _ => self.eval.entry_folder(),
        };
        Command {
            program,
            env: self.command_env(options.get("env")),
            dir: folder,
            timeout: self.duration(options.get("timeout")),
            retries: self.retries(options.get("retries")),
        }
    }

    /// The environment may hold secrets and what only the run knows, where it is written as a map.
    fn command_env(&self, expr: Option<&Expr>) -> IndexMap<String, EnvValue> {
        match expr.map(|expr| &expr.kind) {
            Some(ExprKind::If { condition, then, otherwise }) => match self.eval.value(condition) {
                Value::Bool(true) => self.command_env(Some(then)),
                Value::Bool(false) => self.command_env(Some(otherwise)),
                _ => IndexMap::new(),
            },
            Some(ExprKind::Map(entries)) => entries
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), self.env_value(value)?)))
                .collect(),
            _ => {
                let literal = |text| EnvValue::Text(Text(vec![TextPiece::Literal(text)]));
                self.string_map(expr).into_iter().map(|(name, value)| (name, literal(value))).collect()
            }
        }
    }

    fn env_value(&self, value: &Expr) -> Option<EnvValue> {
        match &value.kind {
            ExprKind::Secret(id) => self.secret(*id).map(|secret| EnvValue::Secret { secret }),
            ExprKind::If { condition, then, otherwise } => match self.eval.value(condition) {
                Value::Bool(true) => self.env_value(then),
                Value::Bool(false) => self.env_value(otherwise),
                _ => None,
            },
            _ => Some(EnvValue::Text(self.eval.text(value))),
        }
    }
}

/// For each item: the planned stages that each of its stages waits for, and whether it is skipped because of them; and
/// how often stages wait in all.
///
/// A stage that waits for a family waits for all of it. A family without members is as if it was not there: what waits
/// for it waits for what it waits for. A stage is skipped when of an item that it waits for no stage runs.
fn follow(wave: &program::Wave, traces: &[StageTrace<'_>]) -> (Vec<Vec<usize>>, Vec<bool>, usize) {
    let mut after: Vec<IndexSet<usize>> = vec![IndexSet::new(); traces.len()];
    let mut blocked = vec![false; traces.len()];
    let mut waits = 0_usize;
    for index in wave.stage_order().sorted() {
        let Some(trace) = traces.get(index) else { continue };
        let (mut before, mut is_blocked) = (IndexSet::new(), false);
        for other in trace.item.after.iter().map(|after| after.value.0) {
            let Some(found) = traces.get(other) else { continue };
            let other_blocked = blocked.get(other).copied().unwrap_or(false);
            if found.whens.is_empty() {
                before.extend(after.get(other).into_iter().flatten().copied());
                is_blocked |= other_blocked;
            } else if waits <= MAX_WAITS {
                before.extend(found.members());
                is_blocked |= other_blocked || !found.whens.contains(&true);
            }
        }
        waits = waits.saturating_add(before.len().saturating_mul(trace.whens.len()));
        if let (Some(slot), Some(flag)) = (after.get_mut(index), blocked.get_mut(index)) {
            *slot = before;
            *flag = is_blocked;
        }
    }
    (after.into_iter().map(|before| before.into_iter().collect()).collect(), blocked, waits)
}
