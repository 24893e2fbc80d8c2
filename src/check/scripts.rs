//! The holes in the scripts of `sh`: each stands where the shell can take a value as a value.

use std::collections::HashSet;

use super::program::{Expr, ExprKind, Part, Program, Step, StepKind, ValueId, WaveBody};
use super::{Checker, errors};
use crate::shell::{self, Hole, Misplaced};
use crate::syntax::ast::BinaryOperator;

/// The place of every hole of a script, in order.
pub(crate) fn holes(parts: &[Part]) -> Vec<Result<Hole, Misplaced>> {
    shell::holes(parts.iter().map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Hole(_) => None,
    }))
}

impl Program {
    /// The script behind the name of a `let`; `None` for a param, whose value is not written in the file.
    pub(crate) fn script_of(&self, id: ValueId) -> Option<&Expr> {
        let value = self.values.get(id.0).filter(|value| value.param.is_none())?;
        value.expr.as_ref()
    }
}

impl Checker<'_> {
    pub(super) fn scripts(&mut self, program: &Program) {
        let mut seen = HashSet::new();
        for wave in &program.waves {
            match &wave.body {
                WaveBody::Steps(steps) => self.scripts_of(steps, program, &mut seen),
                WaveBody::Stages { pre, stages, post } => {
                    let stages = stages.iter().map(|stage| stage.steps.as_slice());
                    for steps in [pre.as_slice(), post].into_iter().chain(stages) {
                        self.scripts_of(steps, program, &mut seen);
                    }
                }
            }
        }
    }

    /// `seen` are the `let`s that were looked at.
    fn scripts_of(&mut self, steps: &[Step], program: &Program, seen: &mut HashSet<ValueId>) {
        let scripts = steps.iter().filter_map(|step| match &step.kind {
            StepKind::Sh { script, .. } => Some(script),
            _ => None,
        });
        let mut pending: Vec<&Expr> = scripts.collect();
        while let Some(script) = pending.pop() {
            match &script.kind {
                ExprKind::String(parts) => self.script(parts),
                ExprKind::If { then, otherwise, .. } => pending.extend([&**then, otherwise]),
                ExprKind::Binary { operator: BinaryOperator::Default, left, right } => {
                    pending.extend([&**left, right]);
                }
                ExprKind::Value(id) if seen.insert(*id) => pending.extend(program.script_of(*id)),
                _ => {}
            }
        }
    }

    fn script(&mut self, parts: &[Part]) {
        let exprs = parts.iter().filter_map(|part| match part {
            Part::Hole(expr) => Some(expr),
            Part::Text(_) => None,
        });
        for (expr, hole) in exprs.zip(holes(parts)) {
            let Err(why) = hole else { continue };
            if !matches!(expr.kind, ExprKind::Error) {
                let source = self.short(expr.span);
                self.report(errors::misplaced_hole(expr.span, source, why));
            }
            if why == Misplaced::Unclear {
                // The others behind it have the same cause.
                return;
            }
        }
    }
}
