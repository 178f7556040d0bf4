//! `[[stream]]`: how records become readings, and readings windows.

mod csv;
mod keys;
mod metrics;
mod paths;
mod rules;
mod schema;
mod series;
mod time;
mod topics;

use std::collections::BTreeMap;

use super::chart;
use super::error::ConfigError;
use super::section::Section;
use crate::record::{Compression, Format, Framing, Rows, SchemaRegistry, Stream};
use crate::window::WindowSpec;
use crate::zone::Zone;
use csv::read_csv_layout;
use metrics::{check_tags, read_named_value, read_text_numbers, read_units, read_values};
use paths::Paths;
use rules::{read_conditions, read_value_rules};
use schema::{Schemas, read_framing};
use series::{read_series, read_series_rules};
use time::read_time;

pub use metrics::MAX_METRIC_BYTES;

pub(super) use keys::{TABLE, TIME};
pub(super) use topics::read_topics;

impl Format {
    const ALL: [Self; 7] = [
        Self::Json,
        Self::Csv,
        Self::Influx,
        Self::MessagePack,
        Self::Cbor,
        Self::Avro,
        Self::Protobuf,
    ];
    const NAMES: [&str; 7] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Influx => "influx",
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
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

impl Framing {
    const ALL: [Self; 2] = [Self::None, Self::Confluent];
    const NAMES: [&str; 2] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Confluent => "confluent",
        }
    }
}

impl Stream {
    /// Reads a stream; one whose records name their schemas asks `registry` for them.
    pub(in crate::config) fn read(
        section: &Section<'_>,
        registry: Option<&SchemaRegistry>,
    ) -> Result<Self, ConfigError> {
        let name = section.text("name")?.value;
        let format = Format::ALL[section.choice("format")?];
        let csv = read_csv_layout(section, format)?;
        let rows = read_rows(section, format)?;
        let lists = rows.as_ref().map_or(0, |rows| rows.lists().len());
        let framing = read_framing(section, format)?;
        let schemas = Schemas::read(section, format, framing, registry)?;
        let Schemas { schema, message, registry } = &schemas;
        let (schema, message) = (schema.as_ref(), message.as_ref());
        let paths = Paths { format, csv: &csv, lists, schema, message };
        let named_value = read_named_value(section, paths)?;
        let series = read_series(section, paths)?;
        let stream = Self {
            topics: read_topics(section)?.map(|found| found.value).unwrap_or_default(),
            title: section
                .optional_text("title")?
                .map_or_else(|| name.clone(), |found| found.value),
            name,
            units: BTreeMap::new(),
            charts: Vec::new(),
            format,
            compression: Compression::ALL[section.choice("compression")?],
            framing,
            registry: registry.clone(),
            message: message.cloned(),
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
            schema: schema.cloned(),
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

fn read_rows(section: &Section<'_>, format: Format) -> Result<Option<Rows>, ConfigError> {
    if format != Format::Json {
        section.refuse("rows", "has no effect unless format = \"json\": every line is a row")?;
    }
    let found = section.optional_text("rows")?;
    Ok(found.map(|found| found.convert(|text| text.parse::<Rows>())).transpose()?.map(|f| f.value))
}

fn read_windows(section: &Section<'_>) -> Result<Vec<WindowSpec>, ConfigError> {
    let found = section.texts("windows")?;
    let zone = section.optional_text("window_zone")?;
    let zone = zone.map(|zone| zone.convert(|text| Zone::of_name(&text))).transpose()?;
    let parse = |texts: Vec<String>| {
        let mut windows: Vec<WindowSpec> = Vec::with_capacity(texts.len());
        for text in texts {
            let window = WindowSpec::read(&text, zone.as_ref().map(|zone| &zone.value))
                .map_err(|error| error.to_string())?;
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
    let windows = found.convert(parse)?.value;
    match zone.filter(|_| !windows.iter().any(WindowSpec::is_of_days)) {
        Some(zone) => Err(zone.error(
            "has no effect: it is for windows of whole days, such as \"1d\"; shorter ones are the same in all zones, \
             or begin as much later as is said, such as \"1h@30m\"",
        )),
        None => Ok(windows),
    }
}
