//! The `bucket` of the table `windows`: what keeps its partitions small.

use freshet_core::window::WindowSpec;

const DAY_MS: i64 = 86_400_000;

/// At some 150 bytes a row this makes partitions of one to two megabytes.
const ROWS_PER_BUCKET: i64 = 10_000;

/// The start, in milliseconds, of the bucket that holds the window that starts at `start_ms`.
///
/// Readers have to compute the same: `floor(start / length) * length`, where `length` is what ten
/// thousand windows of the kind cover, rounded up to whole days.
pub(crate) fn bucket_start(window: WindowSpec, start_ms: i64) -> i64 {
    let length = bucket_length(window);
    start_ms.div_euclid(length).saturating_mul(length)
}

fn bucket_length(window: WindowSpec) -> i64 {
    let covered = window.slide_ms().saturating_mul(ROWS_PER_BUCKET);
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
            assert_eq!(bucket_length(spec(window)), days * DAY_MS, "{window}");
        }
    }

    #[test]
    fn buckets_are_aligned_to_the_epoch_on_both_sides() {
        assert_eq!(bucket_start(spec("10s"), 0), 0);
        assert_eq!(bucket_start(spec("10s"), 2 * DAY_MS - 1), 0);
        assert_eq!(bucket_start(spec("10s"), 2 * DAY_MS), 2 * DAY_MS);
        assert_eq!(bucket_start(spec("10s"), -1), -2 * DAY_MS);
    }

    proptest! {
        #[test]
        fn a_window_starts_inside_its_bucket(
            seconds in 1_i64..1_000_000,
            start in -4_000_000_000_000_i64..4_000_000_000_000,
        ) {
            let window = spec(&format!("{seconds}s"));
            let bucket = bucket_start(window, start);
            prop_assert!(bucket <= start && start < bucket + bucket_length(window));
            prop_assert_eq!(bucket_start(window, bucket), bucket);
        }
    }
}
