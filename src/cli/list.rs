//! `cachelang list`
//!
//! It shows what is written, and so works for files that cannot be planned; only the values of params are evaluated.

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::WRONG;
use super::load::{self, Checked, FileArgs, show_diagnostics};
use super::plan::{Layout, Page, Paint};
use super::say::print;
use crate::diag::has_errors;
use crate::diag::render::printable_json;
use crate::plan::{Input, Inputs};
use crate::source::Span;
use crate::syntax::ast::{self, Attribute, Binder, Entry, ItemKind, Name, TypeName, WaveEntry};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    file: FileArgs,

    /// How to show the list
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people
    Human,
    /// JSON for programs
    Json,
}

/// Lists the items of a file and returns the exit code.
pub(super) fn list(args: ListArgs) -> u8 {
    let ListArgs { file, format } = args;
    let input = file.into_input();
    let pipeline = match load::check(&input) {
        Ok(pipeline) => pipeline,
        Err(code) => return code,
    };
    let is_wrong = has_errors(&pipeline.diagnostics);
    if is_wrong {
        show_diagnostics(&pipeline, &input);
    }
    let sections = Lister::new(&pipeline, is_wrong).sections();
    match format {
        Format::Human => print(&human(pipeline.name(), &sections, Layout::of_stdout())),
        Format::Json => print(&json_text(pipeline.name(), &sections)),
    }
    if is_wrong { WRONG } else { 0 }
}

/// The kinds of items in the order of the list: the key in JSON, which is the heading too.
const KINDS: [&str; 9] =
    ["params", "values", "secrets", "registries", "repositories", "builders", "templates", "images", "waves"];

/// The items of one kind.
struct Section {
    kind: &'static str,
    items: Vec<Listed>,
}

/// One item.
#[derive(Serialize)]
struct Listed {
    name: String,
    description: Option<String>,
    file: String,
    line: usize,
    /// What items of its kind have besides.
    #[serde(flatten)]
    more: Map<String, Value>,
    /// What stands behind the name.
    #[serde(skip)]
    summary: String,
    /// What stands below it.
    #[serde(skip)]
    lines: Vec<String>,
}

struct Lister<'a> {
    pipeline: &'a Checked,
    /// Of params, by `param NAME`.
    inputs: Vec<Input>,
}

impl<'a> Lister<'a> {
    fn new(pipeline: &'a Checked, is_wrong: bool) -> Self {
        let inputs = Inputs { params: &pipeline.params, environment: &pipeline.environment };
        // Only a program without errors can be evaluated.
        let inputs = if is_wrong { Vec::new() } else { crate::plan::inputs(&pipeline.program, &inputs) };
        Self { pipeline, inputs }
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<_> = KINDS.iter().map(|kind| Section { kind, items: Vec::new() }).collect();
        for item in self.pipeline.files.iter().flat_map(|file| &file.ast.items) {
            let Some((kind, listed)) = self.item(item) else { continue };
            if let Some(section) = sections.iter_mut().find(|section| section.kind == kind) {
                section.items.push(listed);
            }
        }
        sections
    }

