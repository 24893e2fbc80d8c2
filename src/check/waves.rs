//! Waves, stages and steps.

use std::collections::HashMap;

use super::attributes::{EntryRef, Owner};
use super::errors::NotAStage;
use super::exprs::{Deferred, Place, Slot, Subject};
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
        let items = files.iter().flat_map(|file| &file.ast.items);
        let all: Vec<&ast::Wave> = items
            .filter_map(|item| match &item.kind {
                ItemKind::Wave(wave) => Some(wave),
                _ => None,
            })
            .collect();
        for (index, file) in files.iter().enumerate() {
            for item in &file.ast.items {
                let ItemKind::Wave(wave) = &item.kind else { continue };
                if index > 0 {
                    self.report(errors::wave_in_include(&wave.name));
                } else if let Some(first) = declared.get(wave.name.value.as_str()) {
                    self.report(errors::wave_declared_twice(&wave.name, *first));
                } else {
                    declared.insert(&wave.name.value, wave.name.span);
                }
                let wave = self.wave(wave, &all);
                program.waves.push(wave);
            }
        }
        self.prove_push_order(program);
    }

    /// `all` are the waves of the program, for what `after` may mean.
    fn wave(&mut self, wave: &'a ast::Wave, all: &[&'a ast::Wave]) -> Wave {
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
            let stages = self.stages(wave, &stages, all);
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

    fn stages(
        &mut self,
        wave: &'a ast::Wave,
        stages: &[&'a ast::Stage],
        all: &[&'a ast::Wave],
    ) -> Vec<Stage> {
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
            let mut after: Vec<Spanned<StageId>> = Vec::new();
            for name in &stage.after {
                match ids.get(name.value.as_str()) {
                    Some((id, _)) if after.iter().any(|one| one.value == *id) => {}
                    Some((id, _)) => after.push(Spanned::new(*id, name.span)),
                    None => {
                        let known = stages.iter().take(self.names.searches.limit());
                        let known: Vec<_> = known.map(|one| one.name.value.as_str()).collect();
                        let found = not_a_stage(name, wave, all);
                        self.report(errors::unknown_stage(name, (&stage.name, &wave.name), &found, &known));
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
                self.check_words(arguments);
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
        Some(Step { kind })
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

    /// Warns of a command that is written as one word.
    fn check_words(&mut self, arguments: &[ast::Expr]) {
        let Some((program, text)) = arguments.first().and_then(|first| Some((first, first.literal()?)))
        else {
            return;
        };
        if looks_like_a_command(text) {
            let is_plain = |word: &&str| {
                word.chars().all(|c| {
                    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '@' | '+')
                })
            };
            let words: Vec<_> = text.split_whitespace().collect();
            let split: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let split = split.join(" ");
            let fits = words.iter().all(is_plain) && split.len() <= 60;
            self.report(errors::one_word(program.span, text, fits.then_some(split.as_str())));
        }
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
                let diagnostic = errors::operand_not_a_name(found.span, self.names.of_kind("image"));
                self.report(diagnostic);
            }
        }
        self.all_pushes_known = false;
        None
    }
}

/// What a name behind `after` is that is no stage of `wave`.
fn not_a_stage<'a>(name: &Name, wave: &ast::Wave, all: &[&'a ast::Wave]) -> NotAStage<'a> {
    if matches!(name.value.as_str(), "pre" | "post") {
        return NotAStage::Block;
    }
    let later = |other: &ast::Wave| other.name.span > wave.name.span;
    let stages = |wave: &'a ast::Wave| {
        wave.entries.iter().filter_map(move |entry| match entry {
            WaveEntry::Stage(stage) => Some((wave, stage)),
            _ => None,
        })
    };
    let stage = all.iter().flat_map(|wave| stages(wave)).find(|(_, stage)| stage.name.value == name.value);
    if let Some((other, stage)) = stage {
        return NotAStage::Elsewhere { wave: &other.name, stage: stage.name.span, later: later(other) };
    }
    match all.iter().find(|other| other.name.value == name.value) {
        Some(other) => {
            let is_this = other.name.span == wave.name.span;
            NotAStage::Wave { name: &other.name, is_this, later: later(other) }
        }
        None => NotAStage::Unknown,
    }
}

/// Whether the name of a program is a whole command. Blanks in the path of a program are none of one: `pytest -q` and
/// `./deploy.sh prod` are commands, `/opt/My Tools/deploy` is not.
fn looks_like_a_command(text: &str) -> bool {
    let Some((program, rest)) = text.trim().split_once(char::is_whitespace) else { return false };
    let is_script = [".sh", ".py", ".js", ".rb", ".bash"].iter().any(|end| program.ends_with(end));
    let is_option = rest.split_whitespace().any(|word| word.starts_with('-'));
    !program.contains(['/', '\\']) || is_script || is_option
}

#[cfg(test)]
mod tests {
    use super::looks_like_a_command;

    #[test]
    fn commands_are_told_from_paths_with_blanks() {
        for command in ["pytest -q", " docker compose up", "go test ./...", "./deploy.sh prod", "/bin/ls -l"]
        {
            assert!(looks_like_a_command(command), "{command}");
        }
        for program in ["pytest", "", "/opt/My Tools/deploy", "./My Program", "C:\\Program Files\\tool.exe"] {
            assert!(!looks_like_a_command(program), "{program}");
        }
    }
}
