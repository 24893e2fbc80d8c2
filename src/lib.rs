//! placeholder

pub mod cache;
pub mod check;
pub mod diag;
pub mod host;
pub mod plan;
pub mod source;
pub mod syntax;
