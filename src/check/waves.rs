//! Waves and their steps, and the proof that an image's digest is used only after its push.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::attributes::{EntryRef, Owner};
use super::exprs::{Deferred, Place, Slot, Subject};
use super::names::Kind;
use super::program::{Expr, ExprKind, ImageId, Program, Step, StepOptions, Wave};
use super::types::Type;
use super::{Checker, errors, order, schema};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{self, ItemKind, StepKind, WaveEntry};

impl<'a> Checker<'a> {
    pub(super) fn waves(&mut self, file: &'a ast::File, program: &mut Program) {
        let mut declared: HashMap<&str, Span> = HashMap::new();
        for item in &file.items {
            let ItemKind::Wave(wave) = &item.kind else { continue };
            if let Some(first) = declared.get(wave.name.value.as_str()) {
                self.report(errors::wave_declared_twice(&wave.name, *first));
            } else {
                declared.insert(&wave.name.value, wave.name.span);
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
                WaveEntry::Pre(block) => self.later_block("`pre`", block.keyword, &block.steps),
                WaveEntry::Post(block) => self.later_block("`post`", block.keyword, &block.steps),
                WaveEntry::Stage(stage) => self.later_stage(stage),
            }
        }
        let owner = Owner { kind: "wave", name: &wave.name.value, span: wave.name.span };
        let mut attributes = self.attributes(owner, attributes, schema::WAVE);
        Wave { name: wave.name.clone(), when: attributes.take("when"), steps }
    }

    fn later_block(&mut self, what: &str, keyword: Span, steps: &'a [ast::Step]) {
        self.report(errors::not_yet(what, keyword));
        self.all_pushes_known = false;
        self.use_names(steps.iter().flat_map(order::exprs_of_step));
    }

    fn later_stage(&mut self, stage: &'a ast::Stage) {
        self.report(errors::not_yet("`stage`", stage.name.span));
        self.all_pushes_known = false;
        self.use_names(stage.binders.iter().map(|binder| &binder.list));
        self.use_names(stage.entries.iter().flat_map(|entry| match entry {
            ast::StageEntry::Attribute(attribute) => vec![&attribute.value],
            ast::StageEntry::Step(step) => order::exprs_of_step(step),
        }));
    }

    fn step(&mut self, step: &'a ast::Step) -> Option<Step> {
        match &step.kind {
            StepKind::Build(images) => Some(Step::Build(self.images(images))),
            StepKind::Push(images) => Some(Step::Push(self.images(images))),
            StepKind::Run(arguments) => {
                let arguments = self.deferred(|checker| checker.arguments(arguments));
                Some(Step::Run { arguments, options: self.options("run", step) })
            }
            StepKind::Sh(script) => {
                let place = Place::plain(Subject::Script);
                let script = self.deferred(|checker| checker.expr(script, &Type::String, place));
                Some(Step::Sh { script, options: self.options("sh", step) })
            }
            StepKind::Promote { .. } => self.later_step("`promote`", step),
            StepKind::Approve(_) => self.later_step("`approve`", step),
        }
    }

    fn later_step(&mut self, what: &str, step: &'a ast::Step) -> Option<Step> {
        self.report(errors::not_yet(what, step.keyword));
        self.use_names(order::exprs_of_step(step));
        None
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

    fn options(&mut self, keyword: &'a str, step: &'a ast::Step) -> StepOptions {
        let owner = Owner { kind: keyword, name: keyword, span: step.keyword };
        let options = step.options.iter().map(EntryRef::from);
        let mut attributes = self.attributes(owner, options, schema::COMMAND);
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
            let found = self.expr(operand, &Type::Image, Place::plain(Subject::StepOperand));
            match found.kind {
                ExprKind::Image(id) => images.push(Spanned::new(id, found.span)),
                ExprKind::Error => self.all_pushes_known = false,
                _ => {
                    let known = self.names.of_kind(|kind| matches!(kind, Kind::Image(_)));
                    self.report(errors::operand_not_a_name(found.span, &known));
                    self.all_pushes_known = false;
                }
            }
        }
        images
    }

    /// Reports every image whose `.ref` or `.digest` is used before its push, and every push of an image without
    /// tags, at the first place of each.
    fn prove_push_order(&mut self, program: &Program) {
        let mut pushed: IndexMap<ImageId, (Span, &str)> = IndexMap::new();
        let mut uses: IndexMap<ImageId, Vec<(DeferredUse, &str)>> = IndexMap::new();
        for wave in &program.waves {
            for step in &wave.steps {
                if let Step::Push(images) = step {
                    for image in images {
                        pushed.entry(image.value).or_insert((image.span, &wave.name.value));
                    }
                }
                let early = step.deferred_uses().into_iter().filter(|one| !pushed.contains_key(&one.image));
                early.for_each(|one| uses.entry(one.image).or_default().push((one, &wave.name.value)));
            }
        }
        for (id, found) in uses {
            let (image, declared) = self.names.item(Kind::Image(id));
            let Some(((first, wave), more)) = found.split_first() else { continue };
            let one = errors::Use { image, field: first.field, span: first.span, wave, more: more.len() };
            match pushed.get(&id) {
                Some((push, push_wave)) => self.report(errors::ref_before_push(&one, *push, push_wave)),
                None if self.all_pushes_known => self.report(errors::ref_never_pushed(&one, declared.span)),
                None => {}
            }
        }
        for (id, (push, _)) in pushed {
            let image = program.images.get(id.0).filter(|image| image.complete && image.tags.is_none());
            if let Some(image) = image {
                let repositories = self.names.of_kind(|kind| matches!(kind, Kind::Repository(_)));
                let repository = repositories.first().copied();
                self.report(errors::no_tags(&image.name.value, image.name.span, push, repository));
            }
        }
    }
}

/// A place that needs the digest of an image.
pub(crate) struct DeferredUse {
    pub(crate) image: ImageId,
    /// `ref` or `digest`
    pub(crate) field: &'static str,
    pub(crate) span: Span,
}

impl Step {
    /// The images whose digests the step needs, in the order of the text.
    pub(crate) fn deferred_uses(&self) -> Vec<DeferredUse> {
        let mut pending: Vec<&Expr> = match self {
            Step::Build(_) | Step::Push(_) => Vec::new(),
            Step::Run { arguments, options } => arguments.iter().chain(options.exprs()).collect(),
            Step::Sh { script, options } => std::iter::once(script).chain(options.exprs()).collect(),
        };
        let mut uses = Vec::new();
        while let Some(expr) = pending.pop() {
            match expr.kind {
                ExprKind::Ref(image) => uses.push(DeferredUse { image, field: "ref", span: expr.span }),
                ExprKind::Digest(image) => uses.push(DeferredUse { image, field: "digest", span: expr.span }),
                _ => pending.extend(expr.children()),
            }
        }
        uses.sort_by_key(|one| one.span);
        uses
    }
}

impl StepOptions {
    fn exprs(&self) -> impl Iterator<Item = &Expr> {
        [&self.env, &self.dir, &self.timeout, &self.retries].into_iter().flatten()
    }
}
