//! A session: gRPC services of this side that the engine calls while it builds.
//!
//! It travels inside the stream of one `Control.Session` call: the bytes of its messages are an HTTP/2 connection
//! on which this side is the server (buildkit, session/grpchijack). dockerd and buildkitd both serve that call.

use std::pin::Pin;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::auth::AuthService;
use super::filesync::FileSync;

/// The size of a piece of the inner connection; far below the engine's limit of 4 MiB for a message.
const CHUNK: usize = 32 * 1024;

/// The patterns of a `.dockerignore` arrive as headers, in any number.
const MAX_HEADERS: u32 = 16 * 1024 * 1024;

/// An open session; dropping it closes it.
pub(super) struct Session {
    id: String,
    tasks: Vec<AbortHandle>,
}

impl Session {
    /// The identity that a solve names to be allowed to call back.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Opens a session on the engine behind `channel`.
    pub(super) fn open(channel: Channel, filesync: FileSync, auth: AuthService) -> Session {
        let id = Uuid::new_v4().simple().to_string();
        let (near, far) = tokio::io::duplex(4 * CHUNK);
        let services = Server::builder()
            .http2_max_header_list_size(MAX_HEADERS)
            .add_service(HealthServer::new(Serving))
            .add_service(AuthServer::new(auth))
            .add_service(filesync.into_server());
        let serve = tokio::spawn(serve(services, far));
        let tunnel = tokio::spawn(tunnel(channel, id.clone(), near));
        Session { id, tasks: vec![serve.abort_handle(), tunnel.abort_handle()] }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn serve(services: Router, connection: DuplexStream) {
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(connection));
    if let Err(error) = services.serve_with_incoming(incoming).await {
        tracing::debug!(%error, "the session's server ended");
    }
}

/// Moves bytes between the session call and the inner connection until either side closes.
async fn tunnel(channel: Channel, id: String, connection: DuplexStream) {
    let (mut reader, mut writer) = tokio::io::split(connection);
    let (outgoing, messages) = mpsc::channel(4);
    let send = async move {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let data = buffer.get(..count).unwrap_or_default().to_vec();
            if outgoing.send(BytesMessage { data }).await.is_err() {
                break;
            }
        }
    };
    let receive = async move {
        let mut client = ControlClient::new(channel);
        let mut request = Request::new(ReceiverStream::new(messages));
        describe(&mut request, &id);
        let mut incoming: Streaming<BytesMessage> = client.session(request).await?.into_inner();
        while let Some(message) = incoming.message().await? {
            if writer.write_all(&message.data).await.is_err() {
                break;
            }
        }
        Ok::<_, Status>(())
    };
    let (_, received) = tokio::join!(send, receive);
    if let Err(status) = received {
        tracing::debug!(%status, "the session ended");
    }
}

/// The headers by which the engine knows a session (buildkit, session/session.go). Methods are listed because the
/// engine asks before it calls `FileSync`.
///
/// The shared key says which earlier transfers of a context the engine may compare with, by size and modification
/// time only. A key of its own for each session means that no file can be taken for an older one.
fn describe<T>(request: &mut Request<T>, id: &str) {
    let metadata = request.metadata_mut();
    let mut insert = |key: &'static str, value: &str| {
        if let Ok(value) = MetadataValue::try_from(value) {
            metadata.insert(key, value);
        }
    };
    insert("x-docker-expose-session-uuid", id);
    insert("x-docker-expose-session-name", "cachelang");
    insert("x-docker-expose-session-sharedkey", id);
    for method in [
        "/grpc.health.v1.Health/Check",
        "/moby.filesync.v1.FileSync/DiffCopy",
        "/moby.filesync.v1.Auth/Credentials",
    ] {
        metadata.append("x-docker-expose-session-grpc-method", MetadataValue::from_static(method));
    }
}

/// The health service that engines poll: 20.10 every second, closing the session at the first failure
/// (buildkit, session/grpc.go).
struct Serving;

fn serving() -> HealthCheckResponse {
    HealthCheckResponse { status: ServingStatus::Serving.into() }
}

#[tonic::async_trait]
impl Health for Serving {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(serving()))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Ok(Response::new(HealthListResponse { statuses: [(String::new(), serving())].into() }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("the state of a session never changes while it is open"))
    }
}
