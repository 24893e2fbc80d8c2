//! The BuildKit client: builds images in a Docker Engine or a buildkitd by speaking BuildKit's own protocol.
//!
//! A build is one `Solve` call on the Control API with a `Status` stream beside it. The engine calls back into a
//! session that this side serves: it reads the build context by [`filesync`], and asks for registry credentials by
//! [`auth`], for [`secrets`] and for an [`ssh_agent`]. [`address`] says where the engine is, [`transport`] opens the
//! connection, [`session`] lets the engine call back through it, [`solve`] says what to build, [`status`] follows it,
//! and [`build`] puts them together for [`docker`], which pushes with [`push`], and for [`buildkitd`].

mod address;
mod auth;
mod build;
mod builders;
mod buildkitd;
mod docker;
mod failure;
pub mod filesync;
mod patterns;
mod push;
mod secrets;
mod session;
mod solve;
mod ssh_agent;
mod status;
mod transport;
mod walk;
mod worker;

pub use address::{Address, AddressError, ContextError, Identity, Ssh, Tls};
pub use builders::EngineBuilders;
pub use buildkitd::Buildkitd;
pub use docker::DockerEngine;
