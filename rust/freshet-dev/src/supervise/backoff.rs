//! Waiting longer after each failure, and never all at the same moment.

use std::time::Duration;

/// Jittered exponential back-off: a delay is drawn between half of the current ceiling and the ceiling, which doubles
/// with each one up to the maximum.
///
/// freshet-service has one for clients; this crate does not depend on it, because it would bring librdkafka into the
/// first thing that a newcomer compiles.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    maximum: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// Starts at `first` and never waits longer than `maximum`.
    pub fn new(first: Duration, maximum: Duration) -> Self {
        Self { first, maximum, ceiling: first }
    }

    /// The next delay.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(self.maximum);
        ceiling.mul_f64(fastrand::f64().mul_add(0.5, 0.5))
    }

    /// Begins anew after something has worked for a while.
    pub fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        for ceiling in [100, 200, 350, 350] {
            let delay = backoff.next_delay().as_millis();
            assert!((ceiling / 2..=ceiling).contains(&delay), "{delay} for {ceiling}");
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(100));
    }
}
