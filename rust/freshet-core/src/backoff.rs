//! Exponential back-off with jitter, for everything that is tried again.
//!
//! The sequence of delays is that of the crate `backon`. Its loops (`Retryable`) do not fit: they end with the first
//! success, and know no shutdown, while the programs start over after a time of health and stop in the middle of a
//! wait.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The delays between attempts: each limit is twice the one before, up to a maximum, and the delay is drawn from the
/// upper half of that limit.
///
/// The jitter keeps many clients that lost the same server from coming back at the same moment; drawing from the upper
/// half only (instead of from all of it) keeps an attempt from being immediate.
#[derive(Debug)]
pub struct Backoff {
    first: ExponentialBuilder,
    max: Duration,
    delays: ExponentialBackoff,
}

impl Backoff {
    /// A back-off whose delays start at up to `first` and grow up to `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        // `backon` adds up to the whole of a delay to it: the lower half is given, the upper one is drawn.
        let first = ExponentialBuilder::new()
            .with_min_delay(first / 2)
            .with_max_delay(max / 2)
            .with_jitter()
            .without_max_times();
        Self { first, max, delays: first.build() }
    }

    /// Starts over: to be called when an attempt succeeded, or has lasted.
    pub fn reset(&mut self) {
        self.delays = self.first.build();
    }

    /// The next delay.
    pub fn next_delay(&mut self) -> Duration {
        // There is always one: the number of attempts is not limited.
        self.delays.next().unwrap_or(self.max).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);

    /// What is computed in single precision.
    const ROUNDING: Duration = Duration::from_micros(1);

    #[test]
    fn a_delay_is_in_the_upper_half_of_a_limit_that_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(FIRST, MAX);
        for _ in 0..50 {
            for limit in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(Duration::from_millis)
            {
                let delay = backoff.next_delay();
                assert!(
                    (limit / 2..=limit + ROUNDING).contains(&(delay + ROUNDING)),
                    "{delay:?} of {limit:?}"
                );
            }
            backoff.reset();
        }
    }

    #[test]
    fn delays_do_not_end_and_two_of_them_differ() {
        let (mut one, mut other) = (Backoff::new(FIRST, MAX), Backoff::new(FIRST, MAX));
        let mut differing = 0;
        for _ in 0..1_000 {
            let (one, other) = (one.next_delay(), other.next_delay());
            assert!(one <= MAX && other <= MAX);
            differing += usize::from(one != other);
        }
        assert!(differing > 900, "{differing}");
        assert!(one.next_delay() + ROUNDING >= MAX / 2);
    }
}
