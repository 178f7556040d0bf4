//! When something that has failed is tried again.

use std::time::{Duration, Instant};

use freshet_runtime::Backoff;

const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// A server may ask to be left alone, but not for days.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// What has lasted so long since it was tried again counts as well: a server that sends one message and hangs up does
/// not.
const LASTING: Duration = Duration::from_secs(30);

/// When a source, or its way into Kafka, is tried again.
pub(crate) struct Retries {
    backoff: Backoff,
    /// When it was asked first, or again.
    tried: Instant,
}

impl Retries {
    pub(crate) fn new(now: Instant) -> Self {
        Self { backoff: Backoff::new(FIRST_DELAY, MAX_DELAY), tried: now }
    }

    /// How long to wait after a failure that comes now, and after which the server may want to be left alone.
    pub(crate) fn delay(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
        if now.duration_since(self.tried) >= LASTING {
            self.backoff.reset();
        }
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.backoff.next_delay().max(asked)
    }

    pub(crate) fn tried_again(&mut self, now: Instant) {
        self.tried = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_lasts_is_asked_ever_less_often_and_what_has_lasted_soon() {
        let start = Instant::now();
        let (mut now, mut retries) = (start, Retries::new(start));
        let mut tries = 0;
        while now - start < Duration::from_mins(10) {
            // It sends something each time, and lasts a second.
            now += Duration::from_secs(1);
            now += retries.delay(now, None);
            retries.tried_again(now);
            tries += 1;
        }
        assert!((20..50).contains(&tries), "{tries} in ten minutes");
        now += LASTING;
        assert!(retries.delay(now, None) <= FIRST_DELAY);
        retries.tried_again(now);
        let asked = Some(Duration::from_hours(30));
        assert_eq!(retries.delay(now, asked), MAX_RETRY_AFTER);
    }
}
