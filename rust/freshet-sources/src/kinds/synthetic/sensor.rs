//! One sensor of a fleet: a daily rhythm, noise, and now and then a fault.

use std::f64::consts::TAU;

use serde::Serialize;

use super::draws::{mix, unit};
use crate::source::{Message, SourceError};

const PREFIX: &str = "sensor-";

const DAY_MS: f64 = 86_400_000.0;

/// A fault lasts at most this long, and begins with one of these slots of time.
const FAULT_SLOT_MS: i64 = 300_000;

/// One slot in so many has a fault.
const FAULT_ONE_IN: u64 = 48;

/// One sensor. What it reads at a time depends on the seed, its number and the time alone.
#[derive(Debug)]
pub(super) struct Sensor {
    number: u32,
    seed: u64,
    /// The day's mean.
    mean: f64,
    /// How far the day's rhythm goes from the mean.
    swing: f64,
    /// When the day is warmest, as a part of the day.
    phase: f64,
}

#[derive(Serialize)]
struct Reading<'a> {
    time: i64,
    sensor: &'a str,
    temperature: f64,
}

/// What may be wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It reads the same all the time.
    Stuck,
    /// It is much too hot.
    Overheated,
}

impl Sensor {
    pub(super) fn new(seed: u64, number: u32) -> Self {
        let seed = mix(seed ^ mix(u64::from(number)));
        Self {
            number,
            seed,
            mean: 18.0 + 6.0 * unit(mix(seed ^ 1)),
            swing: 2.0 + 3.0 * unit(mix(seed ^ 2)),
            // Around three in the afternoon, an hour more or less.
            phase: 0.625 + (unit(mix(seed ^ 3)) - 0.5) / 12.0,
        }
    }

    pub(super) fn message(&self, time: i64) -> Result<Message, SourceError> {
        let name = name(self.number);
        let reading = Reading { time, sensor: &name, temperature: self.temperature(time) };
        let message = Message::json(None, &reading)?;
        Ok(Message { key: Some(name), ..message })
    }

    /// Degrees, with two digits.
    pub(super) fn temperature(&self, time: i64) -> f64 {
        let exact = match self.fault(time) {
            None => self.healthy(time),
            Some(Fault::Stuck) => self.healthy(slot_start(time)),
            Some(Fault::Overheated) => self.healthy(time) + 25.0,
        };
        (exact * 100.0).round() / 100.0
    }

    fn healthy(&self, time: i64) -> f64 {
        let day = time as f64 / DAY_MS;
        let rhythm = ((day - self.phase) * TAU).cos();
        self.mean + self.swing * rhythm + 0.3 * noise(self.seed, time)
    }

    fn fault(&self, time: i64) -> Option<Fault> {
        let slot = slot_start(time).unsigned_abs();
        let draw = mix(self.seed ^ mix(slot));
        if !draw.is_multiple_of(FAULT_ONE_IN) {
            return None;
        }
        Some(if mix(draw) & 1 == 0 { Fault::Stuck } else { Fault::Overheated })
    }
}

fn slot_start(time: i64) -> i64 {
    time.div_euclid(FAULT_SLOT_MS) * FAULT_SLOT_MS
}

/// About normally distributed around 0, from three draws, and never outside of ±3.
fn noise(seed: u64, time: i64) -> f64 {
    let first = mix(seed ^ mix(time.cast_unsigned()));
    let second = mix(first);
    let third = mix(second);
    2.0 * (unit(first) + unit(second) + unit(third)) - 3.0
}

/// What the sensor of that number, from 1, is called: also its series id, since nothing in it needs to be escaped.
pub(super) fn name(number: u32) -> String {
    let mut name = String::with_capacity(16);
    name.push_str(PREFIX);
    push_number(number, |part| name.push_str(part));
    name
}

/// Writes the name of the sensor of that number.
pub(super) fn write_name(number: u32, into: &mut Vec<u8>) {
    into.extend_from_slice(PREFIX.as_bytes());
    push_number(number, |part| into.extend_from_slice(part.as_bytes()));
}

