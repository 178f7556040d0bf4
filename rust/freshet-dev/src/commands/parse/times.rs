//! Whether the times of a sample can be right: a wrong unit gives times all the same, in 1970 or far ahead.

use freshet_core::config::{Stream, TimeField};
use freshet_core::duration;
use freshet_core::record::{
    RawRecord, Readings, RecordParser, Rejection, TimeFormat, YEAR_2000_US, write_time,
};
use freshet_core::wire::ReasonCode;

/// Looks at what becomes of the records of a sample.
pub(super) struct TimeCheck<'a> {
    stream: &'a Stream,
    /// How many records have a time.
    records: u64,
    old: Doubt,
    ahead: Doubt,
    unread: Doubt,
}

/// Records whose time is doubtful for one reason.
#[derive(Default)]
struct Doubt {
    count: u64,
    /// The first of them, and its time if that was read.
    first: Option<(Vec<u8>, Option<i64>)>,
}

impl Doubt {
    fn add(&mut self, value: &[u8], time_us: Option<i64>) {
        self.count += 1;
        self.first.get_or_insert_with(|| (value.to_vec(), time_us));
    }
}

impl<'a> TimeCheck<'a> {
    pub(super) fn new(stream: &'a Stream) -> Self {
        let (old, ahead, unread) = Default::default();
        Self { stream, records: 0, old, ahead, unread }
    }

    /// Takes in one record and what became of it.
    pub(super) fn add(&mut self, value: &[u8], parsed: Result<&Readings, &Rejection>) {
        match parsed {
            Ok(readings) => {
                let oldest = readings.points().map(|point| point.time_us).min();
                if oldest.is_some_and(|time_us| time_us < YEAR_2000_US) {
                    self.old.add(value, oldest);
                }
            }
            Err(rejection) => match rejection.reason {
                ReasonCode::InFuture => self.ahead.add(value, None),
                ReasonCode::InvalidTime => self.unread.add(value, None),
                _ => return,
            },
        }
        self.records += 1;
    }

    /// What to tell when most of the sample has doubtful times, all for one reason.
    pub(super) fn advice(&self, record: &RawRecord<'_>, now_ms: i64) -> Option<String> {
        let ahead = format!("are more than {} ahead", duration::format(self.stream.max_future));
        let doubts = [
            (&self.old, "lie before the year 2000"),
            (&self.ahead, &*ahead),
            (&self.unread, "cannot be read"),
        ];
        let (doubt, what) = doubts.into_iter().find(|(doubt, _)| doubt.count * 2 > self.records)?;
        let (value, time_us) = doubt.first.as_ref()?;
        let better = self.better_unit(&RawRecord { value: Some(value), ..*record }, now_ms);
        // That something is no time at all was said of each record.
        let is_unread = time_us.is_none() && doubt.count == self.unread.count;
        let right = (!is_unread).then(|| format!("is {} right?", self.source()));
        let first = time_us.map(|time_us| format!("; the first is {}", write_time(time_us)));
        Some(format!(
            "note: {} of {} times {what}{}: {}",
            doubt.count,
            self.records,
            first.unwrap_or_default(),
            better.or(right)?
        ))
    }

    /// Where the time comes from, as it is configured.
    fn source(&self) -> String {
        let Some(TimeField { field, unit, .. }) = &self.stream.time else {
            return "Kafka's timestamp (--timestamp)".to_owned();
        };
        let field = if self.stream.format.is_nested() { field.to_string() } else { field.name() };
        format!("time = {{ field = '{field}', unit = \"{unit}\" }}")
    }

    /// Another unit in which the record's time lies between 2000 and now.
    fn better_unit(&self, record: &RawRecord<'_>, now_ms: i64) -> Option<String> {
        let time =
            self.stream.time.as_ref().filter(|time| TimeFormat::UNITS.contains(&time.unit))?;
        TimeFormat::UNITS.iter().filter(|unit| **unit != time.unit).find_map(|unit| {
            let time = TimeField { unit: unit.clone(), ..time.clone() };
            let stream = Stream { time: Some(time), ..self.stream.clone() };
            let mut readings = Readings::default();
            let mut parser = RecordParser::new(&stream);
            parser.set_now(now_ms);
            parser.parse(record, &mut readings).ok()?;
            let time_us = readings.points().map(|point| point.time_us).min()?;
            let would_be = write_time(time_us);
            (time_us >= YEAR_2000_US).then(|| {
                format!("is the unit right? with unit = \"{unit}\" the first would be {would_be}")
            })
        })
    }
}
