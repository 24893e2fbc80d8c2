//! What BuildKit says about itself over the Control API.

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{InfoRequest, ListWorkersRequest};
use bollard_buildkit_proto::pb::Platform;
use indexmap::IndexSet;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// What it can build for, its own platform first: `linux/amd64`.
pub(super) async fn platforms(channel: Channel) -> Result<Vec<String>, Status> {
    let workers = ControlClient::new(channel).list_workers(ListWorkersRequest::default()).await?;
    let records = workers.into_inner().record.into_iter();
    let platforms: IndexSet<_> =
        records.flat_map(|record| record.platforms).map(|platform| platform_name(&platform)).collect();
    Ok(platforms.into_iter().collect())
}

/// The version of BuildKit, `None` before 0.11, which had no call for it.
pub(super) async fn version(channel: Channel) -> Result<Option<String>, Status> {
    match ControlClient::new(channel).info(InfoRequest {}).await {
        Ok(info) => Ok(info.into_inner().buildkit_version.map(|version| version.version)),
        Err(status) if status.code() == Code::Unimplemented => Ok(None),
        Err(status) => Err(status),
    }
}

fn platform_name(platform: &Platform) -> String {
    let parts = [&platform.os, &platform.architecture, &platform.variant];
    parts.map(String::as_str).into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}
