//! Tries requests again that failed for the moment. `docs/registries.md` says what is tried again how often.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use oci_client::errors::{OciDistributionError, OciErrorCode};

/// The pauses between the attempts: about 0.5, 1, 2, 4 and 8 seconds, each with up to as much again by chance, so
/// that many who were turned away together do not come back together.
fn backoff() -> impl BackoffBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(5)
        .with_jitter()
}

/// Does what `request` does, again as long as it fails in a way that may pass.
pub(super) async fn retried<T, F>(request: impl FnMut() -> F) -> Result<T, OciDistributionError>
where
    F: Future<Output = Result<T, OciDistributionError>>,
{
    let notify = |error: &OciDistributionError, delay: Duration| tracing::debug!(%error, ?delay, "again");
    request.retry(backoff()).when(is_passing).notify(notify).await
}

/// 429, server errors, and connections that broke: not those that could not be opened, which have waited already.
fn is_passing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ServerError { code, .. } => *code == 429 || *code == 408 || *code >= 500,
        OciDistributionError::RequestError(error) => !error.is_connect() && !error.is_timeout(),
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| error.code == OciErrorCode::Toomanyrequests)
        }
        _ => false,
    }
}
