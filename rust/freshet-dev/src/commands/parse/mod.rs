//! `./freshet parse`: the parser of the Spark job, on a sample.

mod times;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use freshet_core::config::{Config, ConfigError, Format, Origin, Stream};
use freshet_core::record::{
    MAX_RECORD_BYTES, RawRecord, Reading, Readings, RecordParser, Rejection, write_time,
};
use serde::Serialize;

use self::times::TimeCheck;
use super::project;
use crate::cli::ParseArgs;
use crate::display::note;
use crate::state::now_ms;

pub(super) fn run(arguments: &ParseArgs) -> anyhow::Result<ExitCode> {
    let file = project::config_file(arguments.config.as_ref())?;
    let config = freshet_sources::load(&file)?.config;
    let stream = find_stream(&config, &file, arguments)?;
    if stream.format == Format::Csv && stream.csv.header && !arguments.whole {
        note(
            "note: the records of this stream begin with a header; --whole takes each FILE as one record",
        );
    }
    let output = BufWriter::new(io::stdout().lock());
    let mut sample = Sample::new(stream, arguments, output);
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

fn find_stream<'a>(
    config: &'a Config,
    file: &Path,
    arguments: &ParseArgs,
) -> Result<&'a Stream, ConfigError> {
    let error = |key: &str, message| ConfigError {
        origin: Origin::File(file.to_owned()),
        key: key.to_owned(),
        message,
    };
    let name = &arguments.stream;
    let stream = config.stream(name).ok_or_else(|| {
        let names: Vec<&str> = config.streams.iter().map(|stream| stream.name.as_str()).collect();
        error("stream", format!("there is no stream '{name}'; there are: {}", names.join(", ")))
    })?;
    if stream.series.is_empty() && arguments.key.is_none() {
        let message = format!(
            "the Kafka key names the series of stream '{name}': say with --key TEXT which key the records have"
        );
        return Err(error("stream.series", message));
    }
    Ok(stream)
}

/// What became of a record; one line of the answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Accepted { readings: Vec<Measured<'a>> },
    Rejected { rejected: &'static str, detail: &'a str },
    Summary { summary: &'a Summary },
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
    records: u64,
    accepted: u64,
    rejected: u64,
    readings: u64,
    by_reason: BTreeMap<&'static str, u64>,
}

/// The records of a sample, parsed one after the other.
struct Sample<'a> {
    parser: RecordParser,
    metrics: Vec<&'a str>,
    key: Option<&'a [u8]>,
    /// Kafka's timestamp of every record; that of the moment when it is not given.
    timestamp_ms: Option<i64>,
    times: TimeCheck<'a>,
    summary: Summary,
    output: BufWriter<StdoutLock<'static>>,
}

impl<'a> Sample<'a> {
    fn new(
        stream: &'a Stream,
        arguments: &'a ParseArgs,
        output: BufWriter<StdoutLock<'static>>,
    ) -> Self {
        Self {
            parser: RecordParser::new(stream),
            metrics: stream.values.iter().map(|(metric, _)| metric.as_str()).collect(),
            key: arguments.key.as_deref().map(str::as_bytes),
            timestamp_ms: arguments.timestamp,
            times: TimeCheck::new(stream),
            summary: Summary::default(),
            output,
        }
    }

    /// A record without its value.
    fn envelope(&self) -> RawRecord<'a> {
        let timestamp_ms = self.timestamp_ms.unwrap_or_else(now_ms);
        RawRecord { key: self.key, value: None, timestamp_ms: Some(timestamp_ms) }
    }

    fn parse_all(&mut self, arguments: &ParseArgs) -> anyhow::Result<()> {
        let standard_input = [PathBuf::from("-")];
        let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
        for file in files {
            let mut reader = BufReader::new(open(file)?);
            let reading = || format!("cannot read {}", file.display());
            let mut record = Vec::new();
            if arguments.whole {
                read_whole(&mut reader, &mut record).with_context(reading)?;
                self.parse(&record)?;
                continue;
            }
            while read_line(&mut reader, &mut record).with_context(reading)? {
                self.parse(&record)?;
                // Whoever types the records, or pipes them in slowly, sees each answer at once.
                if reader.buffer().is_empty() {
                    self.output.flush()?;
                }
            }
        }
        let summary = std::mem::take(&mut self.summary);
        self.answer(&Answer::Summary { summary: &summary })?;
        self.output.flush()?;
        if let Some(advice) = self.times.advice(&self.envelope(), now_ms()) {
            note(advice);
        }
        Ok(())
    }

    fn parse(&mut self, value: &[u8]) -> io::Result<()> {
        let mut readings = Readings::default();
        let record = RawRecord { value: Some(value), ..self.envelope() };
        // As in the job: no event is too far ahead of this machine's clock either.
        self.parser.set_now(now_ms());
        let parsed = self.parser.parse(&record, &mut readings);
        self.times.add(value, parsed.as_ref().map(|()| &readings));
        self.summary.records += 1;
        match parsed {
            Ok(()) => self.accept(&readings),
            Err(rejection) => self.reject(&rejection),
        }
    }

    fn accept(&mut self, readings: &Readings) -> io::Result<()> {
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
        self.summary.accepted += 1;
        self.summary.readings += readings.len() as u64;
        self.answer(&Answer::Accepted { readings })
    }

    fn reject(&mut self, rejection: &Rejection) -> io::Result<()> {
        let reason = rejection.reason.code();
        self.summary.rejected += 1;
        *self.summary.by_reason.entry(reason).or_default() += 1;
        self.answer(&Answer::Rejected { rejected: reason, detail: &rejection.detail })
    }

    fn answer(&mut self, answer: &Answer<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, answer)?;
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

/// The parser refuses what is longer, so no more of it is kept: the sample may be of any size.
const KEPT_BYTES: usize = MAX_RECORD_BYTES + 1;

fn read_whole(reader: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<()> {
    reader.take(KEPT_BYTES as u64).read_to_end(record).map(drop)
}

/// Reads a line without its end, a line feed or a carriage return and a line feed; false at the end of the input.
fn read_line(reader: &mut impl BufRead, record: &mut Vec<u8>) -> io::Result<bool> {
    record.clear();
    // Room for the line's end after the longest record.
    let limit = KEPT_BYTES as u64 + 2;
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
        while read_line(&mut reader, &mut record).unwrap() {
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
