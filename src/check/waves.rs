//! Waves, stages and steps.

use std::collections::HashMap;

use super::attributes::{EntryRef, Owner};
use super::exprs::{Deferred, Place, Slot, Subject};
use super::names::Kind;
use super::program::{
    Attributes, Expr, ExprKind, ImageRef, Program, Stage, StageId, Step, StepKind, Wave, WaveBody,
};
use super::types::Type;
use super::{Checker, errors, schema};
use crate::include::ParsedFile;
use crate::source::{Span, Spanned};
use crate::syntax::ast::{self, ItemKind, Name, StageEntry, WaveEntry};

impl<'a> Checker<'a> {
    pub(super) fn waves(&mut self, files: &'a [ParsedFile], program: &mut Program) {
        let mut declared: HashMap<&str, Span> = HashMap::new();
        for (index, file) in files.iter().enumerate() {
            for item in &file.ast.items {
                let ItemKind::Wave(wave) = &item.kind else { continue };
                if index > 0 {
                    self.report(errors::wave_in_include(&wave.name));
                }
                if let Some(first) = declared.get(wave.name.value.as_str()) {
                    self.report(errors::wave_declared_twice(&wave.name, *first));
                } else {
                    declared.insert(&wave.name.value, wave.name.span);
                }
                let wave = self.wave(wave);
                program.waves.push(wave);
            }
        }
        self.prove_push_order(program);
    }

