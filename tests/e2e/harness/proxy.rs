//! The engine of the tests behind a port, as if it ran on another machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::certificates::Certificates;
use super::docker::Engine;

/// What the port looks like from outside.
#[derive(Clone, Copy)]
pub enum Speaks {
    /// The API of a Docker Engine.
    Docker,
    /// The gRPC of a `buildkitd`: it is the engine's own BuildKit.
    BuildKit,
}

/// Listens on a free port of this machine until it is dropped.
pub struct Proxy {
    port: SocketAddr,
    certificates: Option<Certificates>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// A port for everybody.
    pub fn plain(engine: &Engine, speaks: Speaks) -> Self {
        Self::start(engine, speaks, None)
    }

    /// A port for those who have [`Proxy::certificates`].
    pub fn with_tls(engine: &Engine, speaks: Speaks) -> Self {
        Self::start(engine, speaks, Some(Certificates::new()))
    }

    fn start(engine: &Engine, speaks: Speaks, certificates: Option<Certificates>) -> Self {
        // With ALPN, as gRPC clients insist on.
        let protocol: &[u8] = match speaks {
            Speaks::Docker => b"http/1.1",
            Speaks::BuildKit => b"h2",
        };
        let tls = certificates.as_ref().map(|found| TlsAcceptor::from(Arc::new(found.server(protocol))));
        let target = Target { socket: engine.socket().into(), speaks };
        let runtime = Runtime::new().expect("threads can be started");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound");
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that goes away or is not let in is no concern of the next one.
                tokio::spawn(serve(client, tls.clone(), target.clone()));
            }
        });
        Self { port, certificates, runtime: Some(runtime) }
    }

    /// `127.0.0.1:port`
    pub fn port(&self) -> SocketAddr {
        self.port
    }

    /// A folder as `DOCKER_CERT_PATH` names it, for the clients that a port with TLS lets in.
    #[track_caller]
    pub fn certificates(&self) -> &Path {
        self.certificates.as_ref().expect("the proxy has TLS").folder()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Connections that are still open end here, as at a machine that is switched off.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Target {
    socket: PathBuf,
    speaks: Speaks,
}

async fn serve(client: TcpStream, tls: Option<TlsAcceptor>, target: Target) -> io::Result<()> {
    match tls {
        None => target.forward(client).await,
        Some(tls) => target.forward(tls.accept(client).await?).await,
    }
}

impl Target {
    async fn forward(&self, mut client: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut engine = UnixStream::connect(&self.socket).await?;
        if let Speaks::BuildKit = self.speaks {
            upgrade(&mut engine).await?;
        }
        copy_bidirectional(&mut client, &mut engine).await?;
        Ok(())
    }
}

/// Turns a connection to the engine into one to its BuildKit.
async fn upgrade(engine: &mut UnixStream) -> io::Result<()> {
    let request = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    engine.write_all(request).await?;
    let mut head = Vec::new();
    // Byte by byte: what comes after the head is BuildKit's already.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(engine.read_u8().await?);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    Ok(())
}
