//! Times in a form of the user's own, described by a strftime pattern.
//!
//! `jiff` reads them; what it would accept and then not use is refused when the pattern is read, so that every
//! directive counts: each part of a time may be there once, and all of them have to belong together. Offsets from UTC
//! are read here, in each form that is common.

mod directive;

use std::borrow::Cow;
use std::ops::Range;

use jiff::civil::{DateTime, Time, date};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use super::time::with_short_fraction;
use crate::calendar::{civil_time, microseconds};

use directive::{check_date, check_time, directives};

/// A strftime pattern that names at least a day; without an offset its times are UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimePattern {
    text: String,
    /// Where the offset's directive stands.
    offset: Option<Range<usize>>,
    /// Whether a point or a comma stands before the digits of a fraction.
    has_fraction: bool,
    /// Whether `text` has a year before what was written, which has none.
    has_no_year: bool,
    /// Whether a year stands there with all of its four digits.
    has_padded_year: bool,
}

impl TimePattern {
    /// Reads a pattern, which may lack the year, as syslog's; the error says what is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        Self::with_year(text).or_else(|why| {
            let pattern = Self::with_year(&[YEAR, text].concat()).map_err(|_| why)?;
            Ok(Self { has_no_year: true, ..pattern })
        })
    }

    fn with_year(text: &str) -> Result<Self, String> {
        let directives = directives(text)?;
        let mut parts = Vec::new();
        for directive in &directives {
            for part in directive.parts().ok_or_else(|| directive.refusal(text))? {
                if parts.contains(part) {
                    let written = &text[directive.range.clone()];
                    return Err(format!("'{written}' names {part} a second time"));
                }
                parts.push(*part);
            }
        }
        check_date(&parts)?;
        let exact_to = check_time(&parts)?;
        let of_letter = |letter| directives.iter().find(|directive| directive.letter == letter);
        let fraction = of_letter('f').or(of_letter('N'));
        let pattern = Self {
            text: text.to_owned(),
            offset: of_letter('z').map(|directive| directive.range.clone()),
            has_fraction: fraction.is_some_and(|directive| directive.follows_a_point(text)),
            has_no_year: false,
            has_padded_year: directives.iter().any(|directive| directive.is_padded_year(text)),
        };
        let digits = fraction.and_then(|directive| directive.width).unwrap_or(9);
        let exact_to =
            if fraction.is_some() { 10_i64.pow(6_u32.saturating_sub(digits)) } else { exact_to };
        pattern.check_round_trip(exact_to)?;
        Ok(pattern)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        if self.has_no_year { &self.text[YEAR.len()..] } else { &self.text }
    }

    pub(super) fn has_no_year(&self) -> bool {
        self.has_no_year
    }

    pub(super) fn has_offset(&self) -> bool {
        self.offset.is_some()
    }

    /// The same as [`Self::read`]; a time without a year is the one nearest to that, epoch microseconds.
    pub(super) fn read_near(&self, text: &str, near_us: Option<i64>) -> Option<i64> {
        if !self.has_no_year {
            return self.read(text);
        }
        let near_us = near_us?;
        let year = civil_time(near_us)?.year();
        let of_year = |year: i16| self.read_whole(&format!("{year:04} {text}"));
        let times = [year - 1, year, year + 1].into_iter().filter_map(of_year);
        times.min_by_key(|time_us| time_us.abs_diff(near_us))
    }

    /// Epoch microseconds, rounded down; `None` for a text that is not written like this.
    pub(super) fn read(&self, text: &str) -> Option<i64> {
        if self.has_no_year { None } else { self.read_whole(text) }
    }

    fn read_whole(&self, text: &str) -> Option<i64> {
        let text = if self.has_fraction { with_short_fraction(text) } else { Cow::Borrowed(text) };
        let Some(directive) = &self.offset else {
            let read = BrokenDownTime::parse(&self.text, &*text).ok()?;
            return self.local_time(&read, &text).map(microseconds);
        };
        let (before, after) = (&self.text[..directive.start], &self.text[directive.end..]);
        let (read, length) = BrokenDownTime::parse_prefix(before, &*text).ok()?;
        let (offset_us, rest) = read_offset(&text[length..])?;
        let read = if after.is_empty() {
            rest.is_empty().then_some(read)?
        } else {
            // What stands before and after belongs together; the mark keeps the digits of both apart.
            let pattern = [before, MARK, after].concat();
            let text = [&text[..length], MARK, rest].concat();
            BrokenDownTime::parse(pattern, text).ok()?
        };
        Some(microseconds(self.local_time(&read, &text)?) - offset_us)
    }

    /// A pattern without a time of day means midnight.
    fn local_time(&self, read: &BrokenDownTime, text: &str) -> Option<DateTime> {
        let date = read.to_date().ok()?;
        // "31.01.26" is not of the year 26: such a year is written 0026.
        if self.has_padded_year
            && date.year() < 1_000
            && !text.contains(&format!("{:04}", date.year()))
        {
            return None;
        }
        let time = if read.hour().is_none() { Time::midnight() } else { read.to_time().ok()? };
        Some(date.to_datetime(time))
    }

    /// Whether what is written with the pattern is read as the same time: flags may prevent it.
    fn check_round_trip(&self, exact_to: i64) -> Result<(), String> {
        let samples = [
            date(1970, 1, 1).at(15, 4, 5, 678_912_345),
            date(2024, 2, 29).at(0, 0, 0, 0),
            date(2026, 9, 7).at(9, 8, 7, 1_000),
            date(2026, 12, 31).at(23, 59, 59, 999_999_999),
        ];
        for sample in samples {
            let expected = microseconds(sample).div_euclid(exact_to) * exact_to;
            if self.write(sample).and_then(|text| self.read(&text)) != Some(expected) {
                return Err("a time that is written like this cannot be read again".to_owned());
            }
        }
        Ok(())
    }

    fn write(&self, time: DateTime) -> Option<String> {
        let zoned = time.to_zoned(TimeZone::UTC).ok()?;
        let Some(directive) = &self.offset else { return strtime::format(&self.text, &zoned).ok() };
        let before = strtime::format(&self.text[..directive.start], &zoned).ok()?;
        let after = strtime::format(&self.text[directive.end..], &zoned).ok()?;
        Some([&before, "Z", &after].concat())
    }
}

