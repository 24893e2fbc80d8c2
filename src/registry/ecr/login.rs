//! Login tokens of private registries.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::primitives::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Api;
use super::error::{failed, malformed};
use crate::host::{Credentials, Login, RegistryError};
use crate::plan::Registry;
use crate::registry::session::LoggedIn;

/// How long a token is valid if the answer does not say:
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

const CALL: &str = "ecr:GetAuthorizationToken";

pub(super) async fn log_in(api: Api) -> Result<LoggedIn, RegistryError> {
    let answer = api.client.get_authorization_token().send().await;
    let answer = answer.map_err(|error| failed(&api.registry, CALL, "*", &error))?;
    let data = answer.authorization_data().first();
    let token = data.and_then(|data| data.authorization_token());
    let credentials = credentials(&api.registry, CALL, token)?;
    let origin = format!("{CALL} for account {}", api.account);
    let valid_for = valid_for(data.and_then(|data| data.expires_at()));
    Ok(LoggedIn { login: Some(Login::new(credentials, origin)), valid_for: Some(valid_for), ecr: Some(api) })
}

/// A token is `user:password` in base64.
pub(super) fn credentials(
    registry: &Registry,
    call: &'static str,
    token: Option<&str>,
) -> Result<Credentials, RegistryError> {
    let malformed = |cause: &str| malformed(registry, call, cause);
    let token = token.ok_or_else(|| malformed("the answer has no token"))?;
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (username, password) = decoded
        .as_deref()
        .and_then(|text| text.split_once(':'))
        .ok_or_else(|| malformed("the token is not `user:password` in base64"))?;
    Ok(Credentials { username: username.to_owned(), password: password.to_owned() })
}

/// For how long a token is valid from now on. A time that is over is that of a clock which is wrong.
#[expect(clippy::disallowed_methods, reason = "how long a token is valid depends on the time")]
pub(super) fn valid_for(expires: Option<&DateTime>) -> Duration {
    let expires = expires.and_then(|at| SystemTime::try_from(*at).ok());
    expires.and_then(|at| at.duration_since(SystemTime::now()).ok()).unwrap_or(LIFE)
}
