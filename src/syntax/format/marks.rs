//! What the tree knows about tokens: where things start, and which brackets belong to the name before them.

use std::collections::{HashMap, HashSet};

use crate::source::Span;
use crate::syntax::ast::{
    Attribute, Binder, Entry, Expr, ExprKind, File, Image, Item, ItemKind, StageEntry, Step, StepKind, Steps,
    WaveEntry,
};

/// What starts at a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Version,
    /// `param`, `let`, `secret`, `include`
    Line,
    /// An item with a block.
    Block,
    /// An attribute, or a block inside an item.
    Entry,
    Step,
}

/// Facts about offsets of a file.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) starts: HashMap<usize, Start>,
    /// Names of stages: their start is the word before.
    pub(super) stages: HashSet<usize>,
    /// First keys of maps.
    pub(super) maps: HashSet<usize>,
    /// Brackets of calls and indexes.
    pub(super) attached: HashSet<usize>,
    /// Types of params, with their ends.
    pub(super) types: HashMap<usize, usize>,
}

impl Marks {
    pub(super) fn of(file: &File) -> Self {
        let mut marks = Self::default();
        if let Some(version) = &file.version {
            marks.start(version.span, Start::Version);
        }
        file.items.iter().for_each(|item| marks.item(item));
        marks
    }

    fn start(&mut self, span: Span, start: Start) {
        self.starts.insert(span.range().start, start);
    }

    fn item(&mut self, item: &Item) {
        let start = match &item.kind {
            ItemKind::Param(param) => {
                self.types.insert(param.ty.span.range().start, param.ty.span.range().end);
                param.default.iter().for_each(|default| self.expr(default));
                param.attributes.iter().for_each(|attribute| self.attribute(attribute));
                Start::Line
            }
            ItemKind::Let(item) => {
                self.expr(&item.value);
                Start::Line
            }
            ItemKind::Secret(secret) => {
                self.expr(&secret.source);
                Start::Line
            }
            ItemKind::Include(_) | ItemKind::Poisoned(_) => Start::Line,
            ItemKind::Registry(block) | ItemKind::Repository(block) | ItemKind::Builder(block) => {
                block.entries.iter().for_each(|entry| self.entry(entry));
                Start::Block
            }
            ItemKind::Template(image) | ItemKind::Image(image) => {
                self.image(image);
                Start::Block
            }
            ItemKind::Wave(wave) => {
                wave.entries.iter().for_each(|entry| self.wave_entry(entry));
                Start::Block
            }
        };
        self.start(item.span, start);
    }

    fn image(&mut self, image: &Image) {
        image.binders.iter().for_each(|binder| self.binder(binder));
        image.entries.iter().for_each(|entry| self.entry(entry));
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Attribute(attribute) => self.attribute(attribute),
            Entry::Block(block) => {
                self.start(block.name.span, Start::Entry);
                block.entries.iter().for_each(|entry| self.entry(entry));
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.start(attribute.name.span, Start::Entry);
        self.expr(&attribute.value);
    }

    fn binder(&mut self, binder: &Binder) {
        self.expr(&binder.list);
    }

    fn wave_entry(&mut self, entry: &WaveEntry) {
        match entry {
            WaveEntry::Attribute(attribute) => self.attribute(attribute),
            WaveEntry::Step(step) => self.step(step),
            WaveEntry::Pre(steps) | WaveEntry::Post(steps) => self.steps(steps),
            WaveEntry::Stage(stage) => {
                self.stages.insert(stage.name.span.range().start);
                stage.binders.iter().for_each(|binder| self.binder(binder));
                for entry in &stage.entries {
                    match entry {
                        StageEntry::Attribute(attribute) => self.attribute(attribute),
                        StageEntry::Step(step) => self.step(step),
                    }
                }
            }
        }
    }

    fn steps(&mut self, steps: &Steps) {
        self.start(steps.keyword, Start::Entry);
        steps.steps.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &Step) {
        self.start(step.keyword, Start::Step);
        match &step.kind {
            StepKind::Build(operands) | StepKind::Push(operands) | StepKind::Run(operands) => {
                operands.iter().for_each(|operand| self.expr(operand));
            }
            StepKind::Promote { image, to } => {
                self.expr(image);
                to.iter().for_each(|tag| self.expr(tag));
            }
            StepKind::Sh(operand) | StepKind::Approve(operand) => self.expr(operand),
        }
        step.options.iter().for_each(|option| self.attribute(option));
    }

    /// Strings are kept as they are, so nothing in their holes matters.
    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Map(entries) => {
                self.maps.extend(entries.first().map(|entry| entry.key.span.range().start));
                entries.iter().for_each(|entry| self.expr(&entry.value));
            }
            ExprKind::Comprehension { value, binder, condition } => {
                self.expr(value);
                self.binder(binder);
                condition.iter().for_each(|condition| self.expr(condition));
            }
            ExprKind::Field { base, .. } => self.expr(base),
            ExprKind::Index { base, index } => {
                self.attached.insert(base.span.range().end);
                self.expr(base);
                self.expr(index);
            }
            ExprKind::Call { callee, arguments } => {
                self.attached.insert(callee.span.range().end);
                self.expr(callee);
                arguments.iter().for_each(|argument| self.expr(&argument.value));
            }
            ExprKind::Tag { repository, tag } => {
                self.expr(repository);
                self.expr(tag);
            }
            ExprKind::If { condition, then, otherwise } => {
                [condition, then, otherwise].into_iter().for_each(|part| self.expr(part));
            }
            ExprKind::Not(operand) => self.expr(operand),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::String(_)
            | ExprKind::Int(_)
            | ExprKind::Bool(_)
            | ExprKind::Duration(_)
            | ExprKind::Size(_)
            | ExprKind::Name(_)
            | ExprKind::Error => {}
        }
    }
}
