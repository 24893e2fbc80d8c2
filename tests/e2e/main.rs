//! The program on real parts: an engine, registries and an emulator of the ECR API, which `tests/run` starts.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test program: it starts processes, reads files and fails loudly"
)]

mod harness;

mod attributes;
mod builders;
mod caches;
mod cancel;
mod context;
mod credentials;
mod deploys;
mod disk;
mod doctor;
mod ecr;
mod engine;
mod engine_shared;
mod errors;
mod failures;
mod files;
mod interrupt;
mod lambda;
mod mistakes;
mod progress;
mod promote;
mod publication;
mod random;
mod registries;
mod remote;
mod report_page;
mod resume;
mod secrets;
mod ssh;
mod sshd;
