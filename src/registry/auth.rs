//! How a registry wants to be asked: openly, with the login itself, or with a token that its login is exchanged for.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::failure::{Failure, Kind};
use super::retry::Patience;
use crate::host::Credentials;

/// How long a token is valid that does not say.
const TOKEN_LIFE: u64 = 60;

/// The user name by which a password is known to be an identity token.
pub(super) const IDENTITY_TOKEN: &str = "<token>";

/// What a request is allowed to do, as registries with tokens write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Access(Vec<String>);

impl Access {
    /// Reading a repository.
    pub(super) fn pull(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull")])
    }

    /// Writing to a repository.
    pub(super) fn push(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull,push")])
    }

    /// Writing to a repository what is read from another one.
    pub(super) fn mount(from: &str, to: &str) -> Self {
        Self([Self::push(to).0, Self::pull(from).0].concat())
    }
}

/// What a registry answers to a request without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Challenge {
    Open,
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// The state of a session with a registry.
#[derive(Default)]
pub(super) struct Authorizations {
    challenge: Option<Challenge>,
    tokens: HashMap<Access, Token>,
}

struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

/// Who asks which registry.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) base: &'a Url,
    pub(super) credentials: Option<&'a Credentials>,
    pub(super) patience: &'a Patience,
}

impl Authorizations {
    /// The header `Authorization` for a request, `None` if it needs none.
    pub(super) async fn header(
        &mut self,
        asking: &Asking<'_>,
        access: &Access,
    ) -> Result<Option<HeaderValue>, Failure> {
        let challenge = match &self.challenge {
            Some(challenge) => challenge,
            None => self.challenge.insert(asking.challenge().await?),
        };
        match (challenge, asking.credentials) {
            (Challenge::Open, _) | (Challenge::Basic, None) => Ok(None),
            (Challenge::Basic, Some(credentials)) => Ok(Some(basic(credentials))),
            (Challenge::Bearer { realm, service }, _) => {
                let now = Instant::now();
                if let Some(token) = self.tokens.get(access).filter(|token| now < token.renew_at) {
                    return Ok(Some(token.header.clone()));
                }
                let token = asking.token(realm, service.as_deref(), access).await?;
                let header = token.header.clone();
                self.tokens.insert(access.clone(), token);
                Ok(Some(header))
            }
        }
    }

    /// Takes in that a request with this header was refused. Whether another one may be accepted: a token may have
    /// run out, and some registries tell only here what they want.
    pub(super) fn refused(
        &mut self,
        sent: Option<&HeaderValue>,
        access: &Access,
        answer: &HeaderMap,
    ) -> bool {
        let Some(wanted) = challenge(answer).ok().filter(|wanted| *wanted != Challenge::Open) else {
            return false;
        };
        let is_new = self.challenge.as_ref() != Some(&wanted);
        let has_token = self.tokens.get(access).is_some_and(|token| Some(&token.header) != sent);
        let was_token = matches!(wanted, Challenge::Bearer { .. }) && sent.is_some();
        if was_token && !has_token {
            self.tokens.remove(access);
        }
        self.challenge = Some(wanted);
        is_new || has_token || was_token
    }
}

impl Asking<'_> {
    async fn challenge(&self) -> Result<Challenge, Failure> {
        let url = self.base.join("v2/").map_err(|error| Failure::malformed(error.to_string()))?;
        let response = self.in_time(self.client.get(url).send()).await??;
        match response.status() {
            StatusCode::UNAUTHORIZED => challenge(response.headers()),
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(Challenge::Open),
            _ => Err(Failure::of(response).await),
        }
    }

    /// Exchanges the login for a token.
    async fn token(&self, realm: &str, service: Option<&str>, access: &Access) -> Result<Token, Failure> {
        /// Some registries send the token under both names.
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let url = Url::parse(realm)
            .map_err(|error| Failure::malformed(format!("{realm} is no address: {error}")))?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            return Err(Failure::malformed(format!("it wants its logins sent to {realm}, without TLS")));
        }
        let scopes = access.0.iter().map(|scope| ("scope", scope.as_str()));
        let query: Vec<_> = scopes.chain(service.map(|service| ("service", service))).collect();
        let request = match self.credentials {
            None => self.client.get(url).query(&query),
            Some(login) if login.username == IDENTITY_TOKEN => {
                // https://distribution.github.io/distribution/spec/auth/oauth/
                let scope = access.0.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", &login.password),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "cachelang"),
                    ("scope", &scope),
                ];
                self.client.post(url).form(&form)
            }
            Some(login) => {
                self.client.get(url).query(&query).basic_auth(&login.username, Some(&login.password))
            }
        };
        let response = self.in_time(request.send()).await??;
        if !response.status().is_success() {
            return Err(Failure::of(response).await);
        }
        let body = self.in_time(response.bytes()).await??;
        let answer = serde_json::from_slice::<Answer>(&body).ok();
        let life = answer.as_ref().and_then(|answer| answer.expires_in).unwrap_or(TOKEN_LIFE);
        let token = answer.and_then(|answer| answer.token.or(answer.access_token));
        let token =
            token.ok_or_else(|| Failure::malformed(format!("there is no token in the answer of {realm}")))?;
        let renew_at = Instant::now() + Duration::from_secs(life) * 3 / 4;
        Ok(Token { header: secret(&format!("Bearer {token}"))?, renew_at })
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let limit = self.patience.stall;
        tokio::time::timeout(limit, work).await.map_err(|_| Kind::Stalled(limit).into())
    }
}

fn basic(Credentials { username, password }: &Credentials) -> HeaderValue {
    secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
        .expect("base64 is plain text")
}

/// A value that is not shown in logs.
fn secret(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Failure::malformed("its token is no text"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The way that an answer with status 401 asks for. A token is taken where there is a choice.
fn challenge(headers: &HeaderMap) -> Result<Challenge, Failure> {
    let mut found = Challenge::Open;
    for header in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = header.to_str() else { continue };
        for challenge in http_auth::parse_challenges(text).unwrap_or_default() {
            let param = |name: &str| {
                let mut params = challenge.params.iter();
                params
                    .find(|(found, _)| found.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let realm =
                    param("realm").ok_or_else(|| Failure::malformed("it does not say where tokens are"))?;
                return Ok(Challenge::Bearer { realm, service: param("service") });
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                found = Challenge::Basic;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(values: &[&'static str]) -> Challenge {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        challenge(&headers).expect("it can be read")
    }

    fn bearer(realm: &str, service: &str) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: Some(service.to_owned()) }
    }

    /// As these registries answer to `GET /v2/`.
    #[test]
    fn registries_say_how_they_are_asked() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#;
        assert_eq!(asked(&[hub]), bearer("https://auth.docker.io/token", "registry.docker.io"));
        let ghcr =
            r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#;
        assert_eq!(asked(&[ghcr]), bearer("https://ghcr.io/token", "ghcr.io"));
        let gitlab = r#"Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",error="invalid_token""#;
        assert_eq!(asked(&[gitlab]), bearer("https://gitlab.com/jwt/auth", "container_registry"));
        let ecr = r#"Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#;
        assert_eq!(asked(&[ecr]), Challenge::Basic);
        let artifactory = r#"Basic realm="Artifactory Realm""#;
        assert_eq!(asked(&[artifactory]), Challenge::Basic);
        let both = r#"Bearer realm="https://r.example.com/token",service="r.example.com""#;
        assert_eq!(asked(&[artifactory, both]), bearer("https://r.example.com/token", "r.example.com"));
        assert_eq!(asked(&[]), Challenge::Open);
    }
}
