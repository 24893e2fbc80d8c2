//! The session's Auth service: credentials for the registries that a build reads from or writes to.

use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use tonic::{Request, Response, Status};

use crate::host::Logins;

/// Answers with the logins of a build.
pub(super) struct AuthService {
    logins: Logins,
}

impl AuthService {
    pub(super) fn new(logins: Logins) -> Self {
        Self { logins }
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
        let response = match self.logins.find(&host).await {
            Some(found) => CredentialsResponse { username: found.username, secret: found.password },
            None => CredentialsResponse::default(),
        };
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
