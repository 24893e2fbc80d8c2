//! Copies an image between repositories, blob by blob; the engine has no part in it.

use super::distribution::Remote;
use crate::host::{Copied, CopyProgress, RegistryError};

/// Copies the manifest or index `digest` with all that belongs to it.
pub(super) async fn copy(
    _from: &Remote,
    _digest: &str,
    _to: &Remote,
    _report: &(dyn Fn(CopyProgress) + Send + Sync),
) -> Result<Copied, RegistryError> {
    Err(RegistryError::Unsupported("copies between repositories"))
}
