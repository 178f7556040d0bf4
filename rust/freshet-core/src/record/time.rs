//! Event times: how they are written, and their reading as epoch microseconds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::fmt::temporal::Pieces;
use thiserror::Error;

use super::number::{self, Number};
use super::time_pattern::TimePattern;
use crate::calendar::{EARLIEST_US, LATEST_US, civil_time, microseconds};
use crate::zone::Zone;

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// A number of seconds since the epoch, fractions allowed.
    Seconds,
    /// A number of milliseconds since the epoch.
    Milliseconds,
    /// A number of microseconds since the epoch.
    Microseconds,
    /// A number of nanoseconds since the epoch.
    Nanoseconds,
    /// `2026-01-31T12:00:00.5Z`, RFC 3339.
    Rfc3339,
    /// A strftime pattern; UTC unless the pattern has an offset.
    Pattern(TimePattern),
}

/// The text names no way to write a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidTimeFormat {
    /// Neither a unit nor a pattern.
    #[error(
        "'{0}' is not a unit of time: write one of s, ms, us, ns, rfc3339, or a strftime pattern such as \
         '%Y-%m-%d %H:%M:%S'"
    )]
    Unknown(String),
    /// The name that something else has for one of ours.
    #[error("'{0}' is not a unit of time here: write '{1}'")]
    Foreign(String, &'static str),
    /// A pattern of which some part would not count, or cannot be read.
    #[error("'{0}' is no pattern for a time: {1}")]
    Pattern(String, String),
}

impl TimeFormat {
    /// Those that are numbers since the epoch: they are mistaken for one another.
    pub const UNITS: [Self; 4] =
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    /// Whether times are written as texts, and not as numbers.
    pub(crate) fn is_written_as_text(&self) -> bool {
        matches!(self, Self::Rfc3339 | Self::Pattern(_))
    }

    /// Reads what is written, a number or a text; what is finer than a microsecond is cut off, towards the past.
    pub fn read(&self, written: &str) -> Option<i64> {
        if self.is_written_as_text() { self.read_text(written) } else { self.read_written(written) }
    }

    /// Reads a number as it is written, exactly; what is finer than a microsecond is cut off, towards the past.
    pub(super) fn read_written(&self, number: &str) -> Option<i64> {
        in_range(number::read_scaled(number, self.microseconds_exponent()?)?)
    }

    /// Reads a number exactly; what is finer than a microsecond is cut off, towards the past.
    pub(super) fn read_number(&self, number: Number) -> Option<i64> {
        in_range(number.scaled(self.microseconds_exponent()?)?)
    }

    /// The power of ten by which a number has to be taken to be microseconds.
    fn microseconds_exponent(&self) -> Option<i32> {
        match self {
            Self::Seconds => Some(6),
            Self::Milliseconds => Some(3),
            Self::Microseconds => Some(0),
            Self::Nanoseconds => Some(-3),
            Self::Rfc3339 | Self::Pattern(_) => None,
        }
    }

    /// Reads a text; what is finer than a microsecond is cut off, towards the past.
    pub fn read_text(&self, text: &str) -> Option<i64> {
        let microseconds = match self {
            Self::Rfc3339 => read_rfc3339(text)?,
            Self::Pattern(pattern) => pattern.read(text)?,
            Self::Seconds | Self::Milliseconds | Self::Microseconds | Self::Nanoseconds => {
                return None;
            }
        };
        in_range(microseconds)
    }

    /// Reads a text whose year, if it has none, is the one that brings it nearest to `near_us`, and which is a time of
    /// that zone, if there is one, unless it has an offset.
    pub(crate) fn read_local(
        &self,
        text: &str,
        near_us: Option<i64>,
        zone: Option<&Zone>,
    ) -> Option<i64> {
        let in_zone = |local_us| zone.map_or(Some(local_us), |zone| zone.to_utc(local_us));
        let time_us = match self {
            Self::Rfc3339 => read_rfc3339(text).or_else(|| in_zone(read_without_offset(text)?))?,
            Self::Pattern(pattern) => in_zone(pattern.read_near(text, near_us)?)?,
            _ => return None,
        };
        in_range(time_us)
    }

    /// Whether a zone can say what its times mean.
    pub(crate) fn may_have_zone(&self) -> bool {
        match self {
            Self::Rfc3339 => true,
            Self::Pattern(pattern) => !pattern.has_offset(),
            _ => false,
        }
    }

    /// Whether its times have no year, so that something beside them has to say it.
    pub fn has_no_year(&self) -> bool {
        matches!(self, Self::Pattern(pattern) if pattern.has_no_year())
    }

    /// What to do about a text that could not be read, where that is easy to tell.
    pub(super) fn advice(&self, text: &str) -> Option<String> {
        if *self != Self::Rfc3339 && read_rfc3339(text).is_some() {
            return Some("it is written as unit = \"rfc3339\"".to_owned());
        }
        let reads = |pattern: &&&str| {
            TimePattern::new(pattern).is_ok_and(|pattern| pattern.read(text).is_some())
        };
        let pattern = WITHOUT_ZONE.iter().find(reads)?;
        Some(format!(
            "it has no zone; if it is UTC, write unit = \"{pattern}\", else name its 'zone' as well"
        ))
    }

