//! Which rows are the stream's, and what their values mean.

use serde_json::Value;

use super::super::error::ConfigError;
use super::super::section::Section;
use super::paths::Paths;
use crate::record::{Condition, Cost, Format, MAX_MAGNITUDE, Test, ValueRules};

pub(super) fn read_conditions(
    section: &Section<'_>,
    paths: Paths<'_>,
) -> Result<Vec<Condition>, ConfigError> {
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

pub(super) fn read_value_rules(
    section: &Section<'_>,
    format: Format,
) -> Result<ValueRules, ConfigError> {
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
