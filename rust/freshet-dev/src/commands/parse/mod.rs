//! `./freshet parse`: the filters of a source and the parser of the Spark job, on a sample.

mod source;
mod times;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use freshet_core::config::{Config, ConfigError, Format, Origin, Stream};
use freshet_core::record::{
    MAX_RECORD_BYTES, Parsed, PartlyTaken, RawRecord, Reading, Readings, RecordParser, Rejection,
    partly_taken, write_time,
};
use freshet_core::record_batch::{Headers, encode_headers};
use freshet_core::wire::{Header, ReasonCode};
use freshet_sources::{Record, SourceConfig, TransformError};
use serde::Serialize;

use self::source::{Filters, Line, Sent};
use self::times::TimeCheck;
use super::project;
use crate::cli::ParseArgs;
use crate::display::note;
use crate::state::now_ms;

pub(super) fn run(arguments: &ParseArgs) -> anyhow::Result<ExitCode> {
    let file = project::config_file(arguments.config.as_ref())?;
    let loaded = freshet_sources::load(&file)?;
    let source = find_source(&loaded.source_settings, &file, arguments)?;
    let stream = find_stream(&loaded.config, &file, source, arguments)?;
    let topic = find_topic(&loaded.config, &file, stream, arguments)?;
    if stream.format == Format::Csv && stream.csv.header && !arguments.whole {
        note(
            "note: the records of this stream begin with a header; --whole takes each FILE as one record",
        );
    }
    if stream.has_binary_values() && !arguments.whole {
        note(
            "note: the values of this stream are no lines of text; --whole takes each FILE as one record",
        );
    }
    let output = BufWriter::new(io::stdout().lock());
    let filters = source.map(|source| Filters::new(source, arguments));
    let headers = encode_headers(headers(source, arguments).into_iter());
    let beside = RawRecord {
        key: arguments.key.as_deref().map(str::as_bytes),
        topic: topic.as_deref().map(str::as_bytes),
        headers: Headers::new(&headers),
        ..RawRecord::default()
    };
    let mut sample = Sample::new(stream, filters, arguments, beside, output);
    match sample.parse_all(arguments) {
        // Whoever read the answers has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn wrong_name(file: &Path, key: &str, message: String) -> ConfigError {
    ConfigError { origin: Origin::File(file.to_owned()), key: key.to_owned(), message }
}

fn find_source<'a>(
    sources: &'a [SourceConfig],
    file: &Path,
    arguments: &ParseArgs,
) -> Result<Option<&'a SourceConfig>, ConfigError> {
    let Some(name) = &arguments.source else { return Ok(None) };
    let found = sources.iter().find(|known| known.source.name == *name);
    let wrong = || {
        let names: Vec<&str> = sources.iter().map(|known| known.source.name.as_str()).collect();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        wrong_name(file, "source", format!("there is no source '{name}'; there are: {there}"))
    };
    found.ok_or_else(wrong).map(Some)
}

fn find_stream<'a>(
    config: &'a Config,
    file: &Path,
    source: Option<&'a SourceConfig>,
    arguments: &ParseArgs,
) -> Result<&'a Stream, ConfigError> {
    let of_source = source.map(|known| &known.source.stream);
    let name = of_source.or(arguments.stream.as_ref()).map_or("", String::as_str);
    let stream = config.stream(name).ok_or_else(|| {
        let names: Vec<&str> = config.streams.iter().map(|stream| stream.name.as_str()).collect();
        let message = format!("there is no stream '{name}'; there are: {}", names.join(", "));
        wrong_name(file, "stream", message)
    })?;
    // The filters of a source may make the key, and the producer writes a header.
    if stream.needs_key() && arguments.key.is_none() && source.is_none() {
        let names = if stream.series.is_empty() { "names" } else { "is a part of" };
        let message = format!(
            "the Kafka key {names} the series of stream '{name}': say with --key TEXT which key the records have"
        );
        return Err(wrong_name(file, "stream.series", message));
    }
    let has = |name: &&str| arguments.headers.iter().any(|(told, _)| told == name);
    if let Some(header) = stream.needed_headers().find(|name| !has(name))
        && source.is_none()
    {
        let message = format!(
            "the header '{header}' is a part of the series of stream '{name}': say with --header {header}=TEXT which \
             value the records have there"
        );
        return Err(wrong_name(file, "stream.series", message));
    }
    Ok(stream)
}

