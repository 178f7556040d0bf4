//! From a Kafka record to readings: who (series), what (metric), when (event time), how much (value).
//!
//! [`RecordParser`] holds what all formats share: limits, keys, times and the reasons for a rejection. A format only
//! finds the fields of the rows in a record's bytes; it implements `RowReader` in a file of its own. What the fields
//! mean is in `mapping`.
//!
//! A record is counted, skipped or rejected as a whole, so that the books of delivered, counted, late, rejected and
//! skipped records balance. One bad row rejects all of it, unless the stream says that bad rows are left out: then each
//! is a dead letter beside the books, and the record is rejected only if no row of it is good.

mod avro;
mod bytes;
mod cbor;
mod clock;
mod compression;
mod condition;
mod csv;
mod fields;
mod framing;
mod json;
mod line_protocol;
mod mapping;
mod message_pack;
mod number;
mod partly;
mod path;
mod payload;
mod protobuf;
mod readings;
mod rows;
mod series;
mod stream;
mod time;
mod time_pattern;
mod tree;
mod value_rules;
mod walk;

use std::ops::Range;

use crate::calendar::{EARLIEST_US, LATEST_US};
use crate::record_batch::Headers;
use crate::wire::ReasonCode;

pub use avro::AvroSchema;
pub use compression::Compression;
pub use condition::{Condition, Test};
pub use framing::Framing;
pub use partly::{PartlyTaken, partly_taken};
pub use path::{InvalidPath, Path};
pub use protobuf::{ProtobufMessage, ProtobufSchema};
pub use readings::{BadRow, LeftOut, Point, Reading, Readings};
pub use rows::Rows;
pub use series::{SeriesPart, encode_series};
pub use stream::{
    Chart, CsvLayout, Format, NamedValue, SchemaRegistry, SeriesRules, Stream, TimeField,
};
pub use time::{InvalidTimeFormat, TimeFormat, YEAR_2000_US, write_time};
pub use time_pattern::TimePattern;
pub use value_rules::{Cost, ValueRules};

use avro::AvroReader;
use cbor::CborReader;
use compression::Decompressor;
use csv::CsvReader;
use fields::{Fields, Row};
use framing::Framed;
use json::JsonReader;
use line_protocol::LineProtocolReader;
use mapping::Mapping;
use message_pack::MessagePackReader;
use protobuf::ProtobufReader;

pub(crate) use cbor::half;
pub(crate) use compression::decompressed;
pub(crate) use csv::csv_rows;
pub(crate) use line_protocol::Place;
pub(crate) use payload::looks_like;

/// A record of more bytes is rejected as `too_large`.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A record nested deeper is rejected as `too_deep`.
pub const MAX_DEPTH: usize = 64;

/// A greater value is rejected as `invalid_value`: squares and sums of such values would not be finite.
pub const MAX_MAGNITUDE: f64 = 1e150;

/// Whether windows count a reading: its value is finite and no greater than [`MAX_MAGNITUDE`], and its time, epoch
/// microseconds, is in the years 1 to 9999.
pub fn is_countable(value: f64, time_us: i64) -> bool {
    value.abs() <= MAX_MAGNITUDE && (EARLIEST_US..=LATEST_US).contains(&time_us)
}

/// A longer series id is rejected as `too_large`: it is part of keys in Kafka and Cassandra.
pub const MAX_SERIES_BYTES: usize = 1 << 10;

/// Buffers that are used from record to record give back what they have beyond this, in bytes: one large record must
/// not be paid for ever after.
const KEPT_BYTES: usize = 64 << 10;

