//! From text to [`ast::File`]. Parsing never fails: what cannot be read is reported and left out.
//!
//! Three steps: [`scan`] checks strings and brackets and cuts the file into items, [`mod@parse`] runs the grammar over
//! each of them and recovers, [`lower`] turns what the grammar accepted into the tree, and reports what the
//! grammar tolerates but the language does not.
//!
//! Beside it, [`format()`] writes a file in the one layout, and [`allow`] reads the comments that silence warnings.

pub mod allow;
pub mod ast;
mod classify;
mod errors;
mod format;
mod lower;
mod parse;
mod scan;
mod yaml;

pub use format::format;
#[cfg(test)]
pub(crate) use lower::{DURATIONS, SIZES};

use crate::diag::Diagnostic;
use crate::source::{FileId, SourceMap};

/// Parses one file of `sources`. The diagnostics are not sorted.
pub fn parse(sources: &SourceMap, file: FileId) -> (ast::File, Vec<Diagnostic>) {
    parse::parse(file, sources.file(file))
}
