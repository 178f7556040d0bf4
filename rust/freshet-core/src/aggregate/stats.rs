//! Count, sum, mean, spread, extremes and percentiles of a set of readings.

use std::cmp::Ordering;

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
    pub(super) ends: Ends,
    pub(super) percentiles: Percentiles,
}

/// The earliest and the latest reading by event time. Of several at one instant, the earliest is the least of them and
/// the latest the greatest, so that it does not matter in which order they came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ends {
    /// There are no readings.
    None,
    /// Some of the readings were counted by a version that did not keep them.
    Unknown,
    Known {
        /// Event time of the earliest reading, epoch microseconds; that of the latest is `last_event_us`.
        first_event_us: i64,
        first: f64,
        last: f64,
    },
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
            ends: Ends::None,
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
        self.ends.add(self.last_event_us, time_us, value);
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
        self.ends.merge(self.last_event_us, other.ends, other.last_event_us);
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

    /// Event time of the earliest reading, epoch microseconds; `None` as for [`Self::first`].
    pub(super) fn first_event_us(&self) -> Option<i64> {
        match self.ends {
            Ends::Known { first_event_us, .. } => Some(first_event_us),
            Ends::None | Ends::Unknown => None,
        }
    }

    /// The reading of the earliest event time, of several the least; `None` without readings, and where it is not
    /// known.
    pub fn first(&self) -> Option<f64> {
        match self.ends {
            Ends::Known { first, .. } => Some(first),
            Ends::None | Ends::Unknown => None,
        }
    }

    /// The reading of the latest event time, of several the greatest; `None` as for [`Self::first`].
    pub fn last(&self) -> Option<f64> {
        match self.ends {
            Ends::Known { last, .. } => Some(last),
            Ends::None | Ends::Unknown => None,
        }
    }

    /// The percentiles of these shares, each between 0 and 1: of `n` readings the one of rank `ceil(share * n)`,
    /// counted from one. While there are at most 32 readings, that very reading; over that, a value within 1 % of it,
    /// as long as the readings of one sign span no more than 71 orders of magnitude, and never outside the readings.
    /// Not a number without readings.
    pub fn percentiles<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        if self.count == 0 {
            return [f64::NAN; N];
        }
        self.percentiles.of_shares(shares).map(|value| value.clamp(self.min, self.max))
    }

    /// Roughly the memory it holds beside itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.percentiles.heap_bytes()
    }
}

impl Ends {
    /// `last_event_us` is the event time of the latest reading so far.
    fn add(&mut self, last_event_us: i64, time_us: i64, value: f64) {
        match self {
            Self::None => {
                *self = Self::Known { first_event_us: time_us, first: value, last: value };
            }
            Self::Unknown => {}
            // In place, since every reading comes by here.
            Self::Known { first_event_us, first, last } => {
                match time_us.cmp(first_event_us) {
                    Ordering::Less => (*first_event_us, *first) = (time_us, value),
                    Ordering::Equal => *first = first.min(value),
                    Ordering::Greater => {}
                }
                match time_us.cmp(&last_event_us) {
                    Ordering::Less => {}
                    Ordering::Equal => *last = last.max(value),
                    Ordering::Greater => *last = value,
                }
            }
        }
    }

    fn merge(&mut self, last_event_us: i64, other: Self, their_last_event_us: i64) {
        *self = match (*self, other) {
            (ends, Self::None) | (Self::None, ends) => ends,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (
                Self::Known { first_event_us, first, last },
                Self::Known {
                    first_event_us: their_first_us,
                    first: their_first,
                    last: their_last,
                },
            ) => Self::Known {
                first_event_us: first_event_us.min(their_first_us),
                first: match first_event_us.cmp(&their_first_us) {
                    Ordering::Less => first,
                    Ordering::Equal => first.min(their_first),
                    Ordering::Greater => their_first,
                },
                last: match last_event_us.cmp(&their_last_event_us) {
                    Ordering::Less => their_last,
                    Ordering::Equal => last.max(their_last),
                    Ordering::Greater => last,
                },
            },
        };
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

    const SHARES: [f64; 3] = [0.50, 0.95, 0.99];

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
        /// However the readings are split and in whatever order they come.
        #[test]
        fn first_and_last_are_those_of_the_earliest_and_the_latest_event(
            parts in prop::collection::vec(prop::collection::vec((0_i64..20, -9_i32..9), 0..6), 1..5),
        ) {
            let mut merged = WindowStats::default();
            for part in &parts {
                let mut stats = WindowStats::default();
                for (time, value) in part {
                    stats.add(*time, f64::from(*value));
                }
                merged.merge(&stats);
            }
            let readings = parts.concat();
            prop_assert_eq!(merged.first(), readings.iter().min().map(|(_, value)| f64::from(*value)));
            prop_assert_eq!(merged.last(), readings.iter().max().map(|(_, value)| f64::from(*value)));
        }

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
            if merged.count() > 0 {
                prop_assert_eq!(merged.percentiles(SHARES), whole.percentiles(SHARES));
            }
        }

