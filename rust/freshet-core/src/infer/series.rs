//! Which places say whose the readings are.

use indexmap::IndexSet;

use super::node::Scalar;
use super::table::{Field, Table};
use super::vocabulary::{
    CONTAINERS, IDENTIFYING, KINDS, NAMED_BY_NUMBERS, NEVER_IDENTIFYING, PERHAPS_IDENTIFYING,
    SUFFIXES, UNIT_NAMES,
};

/// A part of the series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) place: String,
    /// Whether some rows lack it, so that something has to stand in.
    pub(super) may_be_missing: bool,
    /// How many different ones there are.
    pub(super) distinct: usize,
}

/// More parts would make no name.
const MAX_PARTS: usize = 6;
/// Longer texts are no names.
const MAX_BYTES: usize = 120;

/// How well a place says whose a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// What kind of row it is.
    Kind,
    /// A text of any name.
    Any,
    /// `id`, `name` and the like.
    Perhaps,
    Identifying,
}

/// Whether the name of a place says that it names something.
pub(super) fn is_identifying(field: &Field) -> bool {
    !field.is_indexed() && rank_of_name(field) == Some(Rank::Identifying)
}

/// Whether a number in a place names something rather than measures it: a station, but not a disk or a network.
pub(super) fn is_named_by_number(field: &Field) -> bool {
    let words = field.words();
    let last = words.last().map_or("", String::as_str);
    let has_suffix = SUFFIXES.contains(&last) || NAMED_BY_NUMBERS.contains(&last);
    has_suffix && is_identifying(field)
}

fn rank_of_name(field: &Field) -> Option<Rank> {
    let words = field.words();
    let last = words.last().map_or("", String::as_str);
    let has = |list: &[&str], word: &str| list.contains(&word);
    let is_in_container =
        field.keys.iter().rev().skip(1).any(|key| has(CONTAINERS, &key.to_lowercase()));
    if words.iter().any(|word| has(NEVER_IDENTIFYING, word)) {
        return None;
    }
    let (main, suffixed) = match words.as_slice() {
        [.., main, suffix] if has(SUFFIXES, suffix) => (main.as_str(), true),
        _ => (last, false),
    };
    let is_whole = words.len() == 1 || suffixed && words.len() == 2;
    let is_whole = is_whole || has(IDENTIFYING, main);
    if has(IDENTIFYING, main) && is_whole || has(IDENTIFYING, last) {
        return Some(Rank::Identifying);
    }
    if has(UNIT_NAMES, &field.name().to_lowercase()) && has_units(field) {
        return None;
    }
    // What an attribute is called is no part: only what it says.
    let is_key_of_attribute = field.keys.len() >= 3 && last == "key";
    if is_in_container && !is_key_of_attribute && last != "name__" {
        return (last != "unit").then_some(Rank::Identifying);
    }
    if has(PERHAPS_IDENTIFYING, last) {
        return Some(Rank::Perhaps);
    }
    if has(KINDS, last) && (last != "unit" || has_units(field)) {
        Some(Rank::Kind)
    } else {
        Some(Rank::Any)
    }
}

/// Whether the texts of a place are units rather than names: short, or with signs of units.
fn has_units(field: &Field) -> bool {
    let is_unit = |text: &&str| {
        text.contains(['%', '°', '/', '{'])
            || text.chars().count() <= 3
            || matches!(
                text.to_lowercase().as_str(),
                "percent" | "bytes" | "count" | "none" | "seconds" | "celsius"
            )
    };
    field.distinct().iter().all(is_unit)
}

/// A place that may be a part.
struct Candidate<'a> {
    field: &'a Field,
    rank: Rank,
    /// What is written in each row that has a metric; empty where it is missing.
    texts: Vec<&'a str>,
    /// Whether one of these rows has nothing there, not even an empty text.
    may_be_missing: bool,
}

/// The parts of the series of the rows that have a metric; `is_metric` says which places are none. What belongs to one
/// series at one time is told apart, if anything can.
pub(super) fn parts(
    table: &Table,
    rows: &[usize],
    clashes: impl Fn(&[Vec<&str>]) -> usize,
    is_other: impl Fn(&str) -> bool,
) -> Vec<Part> {
    let candidates: Vec<Candidate<'_>> = table
        .fields
        .iter()
        .filter(|field| !is_other(&field.place))
        .filter_map(|field| Candidate::of(field, rows))
        .collect();
    let mut taken: Vec<&Candidate<'_>> = candidates
        .iter()
        .filter(|candidate| {
            candidate.rank == Rank::Identifying && !candidate.is_another_each_time()
        })
        .take(MAX_PARTS)
        .collect();
    add_others(&mut taken, &candidates, rows.len());
    add_kinds(&mut taken, &candidates, &clashes);
    // In the order of the sample, but what stands above goes first.
    let mut parts: Vec<&Candidate<'_>> =
        candidates.iter().filter(|one| taken.iter().any(|t| std::ptr::eq(*t, *one))).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.field.up));
    parts.iter().map(|part| part.as_part()).collect()
}

