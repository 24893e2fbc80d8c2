//! The BuildKit client: what is spoken with the engine, over gRPC, without a command line in between.

pub mod filesync;
mod patterns;
mod walk;
