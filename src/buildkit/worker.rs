//! What BuildKit says about itself over the Control API.

use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{InfoRequest, ListWorkersRequest};
use bollard_buildkit_proto::pb::Platform;
use indexmap::IndexSet;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::transport::TransportError;

/// How long BuildKit may take for an answer that it has at hand.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The error of a builder that says nothing.
async fn answered<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let silent = || Status::deadline_exceeded("no answer within 30 seconds");
    tokio::time::timeout(ANSWER_TIMEOUT, call).await.unwrap_or_else(|_| Err(silent()))
}

/// What it can build for, its own platform first: `linux/amd64`.
pub(super) async fn platforms(channel: Channel) -> Result<Vec<String>, TransportError> {
    let mut control = ControlClient::new(channel);
    let workers = answered(control.list_workers(ListWorkersRequest::default())).await?;
    let records = workers.into_inner().record.into_iter();
    let platforms: IndexSet<_> =
        records.flat_map(|record| record.platforms).map(|platform| platform_name(&platform)).collect();
    Ok(platforms.into_iter().collect())
}

/// The version of BuildKit, `None` before 0.11, which had no call for it.
pub(super) async fn version(channel: Channel) -> Result<Option<String>, TransportError> {
    match answered(ControlClient::new(channel).info(InfoRequest {})).await {
        Ok(info) => Ok(info.into_inner().buildkit_version.map(|version| version.version)),
        Err(status) if status.code() == Code::Unimplemented => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn platform_name(platform: &Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.map(String::as_str).into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}