/// The headers that the records have: what the command line says, and what the producer writes.
fn headers<'a>(
    source: Option<&'a SourceConfig>,
    arguments: &'a ParseArgs,
) -> Vec<(&'a str, Option<&'a [u8]>)> {
    let told = arguments.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let written = source.map(|known| (Header::Source.name(), known.source.name.as_str()));
    told.chain(written).map(|(name, value)| (name, Some(value.as_bytes()))).collect()
}

/// The topic that the records come by: of a stream with several it has to be told, where it matters.
fn find_topic(
    config: &Config,
    file: &Path,
    stream: &Stream,
    arguments: &ParseArgs,
) -> Result<Option<String>, ConfigError> {
    if arguments.source.is_some() {
        return Ok(Some(config.raw_topic(&stream.name)));
    }
    let topics = config.kafka.raw_topics(stream);
    match (&arguments.topic, topics.as_slice()) {
        (Some(told), _) => Ok(Some(told.clone())),
        (None, [only]) if !only.contains('*') => Ok(Some(only.clone())),
        (None, _) if stream.needs_topic() => {
            let message = format!(
                "the topic is a part of the series of stream '{}': say with --topic which of them the records are of, \
                 {}",
                stream.name,
                topics.join(", ")
            );
            Err(wrong_name(file, "stream.series", message))
        }
        (None, _) => Ok(None),
    }
}

/// What became of a record; one line of the answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Accepted {
        readings: Vec<Measured<'a>>,
        /// Metrics whose values were left out.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        skipped_values: Vec<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        rejected_rows: Vec<RejectedRow<'a>>,
    },
    Rejected {
        rejected: &'static str,
        detail: &'a str,
    },
    Skipped {
        skipped: &'static str,
    },
    Dropped {
        dropped: &'static str,
    },
    Summary {
        summary: &'a Summary,
    },
}

/// A bad row of a record that is accepted.
#[derive(Serialize)]
struct RejectedRow<'a> {
    rejected: &'static str,
    detail: &'a str,
    row: std::borrow::Cow<'a, str>,
}

/// A reading.
#[derive(Serialize)]
struct Measured<'a> {
    series: &'a str,
    metric: &'a str,
    time: Milliseconds,
    /// The same for people.
    time_iso: String,
    value: f64,
}

/// Epoch milliseconds: a whole number where they are whole.
#[derive(Serialize)]
#[serde(untagged)]
enum Milliseconds {
    Whole(i64),
    Fractional(f64),
}

impl Milliseconds {
    fn new(time_us: i64) -> Self {
        if time_us % 1_000 == 0 {
            Self::Whole(time_us / 1_000)
        } else {
            Self::Fractional(time_us as f64 / 1_000.0)
        }
    }
}

/// The last line of the answer.
#[derive(Default, Serialize)]
struct Summary {
    /// What the source sent, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    /// How many of them became no record, on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    records: u64,
    accepted: u64,
    rejected: u64,
    /// None of the stream's.
    #[serde(skip_serializing_if = "is_zero")]
    skipped: u64,
    readings: u64,
    by_reason: BTreeMap<&'static str, u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The records of a sample, parsed one after the other.
struct Sample<'a> {
    parser: RecordParser,
    filters: Option<Filters<'a>>,
    metrics: Vec<&'a str>,
    /// What all records have beside value and timestamp.
    beside: RawRecord<'a>,
    /// Kafka's timestamp of every record; that of the moment when it is not given.
    timestamp_ms: Option<i64>,
    times: TimeCheck<'a>,
    stream: &'a Stream,
    /// The first list of a record that has more items than the stream takes.
    partly_taken: Option<PartlyTaken>,
    summary: Summary,
    output: BufWriter<StdoutLock<'static>>,
}

impl<'a> Sample<'a> {
    fn new(
        stream: &'a Stream,
        filters: Option<Filters<'a>>,
        arguments: &ParseArgs,
        beside: RawRecord<'a>,
        output: BufWriter<StdoutLock<'static>>,
    ) -> Self {
        Self {
            parser: RecordParser::new(stream),
            metrics: stream.values.iter().map(|(metric, _)| metric.as_str()).collect(),
            beside,
            timestamp_ms: arguments.timestamp,
            times: TimeCheck::new(stream),
            stream,
            partly_taken: None,
            summary: Summary {
                messages: filters.as_ref().map(|_| 0),
                dropped: filters.as_ref().map(|_| 0),
                ..Summary::default()
            },
            filters,
            output,
        }
    }

