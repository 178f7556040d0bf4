//! From a Kafka record to readings: who (series), what (metric), when (event time), how much (value).
//!
//! [`RecordParser`] holds what all formats share: limits, UTF-8, keys, times and the reasons for a rejection. A format
//! only finds the fields of the rows of its text; it implements `RowReader` in a file of its own.
//!
//! A record is accepted or rejected as a whole: one bad row rejects all of it, so that the books of delivered, counted,
//! late and rejected records balance.

mod bytes;
mod clock;
mod csv;
mod fields;
mod json;
mod line_protocol;
mod number;
mod path;
mod payload;
mod readings;
mod series;
mod stream;
mod time;
mod time_pattern;

use crate::wire::ReasonCode;

pub use path::{InvalidPath, Path};
pub use readings::{Point, Reading, Readings};
pub use series::encode_series;
pub use stream::{CsvLayout, Format, Stream, TimeField};
pub use time::{InvalidTimeFormat, TimeFormat, YEAR_2000_US, write_time};
pub use time_pattern::TimePattern;

use clock::Clock;
use csv::CsvReader;
use fields::{Fields, Row, Value};
use json::JsonReader;
use line_protocol::LineProtocolReader;
use readings::EventTime;

pub(crate) use line_protocol::Place;
pub(crate) use time::{EARLIEST_US, LATEST_US};

/// A record of more bytes is rejected as `too_large`.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A record nested deeper is rejected as `too_deep`.
pub const MAX_DEPTH: usize = 64;

/// A greater value is rejected as `invalid_value`: squares and sums of such values would not be finite.
pub const MAX_MAGNITUDE: f64 = 1e150;

/// A longer series id is rejected as `too_large`: it is part of keys in Kafka and Cassandra.
pub const MAX_SERIES_BYTES: usize = 1 << 10;

/// Buffers that are used from record to record give back what they have beyond this, in bytes: one large record must not be
/// paid for ever after.
const KEPT_BYTES: usize = 64 << 10;

/// A record as Kafka delivered it.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Kafka's timestamp, epoch milliseconds; `None` for a record that comes from elsewhere and has none. Kafka's own sign for
    /// none, −1, means none here as well.
    pub timestamp_ms: Option<i64>,
}

/// What Kafka has in place of a timestamp that nobody gave (`RecordBatch.NO_TIMESTAMP`).
const NO_TIMESTAMP_MS: i64 = -1;

impl RawRecord<'_> {
    fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms.filter(|timestamp| *timestamp != NO_TIMESTAMP_MS)
    }
}

/// Why a record was not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The documented code.
    pub reason: ReasonCode,
    /// What exactly, for people.
    pub detail: String,
}

