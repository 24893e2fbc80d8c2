//! Names, types and rules: [`ast::File`] → [`Program`]. No input or output happens here.
//!
//! Every check runs and everything found is returned; one cause is reported once. Expressions that were reported
//! have the type [`types::Type::Error`], which fits everything.

mod attributes;
mod calls;
mod errors;
mod exprs;
pub(crate) mod functions;
mod items;
mod names;
mod operators;
mod order;
pub(crate) mod program;
pub(crate) mod schema;
pub(crate) mod types;
mod waves;

use std::collections::HashSet;

use crate::diag::{Code, Diagnostic, has_errors};
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast;

use exprs::Deferred;
use names::Names;
use order::Order;
use program::{Expr, ValueId};
use types::Type;

pub(crate) use items::literal_text;
pub use program::Program;

/// The longest expression that messages repeat.
const LONGEST_SOURCE: usize = 32;

/// Checks one file; `parsed` is what its parsing reported. The program is complete only if neither that nor what
/// is returned has an error.
pub fn check(
    sources: &SourceMap,
    id: FileId,
    file: &ast::File,
    parsed: &[Diagnostic],
) -> (Program, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let names = Names::declare(file, &mut diagnostics);
    let mut checker = Checker {
        values: names.values().map(|_| None).collect(),
        sources,
        names,
        diagnostics,
        deferred: Deferred::Forbidden(None),
        used: HashSet::new(),
        all_pushes_known: !has_errors(parsed),
    };
    let mut program = Program { source: sources.file(id).shared_text(), ..Program::default() };
    checker.values(&mut program);
    checker.items(file, &mut program);
    checker.waves(file, &mut program);
    checker.unused();
    let mut diagnostics = checker.diagnostics;
    let is_about_names = |one: &Diagnostic| one.code.as_str().starts_with("E02");
    if has_errors(parsed) || diagnostics.iter().any(is_about_names) {
        // What uses an item may be the part that could not be read, or the name that was misspelled.
        diagnostics.retain(|diagnostic| diagnostic.code != Code::UnusedItem);
    }
    (program, diagnostics)
}

/// What the passes over the items share.
struct Checker<'a> {
    sources: &'a SourceMap,
    names: Names<'a>,
    diagnostics: Vec<Diagnostic>,
    /// By [`ValueId`]: type and expression of the params and lets that were checked.
    values: Vec<Option<(Type, Option<Expr>)>>,
    /// Whether `.ref` and `.digest` are allowed where the checker is.
    deferred: Deferred,
    /// Names that were used.
    used: HashSet<&'a str>,
    /// Whether every `push` of the file was seen: none is in a part that is broken or not supported.
    all_pushes_known: bool,
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
