//! `[[stream]]`: how records become readings, and readings windows.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::time::Duration;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::{Section, TextOrTable};
use crate::record::{
    AvroSchema, Compression, CsvLayout, Format, InvalidPath, Path, Place, Stream, TimeField,
    TimeFormat,
};
use crate::window::WindowSpec;

/// Spark keeps a lateness, and instants that far from now, in microseconds of 64 bits. Nobody waits for a hundred
/// years.
const LONGEST_WAIT: Duration = Duration::from_hours(36_500 * 24);

/// `[[stream]]`.
pub(super) const TABLE: Table = Table {
    path: "stream",
    is_repeated: true,
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
            name: "schema_file",
            kind: Kind::Path,
            presence: Presence::Optional("none"),
            meaning: "the file with the schema that all records are written with (`avro`), in Avro's JSON",
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
            meaning: "paths whose values, joined with `/`, name the series",
            example: r#"["site", "sensor.id"]"#,
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
            meaning: "the kinds of windows: size, or size/slide",
            example: r#"["10s", "5m/1m"]"#,
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
pub(super) const TIME: Table = Table {
    path: "stream.time",
    is_repeated: true,
    meaning: "where the event time stands; Kafka's timestamp when there is none, in line protocol the line's own",
    keys: &[
        Key {
            name: "field",
            presence: Presence::Optional("in line protocol the line's timestamp"),
            meaning: "path of the time",
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
    ],
};

impl Format {
    const ALL: [Self; 6] =
        [Self::Json, Self::Csv, Self::Influx, Self::MessagePack, Self::Cbor, Self::Avro];
    const NAMES: [&str; 6] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Influx => "influx",
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
            Self::Avro => "avro",
        }
    }
}

impl Compression {
    const ALL: [Self; 6] =
        [Self::None, Self::Auto, Self::Gzip, Self::Zlib, Self::Deflate, Self::Zstd];
    const NAMES: [&str; 6] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Auto => "auto",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

impl Stream {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let name = section.text("name")?.value;
        let format = Format::ALL[section.choice("format")?];
        let csv = read_csv_layout(section, format)?;
        let schema = read_schema(section, format)?;
        let paths = Paths { format, csv: &csv, schema: schema.as_ref() };
        let stream = Self {
            title: section
                .optional_text("title")?
                .map_or_else(|| name.clone(), |found| found.value),
            name,
            units: BTreeMap::new(),
            format,
            compression: Compression::ALL[section.choice("compression")?],
            series: read_series(section, paths)?,
            time: read_time(section, paths)?,
            values: read_values(section, paths)?,
            text_numbers: read_text_numbers(section, format)?,
            csv: csv.clone(),
            schema: schema.clone(),
            windows: read_windows(section)?,
            lateness: section.duration("lateness")?.value,
            max_future: section.duration("max_future")?.value,
            future_moves_watermark: section.flag("future_moves_watermark")?,
            generation: section.integer("generation")?,
        };
        check_tags(section, &stream)?;
        let stream = Self { units: read_units(section, &stream.values)?, ..stream };
        section.finish()?;
        Ok(stream)
    }
}

/// Reads paths, and refuses what the records cannot have.
#[derive(Clone, Copy)]
struct Paths<'a> {
    format: Format,
    csv: &'a CsvLayout,
    schema: Option<&'a AvroSchema>,
}

impl Paths<'_> {
    fn parse(self, text: &str) -> Result<Path, String> {
        match self.format {
            Format::Json | Format::MessagePack | Format::Cbor => {
                text.parse().map_err(|error: InvalidPath| error.to_string())
            }
            Format::Avro => {
                let path = text.parse().map_err(|error: InvalidPath| error.to_string())?;
                match self.schema {
                    Some(schema) if !schema.has(&path) => {
                        Err(format!("'{text}' is no field of the schema, nor below one"))
                    }
                    _ => Ok(path),
                }
            }
            Format::Csv => {
                self.check_column(text)?;
                Path::of_name(text).ok_or_else(|| "the name of a column is empty".to_owned())
            }
            Format::Influx => Place::path(text).ok_or_else(|| {
                format!(
                    "'{text}' is not a place in a line: write measurement, timestamp, tag.NAME or field.NAME"
                )
            }),
        }
    }

    fn check_column(self, name: &str) -> Result<(), String> {
        let columns = &self.csv.columns;
        if self.csv.header || columns.iter().any(|column| column == name) {
            return Ok(());
        }
        if !columns.is_empty() {
            return Err(format!("there is no column '{name}'; there are: {}", columns.join(", ")));
        }
        match name.parse() {
            Ok(1..=MAX_COLUMNS) => Ok(()),
            _ => Err(format!(
                "'{name}' is not the number of a column, 1 to {MAX_COLUMNS}; to use names, list them in 'columns' or \
                 set header = true"
            )),
        }
    }
}