        /// One reading out of all bounds, such as a fill value, does not spoil the percentiles of the others.
        #[test]
        fn an_outlier_of_many_magnitudes_leaves_the_percentiles_alone(
            exponent in -30_i32..38, readings in 1_usize..100,
        ) {
            let mut stats = of(&vec![20.5; readings]);
            stats.add(0, 9.969_21 * 10_f64.powi(exponent));
            let [found] = stats.percentiles([0.5]);
            prop_assert!(readings == 1 || (found - 20.5).abs() <= 0.205_1, "{found}");
        }

        /// Of any readings, however they were merged: the one of rank `ceil(share * n)`, exactly while they are few.
        #[test]
        fn a_percentile_is_the_reading_of_its_rank(
            parts in prop::collection::vec(prop::collection::vec(reading(), 0..60), 1..5),
            share in prop_oneof![Just(0.5), Just(0.95), Just(0.99), 0.0_f64..=1.0],
        ) {
            let mut stats = WindowStats::default();
            for part in &parts {
                stats.merge(&of(part));
            }
            let mut readings = parts.concat();
            prop_assume!(!readings.is_empty());
            readings.sort_by(f64::total_cmp);
            let expected = nearest_rank(&readings, share);
            let [found] = stats.percentiles([share]);
            let tolerance = if readings.len() <= 32 { 0.0 } else { expected.abs() * 0.010_001 };
            prop_assert!((found - expected).abs() <= tolerance, "{found} for {expected}");
        }
    }

    /// Few, many and far outliers, negative ones and zeros.
    fn reading() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => 10.0_f64..30.0,
            2 => prop_oneof![-1e6_f64..-1e-3, 1e-3_f64..1e6],
            1 => Just(1000.0),
            1 => Just(0.0),
        ]
    }

    /// The definition, without arithmetic: the least reading that at least that share of them do not exceed.
    fn nearest_rank(ascending: &[f64], share: f64) -> f64 {
        let count = ascending.len() as f64;
        let reached = |position: &usize| (position + 1) as f64 >= share * count;
        ascending[(0..ascending.len()).find(reached).unwrap()]
    }

    #[test]
    fn percentiles_have_the_rank_of_sql_s_percentile_disc() {
        assert_eq!(of(&[10.0, 1000.0]).percentiles(SHARES), [10.0, 1000.0, 1000.0]);
        let ten = [&[20.0; 9][..], &[1000.0]].concat();
        assert_eq!(of(&ten).percentiles(SHARES), [20.0, 1000.0, 1000.0]);
        assert_eq!(of(&[7.5]).percentiles(SHARES), [7.5; 3]);
        // Of 20 readings the 19th, of 100 the 99th: the last one is no percentile there.
        let ascending = |count: u32| of(&(1..=count).map(f64::from).collect::<Vec<_>>());
        assert_eq!(ascending(20).percentiles([0.0, 0.05, 0.95, 1.0]), [1.0, 1.0, 19.0, 20.0]);
        // A sketch knows the extremes exactly: of 99 readings the 99th is the greatest.
        assert_eq!(ascending(99).percentiles([0.0, 0.99, 1.0]), [1.0, 99.0, 99.0]);
        assert!((ascending(100).percentiles([0.99])[0] - 99.0).abs() <= 0.99);
        assert!(WindowStats::default().percentiles([0.5])[0].is_nan());
    }
}
