//! Amazon ECR: login and repositories.

use std::error::Error;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Found;
use crate::host::{Credentials, RegistryError, root_cause};

/// Exchanges the AWS credentials of this machine for a registry login, which is valid for 12 hours
/// (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).
pub(super) async fn login(
    account: &str,
    region: &str,
    profile: Option<&str>,
    endpoint: Option<&str>,
) -> Result<Found, RegistryError> {
    const CALL: &str = "ecr:GetAuthorizationToken";
    let answer = client(region, profile, endpoint).await.get_authorization_token().send().await;
    let answer = answer.map_err(|error| api_error(CALL, &error))?;
    let malformed = |cause: &str| RegistryError::Api { call: CALL.to_owned(), cause: cause.to_owned() };
    let token = answer.authorization_data().iter().find_map(|data| data.authorization_token());
    let token = token.ok_or_else(|| malformed("the answer has no token"))?;
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (username, password) = decoded
        .as_deref()
        .and_then(|text| text.split_once(':'))
        .ok_or_else(|| malformed("the token is not `user:password` in base64"))?;
    let credentials = Credentials { username: username.to_owned(), password: password.to_owned() };
    Ok(Found { credentials, origin: format!("{CALL} for account {account}") })
}

/// Creates a repository if there is none of the name.
pub(super) async fn ensure_repository(
    account: &str,
    region: &str,
    profile: Option<&str>,
    endpoint: Option<&str>,
    name: &str,
) -> Result<(), RegistryError> {
    let client = client(region, profile, endpoint).await;
    let described = client.describe_repositories().registry_id(account).repository_names(name).send().await;
    match described {
        Ok(_) => return Ok(()),
        Err(error)
            if error.as_service_error().is_some_and(|error| error.is_repository_not_found_exception()) => {}
        Err(error) => return Err(api_error("ecr:DescribeRepositories", &error)),
    }
    let created = client.create_repository().registry_id(account).repository_name(name).send().await;
    match created {
        Ok(_) => Ok(()),
        // Another deploy was faster.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_repository_already_exists_exception()) =>
        {
            Ok(())
        }
        Err(error) => Err(api_error("ecr:CreateRepository", &error)),
    }
}

async fn client(region: &str, profile: Option<&str>, endpoint: Option<&str>) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned()));
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    Client::new(&loader.load().await)
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
