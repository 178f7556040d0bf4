//! Where the event time is, and how it is written: by names, and by what would be a time of these years.

use super::node::Scalar;
use super::table::{Field, Table};
use super::vocabulary::{EVENTS, OTHER_TIMES, TIMES};
use crate::record::{TimeFormat, YEAR_2000_US};

/// Where the event time is.
#[derive(Debug, Clone)]
pub(super) struct TimeGuess {
    /// The places that may have it: the first that is there counts.
    pub(super) places: Vec<String>,
    pub(super) date: Option<String>,
    pub(super) unit: String,
    /// Whether it is local, so that a zone would say when it was.
    pub(super) may_have_zone: bool,
    /// Whether day and month may have been mistaken for one another.
    pub(super) is_ambiguous: bool,
    /// Whether it is a number in a text.
    pub(super) is_number_in_text: bool,
    /// Other places that have times.
    pub(super) others: Vec<String>,
    /// How many rows have one.
    pub(super) rows: usize,
}

/// A place with times.
struct Candidate<'a> {
    field: &'a Field,
    unit: String,
    score: i32,
}

/// What may be ahead of now: forecasts.
const AHEAD_US: i64 = 400 * 86_400 * 1_000_000;

/// How times are written that are no numbers since the epoch. The first one that reads all of them is taken.
const PATTERNS: [&str; 32] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d%H%M",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d/%m/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M:%S%.f",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M:%S%.f",
    "%d-%m-%Y %H:%M",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %e %H:%M:%S %z %Y",
    "%a %b %e %H:%M:%S %Y",
    "%b %e %H:%M:%S",
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
];

/// Days and times of day in places of their own.
const DATES: [&str; 8] =
    ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%y", "%Y%m%d", "%d-%m-%Y"];
const TIMES_OF_DAY: [&str; 5] = ["%H:%M:%S%.f", "%H:%M", "%H%M%S", "%I:%M:%S %p", "%I:%M %p"];

impl TimeGuess {
    /// Where the time is of the rows that have a metric, by the clock of now.
    pub(super) fn of(table: &Table, now_us: i64) -> Option<Self> {
        let mut candidates: Vec<Candidate<'_>> =
            table.fields.iter().filter_map(|field| Candidate::of(field, now_us)).collect();
        // What stands in the row itself goes before what stands above it.
        candidates.sort_by_key(|found| (found.field.up > 0, -found.score));
        let is_good = |found: &Candidate<'_>| found.score >= 0;
        let is_in_row = |found: &Candidate<'_>| is_good(found) && found.field.up == 0;
        let has_row = candidates.iter().any(is_in_row);
        let is_best = |at: &usize| {
            let found = &candidates[*at];
            if has_row { is_in_row(found) } else { is_good(found) }
        };
        let good: Vec<usize> = (0..candidates.len()).filter(is_best).collect();
        // With its alternatives, of two for as many rows the better name.
        let guess = |at: usize| Self::with_alternatives(table, &candidates, at);
        let Some(best) = good.into_iter().rev().map(guess).max_by_key(|guess| guess.rows) else {
            // When something was created is better than nothing.
            let second_best = || (!candidates.is_empty()).then(|| guess(0));
            return date_and_time(table).or_else(second_best);
        };
        // A day alone says little where a time of day stands beside it.
        if is_day(&best.unit)
            && let Some(both) = date_and_time(table)
        {
            return Some(both);
        }
        Some(best)
    }

