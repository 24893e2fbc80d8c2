//! cachelang: a small declarative language for cached container image builds.
//!
//! A `.cachefile` describes images, cache sources, tags and pipeline waves. The library takes it through four stages,
//! each with a type of its own:
//!
//! ```text
//! text ──syntax::parse──▶ ast::File ──check::check──▶ Program ──plan::plan──▶ Plan ──run::run──▶ Report
//! ```
//!
//! The first three report [`diag::Diagnostic`]s and touch nothing outside; [`run::run`] works through the plan with
//! a [`host::Host`]: an engine that builds and pushes, registries, commands, and an observer of what happens.
//!
//! ```
//! use cachelang::source::SourceMap;
//!
//! let mut sources = SourceMap::new();
//! let file = sources.add(".cachefile", ".cachefile", "cachelang 1\nlet region = \"eu-west-1\"\n");
//! let (_program, diagnostics) = cachelang::check(&sources, file);
//! assert_eq!(diagnostics[0].message, "value `region` is never used");
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::string_slice,
        reason = "tests may read files, and fail on a bad slice"
    )
)]

pub mod buildkit;
pub mod cache;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod diag;
pub mod host;
pub mod load;
pub mod plan;
pub mod registry;
pub mod run;
pub mod source;
pub mod syntax;

use diag::Diagnostic;
use source::{FileId, SourceMap};
use syntax::allow::Allows;

/// Parses and checks one file. The diagnostics are sorted; the program may be planned if none of them is an error.
///
/// Warnings that a comment of the file allows are left out. [`check_with_allows`] also returns what these comments
/// allow, for the warnings of planning.
pub fn check(sources: &SourceMap, file: FileId) -> (check::Program, Vec<Diagnostic>) {
    let (program, diagnostics, _) = check_with_allows(sources, file);
    (program, diagnostics)
}

/// [`check()`], and what the comments of the file allow: [`Allows::apply`] takes it to the diagnostics of later passes.
pub fn check_with_allows(sources: &SourceMap, file: FileId) -> (check::Program, Vec<Diagnostic>, Allows) {
    let (ast, mut diagnostics) = syntax::parse(sources, file);
    let (program, found) = check::check(sources, file, &ast, &diagnostics);
    diagnostics.extend(found);
    let allows = Allows::read(sources, &ast.comments, &mut diagnostics);
    allows.apply(sources, &mut diagnostics);
    diag::sort(&mut diagnostics);
    (program, diagnostics, allows)
}
