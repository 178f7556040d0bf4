//! Which series were written to the table `series` lately.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How old `last_seen` may be in Cassandra while a series is alive.
const INTERVAL: Duration = Duration::from_mins(1);

/// Bounds the memory; with more series than this some are written more often than needed.
const CAPACITY: usize = 200_000;

/// A series' identity: stream, series, metric.
type Key = (String, String, String);

/// Remembers when each series was written, so that it is written once a minute and not with every
/// window.
#[derive(Debug, Default)]
pub(crate) struct SeenSeries {
    written: HashMap<Key, Instant>,
}

impl SeenSeries {
    /// Whether the series is to be written now; if so, it counts as written.
    pub(crate) fn due(&mut self, stream: &str, series: &str, metric: &str, now: Instant) -> bool {
        let key = (stream.to_owned(), series.to_owned(), metric.to_owned());
        if self.written.get(&key).is_some_and(|written| is_fresh(*written, now)) {
            return false;
        }
        if self.written.len() >= CAPACITY {
            self.make_room(now);
        }
        self.written.insert(key, now);
        true
    }

    /// Nothing counts as written any more.
    pub(crate) fn forget(&mut self) {
        self.written.clear();
    }

    fn make_room(&mut self, now: Instant) {
        self.written.retain(|_, written| is_fresh(*written, now));
        if self.written.len() >= CAPACITY {
            self.written.clear();
        }
    }
}

fn is_fresh(written: Instant, now: Instant) -> bool {
    now.duration_since(written) < INTERVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_due_once_a_minute() {
        let mut seen = SeenSeries::default();
        let start = Instant::now();
        assert!(seen.due("host", "laptop/cpu", "usage", start));
        assert!(!seen.due("host", "laptop/cpu", "usage", start + Duration::from_secs(59)));
        assert!(seen.due("host", "laptop/cpu", "usage", start + Duration::from_mins(1)));
        assert!(seen.due("host", "laptop/cpu", "idle", start + Duration::from_mins(1)));
    }

    #[test]
    fn every_series_is_due_when_the_table_was_made_anew() {
        let mut seen = SeenSeries::default();
        let start = Instant::now();
        assert!(seen.due("host", "laptop/cpu", "usage", start));
        seen.forget();
        assert!(seen.due("host", "laptop/cpu", "usage", start));
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = SeenSeries::default();
        let start = Instant::now();
        for number in 0..=CAPACITY {
            assert!(seen.due("host", &number.to_string(), "usage", start));
        }
        assert!(seen.written.len() <= CAPACITY);
    }
}