/// More columns have no number.
const MAX_COLUMNS: usize = 10_000;

fn read_csv_layout(section: &Section<'_>, format: Format) -> Result<CsvLayout, ConfigError> {
    if format != Format::Csv {
        for key in ["columns", "header", "delimiter"] {
            section.refuse(key, CSV_ONLY)?;
        }
    }
    let columns = section.optional_texts("columns")?;
    let columns = columns.map(|found| found.convert(check_columns)).transpose()?;
    let header = section.flag("header")?;
    if let Some(columns) = columns.as_ref().filter(|_| header) {
        let message = "leave it out: with header = true the records name their columns themselves";
        return Err(columns.error(message));
    }
    let delimiter = section.text("delimiter")?.convert(|text| one_delimiter(&text))?;
    Ok(CsvLayout {
        columns: columns.map(|found| found.value).unwrap_or_default(),
        header,
        delimiter: delimiter.value,
    })
}

/// The schema of Avro records, from its file or as it stands in the configuration.
fn read_schema(section: &Section<'_>, format: Format) -> Result<Option<AvroSchema>, ConfigError> {
    if format != Format::Avro {
        for key in ["schema", "schema_file"] {
            section.refuse(key, "has no effect unless format = \"avro\"")?;
        }
        return Ok(None);
    }
    let inline = section.optional_text("schema")?;
    let file = section.optional_file_path("schema_file")?;
    let schema = match (inline, file) {
        (Some(inline), None) => inline.convert(|text| text.parse::<AvroSchema>())?.value,
        (None, Some(file)) => file.convert(|path| read_schema_file(&path))?.value,
        (Some(_), Some(file)) => return Err(file.error("is set beside schema: set one of them")),
        (None, None) => return Err(section.missing("schema_file")),
    };
    Ok(Some(schema))
}

fn read_schema_file(path: &FilePath) -> Result<AvroSchema, String> {
    let of_file = |reason: String| format!("{}: {reason}", path.display());
    let text =
        super::read(path).map_err(|reason| of_file(format!("cannot read the file: {reason}")))?;
    text.parse().map_err(of_file)
}

const CSV_ONLY: &str = "has no effect unless format = \"csv\"";

fn check_columns(columns: Vec<String>) -> Result<Vec<String>, String> {
    if columns.is_empty() {
        return Err("name all columns, such as [\"timestamp\", \"value\"]".to_owned());
    }
    let is_twice = |name: &&String| columns.iter().filter(|other| other == name).count() > 1;
    match columns.iter().find(is_twice) {
        Some(name) => Err(format!("'{name}' is there twice")),
        None => Ok(columns),
    }
}

fn one_delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(delimiter), None)
            if matches!(delimiter, ' ' | '\t')
                || delimiter.is_ascii_punctuation() && !"\".+-".contains(delimiter) =>
        {
            Ok(delimiter)
        }
        _ => {
            Err("a delimiter is a space, a tab or one punctuation mark that is no part of a number or a quoted cell"
                .to_owned())
        }
    }
}

fn read_text_numbers(section: &Section<'_>, format: Format) -> Result<bool, ConfigError> {
    if format == Format::Csv {
        section.refuse("text_numbers", "has no effect: in CSV every number is a text")?;
    }
    section.flag("text_numbers")
}

fn read_series(section: &Section<'_>, paths: Paths<'_>) -> Result<Vec<Path>, ConfigError> {
    let Some(found) = section.optional_texts("series")? else {
        return Ok(Vec::new());
    };
    let parse =
        |texts: Vec<String>| texts.iter().map(|text| paths.parse(text)).collect::<Result<_, _>>();
    Ok(found.convert(parse)?.value)
}