impl Rejection {
    pub(crate) fn new(reason: ReasonCode, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    fn in_row(self, row: usize) -> Self {
        Self { detail: format!("row {row}: {}", self.detail), ..self }
    }

    /// Says what the value seems to be, where it is not in the stream's format.
    fn of_payload(self, value: &[u8]) -> Self {
        let is_of_another_format = matches!(
            self.reason,
            ReasonCode::InvalidUtf8
                | ReasonCode::InvalidJson
                | ReasonCode::InvalidCsv
                | ReasonCode::InvalidLineProtocol
        );
        if is_of_another_format && let Some(kind) = payload::looks_like(value) {
            return Self { detail: format!("{}; it looks like {kind}", self.detail), ..self };
        }
        self
    }

    fn in_line(self, line: usize) -> Self {
        Self { detail: format!("line {line}: {}", self.detail), ..self }
    }
}

/// Reads the rows of a record in one format.
trait RowReader {
    /// Hands the fields of each row to `accept`: every field that the stream asks for; what is not in the row is
    /// [`Value::Missing`].
    ///
    /// # Errors
    ///
    /// What is wrong with the text, or the first row's rejection by `accept`.
    fn read(
        &mut self,
        text: &str,
        fields: &mut Fields,
        accept: impl FnMut(Row<'_>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection>;
}

/// The reader of a stream's format. An enumeration and not a trait object: the compiler sees through it.
enum Reader {
    Json(JsonReader),
    Csv(CsvReader),
    LineProtocol(LineProtocolReader),
}

impl RowReader for Reader {
    fn read(
        &mut self,
        text: &str,
        fields: &mut Fields,
        accept: impl FnMut(Row<'_>) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        match self {
            Self::Json(reader) => reader.read(text, fields, accept),
            Self::Csv(reader) => reader.read(text, fields, accept),
            Self::LineProtocol(reader) => reader.read(text, fields, accept),
        }
    }
}

/// Parses the records of one stream.
pub struct RecordParser {
    reader: Reader,
    fields: Fields,
    mapping: Mapping,
}

impl RecordParser {
    /// A parser for the records of that stream.
    pub fn new(stream: &Stream) -> Self {
        let paths = paths(stream);
        let reader = match stream.format {
            Format::Json => Reader::Json(JsonReader::new(&paths)),
            Format::Csv => Reader::Csv(CsvReader::new(&paths, &stream.csv)),
            Format::Influx => Reader::LineProtocol(LineProtocolReader::new(&paths)),
        };
        Self { reader, fields: Fields::new(paths.len()), mapping: Mapping::new(stream, &paths) }
    }

    /// Tells the parser what time it is (epoch milliseconds). Kafka's timestamp comes mostly from the sender, whose clock
    /// may be wrong: from now on no event may be too far ahead of this time either.
    pub fn set_now(&mut self, now_ms: i64) {
        self.mapping.clock.now_us = Some(to_us(now_ms));
    }

    /// Replaces the content of `readings` by what the record holds: at least one point with at least one value.
    ///
    /// # Errors
    ///
    /// [`Rejection`] when any row of the record cannot be trusted; `readings` is then of no use.
    pub fn parse(
        &mut self,
        record: &RawRecord<'_>,
        readings: &mut Readings,
    ) -> Result<(), Rejection> {
        readings.clear();
        let value = record.value.ok_or_else(|| {
            Rejection::new(ReasonCode::MissingValue, "the record has no value: it is a tombstone")
        })?;
        self.parse_value(value, record, readings).map_err(|rejection| rejection.of_payload(value))
    }

    fn parse_value(
        &mut self,
        value: &[u8],
        record: &RawRecord<'_>,
        readings: &mut Readings,
    ) -> Result<(), Rejection> {
        let text = text_of(value)?;
        let Self { reader, fields, mapping } = self;
        reader.read(text, fields, |row| mapping.read_row(row, record, readings))?;
        if readings.is_empty() {
            return Err(mapping.no_value());
        }
        Ok(())
    }
}

/// The fields that a stream asks for; the position of a path is the field's slot. The series comes first, then the time,
/// then the metrics.
fn paths(stream: &Stream) -> Vec<&Path> {
    let time = stream.time.as_ref().map(|time| &time.field);
    let metrics = stream.values.iter().map(|(_, path)| path);
    stream.series.iter().chain(time).chain(metrics).collect()
}

/// A field as it was configured.
fn name_of(path: &Path, format: Format) -> String {
    match format {
        Format::Json => path.to_string(),
        Format::Csv | Format::Influx => path.name(),
    }
}

fn text_of(value: &[u8]) -> Result<&str, Rejection> {
    if value.len() > MAX_RECORD_BYTES {
        let detail = format!("more than {MAX_RECORD_BYTES} bytes");
        return Err(Rejection::new(ReasonCode::TooLarge, detail));
    }
    std::str::from_utf8(value)
        .map_err(|error| Rejection::new(ReasonCode::InvalidUtf8, error.to_string()))
}

/// What the fields of a row mean.
struct Mapping {
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
    clock: Clock,
}

impl Mapping {
    fn new(stream: &Stream, paths: &[&Path]) -> Self {
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
    fn read_row(
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
            match row.get(slot) {
                Value::Text(part) | Value::Number(part) => series::encode_part(part, series),
                Value::Bool(truth) => series.push_str(if truth { "true" } else { "false" }),
                Value::Missing | Value::Null | Value::Nested => {
                    let detail = self.describe(row, slot);
                    return Err(Rejection::new(ReasonCode::MissingSeries, detail));
                }
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
        self.time_may_be_missing && row.get(slot) == Value::Missing
    }

    fn read_time_field(
        &self,
        row: Row<'_>,
        slot: usize,
        format: &TimeFormat,
    ) -> Result<i64, Rejection> {
        let time_us = match row.get(slot) {
            Value::Missing | Value::Null => {
                let detail = self.describe(row, slot);
                return Err(Rejection::new(ReasonCode::MissingTime, detail));
            }
            Value::Number(number) => format.read_number(number),
            Value::Text(text) if format.is_written_as_text() => format.read_text(text),
            Value::Text(text) if self.text_numbers => format.read_number(text),
            Value::Text(_) | Value::Bool(_) | Value::Nested => None,
        };
        time_us.ok_or_else(|| {
            let advice = match row.get(slot) {
                Value::Text(text) if format.is_written_as_text() => format.advice(text),
                Value::Text(text) => format.advice(text).or_else(|| self.advice_on_text(text)),
                Value::Number(number) => format.advice_on_number(number),
                _ => None,
            };
            let what = format!("is not a time in '{format}'");
            Rejection::new(ReasonCode::InvalidTime, self.detail(row, slot, &what, advice))
        })
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
                Value::Number(number) => number::read_float(number),
                Value::Text(text) if self.text_numbers => number::read_float(text),
                Value::Text(_) | Value::Bool(_) | Value::Nested => None,
            };
            let Some(value) = value.filter(|value| value.abs() <= MAX_MAGNITUDE) else {
                let advice = match row.get(slot) {
                    Value::Text(text) => self.advice_on_text(text),
                    _ => None,
                };
                let detail = self.detail(row, slot, "is not a number up to 1e150", advice);
                return Err(Rejection::new(ReasonCode::InvalidValue, detail));
            };
            readings.push_value(slot - self.first_value, value);
            found = true;
        }
        if found { Ok(()) } else { Err(self.no_value()) }
    }

    fn has_value(&self, row: Row<'_>) -> bool {
        (self.first_value..self.names.len()).any(|slot| row.get(slot) != Value::Missing)
    }

    fn no_value(&self) -> Rejection {
        let wanted = self.names[self.first_value..].join("', '");
        Rejection::new(ReasonCode::MissingValue, format!("none of '{wanted}' is there"))
    }

    /// What stands in a slot, for the detail of a rejection.
    fn describe(&self, row: Row<'_>, slot: usize) -> String {
        format!("'{}' is {}", self.names[slot], row.describe(slot))
    }
}

/// Milliseconds as microseconds; what does not fit is out of the range of times before and after.
fn to_us(milliseconds: i64) -> i64 {
    milliseconds.saturating_mul(1_000)
}

fn series_from_key(key: Option<&[u8]>) -> Result<&str, Rejection> {
    let key = key.ok_or_else(|| {
        Rejection::new(
            ReasonCode::MissingSeries,
            "the record has no key, and the stream no 'series'",
        )
    })?;
    std::str::from_utf8(key)
        .map_err(|error| Rejection::new(ReasonCode::InvalidUtf8, format!("the key: {error}")))
}

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
