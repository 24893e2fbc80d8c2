//! From text to [`ast::File`]. Parsing never fails: what cannot be read is reported and left out.

pub mod ast;

use crate::diag::Diagnostic;
use crate::source::{FileId, SourceMap};

/// Parses one file of `sources`. The diagnostics are not sorted.
pub fn parse(sources: &SourceMap, file: FileId) -> (ast::File, Vec<Diagnostic>) {
    let _ = (sources, file);
    todo!()
}
