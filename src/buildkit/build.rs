//! One build over the Control API, the same for a Docker Engine and a buildkitd.

use std::path::Path;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, StatusRequest};
use tonic::Status;
use tonic::transport::Channel;

use super::auth::AuthService;
use super::failure::{build_error, located};
use super::filesync::{FileSync, LocalDirs};
use super::secrets::SecretsService;
use super::session::{Notices, Services, Session};
use super::solve;
use super::ssh_agent::SshService;
use super::status::Progress;
use crate::host::{BuildError, BuildProgress, BuildRequest, Built, ImageStore};
use crate::plan::{Build, Context};

/// How long to wait for the last status messages after a solve has ended (buildkit, client/solve.go).
const STATUS_GRACE: Duration = Duration::from_secs(5);
/// The largest message that is accepted; BuildKit splits its messages well below.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Builds one image in the BuildKit behind `channel`. Dropping the future cancels the build in the engine.
pub(super) async fn build(
    channel: Channel,
    store: ImageStore,
    request: &BuildRequest,
    report: &(dyn Fn(BuildProgress) + Send + Sync),
) -> Result<Built, BuildError> {
    let (notices, mut noticed) = Notices::new();
    let mut session = Session::open(channel.clone(), services(request, notices));
    let mut progress = Progress::default();
    let solve = solve::request(request, store, session.id());
    let warn = async {
        while let Some(notice) = noticed.recv().await {
            report(BuildProgress::Warning(notice));
        }
        // The services are gone, as the session is.
        std::future::pending().await
    };
    let solved = tokio::select! {
        solved = follow_solve(channel, solve, &mut progress, report) => solved,
        lost = session.lost() => Err(lost),
        never = warn => never,
    };
    match solved {
        Ok(image) => Ok(Built::new(image, progress.built_steps())),
        Err(status) => {
            let error = build_error(&status, &mut progress);
            if error.place().is_some() {
                return Err(error);
            }
            Err(match dockerfile(&request.build).await {
                Some((file, text)) => located(error, &file, &text),
                None => error,
            })
        }
    }
}

/// What a build may ask of this machine.
fn services(request: &BuildRequest, notices: Notices) -> Services {
    Services {
        auth: AuthService::new(request.logins.clone(), notices.clone()),
        filesync: FileSync::new(local_dirs(&request.build)),
        secrets: SecretsService::new(request.build.secrets.clone(), notices),
        ssh: SshService::new(request.agents.clone()),
    }
}

/// The name and the text of the Dockerfile, if it is on this machine.
async fn dockerfile(build: &Build) -> Option<(String, String)> {
    if let Some(text) = &build.dockerfile_inline {
        return Some((solve::INLINE_DOCKERFILE.to_owned(), text.clone()));
    }
    let text = tokio::fs::read_to_string(build.context.folder()?.join(&build.dockerfile)).await.ok()?;
    Some((build.dockerfile.clone(), text))
}

/// The folders of this machine that a build may read.
fn local_dirs(build: &Build) -> LocalDirs {
    let mut dirs = LocalDirs::new();
    if let Context::Folder(context) = &build.context {
        let dockerfile = context.join(&build.dockerfile);
        let beside = dockerfile.parent().unwrap_or(Path::new(".")).to_owned();
        dirs = dirs.with_directory(solve::CONTEXT_DIR, context).with_directory(solve::DOCKERFILE_DIR, beside);
    }
    if let Some(text) = &build.dockerfile_inline {
        dirs = dirs.with_file(solve::DOCKERFILE_DIR, solve::INLINE_DOCKERFILE, text.as_bytes());
    }
    for (name, context) in &build.contexts {
        if let Context::Folder(folder) = context {
            dirs = dirs.with_directory(solve::named_dir(name), folder);
        }
    }
    dirs
}

/// Runs the solve with its status stream beside it and returns the image's id. Dropping the future cancels the solve in
/// the engine.
async fn follow_solve(
    channel: Channel,
    request: SolveRequest,
    progress: &mut Progress,
    report: &(dyn Fn(BuildProgress) + Send + Sync),
) -> Result<String, Status> {
    let reference = request.r#ref.clone();
    let mut control = ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
    let mut status_control = control.clone();
    let solve = async {
        let response = control.solve(request).await?.into_inner().exporter_response;
        Ok(response.get("containerimage.digest").cloned().unwrap_or_default())
    };
    let follow = async {
        let mut messages = status_control.status(StatusRequest { r#ref: reference }).await?.into_inner();
        while let Some(message) = messages.message().await? {
            progress.update(message, report);
        }
        Ok::<_, Status>(())
    };
    tokio::pin!(solve, follow);
    tokio::select! {
        solved = &mut solve => {
            // The result is known; late messages only complete the picture.
            let _ = tokio::time::timeout(STATUS_GRACE, &mut follow).await;
            solved
        }
        followed = &mut follow => {
            if let Err(status) = followed {
                tracing::debug!(%status, "the status stream ended early");
            }
            solve.await
        }
    }
}
