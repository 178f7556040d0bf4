//! A stream: what the parser, and the windows behind it, need to know of it. `config` builds it from `freshet.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AvroSchema, Compression, Condition, Framing, Path, Place, ProtobufMessage, Rows, SeriesPart,
    TimeFormat, ValueRules,
};
use crate::secret::Secret;
use crate::window::WindowSpec;
use crate::zone::Zone;

/// One stream: a topic, how its records are read, and the windows they are averaged over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// Names the topics, the checkpoint and the rows.
    pub name: String,
    /// The full names of the topics that have its records, where they are somebody else's, or several, also as
    /// patterns: see [`crate::pattern`]; none for the one that is made for it. Nothing that an executor needs to know.
    #[serde(skip)]
    pub topics: Vec<String>,
    /// For people; the name by default.
    pub title: String,
    /// Units of the metrics, for people; a metric may have none.
    pub units: BTreeMap<String, String>,
    /// How the page groups metrics and series, in the order of the file; nothing that Spark needs to know.
    #[serde(skip)]
    pub charts: Vec<Chart>,
    /// What the records are written in.
    pub format: Format,
    /// How the values of records are compressed.
    pub compression: Compression,
    /// What stands before the content of each value.
    pub framing: Framing,
    /// The schema of all Avro records; `None` for other formats, and where each record names its own.
    pub schema: Option<AvroSchema>,
    /// The type of all messages of Protobuf; `None` for other formats, and where each record names its own.
    pub message: Option<ProtobufMessage>,
    /// Who knows the schemas that records name; `None` where all have the same, or none.
    pub registry: Option<SchemaRegistry>,
    /// How CSV records are laid out; of no meaning for other formats.
    pub csv: CsvLayout,
    /// Which lists of a JSON record have its rows; `None` takes a record that is a list as rows, and any other as one.
    pub rows: Option<Rows>,
    /// Where a row has the name of its only metric, and the value; `None` where each metric has a place of its own.
    pub named_value: Option<NamedValue>,
    /// Which rows are the stream's: those of which all of this is so.
    pub conditions: Vec<Condition>,
    /// The parts of the series id; empty takes the Kafka key as a whole.
    pub series: Vec<SeriesPart>,
    /// What else is done with them.
    pub series_rules: SeriesRules,
    /// Where the event time stands; `None` takes Kafka's own timestamp.
    pub time: Option<TimeField>,
    /// The metrics: name and place in a record, in the order of the file. With a `named_value` the place is the name
    /// that the records have for the metric.
    pub values: Vec<(String, Path)>,
    /// Whether a text that is a number, such as `"21.5"`, counts as one.
    pub text_numbers: bool,
    /// What else counts as a value, and what a bad one costs.
    pub value_rules: ValueRules,
    /// The kinds of windows, each once.
    pub windows: Vec<WindowSpec>,
    /// How long a window waits for stragglers: Spark's watermark delay.
    #[serde(with = "milliseconds")]
    pub lateness: Duration,
    /// Event time further ahead than this of Kafka's timestamp is rejected.
    #[serde(with = "milliseconds")]
    pub max_future: Duration,
    /// Whether an event time ahead of Kafka's timestamp or of the clock moves the watermark: for streams whose events
    /// are meant to be in the future, such as forecasts. For others, one clock that runs ahead would make everybody
    /// else's records late.
    pub future_moves_watermark: bool,
    /// Raise it to let a corrected replay overwrite stored windows.
    pub generation: u32,
}

/// Who knows the schemas of records by their ids, by the interface of Confluent's Schema Registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRegistry {
    /// Where it answers: addresses to which the paths of the interface are appended; at least one.
    pub urls: Vec<String>,
    /// The user, where it asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// PEM file of the authority that signed its certificate; the system's by default.
    pub ca_file: Option<PathBuf>,
    /// How long each address has for an answer; longer than zero.
    #[serde(with = "milliseconds")]
    pub timeout: Duration,
}

/// What the page draws in one chart: what belongs on one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What the page calls it.
    pub title: String,
    /// The metrics, as patterns.
    pub metrics: Vec<String>,
    /// The series, as patterns; all when there are none.
    pub series: Vec<String>,
    /// The unit of its axis; that of the metrics when there is none.
    pub unit: Option<String>,
}

