//! Credentials for OCI registries: those of the file, else those that `docker login` has left on this machine.

use docker_credential::{CredentialRetrievalError, DockerCredential};

use super::Found;
use crate::host::{Credentials, RegistryError};
use crate::plan::{Secret, SecretSource};

/// Finds the credentials for a registry host. None at all is not an error: many registries need none.
pub(super) async fn oci(
    host: &str,
    username: Option<&str>,
    password: Option<&Secret>,
) -> Result<Found, RegistryError> {
    let failed = |cause: String| RegistryError::Credentials { host: host.to_owned(), cause };
    match (username, password) {
        (Some(username), Some(secret)) => {
            let password = read_secret(secret).await.map_err(failed)?;
            let credentials = Credentials { username: username.to_owned(), password };
            Ok(Found { credentials: Some(credentials), origin: format!("secret `{}`", secret.name) })
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

#[expect(clippy::disallowed_methods, reason = "this is where secrets are read")]
async fn read_secret(secret: &Secret) -> Result<String, String> {
    match &secret.source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(value),
            _ => Err(format!("secret `{}`: the environment variable `{name}` is not set", secret.name)),
        },
        SecretSource::File(path) => match tokio::fs::read_to_string(path).await {
            // Editors and `echo` end files with a newline that is not part of the secret.
            Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => Err(format!("secret `{}`: cannot read {} ({error})", secret.name, path.display())),
        },
    }
}

/// Reads `~/.docker/config.json` (or `$DOCKER_CONFIG/config.json`) and asks the credential helper it names.
fn from_docker_config(host: &str) -> Result<Found, String> {
    let origin = "the Docker configuration".to_owned();
    match docker_credential::get_credential(config_key(host)) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Found { credentials: Some(Credentials { username, password }), origin })
        }
        // The name by which registries know that the password is an identity token.
        Ok(DockerCredential::IdentityToken(token)) => {
            let credentials = Credentials { username: "<token>".to_owned(), password: token };
            Ok(Found { credentials: Some(credentials), origin })
        }
        Err(CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound) => {
            Ok(Found { credentials: None, origin: "nowhere".to_owned() })
        }
        Err(error) => Err(format!("the Docker configuration cannot be used: {error}")),
    }
}

/// Docker Hub has a key of its own in the configuration.
fn config_key(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
        other => other,
    }
}
