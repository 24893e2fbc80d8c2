//! The session's Secrets service: the secrets of an image, read when a step asks for them.

use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use indexmap::IndexMap;
use tonic::{Request, Response, Status};

use super::session::Notices;
use crate::host::secrets;
use crate::plan::Secret;

/// Answers with the secrets that an image passes to its build, by the id of the mount.
pub(super) struct SecretsService {
    secrets: IndexMap<String, Secret>,
    notices: Notices,
}

impl SecretsService {
    pub(super) fn new(secrets: IndexMap<String, Secret>, notices: Notices) -> Self {
        Self { secrets, notices }
    }
}

#[tonic::async_trait]
impl Secrets for SecretsService {
    /// A secret that is absent is "not found", with which the engine fails steps that require it and runs the others
    /// without; that would end in a puzzle, so the reason is said too.
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let Some(secret) = self.secrets.get(&id) else {
            return Err(Status::not_found(format!("the image passes no secret `{id}`")));
        };
        match secrets::read(secret).await {
            Ok(data) => Ok(Response::new(GetSecretResponse { data })),
            Err(error) if error.is_absent() => {
                self.notices.warn(error.to_string());
                Err(Status::not_found(error.to_string()))
            }
            Err(error) => Err(Status::failed_precondition(error.to_string())),
        }
    }
}
