//! The BuildKit client: builds images in a Docker Engine by speaking BuildKit's own protocol.
//!
//! A build is one `Solve` call on the Control API with a `Status` stream beside it. The engine calls back into a
//! session that this side serves: it reads the build context by [`filesync`] and asks for registry credentials by
//! [`auth`]. [`transport`] opens the connection, [`session`] lets the engine call back through it, [`solve`] says
//! what to build, [`status`] follows it, [`push`] sends the result to a registry, and [`engine`] puts them together.

mod auth;
mod engine;
pub mod filesync;
mod patterns;
mod push;
mod session;
mod solve;
mod status;
mod transport;
mod walk;

pub use engine::DockerEngine;
pub use transport::{Address, AddressError};
