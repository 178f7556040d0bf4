//! `[[stream.chart]]`: what the page draws on one axis.

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::{Located, Section};
use crate::pattern;
use crate::record::{Chart, Path};

/// `[[stream.chart]]`.
pub(super) const TABLE: Table = Table {
    path: "stream.chart",
    is_repeated: true,
    is_list: true,
    meaning: "what the page draws in one chart; what is in none gets a chart for each metric",
    keys: &[
        Key {
            name: "title",
            presence: Presence::Optional("the metrics"),
            meaning: "what the page calls it",
            example: r#""Network""#,
            ..Key::NEW
        },
        Key {
            name: "metrics",
            kind: Kind::Texts,
            meaning: "the metrics; `*` stands for any characters",
            example: r#"["temp*"]"#,
            ..Key::NEW
        },
        Key {
            name: "series",
            kind: Kind::Texts,
            presence: Presence::Optional("all"),
            meaning: "the series; `*` stands for any characters",
            example: r#"["*/network"]"#,
            ..Key::NEW
        },
        Key {
            name: "unit",
            presence: Presence::Optional("that of the metrics"),
            meaning: "the unit of its axis",
            example: r#""bytes/s""#,
            ..Key::NEW
        },
    ],
};

/// Reads the charts of a stream.
pub(super) fn read_all(
    stream: &Section<'_>,
    values: &[(String, Path)],
) -> Result<Vec<Chart>, ConfigError> {
    stream.tables(&TABLE)?.iter().map(|section| read(section, values)).collect()
}

fn read(section: &Section<'_>, values: &[(String, Path)]) -> Result<Chart, ConfigError> {
    let metrics = metrics(section.texts("metrics")?, values)?;
    let title = section.optional_text("title")?;
    let chart = Chart {
        title: title.map_or_else(|| metrics.join(", "), |found| found.value),
        metrics,
        series: match section.optional_texts("series")? {
            Some(found) => not_empty(found)?.value,
            None => Vec::new(),
        },
        unit: section.optional_text("unit")?.map(|found| found.value),
    };
    section.finish()?;
    Ok(chart)
}

/// Patterns of metrics of which each means one that the stream has.
pub(super) fn metrics(
    found: Located<Vec<String>>,
    values: &[(String, Path)],
) -> Result<Vec<String>, ConfigError> {
    let found = not_empty(found)?;
    let names: Vec<&str> = values.iter().map(|(metric, _)| metric.as_str()).collect();
    match pattern::idle(&found.value, &names) {
        Some(idle) => {
            let known = names.join(", ");
            Err(found.error(format!("there is no metric '{idle}'; there are: {known}")))
        }
        None => Ok(found.value),
    }
}

/// A list that names something, and nothing that is empty.
fn not_empty(found: Located<Vec<String>>) -> Result<Located<Vec<String>>, ConfigError> {
    if found.value.is_empty() || found.value.iter().any(String::is_empty) {
        return Err(found.error("has nothing in it; write what it means, or leave it out"));
    }
    Ok(found)
}
