//! Names, types and rules: [`ast::File`] → [`Program`]. No input or output happens here.
//!
//! Every check runs and everything found is returned; one cause is reported once. Expressions that were reported
//! have the type [`types::Type::Error`], which fits everything.

mod attributes;
mod errors;
mod exprs;
pub(crate) mod functions;
mod items;
mod names;
pub(crate) mod program;
pub(crate) mod schema;
pub(crate) mod types;
mod waves;

use crate::diag::Diagnostic;
use crate::source::Span;
use crate::syntax::ast;

use exprs::Deferred;
use names::Names;
use program::{Expr, ValueId};
use types::Type;

pub(crate) use items::literal_text;
pub use program::Program;

/// Checks one file. The program is complete only if none of the diagnostics is an error.
pub fn check(file: &ast::File) -> (Program, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let names = Names::declare(file, &mut diagnostics);
    let mut checker = Checker {
        values: names.values().map(|_| ValueState::Unchecked).collect(),
        names,
        diagnostics,
        path: Vec::new(),
        deferred: Deferred::Forbidden,
        used: Vec::new(),
    };
    let mut program = Program::default();
    checker.values(&mut program);
    checker.items(file, &mut program);
    checker.waves(file, &mut program);
    checker.unused();
    (program, checker.diagnostics)
}

/// What the passes over the items share.
struct Checker<'a> {
    names: Names<'a>,
    diagnostics: Vec<Diagnostic>,
    /// By [`ValueId`]: params and lets are checked when they are first used.
    values: Vec<ValueState>,
    /// The values that are being checked now, each with where the next one is used.
    path: Vec<(ValueId, Span)>,
    /// Whether `.ref` and `.digest` are allowed where the checker is.
    deferred: Deferred,
    /// Names that were used.
    used: Vec<&'a str>,
}

#[derive(Debug, Clone)]
enum ValueState {
    Unchecked,
    InProgress,
    Done { ty: Type, expr: Option<Expr> },
}

impl Checker<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}
