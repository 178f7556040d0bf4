//! The directives of a pattern, the parts of a time that they name, and whether these belong together.

use std::fmt;
use std::ops::Range;

/// A day in microseconds: a pattern without a time of day tells the time that exactly.
pub(super) const DAY: i64 = 86_400_000_000;

/// A part of a time; weeks of both kinds are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    DayOfYear,
    IsoYear,
    IsoWeek,
    Week,
    Weekday,
    Hour,
    HourOfHalfDay,
    HalfOfDay,
    Minute,
    Second,
    Fraction,
    Offset,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Year => "the year",
            Self::Month => "the month",
            Self::Day => "the day",
            Self::DayOfYear => "the day of the year",
            Self::IsoYear => "the year of an ISO week",
            Self::IsoWeek => "the ISO week",
            Self::Week => "the week",
            Self::Weekday => "the day of the week",
            Self::Hour | Self::HourOfHalfDay => "the hour",
            Self::HalfOfDay => "AM or PM",
            Self::Minute => "the minute",
            Self::Second => "the second",
            Self::Fraction => "the fraction of a second",
            Self::Offset => "the offset",
        })
    }
}

/// `%`, flags, a width, colons, and a letter.
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) letter: char,
    pub(super) width: Option<u32>,
    pub(super) range: Range<usize>,
}

impl Directive {
    pub(super) fn parts(&self) -> Option<&'static [Part]> {
        Some(match self.letter {
            '%' | 'n' | 't' => &[],
            'Y' | 'y' => &[Part::Year],
            'm' | 'b' | 'B' | 'h' => &[Part::Month],
            'd' | 'e' => &[Part::Day],
            'F' | 'D' => &[Part::Year, Part::Month, Part::Day],
            'j' => &[Part::DayOfYear],
            'G' | 'g' => &[Part::IsoYear],
            'V' => &[Part::IsoWeek],
            'U' | 'W' => &[Part::Week],
            'a' | 'A' | 'u' | 'w' => &[Part::Weekday],
            'H' | 'k' => &[Part::Hour],
            'I' | 'l' => &[Part::HourOfHalfDay],
            'p' | 'P' => &[Part::HalfOfDay],
            'M' => &[Part::Minute],
            'S' => &[Part::Second],
            'T' => &[Part::Hour, Part::Minute, Part::Second],
            'R' => &[Part::Hour, Part::Minute],
            'f' | 'N' => &[Part::Fraction],
            'z' => &[Part::Offset],
            _ => return None,
        })
    }

    pub(super) fn follows_a_point(&self, pattern: &str) -> bool {
        pattern[..self.range.start].ends_with(['.', ','])
            || pattern[self.range.clone()].contains('.')
    }

    pub(super) fn is_padded_year(&self, pattern: &str) -> bool {
        matches!(self.letter, 'Y' | 'F' | 'G') && !pattern[self.range.clone()].contains(['-', '_'])
    }

    pub(super) fn refusal(&self, pattern: &str) -> String {
        let written = &pattern[self.range.clone()];
        match self.letter {
            'Q' | 'Z' => format!(
                "the name of a time zone, '{written}', cannot be read: let the sender write an offset, '%z'; where it \
                 is always 'UTC', write that in its place"
            ),
            's' => format!(
                "'{written}' is a number of seconds: write unit = \"s\", with text_numbers = true where it is a text"
            ),
            _ => format!("'{written}' cannot be read in a time"),
        }
    }
}

/// The directives of a pattern, or where one does not end.
pub(super) fn directives(pattern: &str) -> Result<Vec<Directive>, String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = pattern[at..].find('%').map(|percent| at + percent) {
        let modifiers = pattern[start + 1..]
            .find(|c: char| !(c.is_ascii_digit() || "_-^#:.".contains(c)))
            .map(|length| &pattern[start + 1..start + 1 + length]);
        let letter = modifiers.and_then(|m| pattern[start + 1 + m.len()..].chars().next());
        let (Some(modifiers), Some(letter)) = (modifiers, letter) else {
            return Err(format!("'{}' is the beginning of a directive only", &pattern[start..]));
        };
        at = start + 1 + modifiers.len() + letter.len_utf8();
        let width = modifiers.trim_start_matches(|c: char| !matches!(c, '1'..='9'));
        found.push(Directive { letter, width: width.parse().ok(), range: start..at });
    }
    Ok(found)
}

/// One way to name a day, and nothing that names another one beside it. A day of the week beside a date is checked.
pub(super) fn check_date(parts: &[Part]) -> Result<(), String> {
    const WAYS: [&[Part]; 4] = [
        &[Part::Year, Part::Month, Part::Day],
        &[Part::Year, Part::DayOfYear],
        &[Part::IsoYear, Part::IsoWeek, Part::Weekday],
        &[Part::Year, Part::Week, Part::Weekday],
    ];
    const OF_DATES: [Part; 8] = [
        Part::Year,
        Part::Month,
        Part::Day,
        Part::DayOfYear,
        Part::IsoYear,
        Part::IsoWeek,
        Part::Week,
        Part::Weekday,
    ];
    let has_all = |way: &&&[Part]| way.iter().all(|part| parts.contains(part));
    let Some(way) = WAYS.iter().find(has_all) else {
        return Err(
            "it does not name a day: write the year, the month and the day, such as '%Y-%m-%d'"
                .to_owned(),
        );
    };
    let is_superfluous =
        |part: &&Part| OF_DATES.contains(part) && !way.contains(part) && **part != Part::Weekday;
    match parts.iter().find(is_superfluous) {
        Some(part) => Err(format!("{part} would not count beside the date")),
        None => Ok(()),
    }
}

/// How exactly the time of day is told, in microseconds: each part needs the greater one.
pub(super) fn check_time(parts: &[Part]) -> Result<i64, String> {
    let has = |part| parts.contains(&part);
    if has(Part::Hour) && has(Part::HourOfHalfDay) {
        return Err(format!("it names {} a second time", Part::Hour));
    }
    if has(Part::HourOfHalfDay) != has(Part::HalfOfDay) {
        return Err("an hour of 12 ('%I') and AM or PM ('%p') need each other".to_owned());
    }
    let steps = [
        (Part::Hour, has(Part::Hour) || has(Part::HourOfHalfDay), 3_600_000_000),
        (Part::Minute, has(Part::Minute), 60_000_000),
        (Part::Second, has(Part::Second), 1_000_000),
        (Part::Fraction, has(Part::Fraction), 1),
    ];
    let told = steps.iter().take_while(|(_, is_told, _)| *is_told).count();
    match steps[told..].iter().find(|(_, is_told, _)| *is_told) {
        Some((part, ..)) => Err(format!("{part} is there without {}", steps[told].0)),
        None => Ok(steps[..told].last().map_or(DAY, |(_, _, exact_to)| *exact_to)),
    }
}
