use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt as _;

/// Pauses between attempts: random, so that the clients of a restarted gateway do not come all at once, below a bound that
/// doubles with each.
#[derive(Debug)]
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    pub(crate) fn new(initial: Duration, max: Duration) -> Self {
        let bound = initial.min(max);
        Self { initial, max, bound }
    }

    /// How long to pause now.
    pub(crate) fn pause(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = bound.saturating_mul(2).min(self.max);
        bound.mul_f64(fastrand::f64())
    }

    /// Something worked.
    pub(crate) fn reset(&mut self) {
        self.bound = self.initial.min(self.max);
    }
}

/// How long the gateway asks to wait before the next attempt.
pub(crate) fn asked_for(status: &Status) -> Duration {
    status.get_details_retry_info().and_then(|retry| retry.retry_delay).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pauses are random below a bound that doubles up to the limit, and begins again once something worked.
    #[test]
    fn pauses_grow_until_something_works() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        let mut pauses = Vec::new();
        for bound in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            assert_eq!(backoff.bound, Duration::from_millis(bound));
            pauses.push(backoff.pause());
            assert!(pauses[pauses.len() - 1] < Duration::from_millis(bound));
        }
        assert_ne!(pauses[7], pauses[8]);
        backoff.reset();
        assert!(backoff.pause() < Duration::from_millis(100));
    }
}