    /// The time of that candidate, and of others where it is missing.
    fn with_alternatives(table: &Table, candidates: &[Candidate<'_>], at: usize) -> Self {
        let best = &candidates[at];
        let others = || candidates.iter().filter(|other| other.field.place != best.field.place);
        let mut places = vec![best.field.place.clone()];
        let mut has_time: Vec<bool> =
            (0..table.rows).map(|row| best.field.value(row).is_some()).collect();
        for other in others().filter(|other| other.unit == best.unit && other.score >= 0) {
            let is_needed = |row: usize| !has_time[row] && other.field.value(row).is_some();
            if (0..table.rows).any(is_needed) {
                places.push(other.field.place.clone());
                for (row, has) in has_time.iter_mut().enumerate() {
                    *has |= other.field.value(row).is_some();
                }
            }
        }
        let is_taken = |field: &&Candidate<'_>| !places.contains(&field.field.place);
        let others = others().filter(is_taken).map(|other| other.field.place.clone());
        let is_text = |(_, value): (usize, &Scalar)| matches!(value, Scalar::Text(_));
        let is_unit = !best.unit.contains('%') && best.unit != "rfc3339";
        Self {
            others: others.collect(),
            date: None,
            may_have_zone: best.unit.contains('%') && !best.unit.contains("%z"),
            is_ambiguous: is_ambiguous(best.field, &best.unit),
            is_number_in_text: is_unit && best.field.values().any(is_text),
            unit: best.unit.clone(),
            rows: has_time.into_iter().filter(|has| *has).count(),
            places,
        }
    }

    /// Whether a place is one of the time's, or has other times.
    pub(super) fn has(&self, place: &str) -> bool {
        let is_place = |other: &String| other == place;
        self.places.iter().chain(&self.date).chain(&self.others).any(is_place)
    }
}

impl<'a> Candidate<'a> {
    fn of(field: &'a Field, now_us: i64) -> Option<Self> {
        let score = score(field);
        let unit = unit_of(field, now_us)?;
        // Numbers of ten digits may count something, and short ones with the digits of a day anything.
        let needs_name = unit == "s" || unit.contains('%') && is_numeric(field);
        let is_named = score != 0 || field.is_indexed();
        (is_named || !needs_name).then_some(Self { field, unit, score })
    }
}

/// Whether a pattern has no time of day.
fn is_day(unit: &str) -> bool {
    unit.contains('%') && !unit.contains("%H") && !unit.contains("%I")
}

fn is_numeric(field: &Field) -> bool {
    field.values().all(|(_, value)| value.number().is_some())
}

/// How good a name is for a time: below 0, another time than the readings'.
fn score(field: &Field) -> i32 {
    let words = field.words();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let begins_with_time = words.first().is_some_and(|word| word.starts_with("time"));
    let named = if has(TIMES) || begins_with_time {
        3
    } else if has(EVENTS) {
        2
    } else {
        0
    };
    if has(OTHER_TIMES) { named - 4 } else { named }
}

/// How the times of a place are written, if they are times.
fn unit_of(field: &Field, now_us: i64) -> Option<String> {
    let values: Vec<&str> = field.values().map(|(_, value)| value.written()).collect();
    if values.is_empty() || field.values().any(|(_, value)| matches!(value, Scalar::Bool(_))) {
        return None;
    }
    let is_plausible = |time_us: i64| (YEAR_2000_US..=now_us + AHEAD_US).contains(&time_us);
    let reads_all = |unit: &TimeFormat| {
        let read = |text: &&str| unit.read(text).is_some_and(is_plausible);
        values.iter().all(read)
    };
    if is_numeric(field)
        && let Some(unit) = TimeFormat::UNITS.iter().find(|unit| reads_all(unit))
    {
        return Some(unit.to_string());
    }
    if reads_all(&TimeFormat::Rfc3339) {
        return Some(TimeFormat::Rfc3339.to_string());
    }
    let reads_by = |pattern: &&&str| {
        let Ok(unit) = pattern.parse::<TimeFormat>() else { return false };
        if !unit.has_no_year() {
            return reads_all(&unit);
        }
        let reads = |text: &&str| unit.read_local(text, Some(now_us), None).is_some();
        values.iter().all(reads)
    };
    PATTERNS.iter().find(reads_by).map(|pattern| (*pattern).to_owned())
}

/// Whether the day may be the month.
fn is_ambiguous(field: &Field, unit: &str) -> bool {
    let swapped = match unit.get(..5) {
        Some("%d/%m") => unit.replacen("%d/%m", "%m/%d", 1),
        _ => return false,
    };
    let Ok(other) = swapped.parse::<TimeFormat>() else { return false };
    field.values().all(|(_, value)| other.read(value.written()).is_some())
}

/// A day and a time of day that stand in two places.
fn date_and_time(table: &Table) -> Option<TimeGuess> {
    let in_rows = || table.fields.iter().filter(|field| field.up == 0 && field.count() > 0);
    let looks_like_time = |field: &&Field| {
        let has_colon = |(_, value): (usize, &Scalar)| value.written().contains(':');
        field.values().all(has_colon) || score(field) > 0
    };
    for time in in_rows().filter(looks_like_time) {
        for date in in_rows().filter(|date| date.place != time.place) {
            if let Some(unit) = unit_of_both(date, time) {
                return Some(TimeGuess {
                    places: vec![time.place.clone()],
                    is_ambiguous: is_ambiguous(date, unit.split(' ').next().unwrap_or_default()),
                    date: Some(date.place.clone()),
                    unit,
                    may_have_zone: true,
                    is_number_in_text: false,
                    others: Vec::new(),
                    rows: time.count(),
                });
            }
        }
    }
    None
}

fn unit_of_both(date: &Field, time: &Field) -> Option<String> {
    let units = DATES.iter().flat_map(|day| TIMES_OF_DAY.map(|time| format!("{day} {time}")));
    let both: Vec<String> = time
        .values()
        .map(|(row, time)| Some(format!("{} {}", date.value(row)?.written(), time.written())))
        .collect::<Option<_>>()?;
    let reads_all = |unit: &String| {
        let Ok(unit) = unit.parse::<TimeFormat>() else { return false };
        both.iter().all(|text| unit.read(text).is_some_and(|time_us| time_us >= YEAR_2000_US))
    };
    units.into_iter().find(reads_all)
}