fn read_time(section: &Section<'_>, paths: Paths<'_>) -> Result<Option<TimeField>, ConfigError> {
    let table = section.table(&TIME)?;
    let field = table.optional_text("field")?;
    let has_unit = table.is_given("unit")?;
    table.finish()?;
    let field = match field {
        Some(field) => field.convert(|text| paths.parse(&text))?.value,
        // A line has a place of its own for its time.
        None if paths.format == Format::Influx => Place::Timestamp.to_path(),
        None if has_unit => return Err(table.missing("field")),
        None => return Ok(None),
    };
    let is_timestamp =
        paths.format == Format::Influx && Place::of(&field) == Some(Place::Timestamp);
    let unit = if is_timestamp { table.text_or_other("unit")? } else { table.text("unit")? };
    let unit = unit.convert(|text| text.parse::<TimeFormat>())?;
    if is_timestamp && unit.value.is_written_as_text() {
        return Err(unit.error(format!(
            "the timestamp of a line is a whole number, not a time in '{}': write ns, us, ms or s, or name the \
             field that has it",
            unit.value
        )));
    }
    Ok(Some(TimeField { field, unit: unit.value }))
}

fn read_values(
    section: &Section<'_>,
    paths: Paths<'_>,
) -> Result<Vec<(String, Path)>, ConfigError> {
    let found = section.text_table("values")?;
    if found.value.is_empty() {
        return Err(found.error("name at least one metric, such as { temperature = \"temp\" }"));
    }
    let parse = |values: Vec<(String, String)>| {
        values
            .into_iter()
            .map(|(metric, path)| match paths.parse(&path) {
                Ok(path) if is_metric(&metric) => Ok((metric, path)),
                Ok(_) => Err(format!(
                    "{metric:?} is no name for a metric: it is empty, has more than {MAX_METRIC_BYTES} bytes, a '|' or \
                     a control character"
                )),
                Err(error) => Err(format!("{metric}: {error}")),
            })
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(found.convert(parse)?.value)
}

/// The longest name of a metric: it is a part of keys, as the series id is.
pub const MAX_METRIC_BYTES: usize = 255;

fn is_metric(name: &str) -> bool {
    (1..=MAX_METRIC_BYTES).contains(&name.len())
        && !name.contains(|c: char| c == '|' || c.is_control())
}

/// What is written as a text in every line is no number, unless texts may stand for numbers.
fn check_tags(section: &Section<'_>, stream: &Stream) -> Result<(), ConfigError> {
    if stream.format != Format::Influx || stream.text_numbers {
        return Ok(());
    }
    let is_text = |path: &Path| matches!(Place::of(path), Some(Place::Measurement | Place::Tag(_)));
    let advice = "is a text in every line: set text_numbers = true to read it as a number";
    if let Some((metric, path)) = stream.values.iter().find(|(_, path)| is_text(path)) {
        return Err(section.error("values", format!("{metric}: '{}' {advice}", path.name())));
    }
    match &stream.time {
        Some(time) if is_text(&time.field) && !time.unit.is_written_as_text() => {
            Err(section.error("time.field", format!("'{}' {advice}", time.field.name())))
        }
        _ => Ok(()),
    }
}

/// One unit for all metrics, or a table with the unit of each.
fn read_units(
    section: &Section<'_>,
    values: &[(String, Path)],
) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(found) = section.text_or_table("unit")? else { return Ok(BTreeMap::new()) };
    let metrics = || values.iter().map(|(metric, _)| metric.clone());
    let resolve = |written| match written {
        TextOrTable::Text(unit) => Ok(metrics().map(|metric| (metric, unit.clone())).collect()),
        TextOrTable::Table(units) => {
            match units.iter().find(|(name, _)| !metrics().any(|metric| metric == *name)) {
                None => Ok(units.into_iter().collect()),
                Some((name, _)) => {
                    let known = metrics().collect::<Vec<_>>().join(", ");
                    Err(format!("there is no metric '{name}'; there are: {known}"))
                }
            }
        }
    };
    Ok(found.convert(resolve)?.value)
}

fn read_windows(section: &Section<'_>) -> Result<Vec<WindowSpec>, ConfigError> {
    let found = section.texts("windows")?;
    let parse = |texts: Vec<String>| {
        let mut windows: Vec<WindowSpec> = Vec::with_capacity(texts.len());
        for text in texts {
            let window =
                text.parse().map_err(|error: crate::window::InvalidWindow| error.to_string())?;
            if windows.contains(&window) {
                return Err(format!("'{text}' is there twice"));
            }
            windows.push(window);
        }
        if windows.is_empty() {
            Err("name at least one, such as \"10s\"".to_owned())
        } else {
            Ok(windows)
        }
    };
    Ok(found.convert(parse)?.value)
}
