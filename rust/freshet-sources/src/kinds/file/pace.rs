//! When a record is due that is replayed.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of a replay: that of the records' own times, so many times as fast.
#[derive(Debug)]
pub(super) struct Pace {
    /// Times as fast.
    speed: f64,
    max_pause: Duration,
    /// Of the record before; `None` before the first one.
    reached: Option<Reached>,
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    /// From which the due times are counted: they would drift if each was counted from the one before.
    start: Instant,
    start_us: i64,
    /// When the latest record was due.
    due: Instant,
}

impl Pace {
    pub(super) fn new(speed: f64, max_pause: Duration) -> Self {
        Self { speed, max_pause, reached: None }
    }

    /// When the next record is due, by its event time in epoch microseconds. The first one is due now; one without a
    /// time, or that is older than the one before, with the one before. A step of more than the longest pause is as
    /// long as that; one back as far begins anew, as does what was put together of several recordings.
    pub(super) fn due(&mut self, time_us: Option<i64>, now: Instant) -> Instant {
        let due = self.reached.map_or(now, |reached| reached.due);
        let Some(time_us) = time_us else { return due };
        let begin = |due| Reached { start: due, start_us: time_us, due };
        let Some(reached) = self.reached else {
            self.reached = Some(begin(due));
            return due;
        };
        let passed = (due - reached.start).as_secs_f64();
        let seconds =
            (i128::from(time_us) - i128::from(reached.start_us)) as f64 / 1e6 / self.speed;
        let pause = seconds - passed;
        let max_pause = self.max_pause.as_secs_f64();
        let next = if pause > max_pause {
            begin(due + self.max_pause)
        } else if pause < -max_pause {
            begin(due)
        } else if pause > 0.0 {
            Reached { due: reached.start + Duration::from_secs_f64(seconds), ..reached }
        } else {
            reached
        };
        self.reached = Some(next);
        next.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after the start at which records with times in milliseconds are due.
    fn due(speed: f64, times: &[Option<i64>]) -> Vec<f64> {
        let mut pace = Pace::new(speed, Duration::from_mins(1));
        let start = Instant::now();
        let due = |time: &Option<i64>| pace.due(time.map(|ms| ms * 1_000), start) - start;
        times.iter().map(due).map(|due| due.as_secs_f64()).collect()
    }

    #[test]
    fn records_are_due_at_the_pace_of_their_times() {
        let first = 1_700_000_000_000;
        let times = [0, 1_000, 1_000, 30_000].map(|after| Some(first + after));
        assert_eq!(due(1.0, &times), [0.0, 1.0, 1.0, 30.0]);
        assert_eq!(due(10.0, &times), [0.0, 0.1, 0.1, 3.0]);
        assert_eq!(due(0.5, &times), [0.0, 2.0, 2.0, 60.0]);
    }

    #[test]
    fn what_has_no_time_or_an_older_one_comes_with_the_one_before() {
        let times = [None, Some(100), None, Some(110), None, Some(105), Some(120)];
        let times = times.map(|time| time.map(|seconds| seconds * 1_000));
        assert_eq!(due(1.0, &times), [0.0, 0.0, 0.0, 10.0, 10.0, 10.0, 20.0]);
    }

    #[test]
    fn a_pause_has_an_end_and_one_wrong_clock_stops_nothing() {
        let times = [0, 5_000, 5_010, 1_000_000_000_000, 5_020, 5_030];
        let times = times.map(|seconds: i64| Some(seconds * 1_000));
        assert_eq!(due(1.0, &times), [0.0, 60.0, 70.0, 130.0, 130.0, 140.0]);
        let ends = [Some(i64::MIN / 1_000), Some(i64::MAX / 1_000), Some(i64::MIN / 1_000)];
        assert_eq!(due(0.001, &ends), [0.0, 60.0, 60.0]);
    }

    #[test]
    fn pauses_do_not_drift() {
        let times: Vec<_> = (0..=100_000).map(Some).collect();
        let last = *due(3.0, &times).last().unwrap();
        assert!((last - 100.0 / 3.0).abs() < 1e-6, "{last}");
    }
}