/// Stands before a pattern that has no year.
const YEAR: &str = "%Y ";

/// Stands for an offset that has been read.
const MARK: &str = "\u{1}";

/// Reads an offset from UTC, `Z`, `+02`, `+0200`, `+02:00` or `+02:00:00`, in microseconds; and what follows it.
fn read_offset(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, rest) = two_digits(rest, 23)?;
    let with_colon = rest.strip_prefix(':').and_then(|rest| two_digits(rest, 59));
    let (minutes, rest) = with_colon.or_else(|| two_digits(rest, 59)).unwrap_or((0, rest));
    let with_colon = with_colon.and(rest.strip_prefix(':')).and_then(|rest| two_digits(rest, 59));
    let (seconds, rest) = with_colon.unwrap_or((0, rest));
    Some((sign * ((hours * 60 + minutes) * 60 + seconds) * 1_000_000, rest))
}

fn two_digits(text: &str, most: i64) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    number.filter(|number| *number <= most).map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::directive::DAY;
    use super::*;

    fn read(pattern: &str, text: &str) -> Option<i64> {
        TimePattern::new(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}")).read(text)
    }

    #[test]
    fn every_directive_that_is_accepted_counts() {
        for (pattern, text, expected) in [
            ("%Y-%m-%d %H:%M:%S", "2026-01-31 12:00:00", "2026-01-31T12:00:00Z"),
            ("%FT%T", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z"),
            ("%D %R", "01/31/26 12:34", "2026-01-31T12:34:00Z"),
            ("%d/%b/%Y:%H:%M:%S %z", "31/Jan/2026:13:00:00 +0100", "2026-01-31T12:00:00Z"),
            ("%a %b %e %H:%M:%S %z %Y", "Sat Jan 31 13:00:00 +0100 2026", "2026-01-31T12:00:00Z"),
            ("%-d.%-m.%Y %-H:%M", "1.2.2026 9:05", "2026-02-01T09:05:00Z"),
            ("%I:%M %p, %B %d %Y", "03:04 PM, January 31 2026", "2026-01-31T15:04:00Z"),
            ("%Y/%j", "2026/031", "2026-01-31T00:00:00Z"),
            ("%G-W%V-%u", "2026-W05-6", "2026-01-31T00:00:00Z"),
            ("%Y-%U-%w", "2026-04-6", "2026-01-31T00:00:00Z"),
            ("%Y-%m-%d %H", "2026-01-31 12", "2026-01-31T12:00:00Z"),
            ("%Y%m%d%H%M%S", "20260131120000", "2026-01-31T12:00:00Z"),
            ("%^a %F", "SAT 2026-01-31", "2026-01-31T00:00:00Z"),
            ("%F %T.%3f", "2026-01-31 12:00:00.123", "2026-01-31T12:00:00.123Z"),
            ("%F %T.%f", "2026-01-31 12:00:00.12345678901234", "2026-01-31T12:00:00.123456Z"),
            ("%F %T%.f%z", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00Z"),
            ("%F %T UTC", "2026-01-31 12:00:00 UTC", "2026-01-31T12:00:00Z"),
            ("%d.%m.%Y%H%M%S%.f", "31.01.2026120000.5", "2026-01-31T12:00:00.5Z"),
            ("log.%Y%m%d%H%M%S.%f", "log.20260131120000.5", "2026-01-31T12:00:00.5Z"),
            ("%Y%m%d.%H%M%S%6f", "20260131.120000500000", "2026-01-31T12:00:00.5Z"),
            ("%d.%m.%y", "31.01.26", "2026-01-31T00:00:00Z"),
            ("%-Y-%m-%d", "26-01-31", "0026-01-31T00:00:00Z"),
        ] {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(read(pattern, text), Some(expected.as_microsecond()), "{pattern}: {text}");
        }
        // A year of two digits is one of this century, and has a directive of its own.
        for (pattern, text) in [
            ("%d.%m.%Y", "31.01.26"),
            ("%m/%d/%Y", "1/31/26"),
            ("%F", "226-01-31"),
            ("%d%m%Y", "310126"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern}: {text}");
        }
        // What contradicts the rest is no time.
        assert_eq!(read("%a %F", "Sun 2026-01-31"), None);
        assert_eq!(read("%F %T", "2026-01-31 12:00:00 and more"), None);
    }

    #[test]
    fn an_offset_has_many_forms() {
        let noon = read("%F %T", "2026-01-31 12:00:00");
        for pattern in ["%F %T%z", "%F %T%:z", "%F %T%::z", "%F %T %z"] {
            for offset in ["Z", "z", "+00:00", "-0000", "+00", "+00:00:00"] {
                assert_eq!(
                    read(pattern, &format!("2026-01-31 12:00:00{offset}")),
                    noon,
                    "{pattern} {offset}"
                );
            }
            assert_eq!(read(pattern, "2026-01-31 14:00:00+02:00"), noon);
            assert_eq!(read(pattern, "2026-01-31 14:00:00+0200"), noon);
            assert_eq!(read(pattern, "2026-01-31 06:30:00-05:30"), noon);
            for offset in ["", "+2", "+24:00", "+02:60", "+02:00x", "CET", "+02:0"] {
                assert_eq!(
                    read(pattern, &format!("2026-01-31 12:00:00{offset}")),
                    None,
                    "{pattern} {offset}"
                );
            }
        }
    }

    #[test]
    fn years_are_whole_and_fractions_round_down_before_1970() {
        let days = 719_162;
        assert_eq!(read("%F", "0001-01-01"), Some(-days * DAY));
        assert_eq!(read("%F %T.%f", "9999-12-31 23:59:59.9999999"), Some(253_402_300_799_999_999));
        assert_eq!(read("%F %T.%f", "1969-12-31 23:59:59.9999999"), Some(-1));
        assert_eq!(read("%F %T.%f", "1969-12-31 23:59:59.0000001"), Some(-1_000_000));
    }

    #[test]
    fn what_would_not_count_is_refused() {
        for (pattern, why) in [
            ("%H:%M", "it does not name a day"),
            ("%Y-%m", "it does not name a day"),
            ("%Y-%m-%d %Q", "the name of a time zone, '%Q', cannot be read"),
            ("%Y-%m-%d %-Q", "the name of a time zone, '%-Q', cannot be read"),
            ("%Y-%m-%d %^Q", "the name of a time zone, '%^Q', cannot be read"),
            ("%Y-%m-%d %5Q", "the name of a time zone, '%5Q', cannot be read"),
            ("%Y-%m-%d %:Q", "the name of a time zone, '%:Q', cannot be read"),
            ("%Y-%m-%d %Z", "the name of a time zone, '%Z', cannot be read"),
            ("%s", "'%s' is a number of seconds: write unit = \"s\""),
            ("%Y-%m-%d %s", "'%s' is a number of seconds"),
            ("%Y-%m-%d %-s", "'%-s' is a number of seconds"),
            ("%Y-%m-%d %I:%M", "an hour of 12 ('%I') and AM or PM ('%p') need each other"),
            ("%Y-%m-%d %H:%M %p", "an hour of 12"),
            ("%Y-%m-%d %H %I %p", "it names the hour a second time"),
            ("%Y-%m-%d %M", "the minute is there without the hour"),
            ("%Y-%m-%d %H:%S", "the second is there without the minute"),
            ("%Y-%m-%d %H:%M.%f", "the fraction of a second is there without the second"),
            ("%Y-%m-%d %y", "'%y' names the year a second time"),
            ("%F %d", "'%d' names the day a second time"),
            ("%F %T %H", "'%H' names the hour a second time"),
            ("%F %z %:z", "'%:z' names the offset a second time"),
            ("%F %j", "the day of the year would not count beside the date"),
            ("%F %V", "the ISO week would not count beside the date"),
            ("%C%y-%m-%d", "'%C' cannot be read in a time"),
            ("%F %c", "'%c' cannot be read in a time"),
            ("%F %Ey", "'%E' cannot be read in a time"),
            ("%F %", "'%' is the beginning of a directive only"),
            ("%F %-", "'%-' is the beginning of a directive only"),
            ("%-_Y-%m-%d", "a time that is written like this cannot be read again"),
        ] {
            let found = TimePattern::new(pattern).unwrap_err();
            assert!(found.starts_with(why), "{pattern}: {found}");
        }
    }
}