/// A record as Kafka delivered it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawRecord<'a> {
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Kafka's timestamp, epoch milliseconds; `None` for a record that comes from elsewhere and has none. Kafka's own
    /// sign for none, −1, means none here as well.
    pub timestamp_ms: Option<i64>,
    /// The topic that it was delivered by, a text; `None` where nobody says.
    pub topic: Option<&'a [u8]>,
    /// What its sender has written beside it.
    pub headers: Headers<'a>,
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
                | ReasonCode::InvalidMsgpack
                | ReasonCode::InvalidCbor
                | ReasonCode::InvalidAvro
                | ReasonCode::InvalidProtobuf
                | ReasonCode::InvalidCompression
                | ReasonCode::InvalidFraming
        );
        if is_of_another_format && let Some(kind) = payload::looks_like(value) {
            return Self { detail: format!("{}; it looks like {kind}", self.detail), ..self };
        }
        self
    }

    fn in_line(self, line: usize) -> Self {
        Self { detail: format!("line {line}: {}", self.detail), ..self }
    }

    fn in_header(self, name: &str) -> Self {
        Self { detail: format!("the header '{name}': {}", self.detail), ..self }
    }

    fn in_topic(self) -> Self {
        Self { detail: format!("the topic: {}", self.detail), ..self }
    }

    fn in_key(self) -> Self {
        Self { detail: format!("the key: {}", self.detail), ..self }
    }
}

/// Reads the rows of a record in one format.
trait RowReader {
    /// Hands the fields of each row to `rows`: every field that the stream asks for; what is not in the row is
    /// [`Value::Missing`](fields::Value::Missing). A record has at most [`MAX_RECORD_BYTES`].
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, or the first rejection by `rows`.
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        rows: impl RowSink,
    ) -> Result<(), Rejection>;
}

/// Takes the rows of a record.
trait RowSink {
    /// Takes a row.
    ///
    /// # Errors
    ///
    /// Why the record is rejected.
    fn row(&mut self, row: Row<'_>) -> Result<(), Rejection>;

    /// Takes note of a row that stands there and is not in the format. Readers that know where such a row ends go on
    /// after it.
    ///
    /// # Errors
    ///
    /// Why the record is rejected.
    fn bad_row(&mut self, place: Range<usize>, rejection: Rejection) -> Result<(), Rejection>;
}

#[cfg(test)]
impl<F: FnMut(Row<'_>) -> Result<(), Rejection>> RowSink for F {
    fn row(&mut self, row: Row<'_>) -> Result<(), Rejection> {
        self(row)
    }

    fn bad_row(&mut self, _place: Range<usize>, rejection: Rejection) -> Result<(), Rejection> {
        Err(rejection)
    }
}

/// Reads what the rows of a record mean.
struct Meaning<'a> {
    mapping: &'a Mapping,
    record: &'a RawRecord<'a>,
    readings: &'a mut Readings,
}

impl RowSink for Meaning<'_> {
    #[inline]
    fn row(&mut self, row: Row<'_>) -> Result<(), Rejection> {
        self.mapping.read_row(row, self.record, self.readings)
    }

    fn bad_row(&mut self, place: Range<usize>, rejection: Rejection) -> Result<(), Rejection> {
        self.mapping.leave_out(Some(place), rejection, self.readings)
    }
}

/// The reader of a stream's format. An enumeration and not a trait object: the compiler sees through it.
enum Reader {
    Json(JsonReader),
    Csv(CsvReader),
    LineProtocol(LineProtocolReader),
    MessagePack(MessagePackReader),
    Cbor(CborReader),
    Avro(AvroReader),
    Protobuf(ProtobufReader),
}

impl RowReader for Reader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        rows: impl RowSink,
    ) -> Result<(), Rejection> {
        match self {
            Self::Json(reader) => reader.read(record, fields, rows),
            Self::Csv(reader) => reader.read(record, fields, rows),
            Self::LineProtocol(reader) => reader.read(record, fields, rows),
            Self::MessagePack(reader) => reader.read(record, fields, rows),
            Self::Cbor(reader) => reader.read(record, fields, rows),
            Self::Avro(reader) => reader.read(record, fields, rows),
            Self::Protobuf(reader) => reader.read(record, fields, rows),
        }
    }
}