    /// A record without its value.
    fn envelope(&self) -> RawRecord<'a> {
        let timestamp_ms = self.timestamp_ms.unwrap_or_else(now_ms);
        RawRecord { timestamp_ms: Some(timestamp_ms), ..self.beside }
    }

    /// The most bytes of a record or message that are kept: the sample may be of any size.
    fn kept_bytes(&self) -> usize {
        if self.filters.is_some() { KEPT_MESSAGE_BYTES } else { KEPT_BYTES }
    }

    fn parse_all(&mut self, arguments: &ParseArgs) -> anyhow::Result<()> {
        let standard_input = [PathBuf::from("-")];
        let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
        let kept = self.kept_bytes();
        for file in files {
            let mut reader = BufReader::new(open(file)?);
            let reading = || format!("cannot read {}", file.display());
            let mut record = Vec::new();
            let of_file =
                if files.len() > 1 { format!("{} ", file.display()) } else { String::new() };
            if arguments.whole {
                read_whole(&mut reader, &mut record, kept).with_context(reading)?;
                self.take(&record, || format!("{of_file}whole"))?;
                continue;
            }
            let mut line = 0_u64;
            while read_line(&mut reader, &mut record, kept).with_context(reading)? {
                line += 1;
                let is_message = |filters: &Filters<'_>| filters.is_message(line, &record);
                if !self.filters.as_ref().is_none_or(is_message) {
                    continue;
                }
                self.take(&record, || format!("{of_file}line {line}"))?;
                // Whoever types the records, or pipes them in slowly, sees each answer at once.
                if reader.buffer().is_empty() {
                    self.output.flush()?;
                }
            }
        }
        let summary = std::mem::take(&mut self.summary);
        self.answer(&Sent::default(), &Answer::Summary { summary: &summary })?;
        self.output.flush()?;
        if let Some(PartlyTaken { list, items, taken }) = &self.partly_taken {
            note(format!(
                "note: '{list}' has {items} items, of which the metrics take {taken} by index; rows = \"{list}\" makes \
                 each a row"
            ));
        }
        if let Some(advice) = self.times.advice(&self.envelope(), now_ms()) {
            note(advice);
        }
        Ok(())
    }

    fn take(&mut self, value: &[u8], place: impl FnOnce() -> String) -> anyhow::Result<()> {
        match self.filters.as_ref().map(|filters| filters.apply(value)) {
            None => {
                let record = RawRecord { value: Some(value), ..self.envelope() };
                self.parse(&record, &Sent::default())
            }
            Some(made) => self.take_message(made, place()),
        }
    }

    /// What the filters made of a message.
    fn take_message(
        &mut self,
        made: Result<Vec<Record>, TransformError>,
        place: String,
    ) -> anyhow::Result<()> {
        *self.summary.messages.get_or_insert_default() += 1;
        let mut sent = Sent::of(place);
        let records = match made {
            Ok(records) => records,
            Err(TransformError(detail)) => {
                let reason = ReasonCode::TransformFailed;
                return Ok(self.reject(&sent, &Rejection { reason, detail })?);
            }
        };
        if records.is_empty() {
            *self.summary.dropped.get_or_insert_default() += 1;
            return Ok(self.answer(&sent, &Answer::Dropped { dropped: NO_RECORD })?);
        }
        let envelope = self.envelope();
        for made in &records {
            sent.show(made);
            let value = Some(made.payload.as_slice());
            self.parse(&RawRecord { key: made.key.as_deref(), value, ..envelope }, &sent)?;
        }
        Ok(())
    }

    fn parse(&mut self, record: &RawRecord<'_>, sent: &Sent) -> anyhow::Result<()> {
        let mut readings = Readings::default();
        // As in the job: no event is too far ahead of this machine's clock either.
        self.parser.set_now(now_ms());
        let mut parsed = self.parser.parse(record, &mut readings);
        if let Ok(Parsed::NeedsSchema(id)) = parsed {
            self.learn_schema(id)?;
            parsed = self.parser.parse(record, &mut readings);
        }
        self.times.add(record.value.unwrap_or_default(), parsed.as_ref().map(|_| &readings));
        self.summary.records += 1;
        match parsed {
            Ok(Parsed::Accepted) => {
                self.accept(sent, &readings, record.value.unwrap_or_default())?;
            }
            // What it needed, it has learned.
            Ok(Parsed::Skipped | Parsed::NeedsSchema(_)) => {
                self.summary.skipped += 1;
                self.answer(sent, &Answer::Skipped { skipped: FOREIGN })?;
            }
            Err(rejection) => self.reject(sent, &rejection)?,
        }
        Ok(())
    }

    /// Asks the stream's registry for a schema that the parser has not met yet.
    fn learn_schema(&mut self, id: u32) -> anyhow::Result<()> {
        // What was answered so far is seen before a wait.
        self.output.flush()?;
        let found = freshet_registry::find(self.stream.registry.as_ref(), id)?;
        self.parser.learn_schema(id, found.as_deref().map_err(String::as_str));
        Ok(())
    }

    fn accept(&mut self, sent: &Sent, readings: &Readings, value: &[u8]) -> io::Result<()> {
        let left_out = readings.left_out();
        let rejected_rows = (left_out.rows.iter())
            .map(|row| RejectedRow {
                rejected: row.rejection.reason.code(),
                detail: &row.rejection.detail,
                row: String::from_utf8_lossy(value.get(row.place.clone()).unwrap_or_default()),
            })
            .collect();
        let skipped_values = left_out.values.iter().map(|metric| self.metrics[*metric]).collect();
        let readings: Vec<Measured<'_>> = readings
            .iter()
            .map(|Reading { series, metric, time_us, value }| Measured {
                series,
                metric: self.metrics[metric],
                time: Milliseconds::new(time_us),
                time_iso: write_time(time_us),
                value,
            })
            .collect();
        self.partly_taken = self.partly_taken.take().or_else(|| partly_taken(self.stream, value));
        self.summary.accepted += 1;
        self.summary.readings += readings.len() as u64;
        self.answer(sent, &Answer::Accepted { readings, skipped_values, rejected_rows })
    }

    fn reject(&mut self, sent: &Sent, rejection: &Rejection) -> io::Result<()> {
        let reason = rejection.reason.code();
        self.summary.rejected += 1;
        *self.summary.by_reason.entry(reason).or_default() += 1;
        self.answer(sent, &Answer::Rejected { rejected: reason, detail: &rejection.detail })
    }

    fn answer(&mut self, sent: &Sent, answer: &Answer<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, &Line { sent, answer })?;
        self.output.write_all(b"\n")
    }
}

