//! The session's Auth service: credentials for the registries that a build reads from or writes to.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use tonic::{Request, Response, Status};

use super::session::Notices;
use crate::host::{Login, Logins, RegistryError};

/// Answers with the logins of a build.
pub(super) struct AuthService {
    logins: Logins,
    notices: Notices,
    /// The hosts whose logins could not be found, which is said once.
    missed: Mutex<HashSet<String>>,
}

impl AuthService {
    pub(super) fn new(logins: Logins, notices: Notices) -> Self {
        Self { logins, notices, missed: Mutex::default() }
    }

    fn warn(&self, host: &str, error: &RegistryError) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.insert(host.to_owned()) {
            self.notices.warn(format!("{host} is used without a login: {error}"));
        }
    }
}

#[tonic::async_trait]
impl Auth for AuthService {
    /// A host without credentials gets an empty answer: an error would fail the build of an image whose base is
    /// public (buildkit, session/auth/auth.go).
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let found = self.logins.find(&host).await.unwrap_or_else(|error| {
            self.warn(&host, &error);
            None
        });
        let response = found.map_or_else(CredentialsResponse::default, |Login { credentials, .. }| {
            CredentialsResponse { username: credentials.username, secret: credentials.password }
        });
        Ok(Response::new(response))
    }

    /// Unimplemented makes BuildKit fall back to `credentials`.
    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the engine"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the engine"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("tokens are fetched by the engine"))
    }
}
