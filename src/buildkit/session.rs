//! A session: gRPC services of this side that the engine calls while it builds.
//!
//! It travels inside the stream of one `Control.Session` call: the bytes of its messages are an HTTP/2 connection
//! on which this side is the server (buildkit, session/grpchijack). dockerd and buildkitd both serve that call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::auth::AuthService;
use super::filesync::{FileSync, Transferred};
use super::secrets::SecretsService;
use super::ssh_agent::SshService;

/// The size of a piece of the inner connection; far below the engine's limit of 4 MiB for a message.
const CHUNK: usize = 256 * 1024;

/// The patterns of a `.dockerignore` arrive as headers, in any number.
const MAX_HEADERS: u32 = 16 * 1024 * 1024;

/// How long an engine may take to say why a build without a session has failed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Engines ask for the health of a session at least every 30 seconds. One that is frozen, or that a broken proxy still
/// stands in for, keeps its connection for ever; after this long without a question it counts as lost.
const SILENCE: Duration = Duration::from_secs(180);

/// What a session offers to the engine.
pub(super) struct Services {
    pub(super) auth: AuthService,
    pub(super) filesync: FileSync,
    pub(super) secrets: SecretsService,
    pub(super) ssh: SshService,
}

/// Where services tell the person who waits for the build what the engine will not.
#[derive(Clone)]
pub(super) struct Notices(mpsc::UnboundedSender<String>);

impl Notices {
    /// The notices, and where they arrive.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub(super) fn warn(&self, text: String) {
        // A build that is over wants to know nothing.
        let _ = self.0.send(text);
    }
}

/// An open session; dropping it closes it.
pub(super) struct Session {
    id: String,
    transferred: Arc<Transferred>,
    health: Arc<Checks>,
    serve: JoinHandle<()>,
    tunnel: JoinHandle<Result<(), Status>>,
}

impl Session {
    /// The identity that a solve names to be allowed to call back.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Opens a session on the engine behind `channel`.
    pub(super) fn open(channel: Channel, services: Services) -> Session {
        let Services { auth, filesync, secrets, ssh } = services;
        let id = Uuid::new_v4().simple().to_string();
        let (key, transferred) = (filesync.shared_key(), filesync.transferred());
        let (near, far) = tokio::io::duplex(4 * CHUNK);
        let health = Arc::new(Checks::default());
        let services = Server::builder()
            .http2_max_header_list_size(MAX_HEADERS)
            .add_service(HealthServer::new(Serving(Arc::clone(&health))))
            .add_service(AuthServer::new(auth))
            .add_service(SecretsServer::new(secrets))
            .add_service(SshServer::new(ssh))
            .add_service(filesync.into_server());
        let serve = tokio::spawn(serve(services, far));
        let tunnel = tokio::spawn(tunnel(channel, Described { id: id.clone(), key }, near));
        Session { id, transferred, health, serve, tunnel }
    }

    /// Waits until the session is over although nobody has closed it. A build cannot go on then; most engines say so
    /// themselves, for which this leaves them time.
    pub(super) async fn lost(&mut self) -> Status {
        let ended = tokio::select! {
            ended = &mut self.tunnel => ended,
            () = self.health.have_ended(SILENCE) => {
                return Status::unavailable(format!("nothing was heard of it for {} seconds", SILENCE.as_secs()));
            }
        };
        tokio::time::sleep(LAST_WORDS).await;
        match ended {
            Ok(Err(status)) => Status::unavailable(status.message()),
            Ok(Ok(())) | Err(_) => Status::unavailable("the engine has closed the session"),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tunnel.abort();
        self.serve.abort();
        let (files, bytes) = (self.transferred.files(), self.transferred.bytes());
        tracing::debug!(files, bytes, "files sent to the engine");
    }
}

async fn serve(services: Router, connection: DuplexStream) {
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(connection));
    if let Err(error) = services.serve_with_incoming(incoming).await {
        tracing::debug!(%error, "the session's server ended");
    }
}

/// Moves bytes between the session call and the inner connection until either side closes.
async fn tunnel(channel: Channel, described: Described, connection: DuplexStream) -> Result<(), Status> {
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
        described.write(&mut request);
        let mut incoming: Streaming<BytesMessage> = client.session(request).await?.into_inner();
        while let Some(message) = incoming.message().await? {
            if writer.write_all(&message.data).await.is_err() {
                break;
            }
        }
        Ok::<_, Status>(())
    };
    let ended = tokio::select! {
        () = send => Ok(()),
        received = receive => received,
    };
    tracing::debug!(?ended, "the session ended");
    ended
}