impl Reader {
    /// The reader of the stream's format; the position of a path in the list is its slot.
    fn new(stream: &Stream, paths: &[&Path]) -> Self {
        match stream.format {
            Format::Json => Self::Json(JsonReader::new(paths, stream.rows.as_ref())),
            Format::Csv => Self::Csv(CsvReader::new(paths, &stream.csv)),
            Format::Influx => Self::LineProtocol(LineProtocolReader::new(paths)),
            Format::MessagePack => Self::MessagePack(MessagePackReader::new(paths)),
            Format::Cbor => Self::Cbor(CborReader::new(paths)),
            Format::Avro => Self::Avro(AvroReader::new(paths, stream.schema.as_ref())),
            Format::Protobuf => {
                let message = stream.message.as_ref();
                Self::Protobuf(ProtobufReader::new(paths, message, stream.framing))
            }
        }
    }

    /// Takes note of the schema of the next record; false where it has to be learned first.
    ///
    /// # Errors
    ///
    /// `unknown_schema` for one that cannot be read with.
    #[inline]
    fn choose_schema(&mut self, id: u32) -> Result<bool, Rejection> {
        match self {
            Self::Avro(reader) => reader.choose_schema(id),
            Self::Protobuf(reader) => reader.choose_schema(id),
            _ => Ok(true),
        }
    }
}

/// A schema that records name by its id.
#[derive(Debug, Clone)]
pub enum RecordSchema {
    /// One of Avro.
    Avro(AvroSchema),
    /// One of Protobuf.
    Protobuf(ProtobufSchema),
}

impl RecordSchema {
    fn avro(&self) -> Result<&AvroSchema, &str> {
        match self {
            Self::Avro(schema) => Ok(schema),
            Self::Protobuf(_) => Err("it is a schema of Protobuf, and the stream's format is avro"),
        }
    }

    fn protobuf(&self) -> Result<&ProtobufSchema, &str> {
        match self {
            Self::Protobuf(schema) => Ok(schema),
            Self::Avro(_) => Err("it is a schema of Avro, and the stream's format is protobuf"),
        }
    }
}

/// What becomes of a record that is not rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// There are readings.
    Accepted,
    /// None of its rows is one of the stream's, which says so by `where`.
    Skipped,
    /// It is written with the schema of that id, which the parser does not know yet: tell it with
    /// [`RecordParser::learn_schema`], and parse the record again. Only records of a stream with a
    /// [`registry`](Stream::registry) need that, each id once.
    NeedsSchema(u32),
}

/// Parses the records of one stream.
pub struct RecordParser {
    /// Where values are compressed.
    decompressor: Option<Decompressor>,
    framing: Framing,
    reader: Reader,
    fields: Fields,
    mapping: Mapping,
}

impl RecordParser {
    /// A parser for the records of that stream.
    pub fn new(stream: &Stream) -> Self {
        let paths = paths(stream);
        Self {
            decompressor: Decompressor::new(stream.compression),
            framing: stream.framing,
            reader: Reader::new(stream, &paths),
            fields: Fields::new(paths.len()),
            mapping: Mapping::new(stream, &paths),
        }
    }

    /// Tells the parser what time it is (epoch milliseconds). Kafka's timestamp comes mostly from the sender, whose
    /// clock may be wrong: from now on no event may be too far ahead of this time either.
    pub fn set_now(&mut self, now_ms: i64) {
        self.mapping.clock.now_us = Some(to_us(now_ms));
    }

