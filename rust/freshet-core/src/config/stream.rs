//! `[[stream]]`: how records become readings, and readings windows.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::time::Duration;

use serde_json::Value;

use super::chart;
use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::{Section, TextOrTable};
use crate::record::{
    AvroSchema, Compression, Condition, Cost, CsvLayout, Format, InvalidPath, MAX_MAGNITUDE,
    NamedValue, Path, Place, Rows, SeriesRules, Stream, Test, TimeField, TimeFormat, ValueRules,
    Zone,
};
use crate::window::WindowSpec;

/// Spark keeps a lateness, and instants that far from now, in microseconds of 64 bits. Nobody waits for a hundred
/// years.
const LONGEST_WAIT: Duration = Duration::from_hours(36_500 * 24);

/// `[[stream]]`.
pub(super) const TABLE: Table = Table {
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
            meaning: "paths whose values, joined with `/`, name the series",
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
        let rows = read_rows(section, format)?;
        let lists = rows.as_ref().map_or(0, |rows| rows.lists().len());
        let schema = read_schema(section, format)?;
        let paths = Paths { format, csv: &csv, lists, schema: schema.as_ref() };
        let named_value = read_named_value(section, paths)?;
        let series = read_series(section, paths)?;
        let stream = Self {
            title: section
                .optional_text("title")?
                .map_or_else(|| name.clone(), |found| found.value),
            name,
            units: BTreeMap::new(),
            charts: Vec::new(),
            format,
            compression: Compression::ALL[section.choice("compression")?],
            series_rules: read_series_rules(section, paths, &series)?,
            series,
            time: read_time(section, paths)?,
            values: read_values(section, paths, named_value.is_some())?,
            rows,
            named_value,
            conditions: read_conditions(section, paths)?,
            value_rules: read_value_rules(section, format)?,
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
        let stream = Self {
            units: read_units(section, &stream.values)?,
            charts: chart::read_all(section, &stream.values)?,
            ..stream
        };
        section.finish()?;
        Ok(stream)
    }
}

/// Reads paths, and refuses what the records cannot have.
#[derive(Clone, Copy)]
struct Paths<'a> {
    format: Format,
    csv: &'a CsvLayout,
    /// How many lists the rows are in.
    lists: usize,
    schema: Option<&'a AvroSchema>,
}

