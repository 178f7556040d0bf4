//! Keeps a failure that repeats a thousand times a second from filling the log.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Lets one message through per interval and counts those it held back.
#[derive(Debug)]
pub struct LogLimit {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl LogLimit {
    /// A limit of one message per `interval`.
    pub fn every(interval: Duration) -> Self {
        Self { interval, state: Mutex::default() }
    }

    /// Whether to log now: `Some` with the number of messages held back since the last one.
    pub fn permit(&self) -> Option<u64> {
        self.permit_at(Instant::now())
    }

    fn permit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < self.interval) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_per_interval_passes_and_tells_how_many_did_not() {
        let limit = LogLimit::every(Duration::from_secs(10));
        let start = Instant::now();
        assert_eq!(limit.permit_at(start), Some(0));
        assert_eq!(limit.permit_at(start + Duration::from_secs(1)), None);
        assert_eq!(limit.permit_at(start + Duration::from_secs(9)), None);
        assert_eq!(limit.permit_at(start + Duration::from_secs(10)), Some(2));
        assert_eq!(limit.permit_at(start + Duration::from_secs(20)), Some(0));
    }
}
