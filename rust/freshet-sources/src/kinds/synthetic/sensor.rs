//! A fleet of sensors that exists in numbers only: a daily rhythm, noise, and now and then a fault.

use std::f64::consts::TAU;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Key, Kind, Presence, Section};
use freshet_core::record::encode_series;
use freshet_runtime::clock::epoch_ms;
use serde::Serialize;
use tokio::time::Interval;

use super::{EVERY, SourceKind, schedule};
use crate::source::{Batch, Context, Cursor, Message, Open, Opened, Resume, Source, SourceError};

/// The kind `synthetic`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "synthetic",
    meaning: "a seeded fleet of sensors",
    keys: &[
        EVERY,
        Key {
            name: "series",
            kind: Kind::Integer(1, 10_000_000),
            presence: Presence::Default("20"),
            meaning: "number of sensors",
            example: "1000",
            ..Key::NEW
        },
        Key {
            name: "seed",
            kind: Kind::Integer(0, i64::MAX),
            presence: Presence::Default("0"),
            meaning: "what makes the readings repeatable: the same seed gives the same readings at the same times",
            example: "7",
            ..Key::NEW
        },
    ],
    read: |section| Ok(Box::new(Settings::read(section)?)),
};

#[derive(Debug)]
struct Settings {
    /// Time between two readings of one sensor.
    every: Duration,
    series: u32,
    seed: u64,
}

impl Settings {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            every: section.positive_duration("every")?,
            series: section.integer("series")?,
            seed: section.integer("seed")?,
        })
    }
}

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::None
    }

    fn can_wait(&self) -> bool {
        true
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        Ok(())
    }

    fn open(&self, _: Context, _: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(Opened::new(Fleet::new(self.every, self.series, self.seed)))
    }
}

const DAY_MS: f64 = 86_400_000.0;

/// A fault lasts at most this long, and begins with one of these slots of time.
const FAULT_SLOT_MS: i64 = 300_000;

/// One slot in so many has a fault.
const FAULT_ONE_IN: u64 = 48;

/// All sensors' readings, once per tick.
struct Fleet {
    ticks: Interval,
    sensors: Vec<Sensor>,
}

impl Fleet {
    fn new(every: Duration, sensors: u32, seed: u64) -> Self {
        Self {
            ticks: schedule(every),
            sensors: (1..=sensors).map(|number| Sensor::new(seed, number)).collect(),
        }
    }
}

#[async_trait]
impl Source for Fleet {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        self.ticks.tick().await;
        let time = epoch_ms();
        let messages = self.sensors.iter().map(|sensor| sensor.message(time));
        Ok(Some(Batch { messages: messages.collect::<Result<_, _>>()?, ..Batch::default() }))
    }
}

/// One sensor. What it reads at a time depends on the seed, its number and the time alone.
#[derive(Debug)]
struct Sensor {
    name: String,
    key: String,
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
    fn new(seed: u64, number: u32) -> Self {
        let name = format!("sensor-{number:02}");
        let seed = mix(seed ^ mix(u64::from(number)));
        Self {
            key: encode_series([name.as_str()]),
            name,
            seed,
            mean: 18.0 + 6.0 * unit(mix(seed ^ 1)),
            swing: 2.0 + 3.0 * unit(mix(seed ^ 2)),
            // Around three in the afternoon, an hour more or less.
            phase: 0.625 + (unit(mix(seed ^ 3)) - 0.5) / 12.0,
        }
    }

    fn message(&self, time: i64) -> Result<Message, SourceError> {
        let reading = Reading { time, sensor: &self.name, temperature: self.temperature(time) };
        Message::json(Some(self.key.clone()), &reading)
    }

    fn temperature(&self, time: i64) -> f64 {
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

/// The finalizer of `SplitMix64`: every bit of the input moves about half of the output's.
const fn mix(input: u64) -> u64 {
    let mut bits = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Maps a draw to `[0, 1)`.
fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
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
