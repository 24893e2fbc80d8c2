//! placeholder

pub mod buildkit;
pub mod diag;
pub mod source;
pub mod syntax;
