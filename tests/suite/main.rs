//! The one integration test binary: linking once is faster than linking per file.

mod golden;
mod syntax;
mod values;
