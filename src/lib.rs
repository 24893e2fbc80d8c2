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
//! use cachelang::environment::Nothing;
//! use cachelang::source::SourceMap;
//!
//! let mut sources = SourceMap::new();
//! let file = sources.add(".cachefile", ".cachefile", "cachelang 1\nlet region = \"eu-west-1\"\n");
//! let (_program, diagnostics) = cachelang::check(&mut sources, file, &Nothing);
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
mod dockerfile;
pub mod doctor;
pub mod environment;
mod git;
pub mod host;
pub mod iam;
pub mod include;
pub mod language;
pub mod load;
pub mod plan;
pub mod record;
pub mod registry;
pub mod run;
mod shell;
pub mod source;
pub mod syntax;

use diag::Diagnostic;
use environment::Environment;
use include::ParsedFile;
use language::Language;
use source::{FileId, SourceMap};

/// Parses a file with what it includes, and checks the whole. The diagnostics are sorted; the program may be planned
/// if none of them is an error. Warnings that a comment allows are left out.
pub fn check(
    sources: &mut SourceMap,
    entry: FileId,
    environment: &dyn Environment,
) -> (check::Program, Vec<Diagnostic>) {
    Language::default().check(sources, entry, environment)
}

impl Language {
    /// What [`check`](crate::check()) does, with the functions and values that were added.
    pub fn check(
        &self,
        sources: &mut SourceMap,
        entry: FileId,
        environment: &dyn Environment,
    ) -> (check::Program, Vec<Diagnostic>) {
        let (files, diagnostics) = include::parse(sources, entry, environment);
        self.check_parsed(sources, &files, diagnostics)
    }

    /// Checks the files of a program that [`include::parse`] has read; `diagnostics` is what that has found.
    pub fn check_parsed(
        &self,
        sources: &SourceMap,
        files: &[ParsedFile],
        mut diagnostics: Vec<Diagnostic>,
    ) -> (check::Program, Vec<Diagnostic>) {
        let (program, found) = check::check(self, sources, files, &diagnostics);
        diagnostics.extend(found);
        program.allows.apply(sources, &mut diagnostics);
        diag::sort(&mut diagnostics);
        (program, diagnostics)
    }
}