    /// What to do about a number where a text was expected: in which unit it would be a time of this century. `read`
    /// reads the number in a unit.
    pub(super) fn advice_on_number(&self, read: impl Fn(&Self) -> Option<i64>) -> Option<String> {
        if !self.is_written_as_text() {
            return None;
        }
        let is_of_century = |us| (YEAR_2000_US..YEAR_2100_US).contains(&us);
        let fits = |unit: &&Self| read(unit).is_some_and(is_of_century);
        let unit = Self::UNITS.iter().find(fits)?;
        Some(format!("it would be a time in unit = \"{unit}\""))
    }
}

/// 2000-01-01T00:00:00Z, epoch microseconds: few streams of today are older.
pub const YEAR_2000_US: i64 = 946_684_800_000_000;
const YEAR_2100_US: i64 = 4_102_444_800_000_000;

/// Common forms of times that have no zone.
const WITHOUT_ZONE: [&str; 8] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
    "%Y-%m-%d",
    "%Y%m%d",
];

/// Reads `2026-01-31T12:00:00.5Z` with any number of digits, and what else `jiff` takes for such a time.
fn read_rfc3339(text: &str) -> Option<i64> {
    let text = with_short_fraction(text);
    let pieces = Pieces::parse(&*text).ok()?;
    let local = pieces.date().to_datetime(pieces.time()?);
    let offset = i64::from(pieces.to_numeric_offset()?.seconds());
    if offset.abs() >= DAY_SECONDS {
        return None;
    }
    Some(microseconds(local) - offset * 1_000_000)
}

/// Reads the same without an offset, as if it were UTC.
fn read_without_offset(text: &str) -> Option<i64> {
    let text = with_short_fraction(text);
    let pieces = Pieces::parse(&*text).ok()?;
    let has_zone = pieces.to_numeric_offset().is_some() || pieces.time_zone_annotation().is_some();
    let local = pieces.date().to_datetime(pieces.time()?);
    (!has_zone && !text.ends_with(['Z', 'z'])).then(|| microseconds(local))
}

/// No zone is a day away from UTC.
const DAY_SECONDS: i64 = 86_400;

/// Writes epoch microseconds as RFC 3339 in UTC, such as `2026-01-31T12:00:00.5Z`; what lies outside of the years −9999
/// to 9999 as the number that it is.
pub fn write_time(time_us: i64) -> String {
    civil_time(time_us).map_or_else(|| format!("{time_us} µs"), |time| format!("{time}Z"))
}

/// So many digits of a fraction of a second are read.
const FRACTION_DIGITS: usize = 9;

/// The text without those digits of a fraction that are too fine to be read: the fraction stands after the last point
/// or comma.
pub(super) fn with_short_fraction(text: &str) -> Cow<'_, str> {
    let Some(point) = text.rfind(['.', ',']) else { return Cow::Borrowed(text) };
    let start = point + 1;
    let length = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    if length <= FRACTION_DIGITS {
        return Cow::Borrowed(text);
    }
    Cow::Owned([&text[..start + FRACTION_DIGITS], &text[start + length..]].concat())
}

pub(super) fn in_range(microseconds: i64) -> Option<i64> {
    (EARLIEST_US..=LATEST_US).contains(&microseconds).then_some(microseconds)
}

/// What our units are called elsewhere, in lower case.
const FOREIGN: [(&str, &[&str]); 5] = [
    (
        "s",
        &[
            "sec",
            "secs",
            "second",
            "seconds",
            "epoch",
            "epoch_s",
            "epoch_seconds",
            "unix",
            "unix_s",
            "unix_seconds",
            "unixtime",
            "posix",
            "s",
        ],
    ),
    (
        "ms",
        &[
            "ms",
            "msec",
            "msecs",
            "milli",
            "millis",
            "millisecond",
            "milliseconds",
            "epoch_ms",
            "epoch_millis",
            "unix_ms",
            "unix_millis",
        ],
    ),
    (
        "us",
        &[
            "usec",
            "µs",
            "μs",
            "us",
            "micro",
            "micros",
            "microsecond",
            "microseconds",
            "epoch_us",
            "epoch_micros",
            "unix_us",
        ],
    ),
    (
        "ns",
        &[
            "ns",
            "nsec",
            "nano",
            "nanos",
            "nanosecond",
            "nanoseconds",
            "epoch_ns",
            "epoch_nanos",
            "unix_ns",
        ],
    ),
    (
        "rfc3339",
        &[
            "rfc3339",
            "iso8601",
            "iso-8601",
            "iso_8601",
            "iso",
            "rfc-3339",
            "rfc_3339",
            "datetime",
            "date_time",
        ],
    ),
];

impl FromStr for TimeFormat {
    type Err = InvalidTimeFormat;

