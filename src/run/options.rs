//! How a plan is run.

use std::num::NonZeroUsize;

use super::Approved;

/// Settings of a run that are no part of its plan.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many builds and commands run at the same time. By default as many as this machine has cores.
    pub jobs: NonZeroUsize,
    /// Go on behind a failure with what does not depend on it.
    pub keep_going: bool,
    pub approved: Approved,
    /// Patterns with `*` for instructions, such as `RUN *`: the run fails when one was executed although its image has
    /// a cache.
    pub require_cached: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { jobs, keep_going: false, approved: Approved::Nothing, require_cached: Vec::new() }
    }
}
