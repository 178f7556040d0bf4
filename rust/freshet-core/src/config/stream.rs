//! `[[stream]]`: how records become readings, and readings windows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::section::{Section, TextOrTable};
use crate::record::{Path, TimeFormat};
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
    /// Where the parts of the series id stand in a record; empty takes the Kafka key.
    pub series: Vec<Path>,
    /// Where the event time stands; `None` takes Kafka's own timestamp.
    pub time: Option<TimeField>,
    /// The metrics: name and place in a record, in the order of the file.
    pub values: Vec<(String, Path)>,
    /// Whether a text that is a number, such as `"21.5"`, counts as one.
    #[serde(default)]
    pub text_numbers: bool,
    /// The kinds of windows, each once.
    pub windows: Vec<WindowSpec>,
    /// How long a window waits for stragglers: Spark's watermark delay.
    #[serde(with = "milliseconds")]
    pub lateness: Duration,
    /// Event time further ahead than this of Kafka's timestamp is rejected.
    #[serde(with = "milliseconds")]
    pub max_future: Duration,
    /// Raise it to let a corrected replay overwrite stored windows.
    pub generation: u32,
}

/// What records are written in. A new format is one variant here and its parser in `record`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object per record.
    Json,
}

impl Format {
    const ALL: [Self; 1] = [Self::Json];

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
        }
    }
}

/// Where the event time stands and how it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeField {
    /// Place in a record.
    pub field: Path,
    /// How it is written.
    pub unit: TimeUnit,
}

/// How a time is written.
pub type TimeUnit = TimeFormat;

/// Two generations must not overlap in the write timestamp: see [`crate::wire::WindowMessage::write_timestamp_micros`].
const HIGHEST_GENERATION: i64 = 1_000_000;

impl Stream {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let name = read_name(section)?;
        let stream = Self {
            title: section.text("title")?.map_or_else(|| name.clone(), |found| found.value),
            name,
            units: BTreeMap::new(),
            format: section.choice("format", &Format::ALL, Format::name)?.unwrap_or(Format::Json),
            series: read_series(section)?,
            time: read_time(section)?,
            values: read_values(section)?,
            text_numbers: section.flag("text_numbers")?.unwrap_or(false),
            windows: read_windows(section)?,
            lateness: section
                .duration("lateness")?
                .map_or(Duration::from_secs(10), |found| found.value),
            max_future: section
                .duration("max_future")?
                .map_or(Duration::from_mins(5), |found| found.value),
            generation: section.integer_within("generation", (0, HIGHEST_GENERATION))?.unwrap_or(0),
        };
        let stream = Self { units: read_units(section, &stream.values)?, ..stream };
        section.finish()?;
        Ok(stream)
    }
}

/// A stream's name becomes part of topic names, file names and keys that join their parts with `|`.
fn read_name(section: &Section<'_>) -> Result<String, ConfigError> {
    let name = section.required_text("name")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts_well = name.value.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.value.len() <= 100 && name.value.chars().all(legal) {
        Ok(name.value)
    } else {
        Err(name.error("a stream's name is a letter or digit followed by up to 99 letters, digits, '.', '_' or '-'"))
    }
}

fn read_series(section: &Section<'_>) -> Result<Vec<Path>, ConfigError> {
    let Some(found) = section.texts("series")? else {
        return Ok(Vec::new());
    };
    let parse =
        |texts: Vec<String>| texts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    Ok(found.convert(parse)?.value)
}

fn read_time(section: &Section<'_>) -> Result<Option<TimeField>, ConfigError> {
    let table = section.table("time")?;
    let (field, unit) = (table.text("field")?, table.text("unit")?);
    table.finish()?;
    match (field, unit) {
        (None, None) => Ok(None),
        (Some(field), unit) => {
            let unit = unit.map(|unit| unit.convert(|text| text.parse())).transpose()?;
            Ok(Some(TimeField {
                field: field.convert(|text| text.parse())?.value,
                unit: unit.map_or(TimeFormat::Milliseconds, |unit| unit.value),
            }))
        }
        (None, Some(_)) => Err(table.missing("field")),
    }
}

fn read_values(section: &Section<'_>) -> Result<Vec<(String, Path)>, ConfigError> {
    let found = section.text_table("values")?.ok_or_else(|| section.missing("values"))?;
    if found.value.is_empty() {
        return Err(found.error("name at least one metric, such as { temperature = \"temp\" }"));
    }
    let parse = |values: Vec<(String, String)>| {
        values
            .into_iter()
            .map(|(metric, path)| match path.parse() {
                Ok(path) if !metric.is_empty() && !metric.contains('|') => Ok((metric, path)),
                Ok(_) => {
                    Err(format!("'{metric}' is no name for a metric: it is empty or has a '|'"))
                }
                Err(error) => Err(format!("{metric}: {error}")),
            })
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(found.convert(parse)?.value)
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
    let found = section.texts("windows")?.ok_or_else(|| section.missing("windows"))?;
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
