//! What the fields of a row mean: the series, the event time and the values of the metrics.

use std::fmt::Write as _;

use super::clock::Clock;
use super::fields::{Row, Value};
use super::path::Path;
use super::readings::{EventTime, Readings};
use super::time::{self, TimeFormat};
use super::{
    Format, MAX_MAGNITUDE, MAX_SERIES_BYTES, RawRecord, Rejection, Stream, number, series, text_of,
    to_us,
};
use crate::wire::ReasonCode;

/// What the fields of a row mean.
pub(super) struct Mapping {
    /// Number of series fields; they come first.
    series_fields: usize,
    /// The event time's slot and format, after the series fields.
    time: Option<(usize, TimeFormat)>,
    /// Whether Kafka's timestamp stands in where that slot is empty.
    time_may_be_missing: bool,
    /// Slot of the first metric; the others follow.
    first_value: usize,
    names: Vec<String>,
    /// Whether a text may stand for a number.
    text_numbers: bool,
    /// Whether a record may have rows that are none of the stream's: lines of other measurements.
    passes_over_other_rows: bool,
    pub(super) clock: Clock,
}

impl Mapping {
    pub(super) fn new(stream: &Stream, paths: &[&Path]) -> Self {
        let series_fields = stream.series.len();
        Self {
            series_fields,
            time: stream.time.as_ref().map(|time| (series_fields, time.unit.clone())),
            time_may_be_missing: stream.has_line_timestamps(),
            first_value: series_fields + usize::from(stream.time.is_some()),
            names: paths.iter().map(|path| name_of(path, stream.format)).collect(),
            text_numbers: stream.text_numbers || stream.format == Format::Csv,
            passes_over_other_rows: stream.format == Format::Influx,
            clock: Clock::new(stream),
        }
    }

    /// Adds the row's point to the readings.
    pub(super) fn read_row(
        &self,
        row: Row<'_>,
        record: &RawRecord<'_>,
        readings: &mut Readings,
    ) -> Result<(), Rejection> {
        if self.passes_over_other_rows && !self.has_value(row) {
            return Ok(());
        }
        let series = readings.series_mut().len();
        self.read_series(row, record.key, readings.series_mut())?;
        let time = self.read_time(row, record.timestamp_ms())?;
        self.read_values(row, readings)?;
        readings.end_point(series, time);
        Ok(())
    }

    fn read_series(
        &self,
        row: Row<'_>,
        key: Option<&[u8]>,
        series: &mut String,
    ) -> Result<(), Rejection> {
        let start = series.len();
        if self.series_fields == 0 {
            series.push_str(series_from_key(key)?);
        }
        for slot in 0..self.series_fields {
            if slot > 0 {
                series.push('/');
            }
            if !push_part(row.get(slot), series) {
                return Err(self.missing(ReasonCode::MissingSeries, row, slot));
            }
        }
        // Parts that are all empty name nothing: only the slashes between them are left.
        let separators = self.series_fields.saturating_sub(1);
        match series.len() - start {
            length if length == separators => {
                Err(Rejection::new(ReasonCode::MissingSeries, "the series id is empty"))
            }
            1..=MAX_SERIES_BYTES => Ok(()),
            length => Err(Rejection::new(
                ReasonCode::TooLarge,
                format!("the series id has {length} bytes, at most {MAX_SERIES_BYTES} are kept"),
            )),
        }
    }

    fn read_time(&self, row: Row<'_>, timestamp_ms: Option<i64>) -> Result<EventTime, Rejection> {
        let time_us = match &self.time {
            Some((slot, format)) if !self.takes_kafkas_time(row, *slot) => {
                self.read_time_field(row, *slot, format)?
            }
            _ => self.read_kafkas_time(timestamp_ms)?,
        };
        self.clock.check(time_us, timestamp_ms.map(to_us))
    }

    /// Kafka's timestamp as the event time.
    fn read_kafkas_time(&self, timestamp_ms: Option<i64>) -> Result<i64, Rejection> {
        let Some(timestamp_ms) = timestamp_ms else {
            let nor = if self.time_may_be_missing { "the line" } else { "the stream a 'time'" };
            let detail = format!("the record has no timestamp, nor has {nor}");
            return Err(Rejection::new(ReasonCode::MissingTime, detail));
        };
        time::in_range(to_us(timestamp_ms)).ok_or_else(|| {
            let detail = format!("Kafka's timestamp {timestamp_ms} is out of range");
            Rejection::new(ReasonCode::InvalidTime, detail)
        })
    }

    fn takes_kafkas_time(&self, row: Row<'_>, slot: usize) -> bool {
        self.time_may_be_missing && row.is_missing(slot)
    }

