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
mod editors;
mod examples;
mod fixes;
#[cfg(feature = "cli")]
mod fmt;
mod generate;
mod git;
mod golden;
mod holds;
mod iam;
#[cfg(feature = "cli")]
mod killed;
mod language;
#[cfg(all(feature = "cli", feature = "otel"))]
mod otel;
mod outside;
mod pages;
mod properties;
mod queries;
mod record;
#[cfg(feature = "cli")]
mod reports;
mod schema;
mod syntax;
mod tidy;
mod tree_sitter;
mod values;
