//! The keys of `[[stream]]` and of its `time`.

use std::time::Duration;

use super::super::key::{Key, Kind, Presence, Table};
use crate::record::{Compression, Format, Framing};

/// Spark keeps a lateness, and instants that far from now, in microseconds of 64 bits. Nobody waits for a hundred
/// years.
const LONGEST_WAIT: Duration = Duration::from_hours(36_500 * 24);

/// The name of a topic, as Kafka takes it.
pub(super) const TOPIC_PATTERN: &str = "^[a-zA-Z0-9._-]{1,249}$";

/// The same with stars, which stand for any characters.
pub(super) const TOPICS_PATTERN: &str = "^[a-zA-Z0-9._*-]{1,249}$";

pub(super) const TOPIC_FORM: &str =
    "a topic's name has up to 249 letters, digits, '.', '_' and '-'";

/// `[[stream]]`.
pub(in crate::config) const TABLE: Table = Table {
    path: "stream",
    is_repeated: true,
    is_list: true,
    meaning: "how records become readings, and readings windows",
    keys: &[
        Key {
            name: "name",
            // It becomes part of topic names, file names and keys that join their parts with `|`.
            kind: Kind::Text(Some("^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$")),
            meaning: "part of the topics' names: `raw.NAME` and `windows.NAME`",
            example: r#""sensors""#,
            form: "a stream's name is a letter or digit followed by up to 99 letters, digits, '.', '_' or '-'",
            ..Key::NEW
        },
        Key {
            name: "topic",
            kind: Kind::Text(Some(TOPIC_PATTERN)),
            presence: Presence::Optional("raw.NAME after the prefix"),
            meaning: "the topic that has the records, where they are somebody else's; it is read from its beginning",
            example: r#""sensors.eu""#,
            form: TOPIC_FORM,
            ..Key::NEW
        },
        Key {
            name: "topics",
            kind: Kind::Texts,
            presence: Presence::Optional("the one topic"),
            meaning: "in place of `topic`, the topics that have the records, where there are several: all belong to \
                      one stream, and `$topic` in `series` tells them apart. `*` stands for any characters",
            example: r#"["sensors.eu", "sensors.us.*"]"#,
            ..Key::NEW
        },
        Key {
            name: "title",
            presence: Presence::Optional("the name"),
            meaning: "what the page calls it",
            example: r#""Sensor fleet""#,
            ..Key::NEW
        },
        Key {
            name: "unit",
            kind: Kind::TextOrTable,
            presence: Presence::Optional("none"),
            meaning: "the unit of all metrics, or a table with the unit of each",
            example: r#"{ temperature = "°C" }"#,
            ..Key::NEW
        },
        Key {
            name: "format",
            kind: Kind::Choice(&Format::NAMES),
            presence: Presence::Default("json"),
            meaning: "how records are written; `influx` is line protocol: see [docs/records.md](docs/records.md)",
            example: r#""csv""#,
            ..Key::NEW
        },
        Key {
            name: "compression",
            kind: Kind::Choice(&Compression::NAMES),
            presence: Presence::Default("none"),
            meaning: "how senders compress each value; `auto` tells gzip, zlib and zstd by their first bytes and takes \
                      what is not compressed as it is",
            example: r#""auto""#,
            ..Key::NEW
        },
        Key {
            name: "framing",
            kind: Kind::Choice(&Framing::NAMES),
            presence: Presence::Default("none"),
            meaning: "what stands before the content of each value: `confluent` is a zero and the id of its schema, as \
                      serializers with a schema registry write them (`avro`, `protobuf`, `json`); without `schema` \
                      and `schema_file`, schemas are asked of `[schema_registry]`",
            example: r#""confluent""#,
            ..Key::NEW
        },
        Key {
            name: "schema_file",
            kind: Kind::Path,
            presence: Presence::Optional("none"),
            meaning: "the file with the schema that all records are written with: Avro's JSON (`avro`); a `.proto` \
                      file, or a set of descriptors (`protobuf`)",
            example: r#""reading.avsc""#,
            ..Key::NEW
        },
        Key {
            name: "schema",
            presence: Presence::Optional("none"),
            meaning: "the schema itself, in place of `schema_file`: it goes wherever this file goes",
            example: r#"'{"type":"record","name":"Reading","fields":[{"name":"temp","type":"double"}]}'"#,
            ..Key::NEW
        },
        Key {
            name: "message",
            presence: Presence::Optional("the only one of the schema"),
            meaning: "the full name of the records' type (`protobuf`)",
            example: r#""plant.Reading""#,
            ..Key::NEW
        },
        Key {
            name: "columns",
            kind: Kind::Texts,
            presence: Presence::Optional("numbers from 1"),
            meaning: "the names of the columns (`csv`)",
            example: r#"["at", "value"]"#,
            ..Key::NEW
        },
        Key {
            name: "header",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether each record begins with the names of its columns (`csv`)",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "delimiter",
            presence: Presence::Default(","),
            meaning: "a space, a tab or a punctuation mark (`csv`)",
            example: r#"";""#,
            ..Key::NEW
        },
        Key {
            name: "quote",
            presence: Presence::Default("\""),
            meaning: "the sign around a cell with delimiters or line ends in it (`csv`)",
            example: r#""'""#,
            ..Key::NEW
        },
        Key {
            name: "comment",
            presence: Presence::Optional("none"),
            meaning: "the sign with which a line begins that is passed over (`csv`)",
            example: r##""#""##,
            ..Key::NEW
        },
        Key {
            name: "skip_lines",
            kind: Kind::Integer(0, 1_000),
            presence: Presence::Default("0"),
            meaning: "how many lines of each record stand before its header or first row (`csv`)",
            example: "2",
            ..Key::NEW
        },
        Key {
            name: "trim",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether spaces and tabs around a cell are no part of it (`csv`)",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "decimal_comma",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether numbers have a decimal comma, such as `21,5` (`csv`)",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "rows",
            presence: Presence::Optional("the record, or its items where it is a list"),
            meaning: "path of the list whose items are rows, `*` for each item of a list on the way; paths count from \
                      the row, and each `^` steps out of a list (`json`)",
            example: r#""data.readings""#,
            ..Key::NEW
        },
        Key {
            name: "names",
            presence: Presence::Optional("none"),
            meaning: "path of the name in rows that each have one metric; `values` then has these names",
            example: r#""n""#,
            ..Key::NEW
        },
        Key {
            name: "value",
            presence: Presence::Optional("none"),
            meaning: "path of the number beside that name",
            example: r#""v""#,
            ..Key::NEW
        },
        Key {
            name: "where",
            kind: Kind::Conditions,
            presence: Presence::Optional("all"),
            meaning: "which rows are the stream's: paths, each with a text, a list of texts, `{ prefix = \"…\" }` or \
                      `{ exists = true }`; a record without such a row is skipped",
            example: r#"{ type = ["ticker", "trade"] }"#,
            ..Key::NEW
        },
        Key {
            name: "null_values",
            kind: Kind::Texts,
            presence: Presence::Optional("none"),
            meaning: "texts, and numbers as they are written, that mean that a metric has no value",
            example: r#"["unavailable", "NA", "-9999"]"#,
            ..Key::NEW
        },
        Key {
            name: "booleans",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether `true` is 1 and `false` is 0",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "states",
            kind: Kind::NumberTable,
            presence: Presence::Optional("none"),
            meaning: "texts that stand for numbers",
            example: "{ ON = 1, OFF = 0 }",
            ..Key::NEW
        },
        Key {
            name: "on_bad_value",
            kind: Kind::Choice(&["reject_record", "skip_value"]),
            presence: Presence::Default("reject_record"),
            meaning: "what a metric costs whose value is no number: its record, or itself alone",
            example: r#""skip_value""#,
            ..Key::NEW
        },
        Key {
            name: "on_bad_row",
            kind: Kind::Choice(&["reject_record", "skip_row"]),
            presence: Presence::Default("reject_record"),
            meaning: "what a bad row of several costs: its record, or itself alone, as a dead letter of its own",
            example: r#""skip_row""#,
            ..Key::NEW
        },
        Key {
            name: "text_numbers",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether a text such as `\"21.5\"` counts as a number; in CSV it always does",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "series",
            kind: Kind::Texts,
            presence: Presence::Optional("the Kafka key"),
            meaning: "paths whose values, joined with `/`, name the series; `$key` is the Kafka key, `$header.NAME` a \
                      header of the record, `$topic` the name of its topic",
            example: r#"["site", "sensor.id"]"#,
            ..Key::NEW
        },
        Key {
            name: "series_defaults",
            kind: Kind::TextTable,
            presence: Presence::Optional("none"),
            meaning: "what stands in for a part of the series that is missing, by its path",
            example: r#"{ "sensor.id" = "none" }"#,
            ..Key::NEW
        },
        Key {
            name: "series_names",
            kind: Kind::TextTable,
            presence: Presence::Optional("none"),
            meaning: "other names for parts of the series",
            example: r#"{ 00158d0001 = "kitchen" }"#,
            ..Key::NEW
        },
        Key {
            name: "series_lower_case",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether the parts of the series are taken in lower case",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "values",
            kind: Kind::TextTable,
            meaning: "the metrics, each with the path of its number",
            example: r#"{ temperature = "temp" }"#,
            ..Key::NEW
        },
        Key {
            name: "windows",
            kind: Kind::Texts,
            meaning: "the kinds of windows: size, or size/slide; behind an `@`, how much later than the epoch they \
                      begin, for weeks the day",
            example: r#"["10s", "5m/1m", "7d@Mon"]"#,
            ..Key::NEW
        },
        Key {
            name: "window_zone",
            presence: Presence::Optional("UTC"),
            meaning: "the zone in which days begin, by its IANA name: windows of whole days are called after it, such \
                      as `1d@Europe/Berlin`",
            example: r#""Europe/Berlin""#,
            ..Key::NEW
        },
        Key {
            name: "lateness",
            kind: Kind::Duration(LONGEST_WAIT),
            presence: Presence::Default("10s"),
            meaning: "how long a window waits for stragglers",
            example: r#""1m""#,
            ..Key::NEW
        },
        Key {
            name: "max_future",
            kind: Kind::Duration(LONGEST_WAIT),
            presence: Presence::Default("5m"),
            meaning: "event time further ahead of Kafka's timestamp, or of now, is rejected",
            example: r#""1h""#,
            ..Key::NEW
        },
        Key {
            name: "future_moves_watermark",
            kind: Kind::Flag,
            presence: Presence::Default("false"),
            meaning: "whether an event time ahead of Kafka's timestamp or of the clock moves the watermark: `true` for \
                      streams whose events lie in the future on purpose, such as forecasts",
            example: "true",
            ..Key::NEW
        },
        Key {
            name: "generation",
            // Two generations must not overlap in the write timestamp: see `WindowMessage::write_timestamp_micros`.
            kind: Kind::Integer(0, 1_000_000),
            presence: Presence::Default("0"),
            meaning: "raise it to let a corrected replay overwrite stored windows",
            example: "1",
            ..Key::NEW
        },
    ],
};

