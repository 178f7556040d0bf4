//! Where the event time stands, and how it is written.

use super::super::error::ConfigError;
use super::super::section::Section;
use super::keys::TIME;
use super::paths::Paths;
use crate::record::{Format, Path, Place, TimeField, TimeFormat};
use crate::zone::Zone;

pub(super) fn read_time(
    section: &Section<'_>,
    paths: Paths<'_>,
) -> Result<Option<TimeField>, ConfigError> {
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
