//! BuildKit on its own, as a [`Builder`]. It has no image store: what it builds goes to the registry at the end of
//! the build, by its digest; tags are given there.

use async_trait::async_trait;
use tonic::transport::Channel;

use super::address::Address;
use super::{build, worker};
use crate::host::{
    BuildError, BuildProgress, BuildRequest, Builder, Built, Engine, ImageStore, Platforms, PushError,
    PushProgress, PushRequest, Pushed,
};
use crate::plan::BuilderKind;

/// A buildkitd by its address.
pub struct Buildkitd {
    address: Address,
}

impl Buildkitd {
    /// Nothing is connected before it is needed.
    pub fn new(address: Address) -> Self {
        Self { address }
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> BuildError {
        self.address.unreachable(BuilderKind::Buildkit, error)
    }

    async fn channel(&self) -> Result<Channel, BuildError> {
        self.address.grpc(BuilderKind::Buildkit).await.map_err(|error| self.unreachable(&error))
    }
}

#[async_trait]
impl Builder for Buildkitd {
    async fn engine(&self) -> Result<Engine, BuildError> {
        let channel = self.channel().await?;
        let version = worker::version(channel.clone()).await.map_err(|status| self.unreachable(&status))?;
        let platforms = worker::platforms(channel).await.map_err(|status| self.unreachable(&status))?;
        let address = self.address.to_string();
        let engine =
            Engine::new(address, BuilderKind::Buildkit, version.unwrap_or_default(), ImageStore::None);
        Ok(engine.with_platforms(Platforms::Run(platforms)))
    }

    async fn build(
        &self,
        request: &BuildRequest,
        report: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, BuildError> {
        let built = build::build(self.channel().await?, ImageStore::None, request, report).await?;
        Ok(if request.push_to.is_empty() { built } else { built.published() })
    }

    async fn push(
        &self,
        request: &PushRequest,
        _: &(dyn Fn(PushProgress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        let reference = request.reference();
        Err(PushError::Engine(format!("{} keeps no image that could be pushed to {reference}", self.address)))
    }

    /// It keeps none.
    async fn forget(&self, _: &str) {}
}
