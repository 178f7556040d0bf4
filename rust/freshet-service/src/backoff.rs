//! Exponential backoff with jitter, for everything that is retried.

use std::time::Duration;

use crate::Shutdown;

/// The delays between attempts: each limit is twice the one before, up to a maximum, and the delay
/// is drawn from the upper half of that limit.
///
/// The jitter keeps many clients that lost the same server from coming back at the same moment;
/// drawing from the upper half only (instead of from all of it) keeps a retry from being immediate.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    /// A backoff whose delays start at up to `first` and grow up to `max`.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, attempts: 0 }
    }

    /// How many delays have been handed out since the start or the last [`reset`](Self::reset).
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Starts over: to be called when an attempt succeeded.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next delay, with jitter from the thread's random generator.
    pub fn next_delay(&mut self) -> Duration {
        self.delay_for(fastrand::f64())
    }

    /// Waits for the next delay, but not longer than until the shutdown.
    pub async fn wait(&mut self, shutdown: &Shutdown) {
        tokio::select! {
            () = tokio::time::sleep(self.next_delay()) => (),
            () = shutdown.requested() => (),
        }
    }

    /// The next delay for a draw from `[0, 1)`.
    fn delay_for(&mut self, draw: f64) -> Duration {
        let limit = self.first.saturating_mul(2_u32.saturating_pow(self.attempts)).min(self.max);
        self.attempts = self.attempts.saturating_add(1);
        limit.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);

    #[test]
    fn limits_double_up_to_the_maximum() {
        let mut backoff = Backoff::new(FIRST, MAX);
        let delays: Vec<u128> = (0..8).map(|_| backoff.delay_for(1.0).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn a_reset_starts_over() {
        let mut backoff = Backoff::new(FIRST, MAX);
        backoff.delay_for(0.5);
        backoff.delay_for(0.5);
        assert_eq!(backoff.attempts(), 2);
        backoff.reset();
        assert_eq!(backoff.delay_for(1.0), FIRST);
    }

    #[test]
    fn a_shutdown_ends_the_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let shutdown = Shutdown::new();
        shutdown.trigger();
        let mut backoff = Backoff::new(Duration::from_hours(1), Duration::from_hours(1));
        runtime.block_on(backoff.wait(&shutdown));
    }

    proptest! {
        #[test]
        fn a_delay_is_in_the_upper_half_of_its_limit(attempts in 0_u32..200, draw in 0.0..1.0) {
            let mut backoff = Backoff { first: FIRST, max: MAX, attempts };
            let delay = backoff.delay_for(draw);
            prop_assert!(delay >= FIRST / 2);
            prop_assert!(delay <= MAX);
        }
    }
}