fn open(file: &Path) -> anyhow::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(opened))
}

/// The parser refuses what is longer, so no more of it is kept.
const KEPT_BYTES: usize = MAX_RECORD_BYTES + 1;
/// No source hands on a message that is longer: it is the most that `max_body` of `http` may be.
const KEPT_MESSAGE_BYTES: usize = 256 << 20;
const FOREIGN: &str = "none of its rows is what the stream's 'where' asks for";
const NO_RECORD: &str = "the transform makes no record of it";

fn read_whole(reader: &mut impl BufRead, record: &mut Vec<u8>, kept: usize) -> io::Result<()> {
    reader.take(kept as u64).read_to_end(record).map(drop)
}

/// Reads a line without its end, a line feed or a carriage return and a line feed; false at the end of the input.
fn read_line(reader: &mut impl BufRead, record: &mut Vec<u8>, kept: usize) -> io::Result<bool> {
    record.clear();
    // Room for the line's end after the longest record.
    let limit = kept as u64 + 2;
    if reader.take(limit).read_until(b'\n', record)? == 0 {
        return Ok(false);
    }
    if record.ends_with(b"\n") {
        record.pop();
        if record.ends_with(b"\r") {
            record.pop();
        }
    } else if record.len() as u64 == limit {
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_and_end_are_records() {
        let long = "x".repeat(3 * MAX_RECORD_BYTES);
        let text = format!("one\r\n\n{long}\ntwo\rthree\nfour");
        let mut reader = BufReader::with_capacity(7, text.as_bytes());
        let mut record = Vec::new();
        let mut found = Vec::new();
        while read_line(&mut reader, &mut record, KEPT_BYTES).unwrap() {
            assert!(record.len() <= KEPT_BYTES + 2);
            found.push(String::from_utf8_lossy(&record[..record.len().min(9)]).into_owned());
        }
        assert_eq!(found, ["one", "", "xxxxxxxxx", "two\rthree", "four"]);
    }

    #[test]
    fn times_are_milliseconds_with_a_fraction_where_they_need_one() {
        let written = |time_us| serde_json::to_string(&Milliseconds::new(time_us)).unwrap();
        assert_eq!(written(1_769_860_800_123_000), "1769860800123");
        assert_eq!(written(1_769_860_800_123_456), "1769860800123.456");
        assert_eq!(written(-1), "-0.001");
    }
}
