//! The `bucket` of the table `windows`: what keeps its partitions small. Writers and readers compute the same.

use crate::duration::DAY_MS;
use crate::window::WindowSpec;

/// So many windows of one kind fill a bucket: at some 150 bytes a row this makes partitions of one to two megabytes.
pub const WINDOWS_PER_BUCKET: i64 = 10_000;

/// The start of the bucket that holds the window that starts at `start_ms`, both in epoch milliseconds.
pub fn start(window: &WindowSpec, start_ms: i64) -> i64 {
    let length = length(window);
    start_ms.div_euclid(length).saturating_mul(length)
}

/// How long a bucket of this kind of window is, in milliseconds: what [`WINDOWS_PER_BUCKET`] windows cover, rounded up
/// to whole days.
pub fn length(window: &WindowSpec) -> i64 {
    let covered = window.slide_ms().saturating_mul(WINDOWS_PER_BUCKET);
    let days = (covered / DAY_MS).saturating_add(i64::from(covered % DAY_MS != 0));
    days.max(1).saturating_mul(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(text: &str) -> WindowSpec {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_covers_ten_thousand_windows_in_whole_days() {
        for (window, days) in
            [("1s", 1), ("10s", 2), ("1m", 7), ("5m/1m", 7), ("1h", 417), ("1d", 10_000)]
        {
            assert_eq!(length(&spec(window)), days * DAY_MS, "{window}");
        }
    }

    #[test]
    fn buckets_are_aligned_to_the_epoch_on_both_sides() {
        assert_eq!(super::start(&spec("10s"), 0), 0);
        assert_eq!(super::start(&spec("10s"), 2 * DAY_MS - 1), 0);
        assert_eq!(super::start(&spec("10s"), 2 * DAY_MS), 2 * DAY_MS);
        assert_eq!(super::start(&spec("10s"), -1), -2 * DAY_MS);
    }

    proptest! {
        #[test]
        fn a_window_starts_inside_its_bucket(
            seconds in 1_i64..1_000_000,
            start in -4_000_000_000_000_i64..4_000_000_000_000,
        ) {
            let window = spec(&format!("{seconds}s"));
            let bucket = super::start(&window, start);
            prop_assert!(bucket <= start && start < bucket + length(&window));
            prop_assert_eq!(super::start(&window, bucket), bucket);
        }
    }
}
