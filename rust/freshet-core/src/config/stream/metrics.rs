//! The metrics: names, places and units.

use std::collections::BTreeMap;

use super::super::error::ConfigError;
use super::super::section::{Section, TextOrTable};
use super::paths::Paths;
use crate::record::{Format, NamedValue, Path, Place, Stream};

pub(super) fn read_values(
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

pub(super) fn read_named_value(
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

/// The longest name of a metric: it is a part of keys, as the series id is.
pub const MAX_METRIC_BYTES: usize = 255;

fn is_metric(name: &str) -> bool {
    (1..=MAX_METRIC_BYTES).contains(&name.len())
        && !name.contains(|c: char| c == '|' || c.is_control())
}

/// What is written as a text in every line is no number, unless texts may stand for numbers.
pub(super) fn check_tags(section: &Section<'_>, stream: &Stream) -> Result<(), ConfigError> {
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
pub(super) fn read_units(
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

pub(super) fn read_text_numbers(
    section: &Section<'_>,
    format: Format,
) -> Result<bool, ConfigError> {
    if format == Format::Csv {
        section.refuse("text_numbers", "has no effect: in CSV every number is a text")?;
    }
    section.flag("text_numbers")
}
