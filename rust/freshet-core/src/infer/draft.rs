//! What a sample's table would be as a stream.

use indexmap::IndexSet;

use super::metrics::{Measured, Metric, Writing, as_name, measured, named};
use super::node::Scalar;
use super::series::{Part, parts};
use super::table::{Field, Table};
use super::times::TimeGuess;
use super::vocabulary::{METRIC_NAMES, PERHAPS_METRIC_NAMES, UNIT_NAMES, VALUE_NAMES};

/// More names of metrics are hardly ones.
const MAX_NAMES: usize = 200;

/// A mapping of which nothing is known yet but that it could be one.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(super) struct Draft {
    /// What the format says: comments and settings, line by line.
    pub(super) format: Vec<String>,
    pub(super) rows: Option<String>,
    /// How many rows were looked at, and how many of them have a metric.
    pub(super) all_rows: usize,
    pub(super) metric_rows: usize,
    pub(super) time: Option<TimeGuess>,
    pub(super) series: Vec<Part>,
    /// Where the names and the values are, where a row has one metric by its name.
    pub(super) named: Option<(String, String)>,
    pub(super) metrics: Vec<Metric>,
    /// Numbers that are no metrics, with the reason.
    pub(super) left_out: Vec<(String, String)>,
    pub(super) text_numbers: bool,
    pub(super) booleans: bool,
    pub(super) states: Vec<(String, u8)>,
    pub(super) null_values: IndexSet<String>,
    /// What tells rows with metrics from others.
    pub(super) other_rows: Option<Discriminator>,
    /// Whether it is used.
    pub(super) has_where: bool,
    /// Whether bad values and rows are left out.
    pub(super) skips_bad: bool,
    /// Whether events may be far ahead of now.
    pub(super) is_ahead: bool,
}

/// What the rows with metrics have in common.
#[derive(Debug, Clone)]
pub(super) enum Discriminator {
    /// One of these texts is in the place.
    OneOf(String, Vec<String>),
    /// Something is in the place.
    Exists(String),
}

impl Draft {
    /// The mapping of a table, by the clock of now; `None` without anything that could be a metric.
    pub(super) fn of(
        table: &Table,
        writing: Writing,
        format: Vec<String>,
        rows: Option<String>,
        now_us: i64,
    ) -> Option<Self> {
        let time = TimeGuess::of(table, now_us);
        let is_time = |place: &str| time.as_ref().is_some_and(|time| time.has(place));
        let (found, left_out) = measured(table, writing, is_time);
        let with_metric = rows_with(table, &found);
        let by_name = Naming::of(table, &found, &with_metric);
        let is_metric = |place: &str| found.iter().any(|one| one.field.place == place);
        let is_name = |place: &str| by_name.as_ref().is_some_and(|by| by.name.place == place);
        let clashes = |parts: &[Vec<&str>]| match (&time, &by_name) {
            (Some(time), None) => clashes(table, time, &found, &with_metric, parts),
            _ => 0,
        };
        let is_other = |place: &str| is_metric(place) || is_time(place) || is_name(place);
        let series = parts(table, &with_metric, clashes, is_other);
        let is_text_time = time.as_ref().is_some_and(|time| time.is_number_in_text);
        let any = |test: fn(&Measured<'_>) -> bool| found.iter().any(test);
        let states: IndexSet<(String, u8)> =
            found.iter().flat_map(|one| one.values.states.clone()).collect();
        let draft = Self {
            format,
            rows,
            all_rows: table.rows,
            metric_rows: with_metric.len(),
            text_numbers: !writing.is_text && (any(|one| one.values.has_texts) || is_text_time),
            booleans: any(|one| one.values.has_bools),
            states: states.into_iter().collect(),
            null_values: found.iter().flat_map(|one| one.values.nulls.clone()).collect(),
            other_rows: discriminator(table, &with_metric, &found, |place| {
                is_time(place) || series.iter().any(|part| part.place == place)
            }),
            metrics: match &by_name {
                Some(naming) => naming.metrics(),
                None => named(&found, table.rows),
            },
            named: by_name.map(|by| (by.name.place.clone(), by.value.place.clone())),
            left_out: left_out
                .into_iter()
                .filter(|(field, _)| !series.iter().any(|part| part.place == field.place))
                .map(|(field, reason)| (field.place.clone(), reason))
                .collect(),
            time,
            series,
            has_where: false,
            skips_bad: false,
            is_ahead: false,
        };
        (!draft.metrics.is_empty()).then_some(draft)
    }
}

/// The rows that have something in the place of a metric.
fn rows_with(table: &Table, found: &[Measured<'_>]) -> Vec<usize> {
    let has = |row: &usize| found.iter().any(|one| one.field.value(*row).is_some());
    (0..table.rows).filter(has).collect()
}

/// How many readings have the series, the time and the metric of another one.
fn clashes(
    table: &Table,
    time: &TimeGuess,
    found: &[Measured<'_>],
    rows: &[usize],
    parts: &[Vec<&str>],
) -> usize {
    let fields = || table.fields.iter();
    let places = || time.date.iter().chain(&time.places);
    let of_time: Vec<&Field> =
        places().filter_map(|place| fields().find(|field| field.place == *place)).collect();
    let when = |row: usize| {
        let written = of_time.iter().map(|field| field.value(row).map_or("", Scalar::written));
        written.collect::<Vec<_>>()
    };
    let of_metric = |one: &Measured<'_>| {
        let there: Vec<(usize, usize)> = rows
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, row)| one.field.value(*row).is_some())
            .collect();
        let key = |(at, row): &(usize, usize)| {
            (parts.iter().map(|texts| texts[*at]).collect::<Vec<_>>(), when(*row))
        };
        there.len() - there.iter().map(key).collect::<IndexSet<_>>().len()
    };
    found.iter().map(of_metric).sum()
}

