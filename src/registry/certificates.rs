//! Certificates that registries are trusted by, beside those of the system: the folders `certs.d/HOST` of Docker.
//!
//! <https://docs.docker.com/engine/security/certificates/>: each `*.crt` is a certificate of an authority; a `*.cert` with
//! a `*.key` of the same name is the certificate that this client shows.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::credentials;
use crate::host::{RegistryError, root_cause};

/// Adds the certificates that this machine has for a registry host.
pub(super) fn trust(host: &str, mut client: ClientBuilder) -> Result<ClientBuilder, RegistryError> {
    for folder in folders(host) {
        for path in files(&folder)? {
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                Some("crt") => {
                    let found = authorities(&read(&path)?).map_err(|cause| unusable(&path, cause))?;
                    client = client.tls_certs_merge(found);
                }
                Some("cert") => {
                    let both = [read(&path)?, read(&path.with_extension("key"))?].concat();
                    client = client.identity(
                        Identity::from_pem(&both).map_err(|error| unusable(&path, root_cause(&error)))?,
                    );
                }
                _ => {}
            }
        }
    }
    Ok(client)
}

/// Where Docker's own programs look: the engine, the engine without root, and Docker Desktop.
#[expect(clippy::disallowed_methods, reason = "where Docker's own programs look for certificates")]
fn folders(host: &str) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let rootless = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let rootless = rootless.or_else(|| Some(home?.join(".config"))).map(|config| config.join("docker"));
    let parents = [Some(PathBuf::from("/etc/docker")), rootless, credentials::docker_folder()];
    parents.into_iter().flatten().map(|parent| parent.join("certs.d").join(host)).collect()
}

/// In the order of their names; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unusable(folder, error.to_string())),
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

#[expect(clippy::disallowed_methods, reason = "certificates are no part of a plan")]
fn read(path: &Path) -> Result<Vec<u8>, RegistryError> {
    fs::read(path).map_err(|error| unusable(path, error.to_string()))
}

/// Checked here: later on, nobody knows any more from which file a certificate was.
fn authorities(text: &[u8]) -> Result<Vec<Certificate>, String> {
    let (mut roots, mut found) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        found.push(Certificate::from_der(&certificate).map_err(|error| root_cause(&error))?);
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

fn unusable(path: &Path, cause: String) -> RegistryError {
    RegistryError::Certificates { path: path.to_owned(), cause }
}