impl Paths<'_> {
    fn parse(self, text: &str) -> Result<Path, String> {
        match self.format {
            Format::Json => self.parse_json(text),
            Format::MessagePack | Format::Cbor => {
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

    fn parse_json(self, text: &str) -> Result<Path, String> {
        let path: Path = text.parse().map_err(|error: InvalidPath| error.to_string())?;
        let lists = self.lists;
        if path.lists_up() > lists {
            let are = if lists == 1 { "list" } else { "lists" };
            return Err(format!(
                "'{text}' steps out of {} lists, and the rows are in {lists} {are}: see 'rows'; a key that is called \
                 '^' is written '\\^'",
                path.lists_up()
            ));
        }
        Ok(path)
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
        for key in [
            "columns",
            "header",
            "delimiter",
            "quote",
            "comment",
            "skip_lines",
            "trim",
            "decimal_comma",
        ] {
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
    let delimiter = section.text("delimiter")?.convert(|text| one_delimiter(&text))?.value;
    let quote = section.text("quote")?;
    let comment = section.optional_text("comment")?;
    if quote.value.starts_with(delimiter) {
        return Err(quote.error("is the delimiter; take another sign for one of them"));
    }
    Ok(CsvLayout {
        columns: columns.map(|found| found.value).unwrap_or_default(),
        header,
        delimiter,
        quote: quote.convert(|text| one_mark(&text))?.value,
        comment: comment
            .map(|found| found.convert(|text| one_mark(&text)))
            .transpose()?
            .map(|c| c.value),
        skip_lines: section.integer("skip_lines")?,
        trim: section.flag("trim")?,
    })
}

fn one_mark(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(mark), None) if mark.is_ascii_punctuation() => Ok(mark),
        _ => Err("is not one punctuation mark".to_owned()),
    }
}

fn read_rows(section: &Section<'_>, format: Format) -> Result<Option<Rows>, ConfigError> {
    if format != Format::Json {
        section.refuse("rows", "has no effect unless format = \"json\": every line is a row")?;
    }
    let found = section.optional_text("rows")?;
    Ok(found.map(|found| found.convert(|text| text.parse::<Rows>())).transpose()?.map(|f| f.value))
}

fn read_named_value(
    section: &Section<'_>,
    paths: Paths<'_>,
) -> Result<Option<NamedValue>, ConfigError> {
    let read = |key| -> Result<Option<Path>, ConfigError> {
        let found = section.optional_text(key)?;
        Ok(found
            .map(|found| found.convert(|text| paths.parse(&text)))
            .transpose()?
            .map(|f| f.value))
    };
    match (read("names")?, read("value")?) {
        (None, None) => Ok(None),
        (Some(name), Some(value)) => Ok(Some(NamedValue { name, value })),
        (Some(_), None) => {
            Err(section.error("value", "is missing: where is the number beside a name"))
        }
        (None, Some(_)) => {
            Err(section.error("names", "is missing: where is the name beside a value"))
        }
    }
}

fn read_conditions(section: &Section<'_>, paths: Paths<'_>) -> Result<Vec<Condition>, ConfigError> {
    let Some(found) = section.optional_value_table("where")? else { return Ok(Vec::new()) };
    let parse = |conditions: Vec<(String, Value)>| {
        let condition = |(place, test): (String, Value)| {
            let error = |error| format!("{place}: {error}");
            let test = read_test(&test).map_err(error)?;
            Ok(Condition { place: paths.parse(&place).map_err(error)?, test })
        };
        conditions.into_iter().map(condition).collect::<Result<Vec<_>, String>>()
    };
    Ok(found.convert(parse)?.value)
}

fn read_test(written: &Value) -> Result<Test, String> {
    let one_of = |items: &[Value]| {
        let texts: Option<Vec<String>> =
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        texts.filter(|texts| !texts.is_empty()).map(Test::OneOf)
    };
    let by_table = |name: &str, value: &Value| match (name, value) {
        ("prefix", Value::String(prefix)) => Some(Test::Prefix(prefix.clone())),
        ("exists", Value::Bool(exists)) => Some(Test::Exists(*exists)),
        _ => None,
    };
    let read = match written {
        Value::String(text) => Some(Test::OneOf(vec![text.clone()])),
        Value::Array(items) => one_of(items),
        Value::Object(table) if table.len() == 1 => {
            table.iter().next().and_then(|(name, value)| by_table(name, value))
        }
        _ => None,
    };
    read.ok_or_else(|| {
        "write a text, a list of texts, { prefix = \"…\" } or { exists = true }; a number or truth is compared as a \
         text: \"7\", \"true\""
            .to_owned()
    })
}

fn read_value_rules(section: &Section<'_>, format: Format) -> Result<ValueRules, ConfigError> {
    let states = section.optional_value_table("states")?;
    let number = |(state, number): (String, Value)| match number.as_f64() {
        Some(number) if number.abs() <= MAX_MAGNITUDE => Ok((state, number)),
        _ => Err(format!("{state}: write a number up to 1e150")),
    };
    let parse =
        |states: Vec<(String, Value)>| states.into_iter().map(number).collect::<Result<_, _>>();
    let states = states.map(|found| found.convert(parse)).transpose()?;
    let null_values = section.optional_texts("null_values")?;
    Ok(ValueRules {
        null_values: null_values.map(|found| found.value).unwrap_or_default(),
        booleans: section.flag("booleans")?,
        states: states.map(|found| found.value).unwrap_or_default(),
        decimal_comma: format == Format::Csv && section.flag("decimal_comma")?,
        bad_value_costs: [Cost::Record, Cost::Itself][section.choice("on_bad_value")?],
        bad_row_costs: [Cost::Record, Cost::Itself][section.choice("on_bad_row")?],
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

fn read_series_rules(
    section: &Section<'_>,
    paths: Paths<'_>,
    series: &[Path],
) -> Result<SeriesRules, ConfigError> {
    let names = section.optional_text_table("series_names")?;
    let rules = SeriesRules {
        defaults: read_series_defaults(section, paths, series)?,
        names: names.map(|found| found.value).unwrap_or_default(),
        lower_case: section.flag("series_lower_case")?,
    };
    if series.is_empty() && rules != SeriesRules::default() {
        let message = "has no effect on the Kafka key: name the parts of the series by 'series'";
        let key = if rules.lower_case { "series_lower_case" } else { "series_names" };
        return Err(section.error(key, message));
    }
    Ok(rules)
}

fn read_series_defaults(
    section: &Section<'_>,
    paths: Paths<'_>,
    series: &[Path],
) -> Result<Vec<Option<String>>, ConfigError> {
    let Some(found) = section.optional_text_table("series_defaults")? else {
        return Ok(Vec::new());
    };
    let parse = |written: Vec<(String, String)>| {
        let mut defaults = vec![None; series.len()];
        for (place, default) in written {
            let path = paths.parse(&place)?;
            let part = series.iter().position(|part| *part == path);
            let part = part.ok_or_else(|| format!("'{place}' is no part of the series"))?;
            defaults[part] = Some(default);
        }
        Ok::<_, String>(defaults)
    };
    Ok(found.convert(parse)?.value)
}

fn read_time(section: &Section<'_>, paths: Paths<'_>) -> Result<Option<TimeField>, ConfigError> {
    let table = section.table(&TIME)?;
    let field = table.optional_texts("field")?;
    let date = table.optional_text("date")?;
    let zone = table.optional_text("zone")?;
    let has_unit = table.is_given("unit")?;
    table.finish()?;
    let parse = |texts: Vec<String>| {
        let places: Vec<Path> =
            texts.iter().map(|text| paths.parse(text)).collect::<Result<_, String>>()?;
        if places.is_empty() { Err("name at least one path".to_owned()) } else { Ok(places) }
    };
    let mut places = match field {
        Some(field) => field.convert(parse)?.value,
        // A line has a place of its own for its time.
        None if paths.format == Format::Influx => vec![Place::Timestamp.to_path()],
        None if has_unit || zone.is_some() || date.is_some() => return Err(table.missing("field")),
        None => return Ok(None),
    };
    let field = places.remove(0);
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
    if let Some(zone) = zone.as_ref().filter(|_| !unit.value.may_have_zone()) {
        let unit = unit.value;
        return Err(
            zone.error(format!("has no effect: a time in '{unit}' says by itself when it was"))
        );
    }
    let date = match date {
        Some(date) if !matches!(unit.value, TimeFormat::Pattern(_)) => {
            return Err(date.error(
                "needs a pattern as 'unit', of the date and the time with a space between them, such as \
                 '%Y-%m-%d %H:%M:%S'",
            ));
        }
        Some(date) => Some(date.convert(|text| paths.parse(&text))?.value),
        None => None,
    };
    let zone = zone.map(|zone| zone.convert(|text| text.parse::<Zone>())).transpose()?;
    Ok(Some(TimeField {
        field,
        alternatives: places,
        date,
        unit: unit.value,
        zone: zone.map(|zone| zone.value),
    }))
}

fn read_values(
    section: &Section<'_>,
    paths: Paths<'_>,
    are_named: bool,
) -> Result<Vec<(String, Path)>, ConfigError> {
    let found = section.text_table("values")?;
    if found.value.is_empty() {
        return Err(found.error("name at least one metric, such as { temperature = \"temp\" }"));
    }
    // Names that the records have are no paths.
    let place = |text: &str| {
        if are_named {
            Path::of_name(text).ok_or_else(|| "the name of a metric is empty".to_owned())
        } else {
            paths.parse(text)
        }
    };
    let parse = |values: Vec<(String, String)>| {
        values
            .into_iter()
            .map(|(metric, path)| match place(&path) {
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
    if stream.format != Format::Influx || stream.text_numbers || stream.named_value.is_some() {
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
