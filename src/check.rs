//! Names, types and rules: parsed files → [`Program`]. No input or output happens here.
//!
//! Every check runs and everything found is returned; one cause is reported once. Expressions that were reported
//! have the type [`types::Type::Error`], which fits everything.

mod attributes;
mod calls;
mod convert;
mod errors;
mod exprs;
mod families;
pub(crate) mod functions;
mod items;
mod lints;
mod names;
mod operators;
mod order;
pub(crate) mod program;
pub(crate) mod push_order;
mod pushes;
pub(crate) mod schema;
pub(crate) mod scripts;
pub(crate) mod stage_order;
mod templates;
pub(crate) mod types;
#[cfg(test)]
mod vocabulary;
mod waves;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::diag::{Code, Diagnostic, has_errors};
use crate::include::ParsedFile;
use crate::language::Language;
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::allow::Allows;
use crate::syntax::ast;

use errors::Nearby;
use exprs::Deferred;
use names::Names;
use order::Order;
use program::{Expr, ImageId, LocalId, ProgramFile, ValueId};
use types::Type;

pub(crate) use items::literal_text;
pub use program::Program;

/// The longest expression that messages repeat.
const LONGEST_SOURCE: usize = 32;

/// Checks the files of a program, the entry first; `parsed` is what their parsing reported. The program is complete
/// only if neither that nor what is returned has an error.
pub fn check(
    language: &Language,
    sources: &SourceMap,
    files: &[ParsedFile],
    parsed: &[Diagnostic],
) -> (Program, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let names = Names::declare(files, &mut diagnostics);
    let mut checker = Checker {
        values: names.values().map(|_| None).collect(),
        language,
        sources,
        names,
        diagnostics,
        deferred: Deferred::Forbidden(None),
        binders: families(files),
        scope: Vec::new(),
        locals: 0,
        nearby: HashMap::new(),
        used: HashSet::new(),
        all_pushes_known: !has_errors(parsed),
        all_files_known: !parsed.iter().any(|one| one.code == Code::MissingPath),
    };
    let comments = files.iter().flat_map(|file| &file.ast.comments);
    let mut program = Program {
        files: program_files(sources, files),
        entry: files.first().map(|file| file.id),
        allows: Allows::read(sources, comments, &mut checker.diagnostics),
        ..Program::default()
    };
    checker.values(&mut program);
    checker.items(files, &mut program);
    checker.waves(files, &mut program);
    checker.unused();
    checker.scripts(&program);
    checker.lint(&program);
    program.locals = checker.locals;
    let mut diagnostics = checker.diagnostics;
    diagnostics.iter_mut().for_each(crate::diag::shorten);
    let is_about_names = |one: &Diagnostic| one.code.as_str().starts_with("E02");
    if has_errors(parsed) || diagnostics.iter().any(is_about_names) {
        // What uses an item may be the part that could not be read, or the name that was misspelled.
        diagnostics.retain(|diagnostic| diagnostic.code != Code::UnusedItem);
    }
    (program, diagnostics)
}

/// Whether a name is one of the language itself, behind which a call or a field follows.
pub(crate) fn is_built_in(name: &str) -> bool {
    matches!(name, "cache" | "git") || functions::Function::by_name(name).is_some()
}

fn program_files(sources: &SourceMap, files: &[ParsedFile]) -> HashMap<FileId, ProgramFile> {
    let file = |parsed: &ParsedFile| {
        let source = sources.file(parsed.id);
        let folder = source.path().parent().unwrap_or(Path::new("")).to_owned();
        (parsed.id, ProgramFile { text: source.shared_text(), folder })
    };
    files.iter().map(file).collect()
}

fn families(files: &[ParsedFile]) -> HashMap<ImageId, &[ast::Binder]> {
    let images = files.iter().flat_map(|file| &file.ast.items).filter_map(|item| match &item.kind {
        ast::ItemKind::Image(image) => Some(image.binders.as_slice()),
        _ => None,
    });
    let families = images.enumerate().filter(|(_, binders)| !binders.is_empty());
    families.map(|(index, binders)| (ImageId(index), binders)).collect()
}

/// What the passes over the items share.
struct Checker<'a> {
    language: &'a Language,
    sources: &'a SourceMap,
    names: Names<'a>,
    diagnostics: Vec<Diagnostic>,
    /// By [`ValueId`]: type and expression of the params and lets that were checked.
    values: Vec<Option<(Type, Option<Expr>)>>,
    /// Whether `.ref` and `.digest` are allowed where the checker is.
    deferred: Deferred,
    /// What the families are made with.
    binders: HashMap<ImageId, &'a [ast::Binder]>,
    /// The names that the `for`s around bind, with the types of their values.
    scope: Vec<(&'a str, LocalId, Type)>,
    /// How many names were bound so far.
    locals: usize,
    /// What the names that nothing has may stand for, by what their places want.
    nearby: HashMap<(&'a str, Type), Nearby<'a>>,
    /// Names that were used.
    used: HashSet<&'a str>,
    /// Whether every `push` of the file was seen: none is in a part that is broken or not supported.
    all_pushes_known: bool,
    /// Whether every included file was read. Otherwise the names that nothing has may be declared in the others.
    all_files_known: bool,
}

impl<'a> Checker<'a> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The text of an expression, if it is short enough to stand in a sentence.
    fn short(&self, span: Span) -> Option<&'a str> {
        let text = self.sources.slice(span);
        let fits = text.chars().count() <= LONGEST_SOURCE && !text.contains(['\n', '`']);
        fits.then_some(text)
    }

    /// The type of a param or let.
    fn value_type(&self, id: ValueId) -> Type {
        let checked = self.values.get(id.0).and_then(Option::as_ref);
        checked.map_or(Type::Error, |(ty, _)| ty.clone())
    }

    /// Counts the names in expressions that are not checked as used.
    fn use_names(&mut self, exprs: impl IntoIterator<Item = &'a ast::Expr>) {
        for expr in exprs {
            self.used.extend(order::names_in(expr).into_iter().map(|(name, _)| name));
        }
    }
}
