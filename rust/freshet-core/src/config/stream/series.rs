//! What names the series of rows.

use super::super::error::ConfigError;
use super::super::section::Section;
use super::paths::Paths;
use crate::record::{Format, SeriesPart, SeriesRules};

pub(super) fn read_series(
    section: &Section<'_>,
    paths: Paths<'_>,
) -> Result<Vec<SeriesPart>, ConfigError> {
    let Some(found) = section.optional_texts("series")? else {
        return Ok(Vec::new());
    };
    let parse = |texts: Vec<String>| {
        texts.iter().map(|text| parse_part(text, paths)).collect::<Result<_, _>>()
    };
    Ok(found.convert(parse)?.value)
}

fn parse_part(text: &str, paths: Paths<'_>) -> Result<SeriesPart, String> {
    match SeriesPart::beside_value(text) {
        Some(SeriesPart::Header(name)) if name.is_empty() => {
            Err(format!("'{text}' names no header: write such as {}site", SeriesPart::HEADER))
        }
        Some(part) => Ok(part),
        None => paths.parse(without_escape(text, paths.format)).map(SeriesPart::Field),
    }
}

/// The name of a column, which has no escapes of its own, is one that is called like something beside the value.
fn without_escape(text: &str, format: Format) -> &str {
    let column = text.strip_prefix('\\').filter(|_| format == Format::Csv);
    column.filter(|column| SeriesPart::beside_value(column).is_some()).unwrap_or(text)
}

pub(super) fn read_series_rules(
    section: &Section<'_>,
    paths: Paths<'_>,
    series: &[SeriesPart],
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
    series: &[SeriesPart],
) -> Result<Vec<Option<String>>, ConfigError> {
    let Some(found) = section.optional_text_table("series_defaults")? else {
        return Ok(Vec::new());
    };
    let parse = |written: Vec<(String, String)>| {
        let mut defaults = vec![None; series.len()];
        for (place, default) in written {
            let wanted = parse_part(&place, paths)?;
            let part = series.iter().position(|part| *part == wanted);
            let part = part.ok_or_else(|| format!("'{place}' is no part of the series"))?;
            defaults[part] = Some(default);
        }
        Ok::<_, String>(defaults)
    };
    Ok(found.convert(parse)?.value)
}