    fn item(&self, item: &ast::Item) -> Option<(&'static str, Listed)> {
        let listed = |name: &Name, summary: String, lines: Vec<String>, more: Value| {
            let file = self.pipeline.sources.file(name.span.file);
            Listed {
                name: name.value.clone(),
                description: item.description.clone(),
                file: file.name().to_owned(),
                line: file.position(name.span.start).line,
                more: match more {
                    Value::Object(more) => more,
                    _ => Map::new(),
                },
                summary,
                lines,
            }
        };
        Some(match &item.kind {
            ItemKind::Param(param) => {
                let (summary, lines, more) = self.param(param);
                let mut listed = listed(&param.name, summary, lines, more);
                let attribute = param.attributes.iter().find(|one| one.name.value == "description");
                let written = attribute.and_then(|one| one.value.literal());
                listed.description = listed.description.or_else(|| written.map(str::to_owned));
                ("params", listed)
            }
            ItemKind::Let(item) => {
                let text = self.written(item.value.span);
                ("values", listed(&item.name, format!(" = {text}"), Vec::new(), json!({ "value": text })))
            }
            ItemKind::Secret(secret) => {
                let text = self.written(secret.source.span);
                ("secrets", listed(&secret.name, format!(" = {text}"), Vec::new(), json!({ "source": text })))
            }
            ItemKind::Registry(block) => ("registries", self.block(block, "kind", "", listed)),
            ItemKind::Repository(block) => ("repositories", self.block(block, "registry", "in ", listed)),
            ItemKind::Builder(block) => ("builders", self.block(block, "kind", "", listed)),
            ItemKind::Template(image) => ("templates", self.image(image, listed)),
            ItemKind::Image(image) => ("images", self.image(image, listed)),
            ItemKind::Wave(wave) => {
                let (summary, lines, more) = self.wave(wave);
                ("waves", listed(&wave.name, summary, lines, more))
            }
            ItemKind::Include(_) | ItemKind::Poisoned(_) => return None,
        })
    }

    /// What is written at a place, on one line.
    fn written(&self, span: Span) -> String {
        self.pipeline.sources.slice(span).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn attribute(&self, attributes: &[Attribute], name: &str) -> Option<String> {
        let found = attributes.iter().find(|attribute| attribute.name.value == name)?;
        Some(self.written(found.value.span))
    }

    fn param(&self, param: &ast::Param) -> (String, Vec<String>, Value) {
        let ty = match &param.ty.value {
            TypeName::String => "string",
            TypeName::Int => "int",
            TypeName::Bool => "bool",
            TypeName::Duration => "duration",
            TypeName::ListOfString => "list<string>",
            TypeName::Unknown(name) => name,
        };
        let default = param.default.as_ref().map(|default| self.written(default.span));
        let rule = |name| self.attribute(&param.attributes, name);
        let (oneof, matches) = (rule("oneof"), rule("matches"));
        let name = format!("param {}", param.name.value);
        let input = self.inputs.iter().find(|input| input.name == name);
        let value = input.and_then(|input| input.value.clone());
        let mut summary = format!(": {ty}");
        if let Some(default) = &default {
            summary.push_str(&format!(" = {default}"));
        }
        let mut lines = Vec::new();
        lines.extend(oneof.as_ref().map(|oneof| format!("one of {oneof}")));
        lines.extend(matches.as_ref().map(|matches| format!("must match {matches}")));
        match (&value, input) {
            (Some(value), Some(input)) if input.source != "default" => {
                lines.push(format!("now {}, from the {}", as_written(value, &param.ty.value), input.source));
            }
            (Some(value), _) if default.as_ref() != Some(&as_written(value, &param.ty.value)) => {
                lines.push(format!("now {}", as_written(value, &param.ty.value)));
            }
            (None, _) if default.is_none() => {
                lines.push(format!("has no value: pass --param {}=…", param.name.value));
            }
            _ => {}
        }
        let more = json!({
            "type": ty,
            "default": default,
            "oneof": oneof,
            "matches": matches,
            "value": value,
            "source": input.map(|input| input.source.as_str()),
        });
        (summary, lines, more)
    }

    /// An item with a block, shown with one of its attributes.
    fn block(
        &self,
        block: &ast::Block,
        attribute: &str,
        word: &str,
        listed: impl Fn(&Name, String, Vec<String>, Value) -> Listed,
    ) -> Listed {
        let found = block.entries.iter().find_map(|entry| match entry {
            Entry::Attribute(one) if one.name.value == attribute => Some(self.written(one.value.span)),
            _ => None,
        });
        let plain = found.map(|text| text.trim_matches('"').to_owned());
        let summary = plain.as_ref().map_or(String::new(), |text| format!(" {word}{text}"));
        listed(&block.name, summary, Vec::new(), json!({ attribute: plain }))
    }

    fn image(
        &self,
        image: &ast::Image,
        listed: impl Fn(&Name, String, Vec<String>, Value) -> Listed,
    ) -> Listed {
        let extends: Vec<_> = image.extends.iter().map(|name| name.value.as_str()).collect();
        let mut summary = String::new();
        if !extends.is_empty() {
            summary.push_str(&format!(" extends {}", extends.join(", ")));
        }
        let (binders, family) = self.binders(&image.binders);
        summary.push_str(&binders);
        listed(&image.name, summary, Vec::new(), json!({ "extends": extends, "for": family }))
    }

    /// `for a in list`, and the same for programs.
    fn binders(&self, binders: &[Binder]) -> (String, Value) {
        let pairs: Vec<_> =
            binders.iter().map(|one| (one.name.value.clone(), self.written(one.list.span))).collect();
        let texts: Vec<_> = pairs.iter().map(|(name, list)| format!("{name} in {list}")).collect();
        let text = if texts.is_empty() { String::new() } else { format!(" for {}", texts.join(", ")) };
        (text, pairs.into_iter().map(|(name, list)| json!({ "name": name, "in": list })).collect())
    }

    fn wave(&self, wave: &ast::Wave) -> (String, Vec<String>, Value) {
        let when = wave.entries.iter().find_map(|entry| match entry {
            WaveEntry::Attribute(one) if one.name.value == "when" => Some(self.written(one.value.span)),
            _ => None,
        });
        let stages = wave.entries.iter().filter_map(|entry| match entry {
            WaveEntry::Stage(stage) => Some(stage),
            _ => None,
        });
        let (mut lines, mut listed) = (Vec::new(), Vec::new());
        for stage in stages {
            let after: Vec<_> = stage.after.iter().map(|name| name.value.as_str()).collect();
            let (binders, family) = self.binders(&stage.binders);
            let behind =
                if after.is_empty() { String::new() } else { format!(" after {}", after.join(", ")) };
            lines.push(format!("stage {}{binders}{behind}", stage.name.value));
            listed.push(json!({ "name": stage.name.value, "for": family, "after": after }));
        }
        let summary = when.as_ref().map_or(String::new(), |when| format!(" when {when}"));
        (summary, lines, json!({ "when": when, "stages": listed }))
    }
}

/// The value of a param as the file would say it.
fn as_written(value: &str, ty: &TypeName) -> String {
    match ty {
        TypeName::String => format!("{value:?}"),
        TypeName::ListOfString => {
            let items = value.split(',').filter(|item| !item.is_empty());
            format!("[{}]", items.map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", "))
        }
        _ => value.to_owned(),
    }
}

