//! TLS with the files of an [`Address`](crate::buildkit::Address).

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::buildkit::address::{Identity, Tls};

/// What both kinds of builders speak inside: HTTP/1.1 for an engine's API, HTTP/2 for gRPC.
pub(super) enum Inside {
    Http1,
    Http2,
}

/// Encrypts a connection to `host`, once both sides have proven what `tls` asks for.
pub(super) async fn connect(
    tls: &Tls,
    host: &str,
    inside: Inside,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let mut config = config(tls)?;
    config.alpn_protocols = match inside {
        Inside::Http1 => vec![b"http/1.1".to_vec()],
        // gRPC servers in Go refuse a connection that has not agreed on it.
        Inside::Http2 => vec![b"h2".to_vec()],
    };
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn config(tls: &Tls) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match &tls.ca {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder.with_platform_verifier().map_err(io::Error::other)?,
    };
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { cert, key }) => builder
            .with_client_auth_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| unusable(cert, &error)),
    }
}

fn authorities(file: &Path) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store.add(certificate).map_err(|error| unusable(file, &error))?;
    }
    Ok(store)
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).and_then(|certificates| certificates.collect());
    match found {
        Ok(found) if found.is_empty() => Err(unusable(file, &"it has no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(file, &error)),
    }
}

fn private_key(file: &Path) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unusable(file, &error))
}

fn unusable(file: &Path, cause: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{} cannot be used: {cause}", file.display()))
}
