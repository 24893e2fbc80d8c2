//! A Docker Engine as a [`Builder`].

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

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
use super::transport::{TransportError, chain, no_answer};
use super::{build, push, worker};
use crate::host::{
    BuildError, BuildProgress, BuildRequest, Builder, Built, Engine, ImageStore, Platforms, PushError,
    PushProgress, PushRequest, Pushed,
};
use crate::plan::BuilderKind;

/// How long one request of the Docker API may take, with its whole answer. Builds and pushes do not go this way.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Builds in the BuildKit of a Docker Engine and pushes from its image store.
pub struct DockerEngine {
    address: Address,
    docker: OnceCell<Docker>,
    info: OnceCell<SystemInfo>,
    patience: Duration,
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
        Self { address, docker: OnceCell::new(), info: OnceCell::new(), patience: REQUEST_TIMEOUT }
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> BuildError {
        self.address.unreachable(BuilderKind::Docker, error)
    }

    /// The answer to a call of bollard, whose own limit ends with the head of the answer: the rest may never come.
    async fn answered<T>(
        &self,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, bollard::errors::Error> {
        tokio::time::timeout(self.patience, call).await.unwrap_or_else(|_| Err(no_answer().into()))
    }

    /// The client for the Docker API, with the API version that the engine speaks.
    async fn docker(&self) -> Result<&Docker, BuildError> {
        let connect = || async {
            let address = self.address.clone();
            let transport = move |request| Box::pin(send(address.clone(), request)) as Answer;
            let host = Some("http://docker");
            let limit = 2 * REQUEST_TIMEOUT.as_secs();
            let docker = Docker::connect_with_custom_transport(transport, host, limit, API_DEFAULT_VERSION);
            let docker = docker.map_err(|error| self.unreachable(&error))?;
            self.answered(docker.negotiate_version()).await.map_err(|error| self.unreachable(&error))
        };
        self.docker.get_or_try_init(connect).await
    }

    async fn info(&self) -> Result<&SystemInfo, BuildError> {
        let ask = || async {
            let docker = self.docker().await?;
            self.answered(docker.info()).await.map_err(|error| self.unreachable(&error))
        };
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
            TransportError::Refused { path, status, message } => {
                let said = if message.is_empty() { message } else { format!(" ({message})") };
                let address = &self.address;
                BuildError::Engine(format!("{address} answered {status} to {path}, which builds need{said}"))
            }
            error => self.unreachable(&error),
        })
    }

    /// Gives the image its name again, right before the push: another run may have taken the name meanwhile.
    async fn tag(&self, request: &PushRequest) -> Result<(), PushError> {
        let docker = self.docker().await.map_err(|error| PushError::Engine(error.to_string()))?;
        let options = TagImageOptionsBuilder::default().repo(&request.repository).tag(&request.tag).build();
        let tagged = self.answered(docker.tag_image(&request.image, Some(options))).await;
        tagged.map_err(|error| PushError::Engine(chain(&error)))
    }

    async fn diff_ids(&self, reference: &str) -> Result<Vec<String>, PushError> {
        let docker = self.docker().await.map_err(|error| PushError::Engine(error.to_string()))?;
        let inspected = self.answered(docker.inspect_image(reference)).await;
        let image = inspected.map_err(|error| PushError::Engine(chain(&error)))?;
        Ok(image.root_fs.and_then(|root| root.layers).unwrap_or_default())
    }
}

#[async_trait]
impl Builder for DockerEngine {
    async fn engine(&self) -> Result<Engine, BuildError> {
        let docker = self.docker().await?;
        let version = self.answered(docker.version()).await.map_err(|error| self.unreachable(&error))?;
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
        let removed = self.answered(docker.remove_image(reference, None::<RemoveImageOptions>, None)).await;
        if let Err(error) = removed {
            tracing::debug!(%error, reference, "the name stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// An engine that answers the first request on each connection with `bytes`, and then says nothing more.
    async fn engine_that_answers(bytes: &'static str) -> DockerEngine {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(bytes.as_bytes()).await;
                open.push(stream);
            }
        });
        let address = format!("tcp://127.0.0.1:{port}").parse().expect("it is an address");
        DockerEngine { patience: Duration::from_millis(300), ..DockerEngine::new(address) }
    }

    #[tokio::test]
    async fn half_an_answer_is_not_waited_for() {
        for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Version\""] {
            let engine = engine_that_answers(answer).await;
            let asked = tokio::time::timeout(Duration::from_secs(20), engine.engine()).await;
            let error = asked.expect("it ends").expect_err("it is no engine").to_string();
            assert!(error.ends_with("(no answer within 30 seconds)"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_a_proxy_says_to_builds_is_short_and_says_where() {
        for (body, said) in [
            (r#"{"message":"page not found"}"#, " (page not found)"),
            ("Forbidden by administrative rules\n\n", " (Forbidden by administrative rules)"),
            ("<html><body>\n<h1>403 Forbidden</h1></body></html>", ""),
        ] {
            let answer =
                format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len()).leak();
            let engine = engine_that_answers(answer).await;
            let error = engine.channel().await.expect_err("it takes no builds").to_string();
            let address = &engine.address;
            let expected = format!("{address} answered 403 Forbidden to /grpc, which builds need{said}");
            assert_eq!(error, expected);
        }
    }
}
