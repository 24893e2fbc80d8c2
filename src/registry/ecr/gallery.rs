//! The public gallery of Amazon ECR: everybody may pull from it, more often with a token.

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecrpublic::Client;

use super::error::failed;
use super::{config, login};
use crate::host::{Login, RegistryError};
use crate::plan::{Identity, Registry, RegistryKind};
use crate::registry::session::LoggedIn;

/// The one region that gives tokens:
/// <https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html>
const REGION: &str = "us-east-1";

const CALL: &str = "ecr-public:GetAuthorizationToken";

/// A token if there are AWS credentials, else none. Only where the file says whose credentials to use must they work:
/// those of the machine may be for something else.
pub(super) async fn log_in(registry: &Registry) -> Result<LoggedIn, RegistryError> {
    const ANONYMOUS: LoggedIn = LoggedIn { login: None, valid_for: None, ecr: None };
    let RegistryKind::EcrPublic { identity } = &registry.kind else { return Ok(ANONYMOUS) };
    let config = config::load(REGION, identity, None).await;
    let is_chosen = *identity != Identity::default();
    if !is_chosen && let Some(provider) = config.credentials_provider() {
        match provider.provide_credentials().await {
            Ok(_) => {}
            Err(CredentialsError::CredentialsNotLoaded(_)) => return Ok(ANONYMOUS),
            Err(error) => {
                tracing::info!(%error, "the public gallery is used without a login");
                return Ok(ANONYMOUS);
            }
        }
    }
    let answer = Client::new(&config).get_authorization_token().send().await;
    let answer = match answer.map_err(|error| failed(registry, CALL, "*", &error)) {
        Err(error) if !is_chosen => {
            tracing::info!(%error, "the public gallery is used without a login");
            return Ok(ANONYMOUS);
        }
        answer => answer?,
    };
    let data = answer.authorization_data();
    let credentials = login::credentials(registry, CALL, data.and_then(|data| data.authorization_token()))?;
    Ok(LoggedIn {
        login: Some(Login::new(credentials, CALL)),
        valid_for: Some(login::valid_for(data.and_then(|data| data.expires_at()))),
        ecr: None,
    })
}
