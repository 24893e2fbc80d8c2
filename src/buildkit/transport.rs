//! Connections to an engine: where it listens, plain HTTP requests, and gRPC over the engine's `/grpc` upgrade.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// Where a Docker Engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// `unix:///var/run/docker.sock`
    Unix(PathBuf),
    /// `tcp://host:port`, without TLS
    Tcp(String),
}

/// Why a text is not the address of an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    #[error("`{0}` is not the address of a Docker Engine; write `unix:///path` or `tcp://host:port`")]
    Malformed(String),
    #[error("`{0}`: engines over {1} are not supported yet; use `unix://`, or `tcp://` without TLS")]
    Unsupported(String, &'static str),
}

impl Default for Address {
    /// Where the Docker Engine of a machine listens unless told otherwise.
    fn default() -> Self {
        Address::Unix(PathBuf::from("/var/run/docker.sock"))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads the form that the variable `DOCKER_HOST` has.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.to_owned());
        match text.split_once("://").ok_or_else(malformed)? {
            ("unix", path) if path.starts_with('/') => Ok(Address::Unix(PathBuf::from(path))),
            ("tcp" | "http", rest) => {
                let authority = rest.strip_suffix('/').unwrap_or(rest);
                let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "2375"));
                if host.is_empty() || authority.contains('/') || port.parse::<u16>().is_err() {
                    return Err(malformed());
                }
                Ok(Address::Tcp(format!("{host}:{port}")))
            }
            ("ssh", _) => Err(AddressError::Unsupported(text.to_owned(), "SSH")),
            ("https", _) => Err(AddressError::Unsupported(text.to_owned(), "TLS")),
            _ => Err(malformed()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

/// What goes wrong between this side and the engine, below the level of a build.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error("{0}")]
    Connect(#[from] io::Error),
    #[error("{}", chain(.0))]
    Http(#[from] hyper::Error),
    #[error("{}", chain(.0))]
    Grpc(#[from] tonic::transport::Error),
    #[error("the engine answered {status} to {path}: {message}")]
    Refused { path: String, status: StatusCode, message: String },
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
    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        match self {
            Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp(authority) => Ok(Box::new(TcpStream::connect(authority.as_str()).await?)),
        }
    }

    /// Sends one HTTP request and returns the head of the answer, with the body still to be read.
    pub(super) async fn request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TransportError> {
        let io = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }

    /// A gRPC channel to the engine's BuildKit. One connection: when it breaks, calls on it fail.
    pub(super) async fn grpc(&self) -> Result<Channel, TransportError> {
        let slot = Arc::new(Mutex::new(Some(self.upgrade("/grpc").await?)));
        let connector = service_fn(move |_| {
            let taken = slot.lock().ok().and_then(|mut slot| slot.take());
            async move { taken.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        Ok(Endpoint::from_static("http://docker").connect_with_connector(connector).await?)
    }

    /// Turns a connection into a bare byte stream, as dockerd's `/grpc` and `/session` do
    /// (moby, client/hijack.go): the server answers 101 and then speaks HTTP/2 without negotiation.
    async fn upgrade(&self, path: &str) -> Result<Upgraded, TransportError> {
        let io = TokioIo::new(self.connect().await?);
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
            let body = response.into_body().collect().await?.to_bytes();
            let message = String::from_utf8_lossy(&body).trim().to_owned();
            return Err(TransportError::Refused { path: path.to_owned(), status, message });
        }
        Ok(hyper::upgrade::on(response).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn reads_addresses_as_docker_host_writes_them() {
        for (text, expected) in [
            ("unix:///run/docker.sock", Some("unix:///run/docker.sock")),
            ("tcp://10.0.0.7:2375", Some("tcp://10.0.0.7:2375")),
            ("tcp://build.example", Some("tcp://build.example:2375")),
            ("tcp://[::1]:4000/", Some("tcp://[::1]:4000")),
            ("unix://relative.sock", None),
            ("/var/run/docker.sock", None),
            ("tcp://:2375", None),
            ("tcp://host:port", None),
        ] {
            let address = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
        let ssh = "ssh://host".parse::<Address>();
        assert_eq!(ssh, Err(AddressError::Unsupported("ssh://host".into(), "SSH")));
    }
}
