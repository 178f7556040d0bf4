//! Seeded records for the stream `known`: out of order, some twice, some malformed.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::json;

use crate::expectation::{Expectation, WINDOWS};

const SEED: u64 = 20_240_229;
/// Out of order by less than the stream's lateness of a minute, so that no record may count as late.
const DISORDER: i64 = 20_000;
/// Parts with the two characters that a series id has to encode.
const SERIES: [(&str, &str, &str); 4] = [
    ("cellar", "north", "cellar/north"),
    ("hall/1", "50%", "hall%2F1/50%25"),
    ("attic", "a", "attic/a"),
    ("süd", "ß", "süd/ß"),
];

/// A record to send.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) value: Vec<u8>,
}

/// Makes records and keeps the account of what they must come to.
pub(crate) struct Feed {
    random: Rng,
    /// Event time up to which records have been made.
    clock: i64,
    /// What all records so far must come to.
    pub(crate) expected: Expectation,
    /// The malformed ones: their bytes and the reason.
    pub(crate) rejected: BTreeMap<Vec<u8>, &'static str>,
    /// How many records were made.
    pub(crate) sent: u64,
    /// How many of them came late on purpose.
    pub(crate) late: u64,
}

impl Feed {
    /// Event time begins some hours ago, at a full minute.
    pub(crate) fn new(now: i64) -> Self {
        let clock = now - 6 * 3_600_000;
        Self {
            random: Rng::with_seed(SEED),
            clock: clock - clock.rem_euclid(60_000),
            expected: Expectation::default(),
            rejected: BTreeMap::new(),
            sent: 0,
            late: 0,
        }
    }

    /// Records of the next seconds of event time.
    pub(crate) fn next(&mut self, seconds: i64) -> Vec<Record> {
        let mut records: Vec<(i64, Record)> = Vec::new();
        for second in 0..seconds {
            for series in SERIES {
                let at = self.clock + second * 1_000 + self.random.i64(0..1_000);
                let copies = if self.random.u8(0..50) == 0 { 2 } else { 1 };
                let record = self.reading(series, at, copies);
                let sent_at = at + self.random.i64(0..DISORDER);
                records.extend((0..copies).map(|_| (sent_at, record.clone())));
            }
            if self.random.u8(0..10) == 0 {
                let at = self.clock + second * 1_000;
                records.push((at, self.malformed(at)));
            }
        }
        self.clock += seconds * 1_000;
        self.sent += records.len() as u64;
        records.sort_by_key(|(sent_at, _)| *sent_at);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// Well-formed records of windows that are long closed.
    pub(crate) fn late(&mut self, count: u32) -> Vec<Record> {
        let at = self.clock - 360_000;
        let (room, sensor, _) = SERIES[0];
        self.sent += u64::from(count);
        self.late += u64::from(count);
        (0..count)
            .map(|index| {
                record(&json!({
                    "room": room, "sensor": sensor, "at": at + i64::from(index), "temperature": 1e6
                }))
            })
            .collect()
    }

    /// Every kind of malformed record, including those too large to be made at random.
    pub(crate) fn one_of_each_malformed(&mut self, now: i64) -> Vec<Record> {
        let at = self.clock;
        let mut records: Vec<Record> =
            (0..KINDS.len()).map(|kind| self.malformed_of(kind, at)).collect();
        let text = "x".repeat(1 << 20);
        let large = json!({"room": "r", "sensor": "s", "at": at, "temperature": 1, "text": text});
        let future = json!({"room": "r", "sensor": "s", "at": now + 600_000, "temperature": 1});
        records.push(self.reject(large.to_string().into_bytes(), "too_large"));
        records.push(self.reject(future.to_string().into_bytes(), "in_future"));
        self.sent += records.len() as u64;
        records
    }

    fn reading(
        &mut self,
        (room, sensor, series): (&str, &str, &str),
        at: i64,
        copies: usize,
    ) -> Record {
        let temperature = self.random.f64().mul_add(60.0, -20.0);
        let humidity = f64::from(self.random.u32(0..100));
        let mut value = json!({"room": room, "sensor": sensor, "at": at, "note": {"by": ["test"]}});
        // Some records carry one metric only.
        let (has_temperature, has_humidity) = match self.random.u8(0..10) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        for _ in 0..copies {
            if has_temperature {
                self.expected.add(&WINDOWS, series, "temperature", at, temperature);
            }
            if has_humidity {
                self.expected.add(&WINDOWS, series, "humidity", at, humidity);
            }
        }
        if has_temperature {
            value["temperature"] = json!(temperature);
        }
        if has_humidity {
            value["air"] = json!({ "humidity": humidity });
        }
        record(&value)
    }

    fn malformed(&mut self, at: i64) -> Record {
        let kind = self.random.usize(0..KINDS.len());
        self.malformed_of(kind, at)
    }

    fn malformed_of(&mut self, kind: usize, at: i64) -> Record {
        let (reason, make) = KINDS[kind];
        // A number of its own tells one record from another of the same kind.
        let id = self.rejected.len();
        self.reject(make(at, id), reason)
    }

    fn reject(&mut self, value: Vec<u8>, reason: &'static str) -> Record {
        self.rejected.insert(value.clone(), reason);
        Record { value }
    }
}

fn record(value: &serde_json::Value) -> Record {
    Record { value: value.to_string().into_bytes() }
}

type Make = fn(i64, usize) -> Vec<u8>;

/// Kinds of malformed records: the reason, and bytes for a time and a number.
const KINDS: [(&str, Make); 8] = [
    ("invalid_json", |at, id| format!(r#"{{"room":"r","at":{at},"id":{id}"#).into_bytes()),
    ("invalid_utf8", |at, id| {
        let text = format!(r#"{{"room":"r","sensor":"s","at":{at},"temperature":{id},"x":"#);
        [text.as_bytes(), b"\"\xff\xfe\"}"].concat()
    }),
    ("missing_series", |at, id| {
        format!(r#"{{"room":"r","at":{at},"temperature":{id}}}"#).into_bytes()
    }),
    ("missing_time", |_, id| {
        format!(r#"{{"room":"r","sensor":"s","temperature":{id}}}"#).into_bytes()
    }),
    ("missing_value", |at, id| {
        format!(r#"{{"room":"r","sensor":"s","at":{at},"id":{id}}}"#).into_bytes()
    }),
    ("invalid_time", |_, id| {
        format!(r#"{{"room":"r","sensor":"s","at":"soon","temperature":{id}}}"#).into_bytes()
    }),
    ("invalid_value", |at, id| {
        format!(r#"{{"room":"r","sensor":"s","at":{at},"temperature":"hot","id":{id}}}"#)
            .into_bytes()
    }),
    ("too_deep", |at, id| {
        let (open, close) = ("[".repeat(70), "]".repeat(70));
        format!(r#"{{"room":"r","sensor":"s","at":{at},"temperature":{id},"x":{open}{close}}}"#)
            .into_bytes()
    }),
];