/// `time = { … }` of a `[[stream]]`.
pub(in crate::config) const TIME: Table = Table {
    path: "stream.time",
    is_repeated: true,
    is_list: false,
    meaning: "where the event time stands; Kafka's timestamp when there is none, in line protocol the line's own",
    keys: &[
        Key {
            name: "field",
            kind: Kind::Texts,
            presence: Presence::Optional("in line protocol the line's timestamp"),
            meaning: "path of the time; of several, the first that is there",
            example: r#""at""#,
            ..Key::NEW
        },
        Key {
            name: "unit",
            presence: Presence::Either { usual: "ms", other: "ns", when: "of a line's timestamp" },
            meaning: "`s`, `ms`, `us`, `ns`, `rfc3339` or a strftime pattern",
            example: r#""%Y-%m-%d %H:%M:%S""#,
            ..Key::NEW
        },
        Key {
            name: "date",
            presence: Presence::Optional("none"),
            meaning: "path of the date, where the field has the time of day only: the unit is the pattern of both, the \
                      date first, with a space between them",
            example: r#""Date""#,
            ..Key::NEW
        },
        Key {
            name: "zone",
            presence: Presence::Optional("UTC"),
            meaning: "the zone of times without an offset, by its IANA name",
            example: r#""Europe/Berlin""#,
            ..Key::NEW
        },
    ],
};
