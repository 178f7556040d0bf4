//! The records of the load generator: each one a function of the seed, its number, and when it is due.

use std::time::Duration;

use freshet_core::wire::ReasonCode;
use rand_distr::{Distribution, Zipf};

use super::bad;
use super::draws::Draws;
use super::sensor::{self, Sensor};
use crate::source::Message;

/// Room for a record, so that it is allocated once.
const RECORD_BYTES: usize = 160;

/// What the records are like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) seed: u64,
    pub(super) series: u32,
    /// The exponent of Zipf's distribution over the series.
    pub(super) skew: f64,
    /// Share of the records that are up to `disorder` older.
    pub(super) out_of_order: f64,
    pub(super) disorder: Duration,
    /// Share of the records that are older by `late_by` to twice that.
    pub(super) late: f64,
    pub(super) late_by: Duration,
    /// Share of the records that are rejected.
    pub(super) bad: f64,
}

/// Makes records.
#[derive(Debug)]
pub(super) struct Records {
    shape: Shape,
    /// `None` where all series have the same share.
    zipf: Option<Zipf<f64>>,
}

impl Records {
    pub(super) fn new(shape: Shape) -> Self {
        let skewed = (shape.skew > 0.0).then(|| Zipf::new(f64::from(shape.series), shape.skew));
        Self { zipf: skewed.and_then(Result::ok), shape }
    }

    /// The record of that number, from 0, which is due at `time`, epoch milliseconds.
    pub(super) fn message(&self, number: u64, time: i64) -> Message {
        let mut draws = Draws::new(self.shape.seed, number);
        let series = self.series(&mut draws);
        let time = time - self.age(&mut draws);
        let mut payload = Vec::with_capacity(RECORD_BYTES);
        match self.fault(number) {
            Some(reason) => bad::write(reason, &sensor::name(series), time, &mut payload),
            None => self.write(number, series, time, &mut draws, &mut payload),
        }
        Message { payload, key: Some(sensor::name(series)), ..Message::default() }
    }

    fn series(&self, draws: &mut Draws) -> u32 {
        match &self.zipf {
            None => 1 + draws.below(self.shape.series),
            // A whole number from 1 to the number of series, but for rounding.
            Some(zipf) => {
                let rank = u32::try_from(whole(zipf.sample(draws)));
                rank.unwrap_or(u32::MAX).clamp(1, self.shape.series)
            }
        }
    }

    /// How many milliseconds older the record is than it should be.
    fn age(&self, draws: &mut Draws) -> i64 {
        let Shape { out_of_order, disorder, late, late_by, .. } = self.shape;
        let milliseconds = |duration: Duration| duration.as_millis() as f64;
        let (which, how_much) = (draws.unit(), draws.unit());
        let age = if which < late {
            milliseconds(late_by) * (1.0 + how_much)
        } else if which < late + out_of_order {
            // Not zero.
            milliseconds(disorder) * (1.0 - how_much)
        } else {
            0.0
        };
        whole(age.ceil()).cast_signed()
    }

    /// Bad records are spread evenly, so that their number is exact, and the reasons take turns.
    fn fault(&self, number: u64) -> Option<ReasonCode> {
        let before = |number: u64| whole(number as f64 * self.shape.bad);
        let turn = before(number);
        (before(number + 1) > turn).then(|| bad::reason(turn))
    }

