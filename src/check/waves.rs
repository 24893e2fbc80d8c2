//! Waves and their steps, and the proof that an image's digest is used only after its push.

use std::collections::HashMap;

use super::attributes::{EntryRef, Owner};
use super::exprs::{Deferred, Slot};
use super::names::Kind;
use super::program::{Expr, ExprKind, ImageId, Program, Step, StepOptions, Wave};
use super::types::Type;
use super::{Checker, errors, schema};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{self, ItemKind, StepKind, WaveEntry};

impl<'a> Checker<'a> {
    pub(super) fn waves(&mut self, file: &'a ast::File, program: &mut Program) {
        let mut declared: HashMap<&str, Span> = HashMap::new();
        for item in &file.items {
            let ItemKind::Wave(wave) = &item.kind else { continue };
            if let Some(first) = declared.insert(&wave.name.value, wave.name.span) {
                self.report(errors::wave_declared_twice(&wave.name, first));
            }
            let wave = self.wave(wave);
            program.waves.push(wave);
        }
        self.prove_push_order(program);
    }

    fn wave(&mut self, wave: &'a ast::Wave) -> Wave {
        let mut steps = Vec::new();
        let mut attributes = Vec::new();
        for entry in &wave.entries {
            match entry {
                WaveEntry::Attribute(attribute) => attributes.push(EntryRef::Attribute(attribute)),
                WaveEntry::Step(step) => steps.extend(self.step(step)),
                WaveEntry::Pre(block) => self.report(errors::not_yet("`pre`", block.keyword)),
                WaveEntry::Post(block) => self.report(errors::not_yet("`post`", block.keyword)),
                WaveEntry::Stage(stage) => self.report(errors::not_yet("`stage`", stage.name.span)),
            }
        }
        let owner = Owner { kind: "wave", name: &wave.name.value, span: wave.name.span };
        let mut attributes = self.attributes(owner, attributes, schema::WAVE);
        Wave { name: wave.name.clone(), when: attributes.take("when"), steps }
    }

    fn step(&mut self, step: &'a ast::Step) -> Option<Step> {
        let keyword = step.keyword;
        match &step.kind {
            StepKind::Build(images) => Some(Step::Build(self.images(images))),
            StepKind::Push(images) => Some(Step::Push(self.images(images))),
            StepKind::Run(arguments) => {
                let arguments = self.deferred(|checker| checker.arguments(arguments));
                Some(Step::Run { arguments, options: self.options("run", step) })
            }
            StepKind::Sh(script) => {
                let script = self.deferred(|checker| checker.expr(script, &Type::String, Slot::Plain));
                Some(Step::Sh { script, options: self.options("sh", step) })
            }
            StepKind::Promote { .. } => self.later_step("`promote`", keyword),
            StepKind::Approve(_) => self.later_step("`approve`", keyword),
        }
    }

    fn later_step(&mut self, what: &str, keyword: Span) -> Option<Step> {
        self.report(errors::not_yet(what, keyword));
        None
    }

    /// Checks what may use `.ref` and `.digest`.
    fn deferred<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        self.deferred = Deferred::Allowed;
        let result = check(self);
        self.deferred = Deferred::Forbidden;
        result
    }

    fn arguments(&mut self, arguments: &'a [ast::Expr]) -> Vec<Expr> {
        arguments.iter().map(|argument| self.expr(argument, &Type::String, Slot::CommandArgument)).collect()
    }

    fn options(&mut self, keyword: &'a str, step: &'a ast::Step) -> StepOptions {
        let owner = Owner { kind: keyword, name: keyword, span: step.keyword };
        let options = step.options.iter().map(EntryRef::from);
        let mut attributes = self.deferred(|checker| checker.attributes(owner, options, schema::COMMAND));
        StepOptions {
            env: attributes.take("env"),
            dir: attributes.take("dir"),
            timeout: attributes.take("timeout"),
            retries: attributes.take("retries"),
        }
    }

    /// The operands of `build` and `push`.
    fn images(&mut self, operands: &'a [ast::Expr]) -> Vec<Spanned<ImageId>> {
        let mut images = Vec::new();
        for operand in operands {
            let found = self.expr(operand, &Type::Image, Slot::Plain);
            match found.kind {
                ExprKind::Image(id) => images.push(Spanned::new(id, found.span)),
                ExprKind::Error => {}
                _ => self.report(errors::operand_not_a_name(found.span)),
            }
        }
        images
    }

    /// Reports every `.ref` and `.digest` that stands before the push of its image.
    fn prove_push_order(&mut self, program: &Program) {
        let mut pushed: HashMap<ImageId, Span> = HashMap::new();
        let mut uses: Vec<(ImageId, Span)> = Vec::new();
        for step in program.waves.iter().flat_map(|wave| &wave.steps) {
            if let Step::Push(images) = step {
                for image in images {
                    pushed.entry(image.value).or_insert(image.span);
                }
                continue;
            }
            let early = step.deferred_uses().into_iter().filter(|(image, _)| !pushed.contains_key(image));
            uses.extend(early);
        }
        for (image, span) in uses {
            let declared = self.names.iter().find(|(_, declared)| declared.kind == Kind::Image(image));
            let (name, declared) = declared.expect("a ref names a declared image");
            let diagnostic = match pushed.get(&image) {
                Some(push) => errors::ref_before_push(name, span, *push),
                None => errors::ref_never_pushed(name, span, declared.span),
            };
            self.report(diagnostic);
        }
    }
}

impl Step {
    /// The images whose digests the step needs.
    fn deferred_uses(&self) -> Vec<(ImageId, Span)> {
        let mut pending: Vec<&Expr> = match self {
            Step::Build(_) | Step::Push(_) => Vec::new(),
            Step::Run { arguments, options } => arguments.iter().chain(options.exprs()).collect(),
            Step::Sh { script, options } => std::iter::once(script).chain(options.exprs()).collect(),
        };
        let mut uses = Vec::new();
        while let Some(expr) = pending.pop() {
            if let ExprKind::Ref(image) | ExprKind::Digest(image) = expr.kind {
                uses.push((image, expr.span));
            }
            pending.extend(expr.children());
        }
        uses
    }
}

impl StepOptions {
    fn exprs(&self) -> impl Iterator<Item = &Expr> {
        [&self.env, &self.dir, &self.timeout, &self.retries].into_iter().flatten()
    }
}
