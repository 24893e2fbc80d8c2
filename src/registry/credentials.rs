//! Credentials for OCI registries: those of the file, else those that `docker login` has left on this machine.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential};

use super::auth::IDENTITY_TOKEN;
use super::endpoint::config_key;
use crate::host::{Credentials, Login, RegistryError, secrets};
use crate::plan::Secret;

/// Finds the credentials for a registry host. None at all is not an error: many registries need none.
pub(super) async fn oci(
    host: &str,
    username: Option<&str>,
    password: Option<&Secret>,
) -> Result<Option<Login>, RegistryError> {
    let failed = |cause: String| RegistryError::Credentials { host: host.to_owned(), cause };
    match (username, password) {
        (Some(username), Some(secret)) => {
            let password = secrets::read_line(secret).await.map_err(|error| failed(error.to_string()))?;
            let credentials = Credentials { username: username.to_owned(), password };
            Ok(Some(Login::new(credentials, format!("secret `{}`", secret.name))))
        }
        (Some(_), None) => Err(failed("the registry has a `username` but no `password`".to_owned())),
        (None, Some(_)) => Err(failed("the registry has a `password` but no `username`".to_owned())),
        (None, None) => {
            let server = host.to_owned();
            let found = tokio::task::spawn_blocking(move || from_docker_config(&server)).await;
            found.map_err(|error| failed(error.to_string()))?.map_err(failed)
        }
    }
}

/// Reads `~/.docker/config.json` (or `$DOCKER_CONFIG/config.json`) and asks the credential helper it names.
fn from_docker_config(host: &str) -> Result<Option<Login>, String> {
    let Some(path) = docker_folder().map(|folder| folder.join("config.json")) else { return Ok(None) };
    let file = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {} ({error})", path.display())),
    };
    let origin = path.display().to_string();
    match docker_credential::get_credential_from_reader(file, config_key(host)) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(Login::new(Credentials { username, password }, origin)))
        }
        Ok(DockerCredential::IdentityToken(token)) => {
            let credentials = Credentials { username: IDENTITY_TOKEN.to_owned(), password: token };
            Ok(Some(Login::new(credentials, origin)))
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // What credential helpers answer when they know nothing of a host (docker-credential-helpers, credentials).
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.contains("credentials not found") =>
        {
            Ok(None)
        }
        Err(error) => Err(format!("{origin} cannot be used: {error}")),
    }
}

/// `$DOCKER_CONFIG`, else `~/.docker`.
#[expect(clippy::disallowed_methods, reason = "where Docker's own programs look for the configuration")]
pub(super) fn docker_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    folder.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker")))
}