/// How the engine knows a session (buildkit, session/session.go).
struct Described {
    id: String,
    /// Which earlier transfers of the context the engine may compare with.
    key: String,
}

impl Described {
    /// Methods are listed because the engine asks before it calls `FileSync`.
    fn write<T>(&self, request: &mut Request<T>) {
        let metadata = request.metadata_mut();
        let mut insert = |key: &'static str, value: &str| {
            if let Ok(value) = MetadataValue::try_from(value) {
                metadata.insert(key, value);
            }
        };
        insert("x-docker-expose-session-uuid", &self.id);
        insert("x-docker-expose-session-name", "cachelang");
        insert("x-docker-expose-session-sharedkey", &self.key);
        for method in [
            "/grpc.health.v1.Health/Check",
            "/moby.filesync.v1.FileSync/DiffCopy",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
            "/moby.sshforward.v1.SSH/CheckAgent",
            "/moby.sshforward.v1.SSH/ForwardAgent",
        ] {
            metadata.append("x-docker-expose-session-grpc-method", MetadataValue::from_static(method));
        }
    }
}

/// The health service that engines poll: 20.10 every second, closing the session at the first failure
/// (buildkit, session/grpc.go).
struct Serving(Arc<Checks>);

/// How often the engine has asked for the health of the session.
#[derive(Default)]
struct Checks(AtomicU64);

impl Checks {
    /// Waits until the engine, having asked before, has not asked for `silence` or, at most, twice as long.
    async fn have_ended(&self, silence: Duration) {
        loop {
            let before = self.0.load(Ordering::Relaxed);
            tokio::time::sleep(silence).await;
            if before > 0 && before == self.0.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse { status: ServingStatus::Serving.into() }
}

#[tonic::async_trait]
impl Health for Serving {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(serving()))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Ok(Response::new(HealthListResponse { statuses: [(String::new(), serving())].into() }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("the state of a session never changes while it is open"))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use bollard_buildkit_proto::health::HealthCheckRequest;
    use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
    use hyper_util::rt::TokioIo;
    use indexmap::IndexMap;
    use tonic::Request;
    use tonic::transport::{Endpoint, Server};
    use tower::service_fn;

    use super::{Checks, Notices, SecretsService, Services, Serving, Session, SshService};
    use crate::buildkit::auth::AuthService;
    use crate::buildkit::filesync::{FileSync, LocalDirs};
    use crate::host::Logins;
    use crate::registry::Registries;

    fn nothing() -> Services {
        let (notices, _) = Notices::new();
        Services {
            auth: AuthService::new(Logins::new(Vec::new(), Arc::new(Registries::new())), notices.clone()),
            filesync: FileSync::new(LocalDirs::new()),
            secrets: SecretsService::new(IndexMap::new(), notices),
            ssh: SshService::new(IndexMap::new()),
        }
    }

    #[tokio::test]
    async fn a_session_that_the_engine_ends_is_lost_within_seconds() {
        let (near, far) = tokio::io::duplex(1 << 16);
        // An engine without sessions ends each at once.
        let incoming = tokio_stream::once(Ok::<_, io::Error>(far));
        tokio::spawn(
            Server::builder()
                .add_service(HealthServer::new(Serving(Arc::default())))
                .serve_with_incoming(incoming),
        );
        let mut near = Some(TokioIo::new(near));
        let connector = service_fn(move |_| {
            let taken = near.take();
            async move { taken.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        let endpoint = Endpoint::from_static("http://engine");
        let channel = endpoint.connect_with_connector(connector).await.expect("the engine is there");
        let mut session = Session::open(channel, nothing());
        let status = tokio::time::timeout(Duration::from_secs(8), session.lost()).await.expect("it is lost");
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }

    #[tokio::test]
    async fn an_engine_that_asks_no_more_is_lost_and_one_that_never_asked_is_not() {
        let (silence, long) = (Duration::from_millis(50), Duration::from_millis(500));
        let checks = Arc::new(Checks::default());
        assert!(tokio::time::timeout(long, checks.have_ended(silence)).await.is_err());
        let serving = Serving(Arc::clone(&checks));
        let check = async || {
            let answer = serving.check(Request::new(HealthCheckRequest::default())).await;
            answer.expect("the session is healthy")
        };
        check().await;
        let asking = async {
            loop {
                check().await;
                tokio::time::sleep(silence / 5).await;
            }
        };
        tokio::select! {
            () = checks.have_ended(silence) => panic!("the engine still asks"),
            _ = tokio::time::timeout(long, asking) => {}
        }
        tokio::time::timeout(long, checks.have_ended(silence)).await.expect("the engine asks no more");
    }
}