/// The number in two digits at least.
fn push_number(number: u32, mut push: impl FnMut(&str)) {
    if number < 10 {
        push("0");
    }
    push(itoa::Buffer::new().format(number));
}

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_core::record::encode_series;
    use proptest::prelude::*;

    const NOON: i64 = 1_700_049_600_000;
    const DAY: i64 = 86_400_000;

    fn readings(sensor: &Sensor) -> impl Iterator<Item = (i64, f64)> {
        (0..DAY / 1_000).map(|second| {
            let time = NOON + second * 1_000;
            (time, sensor.temperature(time))
        })
    }

    #[test]
    fn seed_sensor_and_time_decide_the_reading() {
        assert_eq!(
            Sensor::new(7, 1).message(NOON).unwrap(),
            Sensor::new(7, 1).message(NOON).unwrap()
        );
        let reading = Sensor::new(7, 1).temperature(NOON);
        assert!((reading - Sensor::new(8, 1).temperature(NOON)).abs() > f64::EPSILON);
        assert!((reading - Sensor::new(7, 2).temperature(NOON)).abs() > f64::EPSILON);
    }

    #[test]
    fn a_record_names_time_sensor_and_temperature() {
        let record = Sensor::new(7, 1).message(NOON).unwrap();
        let reading: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
        assert_eq!(reading["time"], NOON);
        assert_eq!(reading["sensor"], "sensor-01");
        assert!(reading["temperature"].is_f64());
        assert_eq!(record.key.as_deref(), Some("sensor-01"));
    }

    #[test]
    fn a_name_has_two_digits_at_least_and_is_a_series_id() {
        for (number, expected) in
            [(1, "sensor-01"), (42, "sensor-42"), (10_000_000, "sensor-10000000")]
        {
            assert_eq!(name(number), expected);
            assert_eq!(encode_series([expected]), expected);
            let mut written = Vec::new();
            write_name(number, &mut written);
            assert_eq!(written, expected.as_bytes());
        }
    }

    /// As they have been since the first version: charts of one seed stay comparable.
    #[test]
    fn the_readings_of_a_seed_stay_what_they_are() {
        let text = |number| {
            String::from_utf8(Sensor::new(7, number).message(NOON).unwrap().payload).unwrap()
        };
        assert_eq!(
            [text(1), text(12)],
            [
                r#"{"time":1700049600000,"sensor":"sensor-01","temperature":26.21}"#,
                r#"{"time":1700049600000,"sensor":"sensor-12","temperature":25.56}"#,
            ]
        );
    }

    #[test]
    fn afternoons_are_warmer_than_nights() {
        let sensor = Sensor::new(7, 3);
        let midnight = NOON - DAY / 2;
        assert!(
            sensor.healthy(midnight + 15 * 3_600_000)
                > sensor.healthy(midnight + 3 * 3_600_000) + 2.0
        );
    }

    #[test]
    fn faults_are_rare_but_there() {
        let sensors: Vec<Sensor> = (1..=20).map(|number| Sensor::new(7, number)).collect();
        let slots = (0..DAY / FAULT_SLOT_MS).map(|slot| NOON + slot * FAULT_SLOT_MS);
        let draws: Vec<Option<Fault>> =
            slots.flat_map(|time| sensors.iter().map(move |sensor| sensor.fault(time))).collect();
        let faults = draws.iter().flatten().count();
        assert!(faults > 0 && faults < draws.len() / 20, "{faults} of {}", draws.len());
        assert!(draws.contains(&Some(Fault::Stuck)) && draws.contains(&Some(Fault::Overheated)));
    }

    #[test]
    fn a_stuck_sensor_reads_the_same_for_the_whole_slot() {
        let sensor = Sensor::new(7, 1);
        let mut stuck = readings(&sensor)
            .filter(|(time, _)| sensor.fault(*time) == Some(Fault::Stuck))
            .map(|(time, temperature)| (slot_start(time), temperature.to_bits()))
            .collect::<Vec<_>>();
        stuck.dedup();
        let mut slots: Vec<i64> = stuck.iter().map(|(slot, _)| *slot).collect();
        slots.dedup();
        assert_eq!(slots.len(), stuck.len());
    }

    proptest! {
        #[test]
        fn a_temperature_is_finite_and_of_this_world(
            seed: u64, number in 1_u32..1_000_000, time in 0_i64..4_000_000_000_000,
        ) {
            let temperature = Sensor::new(seed, number).temperature(time);
            prop_assert!((10.0..60.0).contains(&temperature), "{}", temperature);
        }
    }
}
