//! Amazon ECR: login tokens and repositories. `docs/ecr.md` says what is asked of AWS, and what is tried again.

mod config;
mod error;
mod gallery;
mod lifecycle;
mod login;
mod repository;
mod settings;

use aws_sdk_ecr::Client;

use super::session::LoggedIn;
use crate::host::RegistryError;
use crate::iam;
use crate::plan::{Registry, RegistryKind};

pub(super) use repository::{look, prepare};

/// The API of one private registry.
pub(super) struct Api {
    client: Client,
    /// The item, for its account and for messages.
    registry: Registry,
    account: String,
}

impl Api {
    /// `None` for what is no private registry of Amazon ECR.
    async fn open(registry: &Registry) -> Option<Self> {
        let RegistryKind::Ecr { account, region, identity, endpoint, .. } = &registry.kind else {
            return None;
        };
        let config = config::load(region, identity, endpoint.as_deref()).await;
        let mut builder = aws_sdk_ecr::config::Builder::from(&config);
        builder.set_endpoint_url(endpoint.clone().or(config.endpoint_url().map(str::to_owned)));
        let client = Client::from_conf(builder.build());
        Some(Self { client, registry: registry.clone(), account: account.clone() })
    }

    fn arn(&self, repository: &str) -> String {
        iam::repository_arn(&self.registry, repository)
    }
}

/// Exchanges the AWS credentials of this machine for a login of a registry.
pub(super) async fn log_in(registry: &Registry) -> Result<LoggedIn, RegistryError> {
    match Api::open(registry).await {
        Some(api) => login::log_in(api).await,
        None => gallery::log_in(registry).await,
    }
}
