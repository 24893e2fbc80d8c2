//! Waves, stages and steps.

use indexmap::IndexMap;

use super::Lowering;
use crate::check::program::{self, Attributes, Expr, ExprKind, ImageRef, StepKind};
use crate::check::push_order::Block;
use crate::plan::eval::Value;
use crate::plan::families::key_text;
use crate::plan::trace::StepTrace;
use crate::plan::{Command, EnvValue, ImageId, Program, Stage, Step, Tag, Text, TextPiece, Wave, WaveBody};
use crate::source::Span;

/// Where steps stand.
#[derive(Clone, Copy)]
struct At {
    wave: usize,
    block: Block,
    runs: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn wave(&self, index: usize, wave: &'a program::Wave) -> Wave {
        let when = self.unless_false(wave.attributes.get("when"));
        let at = |block| At { wave: index, block, runs: when };
        let body = match &wave.body {
            program::WaveBody::Steps(steps) => WaveBody::Steps { steps: self.steps(at(Block::Steps), steps) },
            program::WaveBody::Stages { pre, stages, post } => WaveBody::Stages {
                pre: self.steps(at(Block::Pre), pre),
                stages: self.stages(at(Block::Steps), stages),
                post: self.steps(at(Block::Post), post),
            },
        };
        Wave { name: wave.name.value.clone(), when, body }
    }

    /// Every stage of every family. A stage that waits for a family waits for all of it.
    fn stages(&self, at: At, stages: &'a [program::Stage]) -> Vec<Stage> {
        let mut first = 0;
        let mut ranges = Vec::new();
        let keys: Vec<_> = stages.iter().map(|stage| self.eval.keys(&stage.binders)).collect();
        for keys in &keys {
            ranges.push(first..first + keys.len());
            first += keys.len();
        }
        let stages = stages.iter().zip(&keys).zip(&ranges).flat_map(|((stage, keys), range)| {
            let after = stage.after.iter().filter_map(|after| ranges.get(after.value.0).cloned());
            let after: Vec<usize> = after.flatten().collect();
            keys.iter().zip(range.clone()).map(move |(key, index)| {
                let at = At { block: Block::Stage(index), ..at };
                self.eval.with_key(&stage.binders, key, || self.stage(at, stage, key, after.clone()))
            })
        });
        stages.collect()
    }

    fn stage(&self, at: At, stage: &'a program::Stage, key: &[Value], after: Vec<usize>) -> Stage {
        let when = self.unless_false(stage.attributes.get("when"));
        let at = At { runs: at.runs && when, ..at };
        Stage {
            name: format!("{}{}", stage.name.value, key_text(key)),
            after,
            when,
            env: self.command_env(stage.attributes.get("env")),
            timeout: self.duration(stage.attributes.get("timeout")),
            steps: self.steps(at, &stage.steps),
        }
    }

    fn steps(&self, at: At, steps: &'a [program::Step]) -> Vec<Step> {
        let mut planned = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let images = match &step.kind {
                StepKind::Build(operands) | StepKind::Push(operands) => self.operands(operands),
                _ => Vec::new(),
            };
            let uses = step.deferred_uses().into_iter().flat_map(|one| {
                let ids = self.eval.images(one.image).unwrap_or_default();
                ids.into_iter().map(move |id| (id, one.field, one.span))
            });
            let uses = uses.collect();
            let At { wave, block, runs } = at;
            let found = self.step(step, &images);
            planned.extend(found);
            self.trace.borrow_mut().steps.push(StepTrace { wave, block, index, runs, step, images, uses });
        }
        planned
    }

    fn step(&self, step: &program::Step, operands: &[(ImageId, Span)]) -> Option<Step> {
        let images = || operands.iter().map(|(id, _)| *id).collect();
        let step = match &step.kind {
            StepKind::Build(_) => Step::Build { images: images() },
            StepKind::Push(_) => Step::Push { images: images() },
            StepKind::Promote { image, to } => {
                let image = *self.eval.images(image)?.first()?;
                Step::Promote { image, to: to.iter().filter_map(|tag| self.tag(tag)).collect() }
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

    fn tag(&self, expr: &Expr) -> Option<Tag> {
        match self.eval.value(expr) {
            Value::Tag { tag, .. } => Some(tag),
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
