//! What the fields of a row mean: the series, the event time and the values of the metrics.

use std::fmt::Write as _;
use std::ops::Range;

use super::clock::Clock;
use super::condition::Test;
use super::fields::{Row, Value};
use super::path::Path;
use super::readings::{BadRow, EventTime, Readings};
use super::time::{self, TimeFormat};
use super::value_rules::{Cost, Measured, ValueRules};
use super::{
    Format, MAX_MAGNITUDE, MAX_SERIES_BYTES, Parsed, RawRecord, Rejection, SeriesPart, SeriesRules,
    Stream, TimeField, number, series, text_of, to_us,
};
use crate::wire::ReasonCode;
use crate::zone::Zone;

/// What the fields of a row mean.
#[expect(clippy::struct_excessive_bools, reason = "each is something else that the stream says")]
pub(super) struct Mapping {
    /// Where the parts of the series are; those that are fields have the first slots.
    series_parts: Vec<PartPlace>,
    /// What the parts are if they are not there, or are called else.
    series_rules: SeriesRules,
    /// Whether the parts are fields, and nothing is done with them.
    series_is_usual: bool,
    /// Where the event time is and how it is written, after the series fields.
    time: Option<EventTimeField>,
    /// Whether Kafka's timestamp stands in where that slot is empty.
    time_may_be_missing: bool,
    /// The slots of the metrics; of a stream whose rows name their only metric that of the value, after the name's.
    values: Range<usize>,
    /// The names that the records have for the metrics, where a row names its only one.
    row_names: Option<Vec<String>>,
    /// What has to be so for a row to be the stream's, from the slot after those of the metrics on.
    conditions: Vec<Test>,
    /// What each slot is called in the configuration.
    names: Vec<String>,
    rules: ValueRules,
    /// Whether values are what they are, without rules.
    values_are_usual: bool,
    /// Whether a text may stand for a number.
    text_numbers: bool,
    /// Whether a record may have rows that are none of the stream's: lines of other measurements.
    passes_over_other_rows: bool,
    /// Whether every row of a record has to be one of the stream's.
    takes_all_rows: bool,
    pub(super) clock: Clock,
}

/// Where a part of the series is.
enum PartPlace {
    /// In that slot of a row.
    Slot(usize),
    Key,
    Topic,
    /// In the header of that name.
    Header(String),
}

/// Where the event time is and how it is written.
struct EventTimeField {
    /// Where it may be.
    slots: Range<usize>,
    date: Option<usize>,
    format: TimeFormat,
    zone: Option<Zone>,
    /// Whether it is what the format says, and nothing beside it counts.
    is_usual: bool,
}

impl EventTimeField {
    fn new(time: &TimeField, first: usize) -> Self {
        let slots = first..first + 1 + time.alternatives.len();
        let date = time.date.as_ref().map(|_| slots.end);
        let format = time.unit.clone();
        Self {
            is_usual: date.is_none() && time.zone.is_none() && !format.has_no_year(),
            slots,
            date,
            format,
            zone: time.zone.clone(),
        }
    }

    /// The slot that has it: the first one that is not empty.
    fn slot(&self, row: Row<'_>) -> usize {
        let first = self.slots.start;
        if self.slots.len() == 1 {
            return first;
        }
        self.slots.clone().find(|slot| !row.is_empty(*slot)).unwrap_or(first)
    }

    /// Reads a text, or a number that is written like one.
    fn read_text(&self, row: Row<'_>, text: &str, timestamp_ms: Option<i64>) -> Option<i64> {
        if self.is_usual {
            return self.format.read_text(text);
        }
        let near_us = timestamp_ms.map(to_us);
        let Some(date) = self.date else {
            return self.format.read_local(text, near_us, self.zone.as_ref());
        };
        let mut whole = String::new();
        row.get(date).is_written(|date| write!(whole, "{date} {text}").is_ok());
        self.format.read_local(&whole, near_us, self.zone.as_ref())
    }
}

