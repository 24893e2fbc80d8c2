//! Tries again what failed for the moment. `docs/registries.md` says what is tried again how often.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::failure::Failure;

/// A registry that asks for more is asked again after this time all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long and how often a registry is asked that does not answer as it should.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Patience {
    /// How often a request is made at most, the first time included.
    pub attempts: u32,
    /// The pause before the second attempt. Each further one is twice as long; all are longer by a random part, so that
    /// many who were turned away together do not come back together.
    pub first_pause: Duration,
    /// A connection on which nothing moves for so long is given up.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 5, first_pause: Duration::from_millis(500), stall: Duration::from_secs(60) }
    }
}

/// The attempts at one thing.
pub(super) struct Attempts {
    patience: Patience,
    made: u32,
    pauses: ExponentialBackoff,
    was_corrupt: bool,
}

impl Attempts {
    pub(super) fn new(patience: &Patience) -> Self {
        Self { patience: patience.clone(), made: 0, pauses: pauses(patience), was_corrupt: false }
    }

    /// Waits for the next attempt after a failure. Returns the failure where there is none.
    pub(super) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        let cause = failure.to_string();
        let pause = self.pause(failure)?;
        tracing::info!(cause, ?pause, "a registry is asked again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// How long to wait after a failure. Returns the failure where it is final, or there were attempts enough.
    fn pause(&mut self, mut failure: Failure) -> Result<Duration, Failure> {
        self.made += 1;
        failure.attempts = self.made;
        // A second time the same damage is no accident of the way.
        let corrupt = failure.is_corrupt() && !self.was_corrupt;
        self.was_corrupt |= failure.is_corrupt();
        let pause = self.pauses.next().filter(|_| failure.may_pass() || corrupt).ok_or(failure.clone())?;
        let asked = failure.retry_after().map(|asked| asked.min(LONGEST_RETRY_AFTER));
        Ok(asked.map_or(pause, |asked| asked.max(pause)))
    }

    /// Counts from the start: the last attempt came further than those before.
    pub(super) fn progressed(&mut self) {
        self.made = 0;
        self.pauses = pauses(&self.patience);
    }
}

fn pauses(patience: &Patience) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(patience.first_pause)
        .without_max_delay()
        .with_max_times(usize::try_from(patience.attempts.saturating_sub(1)).unwrap_or(usize::MAX))
        .with_jitter()
        .build()
}

/// Does what `request` does, again as long as it fails in a way that may pass.
pub(super) async fn retried<T, F>(patience: &Patience, mut request: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut attempts = Attempts::new(patience);
    loop {
        match request().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => attempts.again(failure).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::super::failure::Kind;
    use super::*;

    fn busy(retry_after: Option<u64>) -> Failure {
        let (status, message) = (StatusCode::TOO_MANY_REQUESTS, String::new());
        Kind::Status { status, message, retry_after: retry_after.map(Duration::from_secs) }.into()
    }

    #[test]
    fn what_passes_is_tried_five_times_with_pauses_that_double() {
        let patience = Patience::default();
        let mut attempts = Attempts::new(&patience);
        for least in [0.5, 1.0, 2.0, 4.0] {
            let pause = attempts.pause(busy(None)).expect("there is another attempt").as_secs_f64();
            assert!((least..=2.0 * least).contains(&pause), "{least}: {pause}");
        }
        assert_eq!(attempts.pause(busy(None)).expect_err("there were enough").attempts, 5);
        attempts.progressed();
        attempts.pause(busy(None)).expect("counted anew");
    }

    #[test]
    fn a_registry_that_says_how_long_to_wait_is_believed_up_to_a_minute() {
        for (asked, least, most) in [(7, 7.0, 7.0), (3600, 60.0, 60.0), (0, 0.5, 1.0)] {
            let patience = Patience::default();
            let pause = Attempts::new(&patience).pause(busy(Some(asked))).expect("there is another attempt");
            assert!((least..=most).contains(&pause.as_secs_f64()), "{asked}: {pause:?}");
        }
    }

    #[test]
    fn damage_is_asked_for_once_more_only() {
        let corrupt = || Failure::from(Kind::Corrupt { expected: "a".into(), found: "b".into() });
        let patience = Patience::default();
        let mut attempts = Attempts::new(&patience);
        attempts.pause(corrupt()).expect("once more");
        attempts.pause(corrupt()).expect_err("not again");
    }
}
