//! Connections to a builder: plain HTTP requests to an engine, and gRPC to the BuildKit in it or to a buildkitd.

mod ssh;
mod tls;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Collected, Empty, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::address::Address;
use crate::host::{BuildError, root_cause};
use crate::plan::BuilderKind;
use tls::Inside;

/// How long a builder may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// When a silent connection is asked for a sign of life, how often again, and after how many it is lost. Pings of
/// HTTP/2 would do more, but a buildkitd hangs up on those that ping more than once in five minutes.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 3;

/// The longest error message that is read: the output of a program may be in it.
const MAX_MESSAGE: usize = 1024 * 1024;
/// Of a message without a form, so many characters.
const MAX_LINE: usize = 300;

/// Errors carry the whole Dockerfile in their headers.
const MAX_HEADERS: u32 = 16 * 1024 * 1024;

/// What goes wrong between this side and the engine, below the level of a build.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error("{0}")]
    Connect(#[from] io::Error),
    #[error("{}", chain(.0))]
    Http(#[from] hyper::Error),
    #[error("{}", chain(.0))]
    Grpc(#[from] tonic::transport::Error),
    /// A call failed.
    #[error("{0}")]
    Call(String),
    /// The message is empty if there is none for people.
    #[error("the engine answered {status} to {path} ({message})")]
    Refused { path: String, status: StatusCode, message: String },
}

impl From<Status> for TransportError {
    /// The text of a status is for debuggers; what it says itself is its message, or that of the transport below.
    fn from(status: Status) -> Self {
        let has_source = std::error::Error::source(&status).is_some();
        Self::Call(if has_source { root_cause(&status) } else { status.message().to_owned() })
    }
}

/// An error and its causes, on one line; hyper and tonic keep the interesting part in the causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Address {
    /// The error for a builder that is not there, or does not answer.
    pub(super) fn unreachable(&self, kind: BuilderKind, error: &dyn std::error::Error) -> BuildError {
        // What answers may be no builder, and its answer a page of many lines.
        let cause = root_cause(error).chars().take(MAX_LINE).collect();
        BuildError::Unreachable { kind, address: self.to_string(), cause, builder: None }
    }

    /// Opens a connection on which `inside` is spoken next.
    async fn connect(&self, kind: BuilderKind, inside: Inside) -> io::Result<Box<dyn Io>> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.open(kind, inside)).await {
            Ok(opened) => opened,
            Err(_) => Err(no_answer()),
        }
    }

    async fn open(&self, kind: BuilderKind, inside: Inside) -> io::Result<Box<dyn Io>> {
        match self {
            Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp { authority, tls } => {
                let stream = TcpStream::connect(authority.as_str()).await?;
                keep_alive(&stream)?;
                let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
                match tls {
                    None => Ok(Box::new(stream)),
                    Some(tls) => Ok(Box::new(tls::connect(tls, host, inside, stream).await?)),
                }
            }
            Address::Ssh(address) => Ok(Box::new(ssh::connect(address, kind)?)),
        }
    }

    /// Sends one HTTP request to an engine and returns the head of the answer, with the body still to be read.
    pub(super) async fn request<B>(&self, request: Request<B>) -> Result<Response<Incoming>, TransportError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let io = TokioIo::new(self.connect(BuilderKind::Docker, Inside::Http1).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }

    /// A gRPC channel to the BuildKit of an engine, or to a buildkitd. One connection: when it breaks, calls on it
    /// fail.
    pub(super) async fn grpc(&self, kind: BuilderKind) -> Result<Channel, TransportError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.open_grpc(kind)).await {
            Ok(opened) => opened,
            Err(_) => Err(no_answer().into()),
        }
    }

    async fn open_grpc(&self, kind: BuilderKind) -> Result<Channel, TransportError> {
        let stream: Box<dyn Io> = match kind {
            BuilderKind::Docker => self.upgrade("/grpc").await?,
            BuilderKind::Buildkit => self.connect(kind, Inside::Http2).await?,
        };
        let slot = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
        let connector = service_fn(move |_| {
            let taken = slot.lock().ok().and_then(|mut slot| slot.take());
            async move { taken.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        let endpoint = Endpoint::from_static("http://docker").http2_max_header_list_size(MAX_HEADERS);
        Ok(endpoint.connect_with_connector(connector).await?)
    }

    /// Turns a connection into a bare byte stream, as dockerd's `/grpc` and `/session` do
    /// (moby, client/hijack.go): the server answers 101 and then speaks HTTP/2 without negotiation.
    async fn upgrade(&self, path: &str) -> Result<Box<dyn Io>, TransportError> {
        let io = TokioIo::new(self.connect(BuilderKind::Docker, Inside::Http1).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, "docker")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "h2c")
            .body(Empty::<Bytes>::new())
            .expect("a request of constant parts is well-formed");
        let response = sender.send_request(request).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let message = message_of(response.into_body()).await;
            return Err(TransportError::Refused { path: path.to_owned(), status, message });
        }
        Ok(Box::new(TokioIo::new(hyper::upgrade::on(response).await?)))
    }
}

/// What an engine, or a proxy in front of it, says in the body of an answer that is no success: the message of the
/// engine's JSON, or the first line of other text. Empty for a page that browsers show.
pub(super) async fn message_of(body: Incoming) -> String {
    #[derive(Deserialize)]
    struct Told {
        message: String,
    }
    let body = Limited::new(body, MAX_MESSAGE).collect().await.map(Collected::to_bytes).unwrap_or_default();
    if let Ok(Told { message }) = serde_json::from_slice(&body) {
        return message;
    }
    let text = String::from_utf8_lossy(&body);
    let line = text.trim().lines().next().unwrap_or_default();
    if line.starts_with('<') { String::new() } else { line.chars().take(MAX_LINE).collect() }
}

/// The error of a builder that takes too long.
pub(super) fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer within 30 seconds")
}

/// A machine that is switched off says nothing: without this, a call to it would wait for ever.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_TRIES)?;
    // The same for what was sent and is never acknowledged.
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(stream, KEEPALIVE.as_millis().try_into().unwrap_or(u32::MAX) * 4)?;
    Ok(())
}