fn human(name: &str, sections: &[Section], layout: Layout) -> String {
    let mut page = Page::new(layout);
    page.line(0, 0, &[(Paint::Name, name)]);
    for section in sections.iter().filter(|section| !section.items.is_empty()) {
        page.gap();
        page.line(0, 0, &[(Paint::Bold, section.kind)]);
        for item in &section.items {
            let place = format!("  {}:{}", item.file, item.line);
            page.line(
                2,
                4,
                &[(Paint::Name, &item.name), (Paint::Plain, &item.summary), (Paint::Dim, &place)],
            );
            for line in item.description.iter().flat_map(|text| text.lines()) {
                page.line(6, 0, &[(Paint::Plain, line)]);
            }
            for line in &item.lines {
                page.line(6, 2, &[(Paint::Dim, line)]);
            }
        }
    }
    page.finish()
}

fn json_text(name: &str, sections: &[Section]) -> String {
    let mut all = Map::from_iter([("version".to_owned(), json!(1)), ("file".to_owned(), json!(name))]);
    for section in sections {
        let items = serde_json::to_value(&section.items).expect("items have texts as keys");
        all.insert(section.kind.to_owned(), items);
    }
    let text = serde_json::to_string_pretty(&all).expect("values can be written as JSON");
    format!("{}\n", printable_json(&text))
}
