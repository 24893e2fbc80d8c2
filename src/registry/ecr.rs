//! Amazon ECR: login and repositories.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::session::LoggedIn;
use crate::host::{Credentials, Login, RegistryError, RepositoryState, root_cause};
use crate::plan::{Registry, RegistryKind, Repository};

/// How long a login is valid if the answer does not say.
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Exchanges the AWS credentials of this machine for a registry login, which is valid for 12 hours
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).
#[expect(clippy::disallowed_methods, reason = "how long a token is valid depends on the time")]
pub(super) async fn login(registry: &Registry) -> Result<LoggedIn, RegistryError> {
    const CALL: &str = "ecr:GetAuthorizationToken";
    let Some((client, account)) = client(registry).await else {
        return Err(RegistryError::Unsupported("the public gallery of Amazon ECR"));
    };
    let answer = client.get_authorization_token().send().await;
    let answer = answer.map_err(|error| api_error(CALL, &error))?;
    let malformed = |cause: &str| RegistryError::Api { call: CALL.to_owned(), cause: cause.to_owned() };
    let data = answer.authorization_data().first().ok_or_else(|| malformed("the answer has no token"))?;
    let token = data.authorization_token().ok_or_else(|| malformed("the answer has no token"))?;
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (username, password) = decoded
        .as_deref()
        .and_then(|text| text.split_once(':'))
        .ok_or_else(|| malformed("the token is not `user:password` in base64"))?;
    let credentials = Credentials { username: username.to_owned(), password: password.to_owned() };
    let login = Login::new(credentials, format!("{CALL} for account {account}"));
    let expires = data.expires_at().and_then(|at| SystemTime::try_from(*at).ok());
    let valid_for = expires.and_then(|at| at.duration_since(SystemTime::now()).ok()).unwrap_or(TOKEN_LIFE);
    Ok(LoggedIn { login: Some(login), valid_for: Some(valid_for) })
}

/// Creates a repository if there is none of the name, where the file says so.
pub(super) async fn prepare_repository(
    registry: &Registry,
    repository: &Repository,
) -> Result<RepositoryState, RegistryError> {
    let state = RepositoryState::default();
    if !repository.create {
        return Ok(state);
    }
    let Some((client, account)) = client(registry).await else { return Ok(state) };
    let name = &repository.name;
    let described = client.describe_repositories().registry_id(account).repository_names(name).send().await;
    match described {
        Ok(_) => return Ok(state),
        Err(error)
            if error.as_service_error().is_some_and(|error| error.is_repository_not_found_exception()) => {}
        Err(error) => return Err(api_error("ecr:DescribeRepositories", &error)),
    }
    let created = client.create_repository().registry_id(account).repository_name(name).send().await;
    match created {
        Ok(_) => Ok(state),
        // Another deploy was faster.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_repository_already_exists_exception()) =>
        {
            Ok(state)
        }
        Err(error) => Err(api_error("ecr:CreateRepository", &error)),
    }
}

/// A client of the API for a private registry, with its account.
async fn client(registry: &Registry) -> Option<(Client, &str)> {
    let RegistryKind::Ecr { account, region, profile, endpoint, .. } = &registry.kind else { return None };
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.clone()));
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    Some((Client::new(&loader.load().await), account))
}

/// The service's own code and message, else the innermost cause: credentials that were not found, no connection.
fn api_error<E>(call: &str, error: &SdkError<E>) -> RegistryError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let cause = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => match root_cause(error) {
            // The whole text lists every place that was looked at, with the reason why there is nothing.
            cause if cause.starts_with("no credentials found in chain") => {
                "no AWS credentials were found".to_owned()
            }
            cause => cause,
        },
    };
    RegistryError::Api { call: call.to_owned(), cause }
}
