//! Whether the times of a sample can be right: a wrong unit gives times all the same, in 1970 or far ahead.

use freshet_core::config::{Stream, TimeField};
use freshet_core::record::{RawRecord, Readings, RecordParser, Rejection, TimeFormat, write_time};
use freshet_core::wire::ReasonCode;

/// 2000-01-01T00:00:00Z, epoch microseconds: few streams of today are older.
const YEAR_2000_US: i64 = 946_684_800_000_000;

/// The units that are mistaken for one another.
const UNITS: [TimeFormat; 4] = [
    TimeFormat::Seconds,
    TimeFormat::Milliseconds,
    TimeFormat::Microseconds,
    TimeFormat::Nanoseconds,
];

/// Looks at what becomes of the records of a sample.
pub(super) struct TimeCheck<'a> {
    stream: &'a Stream,
    /// How many records have a time, and how many of these lie before 2000, in the future, or cannot be read.
    records: u64,
    old: u64,
    ahead: u64,
    unread: u64,
    /// The first record whose time is doubtful, and what that is, if it was read.
    first: Option<(Vec<u8>, Option<i64>)>,
}

impl<'a> TimeCheck<'a> {
    pub(super) fn new(stream: &'a Stream) -> Self {
        Self { stream, records: 0, old: 0, ahead: 0, unread: 0, first: None }
    }

    /// Takes in one record and what became of it.
    pub(super) fn add(&mut self, value: &[u8], parsed: Result<&Readings, &Rejection>) {
        match parsed {
            Ok(readings) => {
                self.records += 1;
                let oldest = readings.points().map(|point| point.time_us).min();
                if oldest.is_some_and(|time_us| time_us < YEAR_2000_US) {
                    self.old += 1;
                    self.first.get_or_insert_with(|| (value.to_vec(), oldest));
                }
            }
            Err(rejection) => {
                match rejection.reason {
                    ReasonCode::InFuture => self.ahead += 1,
                    ReasonCode::InvalidTime => self.unread += 1,
                    _ => return,
                }
                self.records += 1;
                self.first.get_or_insert_with(|| (value.to_vec(), None));
            }
        }
    }

    /// What to tell when most of the sample has doubtful times.
    pub(super) fn advice(&self, record: &RawRecord<'_>) -> Option<String> {
        let doubtful = self.old + self.ahead + self.unread;
        let (value, time_us) = self.first.as_ref().filter(|_| doubtful * 2 > self.records)?;
        let advice = self.better_unit(&RawRecord { value: Some(value), ..*record });
        if advice.is_none() && self.unread > self.old + self.ahead {
            return None; // that it is no time at all was said of each record
        }
        let what = if self.old >= self.ahead.max(self.unread) {
            "lie before the year 2000".to_owned()
        } else {
            format!("are more than {:?} ahead, or out of range", self.stream.max_future)
        };
        let first = time_us.map(|time_us| format!("; the first is {}", write_time(time_us)));
        let right = format!("is {} right?", self.unit());
        Some(format!(
            "note: {doubtful} of {} times {what}{}: {}",
            self.records,
            first.unwrap_or_default(),
            advice.unwrap_or(right)
        ))
    }

    fn unit(&self) -> String {
        self.stream.time.as_ref().map_or_else(
            || "Kafka's timestamp (--timestamp)".to_owned(),
            |time| format!("time = {{ field = \"{}\", unit = \"{}\" }}", time.field, time.unit),
        )
    }

    /// Another unit in which the record's time lies between 2000 and now.
    fn better_unit(&self, record: &RawRecord<'_>) -> Option<String> {
        let time = self.stream.time.as_ref().filter(|time| UNITS.contains(&time.unit))?;
        UNITS.iter().filter(|unit| **unit != time.unit).find_map(|unit| {
            let time = TimeField { unit: unit.clone(), ..time.clone() };
            let stream = Stream { time: Some(time), ..self.stream.clone() };
            let mut readings = Readings::default();
            RecordParser::new(&stream).parse(record, &mut readings).ok()?;
            let time_us = readings.points().map(|point| point.time_us).min()?;
            (time_us >= YEAR_2000_US).then(|| {
                format!(
                    "is the unit right? with unit = \"{unit}\" the first would be {}",
                    write_time(time_us)
                )
            })
        })
    }
}