/// Names, and then any texts: those that tell more rows apart than the parts before them.
fn add_others<'a>(
    taken: &mut Vec<&'a Candidate<'a>>,
    candidates: &'a [Candidate<'a>],
    rows: usize,
) {
    for rank in [Rank::Perhaps, Rank::Any] {
        if rank == Rank::Perhaps && !taken.is_empty() {
            continue;
        }
        for candidate in candidates.iter().filter(|one| one.rank == rank) {
            let distinct = candidate.distinct();
            let is_column = candidate.field.is_indexed();
            let names_rows = distinct > 1 && (rows < 10 || distinct * 2 <= rows);
            let is_only = taken.is_empty() && (rank == Rank::Perhaps || is_column);
            let mut with: Vec<&Candidate<'_>> = taken.clone();
            with.push(candidate);
            let tells_more = combinations(&with) > combinations(taken);
            let is_last_resort = is_column && rows == 1;
            let is_good = names_rows && tells_more || is_only || is_last_resort;
            if is_good && !candidate.is_another_each_time() && taken.len() < MAX_PARTS {
                taken.push(candidate);
            }
        }
    }
}

/// What kind of row it is, where that tells readings of one time apart.
fn add_kinds<'a>(
    taken: &mut Vec<&'a Candidate<'a>>,
    candidates: &'a [Candidate<'a>],
    clashes: &impl Fn(&[Vec<&str>]) -> usize,
) {
    loop {
        let before = clashes(&texts_of(taken));
        if before == 0 || taken.len() >= MAX_PARTS {
            return;
        }
        let is_new = |one: &&Candidate<'_>| !taken.iter().any(|t| std::ptr::eq(*t, *one));
        let after = |one: &&'a Candidate<'a>| {
            let mut with = taken.clone();
            with.push(one);
            clashes(&texts_of(&with))
        };
        let usable = |one: &&Candidate<'_>| !one.is_another_each_time();
        let best = candidates.iter().filter(is_new).filter(usable).min_by_key(after);
        match best {
            Some(best) if after(&best) < before => taken.push(best),
            _ => return,
        }
    }
}

fn texts_of<'a>(parts: &[&Candidate<'a>]) -> Vec<Vec<&'a str>> {
    parts.iter().map(|part| part.texts.clone()).collect()
}

fn combinations(parts: &[&Candidate<'_>]) -> usize {
    let rows = parts.first().map_or(0, |part| part.texts.len());
    let row = |row: usize| parts.iter().map(|part| part.texts[row]).collect::<Vec<_>>();
    (0..rows).map(row).collect::<IndexSet<_>>().len().max(1)
}

impl<'a> Candidate<'a> {
    fn of(field: &'a Field, rows: &[usize]) -> Option<Self> {
        let rank = rank_of_name(field)?;
        let texts: Vec<&str> =
            rows.iter().map(|row| field.value(*row).map_or("", Scalar::written)).collect();
        let is_there = texts.iter().any(|text| !text.is_empty());
        let is_short = texts.iter().all(|text| text.len() <= MAX_BYTES);
        let names = |(_, value): (usize, &Scalar)| match value {
            Scalar::Text(text) => {
                rank == Rank::Identifying || value.number().is_none() && !text.is_empty()
            }
            Scalar::Number(number) => {
                is_named_by_number(field) && !number.contains(['.', 'e', 'E'])
            }
            Scalar::Bool(_) | Scalar::Null => false,
        };
        // Lists inside of rows have columns of values, and what they mean.
        let in_list = field.is_indexed() && field.keys.len() > 1;
        let names_all = is_there && is_short && !in_list && field.values().all(names);
        let may_be_missing = rows.iter().any(|row| field.value(*row).is_none());
        names_all.then_some(Self { field, rank, texts, may_be_missing })
    }

    fn distinct(&self) -> usize {
        self.texts.iter().collect::<IndexSet<_>>().len()
    }

    /// Whether it is another one in nearly every one of many rows: that of a message, and not of what sent it.
    fn is_another_each_time(&self) -> bool {
        let limit = if self.rank == Rank::Identifying { usize::MAX } else { 12 };
        self.texts.len() >= limit && self.distinct() * 10 > self.texts.len() * 9
    }

    fn as_part(&self) -> Part {
        let there = self.texts.iter().filter(|text| !text.is_empty());
        Part {
            place: self.field.place.clone(),
            may_be_missing: self.may_be_missing,
            distinct: there.collect::<IndexSet<_>>().len(),
        }
    }
}
