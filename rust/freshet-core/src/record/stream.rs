//! A stream: what the parser, and the windows behind it, need to know of it. `config` builds it from `freshet.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AvroSchema, Compression, Path, Place, TimeFormat};
use crate::window::WindowSpec;

/// One stream: a raw topic, how its records are read, and the windows they are averaged over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// Names the topics, the checkpoint and the rows.
    pub name: String,
    /// For people; the name by default.
    pub title: String,
    /// Units of the metrics, for people; a metric may have none.
    pub units: BTreeMap<String, String>,
    /// What the records are written in.
    pub format: Format,
    /// How the values of records are compressed.
    pub compression: Compression,
    /// The schema of Avro records; `None` for other formats.
    pub schema: Option<AvroSchema>,
    /// How CSV records are laid out; of no meaning for other formats.
    pub csv: CsvLayout,
    /// Where the parts of the series id stand in a record; empty takes the Kafka key.
    pub series: Vec<Path>,
    /// Where the event time stands; `None` takes Kafka's own timestamp.
    pub time: Option<TimeField>,
    /// The metrics: name and place in a record, in the order of the file.
    pub values: Vec<(String, Path)>,
    /// Whether a text that is a number, such as `"21.5"`, counts as one.
    pub text_numbers: bool,
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
}

impl Format {
    /// Whether records have values within values, and places in them are paths; otherwise they are names.
    pub const fn is_nested(self) -> bool {
        matches!(self, Self::Json) || self.is_binary()
    }

    /// Whether records are no lines of text.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::MessagePack | Self::Cbor | Self::Avro)
    }
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
}

/// Where the event time stands and how it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeField {
    /// Place in a record.
    pub field: Path,
    /// How it is written.
    pub unit: TimeFormat,
}

impl Stream {
    /// Whether the values of records are no texts, and may have line ends anywhere.
    pub fn has_binary_values(&self) -> bool {
        self.format.is_binary() || self.compression != Compression::None
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
