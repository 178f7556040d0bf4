//! Count, sum, mean, spread, extremes and percentiles of a set of readings.

use super::percentiles::Percentiles;

/// What is known of a set of readings. Two of them merge into what would be known of the union.
#[derive(Clone)]
pub struct WindowStats {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) mean: f64,
    /// Sum of the squared distances from the mean (Welford 1962; merged after Chan, Golub and `LeVeque` 1979).
    pub(super) squared_distances: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Event time of the newest reading, epoch microseconds.
    pub(super) last_event_us: i64,
    pub(super) percentiles: Percentiles,
}

impl Default for WindowStats {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            mean: 0.0,
            squared_distances: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            last_event_us: i64::MIN,
            percentiles: Percentiles::default(),
        }
    }
}

impl WindowStats {
    /// Adds one reading.
    pub fn add(&mut self, time_us: i64, value: f64) {
        self.count += 1;
        self.sum += value;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squared_distances += distance * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last_event_us = self.last_event_us.max(time_us);
        self.percentiles.add(value);
    }

    /// Adds all readings of another set.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let distance = other.mean - self.mean;
        self.count += other.count;
        self.sum += other.sum;
        self.mean += distance * (theirs / (ours + theirs));
        self.squared_distances +=
            other.squared_distances + distance * distance * (ours * theirs / (ours + theirs));
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.last_event_us = self.last_event_us.max(other.last_event_us);
        self.percentiles.merge(&other.percentiles);
    }

    /// Number of readings.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the readings.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Mean of the readings; not a number without readings.
    pub fn average(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Population standard deviation; not a number without readings.
    pub fn stddev(&self) -> f64 {
        (self.squared_distances.max(0.0) / self.count as f64).sqrt()
    }

    /// The least reading; positive infinity without readings.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The greatest reading; negative infinity without readings.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Event time of the newest reading, epoch microseconds.
    pub fn last_event_us(&self) -> i64 {
        self.last_event_us
    }

    /// A value within 1 % of the reading of that rank, as long as the readings of one sign span no more than 71 orders of
    /// magnitude, and never outside the readings; `None` without readings or for a rank outside `0..=1`.
    pub fn quantile(&self, rank: f64) -> Option<f64> {
        self.percentiles.quantile(rank).map(|value| value.clamp(self.min, self.max))
    }

    /// Roughly the memory it holds beside itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.percentiles.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> WindowStats {
        let mut stats = WindowStats::default();
        for (time, value) in (0..).zip(values) {
            stats.add(time, *value);
        }
        stats
    }

    fn close(a: f64, b: f64, scale: f64) -> bool {
        (a - b).abs() <= 1e-12 * scale.max(f64::MIN_POSITIVE)
    }

    #[test]
    fn agrees_with_the_definitions() {
        let stats = of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((stats.count(), stats.sum(), stats.min(), stats.max()), (8, 40.0, 2.0, 9.0));
        assert!(close(stats.stddev(), 2.0, 2.0));
        assert_eq!(stats.last_event_us(), 7);
    }

    #[test]
    fn the_spread_survives_a_large_offset() {
        let stats = of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        assert!((stats.stddev() - 22.5_f64.sqrt()).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn merging_equals_adding_all(
            left in prop::collection::vec(-1e6_f64..1e6, 0..50),
            right in prop::collection::vec(-1e6_f64..1e6, 0..50),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let whole = of(&[left.clone(), right.clone()].concat());
            let magnitude: f64 = left.iter().chain(&right).map(|v| v.abs()).sum();
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert!(close(merged.sum(), whole.sum(), magnitude));
            prop_assert_eq!(merged.min(), whole.min());
            prop_assert_eq!(merged.max(), whole.max());
            prop_assert!(close(merged.squared_distances, whole.squared_distances, magnitude * magnitude));
            for rank in [0.5, 0.95, 0.99] {
                prop_assert_eq!(merged.quantile(rank), whole.quantile(rank));
            }
        }

        /// One reading out of all bounds, such as a fill value, does not spoil the percentiles of the others.
        #[test]
        fn an_outlier_of_many_magnitudes_leaves_the_percentiles_alone(
            exponent in -30_i32..38, readings in 1_usize..100,
        ) {
            let mut stats = of(&vec![20.5; readings]);
            stats.add(0, 9.969_21 * 10_f64.powi(exponent));
            let found = stats.quantile(0.5).unwrap();
            prop_assert!(readings == 1 || (found - 20.5).abs() <= 0.205_1, "{found}");
        }

        #[test]
        fn percentiles_are_within_one_percent(
            mut values in prop::collection::vec(prop_oneof![-1e6_f64..-1e-3, 1e-3_f64..1e6], 1..200),
            rank in 0.01_f64..0.99,
        ) {
            let stats = of(&values);
            values.sort_by(f64::total_cmp);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let exact = values[(rank * (values.len() - 1) as f64) as usize];
            let found = stats.quantile(rank).unwrap();
            prop_assert!((found - exact).abs() <= exact.abs() * 0.010_001, "{found} for {exact}");
        }
    }
}
