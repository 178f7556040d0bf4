//! Which places have the metrics: numbers, texts that stand for numbers, truths and states.

use indexmap::{IndexMap, IndexSet};

use super::node::{Scalar, number_of};
use super::table::{Field, Table, is_index, words};
use super::vocabulary::{NO_METRICS, NULL_NUMBERS, NULLS, STATES, UNITS};
use crate::config::MAX_METRIC_BYTES;

/// A metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    pub(super) name: String,
    /// Where it is, or with a name beside it the name that the records have for it.
    pub(super) place: String,
    pub(super) unit: Option<String>,
    /// What the sample has of it.
    pub(super) about: String,
}

/// What stands in a place.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// How many of them are values: numbers, truths or states.
    count: usize,
    /// How many are numbers, and the least and the greatest.
    numbers: usize,
    least: f64,
    greatest: f64,
    /// Whether some are numbers in texts.
    pub(super) has_texts: bool,
    /// Whether all are numbers without a fraction.
    pub(super) are_whole: bool,
    pub(super) has_bools: bool,
    /// The texts that are states, each with its number.
    pub(super) states: Vec<(String, u8)>,
    /// What means none, as it is written.
    pub(super) nulls: IndexSet<String>,
    distinct: usize,
}

/// How the numbers of a sample are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing {
    /// Whether every value is a text, as in CSV.
    pub(super) is_text: bool,
    pub(super) decimal_comma: bool,
}

impl Values {
    /// What stands in a place that may be a metric; `None` for texts that stand for nothing.
    pub(super) fn of(field: &Field, writing: Writing) -> Option<Self> {
        let mut values = Self { are_whole: true, ..Self::default() };
        let mut texts: IndexMap<&str, usize> = IndexMap::new();
        for (_, value) in field.values() {
            match value {
                Scalar::Bool(_) => values.has_bools = true,
                Scalar::Null => {}
                Scalar::Number(_) | Scalar::Text(_) => {
                    let is_text = matches!(value, Scalar::Text(_));
                    match writing.number(value) {
                        Some(number) => {
                            values.add(number, value.written(), is_text && !writing.is_text);
                        }
                        None => *texts.entry(value.written()).or_default() += 1,
                    }
                }
            }
        }
        values.distinct = field.distinct().len();
        values.take_texts(&texts)?;
        let has_metric = values.numbers > 0 || values.has_bools || !values.states.is_empty();
        values.find_null_number(field, writing);
        let is_value = |(_, value): &(usize, &Scalar)| {
            !matches!(value, Scalar::Null) && !values.nulls.contains(value.written())
        };
        values.count = field.values().filter(is_value).count();
        has_metric.then_some(values)
    }

    fn add(&mut self, number: f64, written: &str, is_text: bool) {
        let first = self.numbers == 0;
        self.least = if first { number } else { self.least.min(number) };
        self.greatest = if first { number } else { self.greatest.max(number) };
        self.numbers += 1;
        self.has_texts |= is_text;
        self.are_whole &= written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    }

    /// What the texts stand for; `None` where they are just texts.
    fn take_texts(&mut self, texts: &IndexMap<&str, usize>) -> Option<()> {
        let is_null = |text: &&str| NULLS.contains(text) || text.trim().is_empty();
        let (nulls, others): (Vec<&str>, Vec<&str>) = texts.keys().copied().partition(is_null);
        self.nulls.extend(nulls.iter().map(|text| (*text).to_owned()));
        if others.is_empty() {
            return Some(());
        }
        if self.numbers == 0 && !self.has_bools {
            self.states = states(&others)?;
            return Some(());
        }
        // Few texts among many numbers are faults of the sender.
        let bad: usize = others.iter().filter_map(|text| texts.get(text)).sum();
        let are_few = others.len() <= 3 && bad * 4 <= self.numbers;
        are_few.then(|| self.nulls.extend(others.into_iter().map(str::to_owned)))
    }

