//! A Docker Engine as a [`Builder`].

use std::path::PathBuf;
use std::pin::Pin;

use async_trait::async_trait;
use bollard::models::SystemInfo;
use bollard::query_parameters::{RemoveImageOptions, TagImageOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::{Response, Uri};
use tokio::sync::OnceCell;
use tonic::transport::Channel;

use super::address::Address;
use super::transport::{TransportError, chain};
use super::{build, push, worker};
use crate::host::{
    BuildError, BuildProgress, BuildRequest, Builder, Built, Engine, ImageStore, Platforms, PushError,
    PushProgress, PushRequest, Pushed,
};
use crate::plan::BuilderKind;

/// How long one request of the Docker API may take, in seconds. Builds and pushes do not go this way.
const REQUEST_TIMEOUT: u64 = 30;

/// Builds in the BuildKit of a Docker Engine and pushes from its image store.
pub struct DockerEngine {
    address: Address,
    docker: OnceCell<Docker>,
    info: OnceCell<SystemInfo>,
}

/// What a transport of bollard returns.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Incoming>, bollard::errors::Error>> + Send>>;

/// Sends a request of bollard over the engine's own transport.
async fn send(
    address: Address,
    mut request: BollardRequest,
) -> Result<Response<Incoming>, bollard::errors::Error> {
    // bollard writes whole URLs, with a host of its own.
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    address.request(request).await.map_err(|error| std::io::Error::other(error).into())
}

impl DockerEngine {
    /// An engine by its address; nothing is connected before it is needed.
    pub fn new(address: Address) -> Self {
        Self { address, docker: OnceCell::new(), info: OnceCell::new() }
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> BuildError {
        self.address.unreachable(BuilderKind::Docker, error)
    }

    /// The client for the Docker API, with the API version that the engine speaks.
    async fn docker(&self) -> Result<&Docker, BuildError> {
        let connect = || async {
            let address = self.address.clone();
            let transport = move |request| Box::pin(send(address.clone(), request)) as Answer;
            let host = Some("http://docker");
            let docker =
                Docker::connect_with_custom_transport(transport, host, REQUEST_TIMEOUT, API_DEFAULT_VERSION);
            let docker = docker.map_err(|error| self.unreachable(&error))?;
            docker.negotiate_version().await.map_err(|error| self.unreachable(&error))
        };
        self.docker.get_or_try_init(connect).await
    }

    async fn info(&self) -> Result<&SystemInfo, BuildError> {
        let ask = || async { self.docker().await?.info().await.map_err(|error| self.unreachable(&error)) };
        self.info.get_or_try_init(ask).await
    }

    async fn store(&self) -> Result<ImageStore, BuildError> {
        // The containerd image store says so in `DriverStatus`.
        let mut values = self.info().await?.driver_status.iter().flatten().flatten();
        let containerd = values.any(|value| value == "io.containerd.snapshotter.v1");
        Ok(if containerd { ImageStore::Containerd } else { ImageStore::Graphdriver })
    }

    async fn channel(&self) -> Result<Channel, BuildError> {
        self.address.grpc(BuilderKind::Docker).await.map_err(|error| match error {
            TransportError::Refused { .. } => BuildError::Engine(error.to_string()),
            error => self.unreachable(&error),
        })
    }

    /// Gives the image its name again, right before the push: another run may have taken the name meanwhile.
    async fn tag(&self, request: &PushRequest) -> Result<(), PushError> {
        let docker = self.docker().await.map_err(|error| PushError::Engine(error.to_string()))?;
        let options = TagImageOptionsBuilder::default().repo(&request.repository).tag(&request.tag).build();
        let tagged = docker.tag_image(&request.image, Some(options)).await;
        tagged.map_err(|error| PushError::Engine(chain(&error)))
    }

    async fn diff_ids(&self, reference: &str) -> Result<Vec<String>, PushError> {
        let docker = self.docker().await.map_err(|error| PushError::Engine(error.to_string()))?;
        let inspected = docker.inspect_image(reference).await;
        let image = inspected.map_err(|error| PushError::Engine(chain(&error)))?;
        Ok(image.root_fs.and_then(|root| root.layers).unwrap_or_default())
    }
}

#[async_trait]
impl Builder for DockerEngine {
    async fn engine(&self) -> Result<Engine, BuildError> {
        let docker = self.docker().await?;
        let version = docker.version().await.map_err(|error| self.unreachable(&error))?;
        let channel = self.channel().await?;
        let platforms =
            worker::platforms(channel.clone()).await.map_err(|status| self.unreachable(&status))?;
        let buildkit = worker::version(channel).await.map_err(|status| self.unreachable(&status))?;
        let address = self.address.to_string();
        let store = self.store().await?;
        let mut engine =
            Engine::new(address, BuilderKind::Docker, version.version.unwrap_or_default(), store)
                .with_platforms(Platforms::Run(platforms));
        engine.api = version.api_version;
        engine.buildkit = buildkit;
        engine.data_folder = self.info().await?.docker_root_dir.as_ref().map(PathBuf::from);
        Ok(engine)
    }

    async fn build(
        &self,
        request: &BuildRequest,
        report: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, BuildError> {
        build::build(self.channel().await?, self.store().await?, request, report).await
    }

    async fn push(
        &self,
        request: &PushRequest,
        report: &(dyn Fn(PushProgress) + Send + Sync),
    ) -> Result<Pushed, PushError> {
        self.tag(request).await?;
        let transfer = push::push(&self.address, request, report).await?;
        let digest = transfer.digest().ok_or_else(|| {
            PushError::Engine("the engine ended the push without naming a digest".to_owned())
        })?;
        let diff_ids = self.diff_ids(&request.reference()).await?;
        Ok(Pushed::new(digest, transfer.layers_sent(), diff_ids))
    }

    async fn forget(&self, reference: &str) {
        let Ok(docker) = self.docker().await else { return };
        let removed = docker.remove_image(reference, None::<RemoveImageOptions>, None).await;
        if let Err(error) = removed {
            tracing::debug!(%error, reference, "the name stays");
        }
    }
}