/// What records are written in. A new format is one variant here and its parser in `record`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object per record.
    Json,
    /// Rows of comma-separated values.
    Csv,
    /// Lines of `InfluxDB`'s line protocol.
    Influx,
    /// One map of `MessagePack` per record.
    #[serde(rename = "msgpack")]
    MessagePack,
    /// One map of CBOR per record.
    Cbor,
    /// One datum of Avro per record.
    Avro,
    /// One message of Protobuf per record.
    Protobuf,
}

impl Format {
    /// Whether records have values within values, and places in them are paths; otherwise they are names.
    pub const fn is_nested(self) -> bool {
        matches!(self, Self::Json) || self.is_binary()
    }

    /// Whether records are no lines of text.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::MessagePack | Self::Cbor | Self::Avro | Self::Protobuf)
    }
}

/// Where a row has the name of its only metric, and the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedValue {
    /// The place of the name.
    pub name: Path,
    /// The place of the value.
    pub value: Path,
}

/// How the rows of CSV records are laid out. With neither `columns` nor `header` a column is named by its number, from
/// 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvLayout {
    /// The names of all columns, where the records have no header.
    pub columns: Vec<String>,
    /// Whether the first row of each record names the columns.
    pub header: bool,
    /// Between two cells; an ASCII character.
    pub delimiter: char,
    /// Around a cell that has one of these signs in it; an ASCII character.
    pub quote: char,
    /// What a line begins with that is passed over; an ASCII character.
    pub comment: Option<char>,
    /// How many lines each record has before its first row.
    pub skip_lines: usize,
    /// Whether white space around a cell is no part of it.
    pub trim: bool,
}

/// Where the event time stands and how it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeField {
    /// Place in a record.
    pub field: Path,
    /// Where else it may stand: the first place that is not empty has it.
    pub alternatives: Vec<Path>,
    /// Where the date stands, if it does not stand beside the time of day.
    pub date: Option<Path>,
    /// How it is written; a date in a place of its own before the time, with a space between them.
    pub unit: TimeFormat,
    /// The zone of times without an offset; without one they are UTC.
    pub zone: Option<Zone>,
}

impl TimeField {
    /// All places that it may be made of: the time's own, and that of the date.
    pub(super) fn places(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.field).chain(&self.alternatives).chain(&self.date)
    }
}

/// What else is done with the parts of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesRules {
    /// What stands in for each part where it is missing; as many as parts, or none.
    pub defaults: Vec<Option<String>>,
    /// Other names for parts.
    pub names: Vec<(String, String)>,
    /// Whether parts are in lower case, before they get other names.
    pub lower_case: bool,
}

impl Stream {
    /// Whether the values of records are no texts, and may have line ends anywhere.
    pub fn has_binary_values(&self) -> bool {
        self.format.is_binary()
            || self.compression != Compression::None
            || self.framing != Framing::None
    }

    /// Whether a record without a key in Kafka would be rejected: it names the series, or a part that has no default.
    pub fn needs_key(&self) -> bool {
        self.series.is_empty() || self.needed_parts().any(|part| *part == SeriesPart::Key)
    }

    /// Whether a record of which nobody says the topic would be rejected.
    pub fn needs_topic(&self) -> bool {
        self.needed_parts().any(|part| *part == SeriesPart::Topic)
    }

    /// The headers without which a record would be rejected.
    pub fn needed_headers(&self) -> impl Iterator<Item = &str> {
        self.needed_parts().filter_map(|part| match part {
            SeriesPart::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The parts of the series that have no default.
    fn needed_parts(&self) -> impl Iterator<Item = &SeriesPart> {
        let has_default = |part| matches!(self.series_rules.defaults.get(part), Some(Some(_)));
        self.series
            .iter()
            .enumerate()
            .filter(move |(part, _)| !has_default(*part))
            .map(|(_, part)| part)
    }

    /// Whether the event time is the timestamp of a line in line protocol; a line without one takes Kafka's.
    pub fn has_line_timestamps(&self) -> bool {
        let place = self.time.as_ref().and_then(|time| Place::of(&time.field));
        self.format == Format::Influx && place == Some(Place::Timestamp)
    }
}

/// Durations as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer};

    pub(super) use crate::duration::serialize_milliseconds as serialize;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
