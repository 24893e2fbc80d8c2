//! The program on real parts: an engine, registries and an emulator of the ECR API, which `tests/run` starts.

mod harness;

mod context;
mod credentials;
mod disk;
mod ecr;
mod engine;
mod failures;
mod interrupt;
mod lambda;
mod mistakes;
mod progress;