    fn wave(&mut self, wave: &'a ast::Wave) -> Wave {
        let mut attributes = Vec::new();
        let (mut steps, mut pre, mut post, mut stages) = (Vec::new(), None, None, Vec::new());
        for entry in &wave.entries {
            match entry {
                WaveEntry::Attribute(attribute) => attributes.push(EntryRef::Attribute(attribute)),
                WaveEntry::Step(step) => steps.push(step),
                WaveEntry::Pre(block) => self.steps_block("pre", block, &mut pre),
                WaveEntry::Post(block) => self.steps_block("post", block, &mut post),
                WaveEntry::Stage(stage) => stages.push(stage),
            }
        }
        let owner = Owner::item("wave", &wave.name);
        let attributes = self.attributes(owner, attributes, schema::WAVE);
        let first_block = [pre.map(|block| block.keyword), post.map(|block| block.keyword)]
            .into_iter()
            .flatten()
            .chain(stages.iter().map(|stage| stage.name.span))
            .min();
        if let (Some(step), Some(block)) = (steps.first(), first_block) {
            self.report(errors::steps_beside_stages(&wave.name, step.keyword, block));
        }
        let steps = self.steps(&steps);
        let body = if first_block.is_none() {
            WaveBody::Steps(steps)
        } else {
            let steps_of = |block: Option<&'a ast::Steps>| {
                block.map_or(Vec::new(), |block| block.steps.iter().collect())
            };
            let pre = self.steps(&steps_of(pre));
            let stages = self.stages(&wave.name, &stages);
            WaveBody::Stages { pre, stages, post: self.steps(&steps_of(post)) }
        };
        Wave { name: wave.name.clone(), attributes, body }
    }

    fn steps_block(&mut self, word: &str, block: &'a ast::Steps, found: &mut Option<&'a ast::Steps>) {
        match found {
            Some(first) => {
                self.report(errors::block_twice(word, block.keyword, first.keyword));
                self.steps(&block.steps.iter().collect::<Vec<_>>());
            }
            None => *found = Some(block),
        }
    }

    fn stages(&mut self, wave: &Name, stages: &[&'a ast::Stage]) -> Vec<Stage> {
        let mut ids: HashMap<&str, (StageId, Span)> = HashMap::new();
        for (index, stage) in stages.iter().enumerate() {
            match ids.get(stage.name.value.as_str()) {
                Some((_, first)) => self.report(errors::stage_declared_twice(&stage.name, *first)),
                None => {
                    ids.insert(&stage.name.value, (StageId(index), stage.name.span));
                }
            }
        }
        let mut checked = Vec::new();
        for stage in stages {
            let mut after = Vec::new();
            for name in &stage.after {
                match ids.get(name.value.as_str()) {
                    Some((id, _)) => after.push(Spanned::new(*id, name.span)),
                    None => {
                        let known: Vec<_> = stages.iter().map(|one| one.name.value.as_str()).collect();
                        self.report(errors::unknown_stage(name, wave, &known));
                    }
                }
            }
            let stage = self.stage(stage, after);
            checked.push(stage);
        }
        checked
    }

    fn stage(&mut self, stage: &'a ast::Stage, after: Vec<Spanned<StageId>>) -> Stage {
        let binders = self.bind(&stage.binders);
        let (mut attributes, mut steps) = (Vec::new(), Vec::new());
        for entry in &stage.entries {
            match entry {
                StageEntry::Attribute(attribute) => attributes.push(EntryRef::Attribute(attribute)),
                StageEntry::Step(step) => steps.push(step),
            }
        }
        let owner = Owner::item("stage", &stage.name);
        let attributes = self.attributes(owner, attributes, schema::STAGE);
        let steps = self.steps(&steps);
        self.unbind(binders.len());
        Stage { name: stage.name.clone(), binders, after, attributes, steps }
    }

    fn steps(&mut self, steps: &[&'a ast::Step]) -> Vec<Step> {
        steps.iter().filter_map(|step| self.step(step)).collect()
    }

    fn step(&mut self, step: &'a ast::Step) -> Option<Step> {
        let kind = match &step.kind {
            ast::StepKind::Build(images) => StepKind::Build(self.images(images)),
            ast::StepKind::Push(images) => StepKind::Push(self.images(images)),
            ast::StepKind::Run(arguments) => {
                let arguments = self.deferred(|checker| checker.arguments(arguments));
                StepKind::Run { arguments, options: self.options("run", step) }
            }
            ast::StepKind::Sh(script) => {
                let script = self.step_text(script, Subject::Script);
                StepKind::Sh { script, options: self.options("sh", step) }
            }
            ast::StepKind::Approve(question) => {
                StepKind::Approve(self.step_text(question, Subject::Question))
            }
            ast::StepKind::Promote { image, to } => {
                let image = self.operand(image, &Type::Image);
                let place = Place::plain(Subject::PromoteTarget);
                let to = to.iter().map(|tag| self.expr(tag, &Type::Tag, place)).collect();
                StepKind::Promote { image: image?, to }
            }
        };
        Some(Step { keyword: step.keyword, kind })
    }

    fn step_text(&mut self, text: &'a ast::Expr, subject: Subject<'a>) -> Expr {
        self.deferred(|checker| checker.expr(text, &Type::String, Place::plain(subject)))
    }

    /// Checks what may use `.ref` and `.digest`.
    fn deferred<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        self.deferred = Deferred::Allowed;
        let result = check(self);
        self.deferred = Deferred::Forbidden(None);
        result
    }

    fn arguments(&mut self, arguments: &'a [ast::Expr]) -> Vec<Expr> {
        let place = Place::new(Slot::CommandArgument, Subject::StepArgument);
        arguments.iter().map(|argument| self.expr(argument, &Type::String, place)).collect()
    }

    fn options(&mut self, keyword: &'a str, step: &'a ast::Step) -> Attributes {
        let owner = Owner { kind: keyword, name: keyword, span: step.keyword, is_partial: false };
        let options = step.options.iter().map(EntryRef::from);
        self.attributes(owner, options, schema::COMMAND)
    }

    /// The operands of `build` and `push`.
    fn images(&mut self, operands: &'a [ast::Expr]) -> Vec<ImageRef> {
        operands.iter().filter_map(|operand| self.operand(operand, &Type::Family)).collect()
    }

    /// An image, or also a whole family where `wanted` is one.
    fn operand(&mut self, operand: &'a ast::Expr, wanted: &Type) -> Option<ImageRef> {
        let place = Place::plain(Subject::StepOperand);
        let mut found = match &operand.kind {
            ast::ExprKind::Name(name) if !self.is_declared(name) => self.expr(operand, &Type::Image, place),
            _ => self.infer(operand),
        };
        if !(found.ty == Type::Family && *wanted == Type::Family) {
            found = self.convert(found, &Type::Image, place);
        }
        match found.kind {
            ExprKind::Image(image) => return Some(image),
            ExprKind::Error => {}
            _ => {
                let known = self.names.of_kind(|kind| matches!(kind, Kind::Image(_)));
                self.report(errors::operand_not_a_name(found.span, &known));
            }
        }
        self.all_pushes_known = false;
        None
    }
}
