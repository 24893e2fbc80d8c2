//! The one integration test binary: linking once is faster than linking per file.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::string_slice,
    reason = "tests read files and fail loudly"
)]

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod commands;
mod dockerfiles;
mod docs;
mod fixes;
#[cfg(feature = "cli")]
mod fmt;
mod generate;
mod git;
mod golden;
mod holds;
mod iam;
mod outside;
mod pages;
mod properties;
mod record;
mod schema;
mod syntax;
mod tidy;
mod values;