    fn write(&self, number: u64, series: u32, time: i64, draws: &mut Draws, into: &mut Vec<u8>) {
        let temperature = Sensor::new(self.shape.seed, series).temperature(time);
        let mut digits = itoa::Buffer::new();
        into.extend_from_slice(br#"{"time":"#);
        into.extend_from_slice(digits.format(time).as_bytes());
        into.extend_from_slice(br#","sensor":""#);
        sensor::write_name(series, into);
        into.extend_from_slice(br#"","temperature":"#);
        write_hundredths(whole((temperature * 100.0).round()), into);
        into.extend_from_slice(br#","humidity":"#);
        write_hundredths(3_000 + u64::from(draws.below(4_000)), into);
        into.extend_from_slice(br#","pressure":"#);
        write_hundredths(98_000 + u64::from(draws.below(5_000)), into);
        into.extend_from_slice(br#","battery":"#);
        write_hundredths(300 + u64::from(draws.below(120)), into);
        into.extend_from_slice(br#","number":"#);
        into.extend_from_slice(digits.format(number).as_bytes());
        into.push(b'}');
    }
}

/// A number that is not negative, without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what does not fit becomes the nearest number that does"
)]
const fn whole(number: f64) -> u64 {
    number as u64
}

/// `2135` as `21.35`.
fn write_hundredths(hundredths: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(hundredths / 100).as_bytes());
    let rest = (hundredths % 100) as u8;
    into.extend_from_slice(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NOON: i64 = 1_700_049_600_000;

    pub(in crate::kinds::synthetic) fn shape() -> Shape {
        Shape {
            seed: 7,
            series: 100,
            skew: 0.0,
            out_of_order: 0.0,
            disorder: Duration::from_secs(5),
            late: 0.0,
            late_by: Duration::from_hours(1),
            bad: 0.0,
        }
    }

    fn json(message: &Message) -> serde_json::Value {
        serde_json::from_slice(&message.payload).unwrap()
    }

    /// How many of `records` records each series has, the largest first.
    fn per_series(shape: Shape, records: u64) -> Vec<u64> {
        let records_of = Records::new(shape);
        let mut counts = BTreeMap::<String, u64>::new();
        for number in 0..records {
            *counts.entry(records_of.message(number, NOON).key.unwrap()).or_default() += 1;
        }
        let mut counts: Vec<u64> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }

    /// The ages of 100,000 records, milliseconds.
    fn ages(shape: Shape) -> Vec<i64> {
        let records = Records::new(shape);
        let age = |number| NOON - json(&records.message(number, NOON))["time"].as_i64().unwrap();
        (0..100_000).map(age).collect()
    }

    #[test]
    fn seed_and_number_decide_the_record() {
        let all_of_it = Shape { skew: 1.1, out_of_order: 0.3, late: 0.1, bad: 0.05, ..shape() };
        let record =
            |seed, number| Records::new(Shape { seed, ..all_of_it.clone() }).message(number, NOON);
        for number in 0..1_000 {
            assert_eq!(record(7, number), record(7, number));
            assert_ne!(record(7, number), record(7, number + 1));
            if Records::new(all_of_it.clone()).fault(number).is_none() {
                assert_ne!(record(7, number).payload, record(8, number).payload);
            }
        }
        // Records that were sent under a seed are the same in the next version.
        let text = String::from_utf8(Records::new(shape()).message(12, NOON).payload).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"time":1700049600000,"sensor":"sensor-02","temperature":21.43,"humidity":33.16,"#,
                r#""pressure":1022.97,"battery":4.19,"number":12}"#,
            )
        );
    }

    #[test]
    fn a_record_has_about_130_bytes_and_the_reading_of_its_sensor() {
        let records = Records::new(shape());
        for number in 1_000_000..1_001_000 {
            let message = records.message(number, NOON);
            assert!((120..=140).contains(&message.payload.len()), "{}", message.payload.len());
            let record = json(&message);
            assert_eq!(record["number"], number);
            assert_eq!(record["sensor"].as_str(), message.key.as_deref());
            let series: u32 = message.key.unwrap()["sensor-".len()..].parse().unwrap();
            assert_eq!(record["temperature"], Sensor::new(7, series).temperature(NOON));
        }
    }

    #[test]
    fn without_skew_all_series_have_the_same_share() {
        let counts = per_series(shape(), 100_000);
        assert_eq!(counts.len(), 100);
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn with_skew_a_series_has_the_share_of_its_rank() {
        const RECORDS: u64 = 200_000;
        for skew in [0.5, 1.0, 1.5] {
            let counts = per_series(Shape { skew, ..shape() }, RECORDS);
            let total: f64 = (1..=100).map(|rank| f64::from(rank).powf(-skew)).sum();
            for rank in [1_u32, 2, 5, 10] {
                let expected = f64::from(rank).powf(-skew) / total * RECORDS as f64;
                let count = counts[rank as usize - 1] as f64;
                assert!((count / expected - 1.0).abs() < 0.08, "{skew} {rank} {count} {expected}");
            }
        }
    }

    #[test]
    fn out_of_order_records_are_older_by_no_more_than_the_disorder() {
        let ages = ages(Shape { out_of_order: 0.25, ..shape() });
        let older: Vec<i64> = ages.into_iter().filter(|age| *age != 0).collect();
        assert!((24_000..26_000).contains(&older.len()), "{}", older.len());
        assert!(older.iter().all(|age| (1..=5_000).contains(age)));
        let mean = older.iter().sum::<i64>() as f64 / older.len() as f64;
        assert!((2_400.0..2_600.0).contains(&mean), "{mean}");
    }

    #[test]
    fn late_records_are_older_by_once_to_twice_late_by() {
        let ages = ages(Shape { out_of_order: 0.25, late: 0.1, ..shape() });
        let late: Vec<i64> = ages.iter().copied().filter(|age| *age > 5_000).collect();
        assert!((9_500..10_500).contains(&late.len()), "{}", late.len());
        assert!(late.iter().all(|age| (3_600_000..=7_200_000).contains(age)));
        let out_of_order = ages.iter().filter(|age| (1..=5_000).contains(*age)).count();
        assert!((24_000..26_000).contains(&out_of_order), "{out_of_order}");
    }

    #[test]
    fn the_number_of_bad_records_is_exact_and_their_reasons_take_turns() {
        let records = Records::new(Shape { bad: 0.01, ..shape() });
        let faults: Vec<ReasonCode> = (0..10_000).filter_map(|n| records.fault(n)).collect();
        assert_eq!(faults.len(), 100);
        for (turn, reason) in (0..).zip(&faults) {
            assert_eq!(*reason, bad::reason(turn));
        }
        let all = Records::new(Shape { bad: 1.0, ..shape() });
        assert!((0..1_000).all(|number| all.fault(number).is_some()));
        let none = Records::new(shape());
        assert!((0..1_000).all(|number| none.fault(number).is_none()));
    }

    #[test]
    fn hundredths_have_two_digits() {
        let written = |hundredths| {
            let mut text = Vec::new();
            write_hundredths(hundredths, &mut text);
            String::from_utf8(text).unwrap()
        };
        assert_eq!([0, 5, 2_135, 100_000].map(written), ["0.00", "0.05", "21.35", "1000.00"]);
    }
}