    /// Tells the parser the schema of an id, after [`Parsed::NeedsSchema`]; or why there is none that can be read with,
    /// so that all records of that id are rejected as `unknown_schema`.
    pub fn learn_schema<'s>(&mut self, id: u32, schema: Result<&'s RecordSchema, &'s str>) {
        match &mut self.reader {
            Reader::Avro(reader) => reader.learn_schema(id, schema.and_then(RecordSchema::avro)),
            Reader::Protobuf(reader) => {
                reader.learn_schema(id, schema.and_then(RecordSchema::protobuf));
            }
            _ => {}
        }
    }

    /// Replaces the content of `readings` by what the record holds: at least one point with at least one value, unless
    /// the record is skipped or its schema is not known yet.
    ///
    /// # Errors
    ///
    /// [`Rejection`] when any row of the record cannot be trusted; `readings` is then of no use.
    pub fn parse(
        &mut self,
        record: &RawRecord<'_>,
        readings: &mut Readings,
    ) -> Result<Parsed, Rejection> {
        readings.clear();
        let value = record.value.ok_or_else(|| {
            Rejection::new(ReasonCode::MissingValue, "the record has no value: it is a tombstone")
        })?;
        let content = self.framing.content(value);
        self.parse_value(value, record, readings).map_err(|rejection| rejection.of_payload(content))
    }

    /// The bytes of a bad row of the record that was parsed last, as its sender wrote them.
    pub(crate) fn bad_row<'a>(&'a self, record: &RawRecord<'a>, row: &BadRow) -> &'a [u8] {
        let value = record.value.unwrap_or_default();
        let decompressor = self.decompressor.as_ref();
        let text = decompressor.map_or(value, |decompressor| decompressor.decompressed(value));
        text.get(row.place.clone()).unwrap_or_default()
    }

    fn parse_value(
        &mut self,
        value: &[u8],
        record: &RawRecord<'_>,
        readings: &mut Readings,
    ) -> Result<Parsed, Rejection> {
        if value.len() > MAX_RECORD_BYTES {
            let detail = format!("more than {MAX_RECORD_BYTES} bytes");
            return Err(Rejection::new(ReasonCode::TooLarge, detail));
        }
        let Self { decompressor, framing, reader, fields, mapping } = self;
        let value = match decompressor {
            Some(decompressor) => decompressor.decompress(value)?,
            None => value,
        };
        let Framed { schema, content } = framing.split(value)?;
        if let Some(id) = schema
            && !reader.choose_schema(id)?
        {
            return Ok(Parsed::NeedsSchema(id));
        }
        reader.read(content, fields, Meaning { mapping, record, readings })?;
        if content.len() < value.len() {
            readings.move_bad_rows(value.len() - content.len());
        }
        if readings.is_empty() { mapping.without_points(readings) } else { Ok(Parsed::Accepted) }
    }
}

/// The fields that a stream asks for; the position of a path is the field's slot. The series comes first, then the
/// time, then the metrics, or the name and the value of the only one, and at last the conditions.
fn paths(stream: &Stream) -> Vec<&Path> {
    let time = stream.time.iter().flat_map(TimeField::places);
    let conditions = stream.conditions.iter().map(|condition| &condition.place);
    let values: Vec<&Path> = match &stream.named_value {
        None => stream.values.iter().map(|(_, path)| path).collect(),
        Some(NamedValue { name, value }) => vec![name, value],
    };
    let series = stream.series.iter().filter_map(SeriesPart::field);
    series.chain(time).chain(values).chain(conditions).collect()
}

#[cold]
fn unknown_schema(id: u32, why: &str) -> Rejection {
    Rejection::new(ReasonCode::UnknownSchema, format!("schema {id}: {why}"))
}

/// Bytes that have to be a text: the whole record in a text format.
fn text_of(bytes: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(bytes)
        .map_err(|error| Rejection::new(ReasonCode::InvalidUtf8, error.to_string()))
}

/// Milliseconds as microseconds; what does not fit is out of the range of times before and after.
fn to_us(milliseconds: i64) -> i64 {
    milliseconds.saturating_mul(1_000)
}

#[cfg(test)]
pub(crate) mod binary_tests;
#[cfg(test)]
mod documentation;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