    /// A number that means none: one that loggers write so, below all others by far.
    fn find_null_number(&mut self, field: &Field, writing: Writing) {
        if !NULL_NUMBERS.contains(&self.least) {
            return;
        }
        let numbers =
            || field.values().filter_map(|(_, value)| Some((value, writing.number(value)?)));
        let others: Vec<f64> =
            numbers().map(|(_, number)| number).filter(|number| *number != self.least).collect();
        let next = others.iter().copied().fold(f64::INFINITY, f64::min);
        if next < self.least / 10.0 {
            return;
        }
        let is_it = |(_, number): &(&Scalar, f64)| *number == self.least;
        let written = numbers().filter(is_it).map(|(value, _)| value.written().to_owned());
        self.nulls.extend(written.collect::<Vec<_>>());
        if next.is_finite() {
            self.least = next;
        }
    }

    /// In words.
    fn about(&self, of: usize) -> String {
        let what = if !self.states.is_empty() {
            ": states".to_owned()
        } else if self.has_bools && self.numbers == 0 {
            ": true or false".to_owned()
        } else if self.count == 0 {
            String::new()
        } else if self.least == self.greatest {
            let always = if self.count > 1 { "always " } else { "" };
            format!(": {always}{}", self.least)
        } else {
            format!(": {} to {}", self.least, self.greatest)
        };
        format!("in {} of {of} rows{what}", self.count)
    }
}

impl Writing {
    pub(super) fn number(self, value: &Scalar) -> Option<f64> {
        match value {
            Scalar::Text(text) if self.decimal_comma => {
                let text = text.trim();
                (!text.contains('.')).then(|| number_of(&text.replacen(',', ".", 1))).flatten()
            }
            Scalar::Text(text) if self.is_text => number_of(text.trim()),
            other => other.number(),
        }
    }
}

/// The numbers that texts stand for, if all of them are states of one kind.
fn states(texts: &[&str]) -> Option<Vec<(String, u8)>> {
    let of = |(one, zero): &(&str, &str)| -> Option<Vec<(String, u8)>> {
        let state = |text: &&str| match text.to_lowercase() {
            lower if lower == *one => Some(((*text).to_owned(), 1)),
            lower if lower == *zero => Some(((*text).to_owned(), 0)),
            _ => None,
        };
        let mut states: Vec<(String, u8)> = texts.iter().map(state).collect::<Option<_>>()?;
        // The other one will come.
        let like = |word: &str| match texts.first() {
            Some(text) if text.chars().all(|c| !c.is_lowercase()) => word.to_uppercase(),
            Some(text) if text.starts_with(char::is_uppercase) => {
                let mut letters = word.chars();
                letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
            }
            _ => word.to_owned(),
        };
        for (word, number) in [(one, 1), (zero, 0)] {
            if !states.iter().any(|(_, known)| *known == number) {
                states.push((like(word), number));
            }
        }
        Some(states)
    };
    STATES.iter().find_map(of)
}

/// A place that has a metric.
pub(super) struct Measured<'a> {
    pub(super) field: &'a Field,
    pub(super) values: Values,
}

/// The places that have metrics, in the order of the sample, and those whose numbers are left out, with the reason.
pub(super) fn measured(
    table: &Table,
    writing: Writing,
    is_time: impl Fn(&str) -> bool,
) -> (Vec<Measured<'_>>, Vec<(&Field, String)>) {
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    for field in table.fields.iter().filter(|field| field.up == 0 && !is_time(&field.place)) {
        let Some(values) = Values::of(field, writing) else { continue };
        match reason_to_leave_out(field, &values) {
            Some(reason) => left_out.push((field, reason)),
            None => taken.push(Measured { field, values }),
        }
    }
    (taken, left_out)
}

/// Numbers that name something, or that are settings.
fn reason_to_leave_out(field: &Field, values: &Values) -> Option<String> {
    if values.numbers == 0 {
        return None;
    }
    let words = field.words();
    let last = words.last().map_or("", String::as_str);
    let is_named = NO_METRICS.contains(&last) && !field.is_indexed();
    let names_something = super::series::is_named_by_number(field);
    if is_named && values.are_whole || last == "interval" || names_something && values.are_whole {
        return Some("by its name it is no metric".to_owned());
    }
    let is_constant = values.distinct == 1 && values.least != 0.0;
    (is_constant && values.numbers >= 20).then(|| format!("it is always {}", values.least))
}