    fn from_str(text: &str) -> Result<Self, InvalidTimeFormat> {
        let invalid = |why| InvalidTimeFormat::Pattern(text.to_owned(), why);
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            "ns" => Ok(Self::Nanoseconds),
            "rfc3339" => Ok(Self::Rfc3339),
            pattern if pattern.contains('%') => {
                TimePattern::new(pattern).map(Self::Pattern).map_err(invalid)
            }
            _ => Err(not_ours(text)),
        }
    }
}

fn not_ours(text: &str) -> InvalidTimeFormat {
    let name = text.to_lowercase();
    match FOREIGN.iter().find(|(_, names)| names.contains(&&*name)) {
        Some((ours, _)) => InvalidTimeFormat::Foreign(text.to_owned(), ours),
        None => InvalidTimeFormat::Unknown(text.to_owned()),
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Rfc3339 => "rfc3339",
            Self::Pattern(pattern) => pattern.as_str(),
        })
    }
}

crate::text::serde_as_text!(TimeFormat);

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> TimeFormat {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn numbers_are_read_in_their_unit() {
        let cases = [
            ("s", "1700000000", Some(1_700_000_000_000_000)),
            ("s", "1700000000.123456", Some(1_700_000_000_123_456)),
            ("s", "1700000000.1234569", Some(1_700_000_000_123_456)),
            ("s", "1.5", Some(1_500_000)),
            ("s", "-1.5", Some(-1_500_000)),
            ("s", "-0.0000001", Some(-1)),
            ("s", "1.7e9", Some(1_700_000_000_000_000)),
            ("s", "9223372036854775807", None),
            ("s", "9223372036854775808", None),
            ("s", "1e400", None),
            ("ms", "1", Some(1_000)),
            ("ms", "0.0009", Some(0)),
            ("ms", "-0.0009", Some(-1)),
            ("ms", "noon", None),
            ("ms", "NaN", None),
            ("us", "-1", Some(-1)),
            ("us", "-0.5", Some(-1)),
            ("ns", "-1", Some(-1)),
            ("ns", "-1000.5", Some(-2)),
            ("ns", "1700000000123456789", Some(1_700_000_000_123_456)),
            ("rfc3339", "1", None),
        ];
        for (unit, number, expected) in cases {
            assert_eq!(format(unit).read_written(number), expected, "{unit}: {number}");
        }
    }

    #[test]
    fn texts_are_read_as_rfc_3339_says() {
        let cases = [
            ("2026-01-31T12:00:00.5Z", Some(1_769_860_800_500_000)),
            ("2026-01-31T13:00:00+01:00", Some(1_769_860_800_000_000)),
            ("2026-01-31t12:00:00z", Some(1_769_860_800_000_000)),
            ("2026-01-31T12:00:00.12345678987654321Z", Some(1_769_860_800_123_456)),
            ("1969-12-31T23:59:59.9999999999Z", Some(-1)),
            ("1969-12-31T23:59:59.0000000001Z", Some(-1_000_000)),
            ("0001-01-01T00:00:00Z", Some(EARLIEST_US)),
            ("0001-01-01T00:00:00+00:01", None),
            ("9999-12-31T23:59:59.999999999Z", Some(LATEST_US)),
            ("9999-12-31T23:59:59-00:01", None),
            ("2026-01-31T12:00:00", None),
            ("2026-01-31T12:00:00+24:00", None),
            // A leap second is the second before it.
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_000_000)),
            ("2026-01-31", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(format("rfc3339").read_text(text), expected, "{text}");
        }
        assert_eq!(format("ms").read_text("1700000000000"), None);
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        for time_us in [EARLIEST_US, -1, 0, 1_769_860_800_500_000, LATEST_US] {
            assert_eq!(format("rfc3339").read_text(&write_time(time_us)), Some(time_us));
        }
        assert_eq!(write_time(1_769_860_800_500_000), "2026-01-31T12:00:00.5Z");
        assert_eq!(write_time(i64::MAX), "9223372036854775807 µs");
    }

    #[test]
    fn names_from_elsewhere_are_refused_with_ours() {
        for (text, ours) in [
            ("RFC3339", "rfc3339"),
            ("MS", "ms"),
            ("μs", "us"),
            ("iso8601", "rfc3339"),
            ("ISO8601", "rfc3339"),
            ("epoch_ms", "ms"),
            ("Seconds", "s"),
            ("µs", "us"),
        ] {
            let error = text.parse::<TimeFormat>().unwrap_err().to_string();
            assert_eq!(error, format!("'{text}' is not a unit of time here: write '{ours}'"));
        }
        for text in ["", "noon", "yyyy-MM-dd"] {
            let error = text.parse::<TimeFormat>().unwrap_err();
            assert_eq!(error, InvalidTimeFormat::Unknown(text.to_owned()));
        }
        let error = "%s".parse::<TimeFormat>().unwrap_err().to_string();
        assert!(error.starts_with(
            "'%s' is no pattern for a time: '%s' is a number of seconds: write unit = \"s\""
        ));
    }
}