impl Mapping {
    pub(super) fn new(stream: &Stream, paths: &[&Path]) -> Self {
        let mut slots = 0..;
        let is_field = |part: &SeriesPart| part.field().is_some();
        let series_parts = stream
            .series
            .iter()
            .map(|part| match part {
                SeriesPart::Field(_) => PartPlace::Slot(slots.next().unwrap_or_default()),
                SeriesPart::Key => PartPlace::Key,
                SeriesPart::Topic => PartPlace::Topic,
                SeriesPart::Header(name) => PartPlace::Header(name.clone()),
            })
            .collect();
        let series_fields = slots.start;
        let times = stream.time.iter().flat_map(TimeField::places).count();
        let first = series_fields + times;
        let values = match stream.named_value {
            None => first..first + stream.values.len(),
            Some(_) => first + 1..first + 2,
        };
        let row_names = stream
            .named_value
            .is_some()
            .then(|| stream.values.iter().map(|(_, name)| name.name()).collect());
        Self {
            series_parts,
            series_rules: stream.series_rules.clone(),
            series_is_usual: stream.series_rules == SeriesRules::default()
                && stream.series.iter().all(is_field),
            time: stream.time.as_ref().map(|time| EventTimeField::new(time, series_fields)),
            time_may_be_missing: stream.has_line_timestamps(),
            values,
            values_are_usual: row_names.is_none() && stream.value_rules.are_usual(),
            row_names,
            conditions: stream.conditions.iter().map(|known| known.test.clone()).collect(),
            rules: stream.value_rules.clone(),
            names: paths.iter().map(|path| name_of(path, stream.format)).collect(),
            text_numbers: stream.text_numbers || stream.format == Format::Csv,
            passes_over_other_rows: stream.format == Format::Influx,
            takes_all_rows: stream.format != Format::Influx && stream.conditions.is_empty(),
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
        if !self.takes_all_rows && !self.takes(row, readings) {
            return Ok(());
        }
        match self.read_point(row, record, readings) {
            Ok(()) => Ok(()),
            Err(rejection) => self.pass_over(row, rejection, readings),
        }
    }

    /// Whether a row is one of the stream's.
    fn takes(&self, row: Row<'_>, readings: &mut Readings) -> bool {
        if !self.is_of_stream(row) {
            readings.left_out_mut().foreign_rows += 1;
            return false;
        }
        !self.passes_over_other_rows || self.has_value(row)
    }

    fn read_point(
        &self,
        row: Row<'_>,
        record: &RawRecord<'_>,
        readings: &mut Readings,
    ) -> Result<(), Rejection> {
        let series = readings.series_mut().len();
        self.read_series(row, record, readings.series_mut())?;
        let time = self.read_time(row, record.timestamp_ms())?;
        if self.values_are_usual {
            self.read_values(row, readings)?;
        } else {
            self.read_values_by_rules(row, readings)?;
        }
        readings.end_point(series, time);
        Ok(())
    }

    /// Whether all conditions are met.
    fn is_of_stream(&self, row: Row<'_>) -> bool {
        let slots = self.values.end..;
        slots.zip(&self.conditions).all(|(slot, test)| test.passes(row.get(slot)))
    }

    /// What becomes of a row that has no point: of several, one that has no value is none of the stream's.
    #[cold]
    fn pass_over(
        &self,
        row: Row<'_>,
        rejection: Rejection,
        readings: &mut Readings,
    ) -> Result<(), Rejection> {
        readings.forget_begun();
        let place = row.place();
        if place.is_some() && !self.has_value(row) {
            return Ok(());
        }
        self.leave_out(place, rejection, readings)
    }

    /// Leaves a bad row out, where the stream says so and the record has several.
    ///
    /// # Errors
    ///
    /// The rejection of the row, which is one of the record, where it does not.
    #[cold]
    pub(super) fn leave_out(
        &self,
        place: Option<Range<usize>>,
        rejection: Rejection,
        readings: &mut Readings,
    ) -> Result<(), Rejection> {
        match place {
            Some(place) if self.rules.bad_row_costs == Cost::Itself => {
                readings.left_out_mut().rows.push(BadRow { place, rejection });
                Ok(())
            }
            _ => Err(rejection),
        }
    }

    /// What becomes of a record without a point.
    ///
    /// # Errors
    ///
    /// Why it is rejected: for its first bad row, or because it has no value.
    #[cold]
    pub(super) fn without_points(&self, readings: &mut Readings) -> Result<Parsed, Rejection> {
        let left_out = readings.left_out_mut();
        if !left_out.rows.is_empty() {
            let first = left_out.rows.swap_remove(0);
            left_out.rows.clear();
            return Err(first.rejection);
        }
        if left_out.foreign_rows > 0 { Ok(Parsed::Skipped) } else { Err(self.no_value()) }
    }

    fn read_series(
        &self,
        row: Row<'_>,
        record: &RawRecord<'_>,
        series: &mut String,
    ) -> Result<(), Rejection> {
        let start = series.len();
        if self.series_parts.is_empty() {
            series.push_str(series_from_key(record.key)?);
        } else if self.series_is_usual {
            self.read_fields_of_series(row, series)?;
        } else {
            self.read_parts_of_series(row, record, series)?;
        }
        // Parts that are all empty name nothing: only the slashes between them are left.
        let separators = self.series_parts.len().saturating_sub(1);
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

    /// The parts of a series that are fields, which have the first slots.
    fn read_fields_of_series(&self, row: Row<'_>, series: &mut String) -> Result<(), Rejection> {
        for slot in 0..self.series_parts.len() {
            if slot > 0 {
                series.push('/');
            }
            if !push_part(row.get(slot), series) {
                return Err(self.missing(ReasonCode::MissingSeries, row, slot));
            }
        }
        Ok(())
    }

    /// The same where parts may stand beside the value, may be missing, or have other names.
    fn read_parts_of_series(
        &self,
        row: Row<'_>,
        record: &RawRecord<'_>,
        series: &mut String,
    ) -> Result<(), Rejection> {
        for (part, place) in self.series_parts.iter().enumerate() {
            if part > 0 {
                series.push('/');
            }
            let value = part_of_series(place, row, record)?;
            if !push_part_by_rules(&self.series_rules, part, value, series) {
                return Err(self.missing_part(row, place));
            }
        }
        Ok(())
    }

    fn read_time(&self, row: Row<'_>, timestamp_ms: Option<i64>) -> Result<EventTime, Rejection> {
        let time_us = match &self.time {
            Some(time) if !self.takes_kafkas_time(row, time.slots.start) => {
                self.read_time_field(row, time, timestamp_ms)?
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
        time: &EventTimeField,
        timestamp_ms: Option<i64>,
    ) -> Result<i64, Rejection> {
        let (slot, format) = (time.slot(row), &time.format);
        let time_us = match row.get(slot) {
            Value::Missing | Value::Null => {
                return Err(self.missing(ReasonCode::MissingTime, row, slot));
            }
            Value::Written(number) => {
                format.read_written(number).or_else(|| time.read_text(row, number, timestamp_ms))
            }
            Value::Number(number) => format
                .read_number(number)
                .or_else(|| time.read_text(row, &number.to_string(), timestamp_ms)),
            Value::Text(text) if format.is_written_as_text() => {
                time.read_text(row, text, timestamp_ms)
            }
            Value::Text(text) if self.text_numbers => format.read_written(text),
            Value::Time(time_us) => time::in_range(time_us),
            Value::Text(_) | Value::Bool(_) | Value::Nested | Value::Opaque => None,
        };
        time_us.ok_or_else(|| self.invalid_time(row, slot, format))
    }

    #[cold]
    fn missing_part(&self, row: Row<'_>, place: &PartPlace) -> Rejection {
        let what = match place {
            PartPlace::Slot(slot) => return self.missing(ReasonCode::MissingSeries, row, *slot),
            PartPlace::Key => "key".to_owned(),
            PartPlace::Topic => "topic".to_owned(),
            PartPlace::Header(name) => format!("header '{name}'"),
        };
        let detail = format!("the record has no {what}, which is a part of the series");
        Rejection::new(ReasonCode::MissingSeries, detail)
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
        } else if !self.rules.decimal_comma && is_number(&text.replacen(',', ".", 1)) {
            "a number has a decimal point, and no comma; decimal_comma = true is for CSV with one"
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn read_values(&self, row: Row<'_>, readings: &mut Readings) -> Result<(), Rejection> {
        let mut found = false;
        for slot in self.values.clone() {
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
            readings.push_value(slot - self.values.start, value);
            found = true;
        }
        if found { Ok(()) } else { Err(self.no_value()) }
    }

    /// The same for streams that say more of their values than where they stand.
    fn read_values_by_rules(&self, row: Row<'_>, readings: &mut Readings) -> Result<(), Rejection> {
        let left_out = readings.left_out().values.len();
        self.measure_values(row, readings).inspect_err(|_| {
            // Of a row that is not counted no value is left out.
            readings.left_out_mut().values.truncate(left_out);
        })
    }

    fn measure_values(&self, row: Row<'_>, readings: &mut Readings) -> Result<(), Rejection> {
        let (mut found, mut bad) = (false, None);
        for slot in self.values.clone() {
            let Some(metric) = self.metric(row, slot) else { continue };
            match self.rules.measure(row.get(slot), self.text_numbers) {
                Measured::Nothing => {}
                Measured::Number(value) if value.abs() <= MAX_MAGNITUDE => {
                    readings.push_value(metric, value);
                    found = true;
                }
                Measured::Number(_) | Measured::Bad
                    if self.rules.bad_value_costs == Cost::Itself =>
                {
                    readings.left_out_mut().values.push(metric);
                    bad = bad.or(Some(slot));
                }
                Measured::Number(_) | Measured::Bad => return Err(self.invalid_value(row, slot)),
            }
        }
        match bad {
            _ if found => Ok(()),
            // Nothing would be left of the row.
            Some(slot) => Err(self.invalid_value(row, slot)),
            None => Err(self.no_value()),
        }
    }

    /// The metric whose value stands in a slot; `None` where the row names none of the stream's.
    fn metric(&self, row: Row<'_>, slot: usize) -> Option<usize> {
        let Some(names) = &self.row_names else { return Some(slot - self.values.start) };
        let mut found = None;
        row.get(self.values.start - 1).is_written(|written| {
            found = names.iter().position(|name| name == written);
            found.is_some()
        });
        found
    }

    fn has_value(&self, row: Row<'_>) -> bool {
        if self.values_are_usual {
            return self.values.clone().any(|slot| !row.is_empty(slot));
        }
        let is_there =
            |slot: usize| !self.rules.is_null(row.get(slot)) && self.metric(row, slot).is_some();
        self.values.clone().any(is_there)
    }

    pub(super) fn no_value(&self) -> Rejection {
        if let Some(names) = &self.row_names {
            let detail = format!("no row is named '{}' and has a value", names.join("' or '"));
            return Rejection::new(ReasonCode::MissingValue, detail);
        }
        let wanted = self.names[self.values.clone()].join("', '");
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

/// The same with other names and with what stands in for a part that is missing.
fn push_part_by_rules(
    rules: &SeriesRules,
    slot: usize,
    value: Value<'_>,
    series: &mut String,
) -> bool {
    let mut part = String::new();
    if let Value::Time(time_us) = value {
        part.push_str(&time::write_time(time_us));
    }
    let names_nothing = matches!(value, Value::Number(number) if !number.is_finite());
    let is_written = !names_nothing
        && value.is_written(|written| {
            part.push_str(written);
            true
        });
    if !is_written && part.is_empty() {
        return match rules.defaults.get(slot) {
            Some(Some(default)) => {
                series::encode_part(default, series);
                true
            }
            _ => false,
        };
    }
    if rules.lower_case {
        part = part.to_lowercase();
    }
    let other = rules.names.iter().find(|(name, _)| *name == part);
    series::encode_part(other.map_or(&part, |(_, other)| other), series);
    true
}

/// A part of a series: what stands beside the value of a record has to be a text.
fn part_of_series<'a>(
    place: &PartPlace,
    row: Row<'a>,
    record: &RawRecord<'a>,
) -> Result<Value<'a>, Rejection> {
    let text = match place {
        PartPlace::Slot(slot) => return Ok(row.get(*slot)),
        PartPlace::Topic => record.topic.map(text_of).transpose().map_err(Rejection::in_topic)?,
        PartPlace::Key => record.key.map(text_of).transpose().map_err(Rejection::in_key)?,
        PartPlace::Header(name) => {
            let value = record.headers.last(name).map(text_of).transpose();
            value.map_err(|rejection| rejection.in_header(name))?
        }
    };
    Ok(text.map_or(Value::Missing, Value::Text))
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