/// The metrics with names that tell them apart.
pub(super) fn named(measured: &[Measured<'_>], rows: usize) -> Vec<Metric> {
    let mut names: Vec<String> = measured.iter().map(|one| short_name(one.field, 1)).collect();
    for depth in 2..=8 {
        let count = |name: &String, names: &[String]| names.iter().filter(|n| *n == name).count();
        let again: Vec<bool> = names.iter().map(|name| count(name, &names) > 1).collect();
        for (position, one) in measured.iter().enumerate().filter(|(at, _)| again[*at]) {
            names[position] = short_name(one.field, depth);
        }
    }
    let mut taken = IndexSet::new();
    let mut metrics = Vec::new();
    for (one, name) in measured.iter().zip(names) {
        let mut unique = name.clone();
        let mut number = 2;
        while !taken.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        metrics.push(Metric {
            name: unique,
            place: one.field.place.clone(),
            unit: unit_of(one.field.name()),
            about: one.values.about(rows),
        });
    }
    metrics
}

/// The last keys that say something, with the index after them.
fn short_name(field: &Field, depth: usize) -> String {
    let named: Vec<usize> =
        (0..field.keys.len()).filter(|at| !is_index(&field.keys[*at])).collect();
    let start = named.len().checked_sub(depth).and_then(|at| named.get(at)).copied().unwrap_or(0);
    let keys = &field.keys[start..];
    if named.is_empty() {
        return format!("column_{}", field.keys.join("_"));
    }
    // Of the indexes only the last says which.
    let last = keys.len() - 1;
    let says = |(at, key): &(usize, &String)| !is_index(key) || *at == last;
    let keys = keys.iter().enumerate().filter(says).map(|(_, key)| without_unit(key));
    as_name(&keys.collect::<Vec<_>>().join("_"))
}

/// As a metric may be called.
pub(super) fn as_name(text: &str) -> String {
    let mut name = String::new();
    for character in text.trim().chars() {
        let is_good = !character.is_control() && !character.is_whitespace() && character != '|';
        if name.len() + character.len_utf8() > MAX_METRIC_BYTES {
            break;
        }
        name.push(if is_good { character } else { '_' });
    }
    if name.is_empty() { "value".to_owned() } else { name }
}

/// A name without a unit in brackets after it.
fn without_unit(name: &str) -> &str {
    match split_unit(name) {
        Some((before, _)) if !before.is_empty() => before,
        _ => name,
    }
}

fn split_unit(name: &str) -> Option<(&str, &str)> {
    let (open, close) = if name.ends_with(']') { ('[', ']') } else { ('(', ')') };
    let (before, unit) = name.strip_suffix(close)?.rsplit_once(open)?;
    (!unit.is_empty() && unit.len() <= 12).then(|| (before.trim_end(), unit.trim()))
}

/// The unit that a name says: in brackets, or as its last word.
fn unit_of(name: &str) -> Option<String> {
    if let Some((_, unit)) = split_unit(name) {
        return Some(unit.to_owned());
    }
    let words = words(name);
    let last = words.last()?;
    let is_alone = words.len() == 1 && !matches!(last.as_str(), "percent" | "bytes");
    let known = UNITS.iter().find(|(word, _)| word == last)?;
    (!is_alone).then(|| known.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_units() {
        for (name, unit) in [
            ("wind_kmh", Some("km/h")),
            ("Temp. [°C]", Some("°C")),
            ("Power (kW)", Some("kW")),
            ("memory_free_bytes", Some("B")),
            ("latencyMs", Some("ms")),
            ("ms", None),
            ("c", None),
            ("temperature", None),
        ] {
            assert_eq!(unit_of(name).as_deref(), unit, "{name}");
        }
        assert_eq!(without_unit("Temp. [°C]"), "Temp.");
        assert_eq!(without_unit("[°C]"), "[°C]");
    }

    #[test]
    fn two_states_are_one_and_zero_and_other_texts_are_none() {
        let state = |text: &str, number| (text.to_owned(), number);
        assert_eq!(states(&["ON"]), Some(vec![state("ON", 1), state("OFF", 0)]));
        assert_eq!(states(&["closed", "open"]), Some(vec![state("closed", 0), state("open", 1)]));
        assert_eq!(states(&["Online"]), Some(vec![state("Online", 1), state("Offline", 0)]));
        assert_eq!(states(&["idle"]), None);
        assert_eq!(states(&["on", "closed"]), None);
    }
}