/// Rows that have one metric by its name.
struct Naming<'a> {
    name: &'a Field,
    value: &'a Field,
    unit: Option<&'a Field>,
    rows: Vec<usize>,
}

impl<'a> Naming<'a> {
    fn of(table: &'a Table, found: &[Measured<'a>], rows: &[usize]) -> Option<Self> {
        let [value] = found else { return None };
        let value = value.field;
        let is_value = VALUE_NAMES.contains(&value.name().to_lowercase().as_str());
        let names =
            |list: &[&str], field: &Field| list.contains(&field.name().to_lowercase().as_str());
        let others = table.fields.iter().filter(|field| field.place != value.place);
        let is_identified = others.clone().any(super::series::is_identifying);
        let is_name = |field: &&Field| {
            let distinct = field.distinct().len();
            let is_text = |(_, value): (usize, &Scalar)| matches!(value, Scalar::Text(text) if text.len() <= 200);
            let is_named =
                names(METRIC_NAMES, field) || names(PERHAPS_METRIC_NAMES, field) && is_identified;
            is_named
                && field.keys.len() <= 2
                && (1..=MAX_NAMES).contains(&distinct)
                && field.values().all(is_text)
                && rows.iter().all(|row| field.value(*row).is_some())
        };
        let mut candidates: Vec<&Field> = others.clone().filter(is_name).collect();
        candidates.sort_by_key(|field| (field.up, field.keys.len()));
        let name = is_value.then(|| candidates.first().copied()).flatten()?;
        let is_unit = |field: &&Field| names(UNIT_NAMES, field) && field.up == name.up;
        Some(Self { name, value, unit: others.clone().find(is_unit), rows: rows.to_owned() })
    }

    fn metrics(&self) -> Vec<Metric> {
        let written =
            |field: &Field, row: usize| field.value(row).map(|value| value.written().to_owned());
        let of_row = |row: &usize| written(self.name, *row);
        let names: IndexSet<String> = self.rows.iter().filter_map(of_row).collect();
        let metric = |name: &String| {
            let rows = || self.rows.iter().filter(|row| of_row(row).as_ref() == Some(name));
            let units: IndexSet<String> =
                rows().filter_map(|row| written(self.unit?, *row)).collect();
            Metric {
                name: as_name(name),
                place: name.clone(),
                unit: units.into_iter().next().filter(|unit| !unit.is_empty()),
                about: format!("in {} of {} rows", rows().count(), self.rows.len()),
            }
        };
        names.iter().map(metric).collect()
    }
}

/// What tells the rows with metrics from those without.
fn discriminator(
    table: &Table,
    rows: &[usize],
    found: &[Measured<'_>],
    is_other: impl Fn(&str) -> bool,
) -> Option<Discriminator> {
    if rows.is_empty() || rows.len() == table.rows {
        return None;
    }
    let has_metric = |row: usize| rows.binary_search(&row).is_ok();
    let texts = |field: &Field, with: bool| -> IndexSet<String> {
        let of = |(row, value): (usize, &Scalar)| {
            (has_metric(row) == with).then(|| value.written().to_owned())
        };
        field.values().filter_map(of).collect()
    };
    let tells_apart = |field: &&Field| {
        let is_plain = |(_, value): (usize, &Scalar)| {
            matches!(value, Scalar::Text(_)) && value.number().is_none()
        };
        let (with, without) = (texts(field, true), texts(field, false));
        rows.iter().all(|row| field.value(*row).is_some())
            && field.values().all(is_plain)
            && with.len() <= 8
            && !without.is_empty()
            && with.is_disjoint(&without)
    };
    let in_row = || {
        let of_row =
            |field: &&Field| field.up == 0 && !(field.is_indexed() && field.keys.len() > 1);
        table.fields.iter().filter(of_row).filter(|field| !is_other(&field.place))
    };
    if let Some(field) = in_row().find(tells_apart) {
        let texts = texts(field, true).into_iter().collect();
        return Some(Discriminator::OneOf(field.place.clone(), texts));
    }
    let always_there = |one: &&Measured<'_>| rows.iter().all(|row| one.field.value(*row).is_some());
    let field = found.iter().find(always_there)?.field;
    Some(Discriminator::Exists(field.place.clone()))
}