    fn read_time_field(
        &self,
        row: Row<'_>,
        slot: usize,
        format: &TimeFormat,
    ) -> Result<i64, Rejection> {
        let time_us = match row.get(slot) {
            Value::Missing | Value::Null => {
                return Err(self.missing(ReasonCode::MissingTime, row, slot));
            }
            Value::Written(number) => format.read_written(number),
            Value::Number(number) => format.read_number(number),
            Value::Text(text) if format.is_written_as_text() => format.read_text(text),
            Value::Text(text) if self.text_numbers => format.read_written(text),
            Value::Time(time_us) => time::in_range(time_us),
            Value::Text(_) | Value::Bool(_) | Value::Nested | Value::Opaque => None,
        };
        time_us.ok_or_else(|| self.invalid_time(row, slot, format))
    }

    #[cold]
    fn missing(&self, reason: ReasonCode, row: Row<'_>, slot: usize) -> Rejection {
        Rejection::new(reason, self.describe(row, slot))
    }

    #[cold]
    fn invalid_time(&self, row: Row<'_>, slot: usize, format: &TimeFormat) -> Rejection {
        let advice = match row.get(slot) {
            Value::Text(text) if format.is_written_as_text() => format.advice(text),
            Value::Text(text) => format.advice(text).or_else(|| self.advice_on_text(text)),
            Value::Written(number) => format.advice_on_number(|unit| unit.read_written(number)),
            Value::Number(number) => format.advice_on_number(|unit| unit.read_number(number)),
            _ => None,
        };
        let what = format!("is not a time in '{format}'");
        Rejection::new(ReasonCode::InvalidTime, self.detail(row, slot, &what, advice))
    }

    #[cold]
    fn invalid_value(&self, row: Row<'_>, slot: usize) -> Rejection {
        let advice = match row.get(slot) {
            Value::Text(text) => self.advice_on_text(text),
            _ => None,
        };
        let detail = self.detail(row, slot, "is not a number up to 1e150", advice);
        Rejection::new(ReasonCode::InvalidValue, detail)
    }

    fn detail(&self, row: Row<'_>, slot: usize, what: &str, advice: Option<String>) -> String {
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        format!("{} and {what}{advice}", self.describe(row, slot))
    }

    /// What to do about a text that stands for a number.
    fn advice_on_text(&self, text: &str) -> Option<String> {
        let is_number = |text: &str| number::read_float(text).is_some();
        let advice = if is_number(text) && !self.text_numbers {
            "text_numbers = true reads such texts as numbers"
        } else if is_number(text.trim()) {
            "a space is no part of a number"
        } else if is_number(&text.replacen(',', ".", 1)) {
            "a number has a decimal point, and no comma"
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn read_values(&self, row: Row<'_>, readings: &mut Readings) -> Result<(), Rejection> {
        let mut found = false;
        for slot in self.first_value..self.names.len() {
            let value = match row.get(slot) {
                Value::Missing | Value::Null => continue,
                Value::Written(number) => number::read_float(number),
                Value::Number(number) => Some(number.to_double()),
                Value::Text(text) if self.text_numbers => number::read_float(text),
                Value::Text(_)
                | Value::Bool(_)
                | Value::Time(_)
                | Value::Nested
                | Value::Opaque => None,
            };
            let Some(value) = value.filter(|value| value.abs() <= MAX_MAGNITUDE) else {
                return Err(self.invalid_value(row, slot));
            };
            readings.push_value(slot - self.first_value, value);
            found = true;
        }
        if found { Ok(()) } else { Err(self.no_value()) }
    }

    fn has_value(&self, row: Row<'_>) -> bool {
        (self.first_value..self.names.len()).any(|slot| !row.is_missing(slot))
    }

    pub(super) fn no_value(&self) -> Rejection {
        let wanted = self.names[self.first_value..].join("', '");
        Rejection::new(ReasonCode::MissingValue, format!("none of '{wanted}' is there"))
    }

    /// What stands in a slot, for the detail of a rejection.
    fn describe(&self, row: Row<'_>, slot: usize) -> String {
        format!("'{}' is {}", self.names[slot], row.describe(slot))
    }
}

/// A field as it was configured.
fn name_of(path: &Path, format: Format) -> String {
    if format.is_nested() { path.to_string() } else { path.name() }
}

/// Appends a part of a series id; false for what names nothing.
#[inline]
fn push_part(value: Value<'_>, series: &mut String) -> bool {
    match value {
        Value::Text(part) | Value::Written(part) => series::encode_part(part, series),
        Value::Bool(truth) => series.push_str(if truth { "true" } else { "false" }),
        // Nothing in a number has to be encoded.
        Value::Number(number) => return number.is_finite() && write!(series, "{number}").is_ok(),
        Value::Time(time_us) => series::encode_part(&time::write_time(time_us), series),
        Value::Missing | Value::Null | Value::Nested | Value::Opaque => return false,
    }
    true
}

fn series_from_key(key: Option<&[u8]>) -> Result<&str, Rejection> {
    let key = key.ok_or_else(|| {
        Rejection::new(
            ReasonCode::MissingSeries,
            "the record has no key, and the stream no 'series'",
        )
    })?;
    text_of(key).map_err(Rejection::in_key)
}
