//! What `plan` and `list` do with a `.cachefile` first: find it, read it, parse and check it.

use std::path::PathBuf;

use clap::Args;
use indexmap::IndexMap;

use super::run::{locate, show_diagnostics, wrong};
use super::say::say_line;
use super::{WRONG, name_and_value};
use crate::check::Program;
use crate::diag::{self, Diagnostic};
use crate::include::{self, ParsedFile};
use crate::load::{self, ProcessEnvironment};
use crate::plan;
use crate::source::SourceMap;

/// Which file, with which values.
#[derive(Debug, Args)]
pub(super) struct PipelineArgs {
    /// The file [default: the `.cachefile` here or in the nearest parent folder]
    #[arg(value_name = "FILE", conflicts_with = "file")]
    path: Option<PathBuf>,

    /// The file, as for the other commands
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// A value for a `param` of the file; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = name_and_value)]
    params: Vec<(String, String)>,
}

/// A pipeline as far as it could be read and checked.
pub(super) struct Pipeline {
    /// What messages call the file.
    pub(super) name: String,
    pub(super) sources: SourceMap,
    pub(super) files: Vec<ParsedFile>,
    pub(super) program: Program,
    /// Everything that was found, sorted.
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) params: IndexMap<String, String>,
}

/// Reads and checks; `Err` is the exit code of what was already said.
pub(super) fn load(args: &PipelineArgs) -> Result<Pipeline, u8> {
    let (path, name) = locate(args.path.as_deref().or(args.file.as_deref()))?;
    let mut sources = SourceMap::new();
    let file = load::load(&mut sources, &path, &name).map_err(|error| wrong(&error))?;
    let (files, mut diagnostics) = include::parse(&mut sources, file, &ProcessEnvironment);
    let (program, found) = crate::check::check(&sources, &files, &diagnostics);
    diagnostics.extend(found);
    diag::sort(&mut diagnostics);
    let params: IndexMap<_, _> = args.params.iter().cloned().collect();
    if let Some((unknown, similar)) = plan::unknown_params(&program, &params).into_iter().next() {
        // The declaration may be in what could not be read.
        show_diagnostics(&sources, &diagnostics);
        say_line(format_args!("error: no param named `{}`", unknown.escape_debug()));
        if let Some(similar) = similar {
            say_line(format_args!("  help: a param with a similar name exists: `{similar}`"));
        }
        return Err(WRONG);
    }
    Ok(Pipeline { name, sources, files, program, diagnostics, params })
}
