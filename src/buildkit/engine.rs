//! A Docker Engine as a [`Builder`].

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::TagImageOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};
use bollard_buildkit_proto::moby::buildkit::v1::StatusRequest;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use tokio::sync::OnceCell;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

use super::auth::AuthService;
use super::filesync::{FileSync, LocalDirs};
use super::session::Session;
use super::status::Progress;
use super::transport::{Address, TransportError, chain};
use super::{push, solve};
use crate::host::{
    BuildError, BuildProgress, BuildRequest, Builder, Built, Engine, PushError, PushProgress, PushRequest,
    Pushed, root_cause,
};

/// How long one request of the Docker API may take, in seconds. Builds and pushes do not go this way.
const REQUEST_TIMEOUT: u64 = 60;
/// How long to wait for the last status messages after a solve has ended (buildkit, client/solve.go).
const STATUS_GRACE: Duration = Duration::from_secs(5);
/// The largest message that is accepted; BuildKit splits its messages well below.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Builds in the BuildKit of a Docker Engine and pushes from its image store.
pub struct DockerEngine {
    address: Address,
    docker: OnceCell<Docker>,
}

impl DockerEngine {
    /// An engine by its address; nothing is connected before it is needed.
    pub fn new(address: Address) -> Self {
        Self { address, docker: OnceCell::new() }
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> BuildError {
        BuildError::Unreachable { address: self.address.to_string(), cause: root_cause(error) }
    }

    /// The client for the Docker API, with the API version that the engine speaks.
    async fn docker(&self) -> Result<&Docker, BuildError> {
        let connect = || async {
            let docker = match &self.address {
                Address::Unix(path) => {
                    Docker::connect_with_unix(&path.to_string_lossy(), REQUEST_TIMEOUT, API_DEFAULT_VERSION)
                }
                Address::Tcp(authority) => {
                    Docker::connect_with_http(authority, REQUEST_TIMEOUT, API_DEFAULT_VERSION)
                }
            };
            let docker = docker.map_err(|error| self.unreachable(&error))?;
            docker.negotiate_version().await.map_err(|error| self.unreachable(&error))
        };
        self.docker.get_or_try_init(connect).await
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
        let info = docker.info().await.map_err(|error| self.unreachable(&error))?;
        // The containerd image store says so in `DriverStatus`; it is the one that can export registry caches.
        let containerd_store = info
            .driver_status
            .iter()
            .flatten()
            .flatten()
            .any(|value| value == "io.containerd.snapshotter.v1");
        Ok(Engine::new(self.address.to_string(), version.version.unwrap_or_default(), containerd_store))
    }

    async fn build(
        &self,
        request: &BuildRequest,
        report: &(dyn Fn(BuildProgress) + Send + Sync),
    ) -> Result<Built, BuildError> {
        let channel = self.address.grpc().await.map_err(|error| match error {
            TransportError::Refused { .. } => BuildError::Engine(error.to_string()),
            error => self.unreachable(&error),
        })?;
        let auth = AuthService::new(request.logins.clone());
        let session = Session::open(channel.clone(), FileSync::new(local_dirs(request)), auth);
        let mut progress = Progress::default();
        let solved = follow_solve(channel, request, session.id(), &mut progress, report).await;
        match solved {
            Ok(image) => Ok(Built::new(image, progress.built_steps())),
            Err(status) => Err(build_error(&status, &mut progress)),
        }
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
}

fn local_dirs(request: &BuildRequest) -> LocalDirs {
    let build = &request.build;
    // Other contexts are refused before the build.
    let context = build.context.folder().unwrap_or(Path::new("."));
    let dockerfile = context.join(&build.dockerfile);
    let beside = dockerfile.parent().unwrap_or(Path::new(".")).to_owned();
    LocalDirs::new().with_directory(solve::CONTEXT_DIR, context).with_directory(solve::DOCKERFILE_DIR, beside)
}

/// Runs the solve with its status stream beside it and returns the image's id. Dropping the future cancels the solve in the engine.
async fn follow_solve(
    channel: Channel,
    build: &BuildRequest,
    session: &str,
    progress: &mut Progress,
    report: &(dyn Fn(BuildProgress) + Send + Sync),
) -> Result<String, Status> {
    let reference = Uuid::new_v4().simple().to_string();
    let mut control = ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
    let mut status_control = control.clone();
    let request = solve::request(build, &reference, session);
    let solve = async {
        let response = control.solve(request).await?.into_inner().exporter_response;
        Ok(response.get("containerimage.digest").cloned().unwrap_or_default())
    };
    let follow = async {
        let mut messages = status_control.status(StatusRequest { r#ref: reference }).await?.into_inner();
        while let Some(message) = messages.message().await? {
            progress.update(message, report);
        }
        Ok::<_, Status>(())
    };
    tokio::pin!(solve, follow);
    tokio::select! {
        solved = &mut solve => {
            // The result is known; late messages only complete the picture.
            let _ = tokio::time::timeout(STATUS_GRACE, &mut follow).await;
            solved
        }
        followed = &mut follow => {
            if let Err(status) = followed {
                tracing::debug!(%status, "the status stream ended early");
            }
            solve.await
        }
    }
}

fn build_error(status: &Status, progress: &mut Progress) -> BuildError {
    if let Some(failed) = progress.failed_step() {
        let cause = plain_words(&failed.error).to_owned();
        return BuildError::Step { step: failed.name, cause, output: failed.output };
    }
    let message = plain_words(status.message().trim()).to_owned();
    match status.code() {
        _ if message.contains("no space left on device") => BuildError::DiskFull(message),
        Code::Unavailable | Code::Internal | Code::Cancelled => {
            BuildError::ConnectionLost { cause: message, step: progress.running_step() }
        }
        // The engine's own errors arrive as words; only those of the transport have a cause on this side.
        _ if std::error::Error::source(status).is_some() => {
            BuildError::ConnectionLost { cause: root_cause(status), step: progress.running_step() }
        }
        _ => BuildError::Engine(message),
    }
}

/// BuildKit's message without the layers that it went through: what is left names the cause.
fn plain_words(message: &str) -> &str {
    const LAYERS: &[&str] = &[
        "failed to solve: ",
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve with frontend gateway.v0: ",
        "failed to create LLB definition: ",
        "failed to compute cache key: ",
        "rpc error: code = Unknown desc = ",
    ];
    let mut message = message;
    while let Some(rest) = LAYERS.iter().find_map(|layer| message.strip_prefix(layer)) {
        message = rest;
    }
    // Newer engines add an id that says nothing to anyone: `… of ref 65fd::2zsq: "/x": not found`
    if let Some((_, cause)) =
        message.strip_prefix("failed to calculate checksum of ref ").and_then(|rest| rest.split_once(": "))
    {
        message = cause;
    }
    if let Some(once) = message.strip_suffix(": not found").filter(|once| once.ends_with(" not found")) {
        return once;
    }
    // `executor failed running […]: exit code: 3`, `process "…" did not complete successfully: exit code: 3`
    match message.rfind("exit code: ") {
        Some(at) if message.starts_with("executor failed") || message.starts_with("process ") => {
            message.get(at..).unwrap_or(message)
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::plain_words;

    #[test]
    fn messages_say_the_cause() {
        for (message, cause) in [
            (
                "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 14: unknown instruction: FOO",
                "dockerfile parse error line 14: unknown instruction: FOO",
            ),
            ("executor failed running [/bin/sh -c make]: exit code: 3", "exit code: 3"),
            ("process \"/bin/sh -c make\" did not complete successfully: exit code: 137", "exit code: 137"),
            ("r.io/base:1: not found", "r.io/base:1: not found"),
            ("failed to compute cache key: \"/x\" not found: not found", "\"/x\" not found"),
            ("failed to calculate checksum of ref 65fd::2zsq: \"/x\": not found", "\"/x\": not found"),
        ] {
            assert_eq!(plain_words(message), cause);
        }
    }
}
