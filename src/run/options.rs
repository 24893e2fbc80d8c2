//! How a plan is run.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::Approved;
use crate::host::StateFolder;

/// Settings of a run that are no part of its plan.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many builds and commands run at the same time. By default as many as this machine has cores.
    pub jobs: NonZeroUsize,
    /// Go on behind a failure with what does not depend on it.
    pub keep_going: bool,
    pub approved: Approved,
    /// Where what was done is written down. `None`: nowhere.
    pub state: Option<Arc<StateFolder>>,
    /// Go on where the last run ended that has written to `state`, if it had the same plan.
    pub resume: bool,
    /// Patterns with `*` for instructions, such as `RUN *`: the run fails when one was executed although its image has
    /// a cache.
    pub require_cached: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (keep_going, resume) = (false, false);
        let (state, require_cached) = (None, Vec::new());
        Self { jobs, keep_going, approved: Approved::Nothing, state, resume, require_cached }
    }
}
