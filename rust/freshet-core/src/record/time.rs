//! Event times: how they are written, and their reading as epoch microseconds.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::number;

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// A number of seconds since the epoch, fractions allowed.
    Seconds,
    /// A number of milliseconds since the epoch.
    Milliseconds,
    /// A number of microseconds since the epoch.
    Microseconds,
    /// A number of nanoseconds since the epoch; what is finer than a microsecond is cut off.
    Nanoseconds,
    /// `2026-01-31T12:00:00.5Z`, RFC 3339.
    Rfc3339,
    /// A strftime pattern; UTC unless the pattern has an offset.
    Pattern(String),
}

/// The text names no way to write a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{0}' is not a unit of time: write one of s, ms, us, ns, rfc3339, or a strftime pattern such as '%Y-%m-%d %H:%M:%S'"
)]
pub struct InvalidTimeFormat(String);

/// The years 1 to 9999, which every part of the pipeline can show; in microseconds since the epoch.
pub(crate) const EARLIEST_US: i64 = -62_135_596_800_000_000;
pub(crate) const LATEST_US: i64 = 253_402_300_799_999_999;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const AFTERNOON: SignedDuration = SignedDuration::from_secs(15 * 3_600 + 4 * 60 + 5);

impl TimeFormat {
    /// Whether times are written as texts, and not as numbers.
    pub(super) fn is_written_as_text(&self) -> bool {
        matches!(self, Self::Rfc3339 | Self::Pattern(_))
    }

    /// Reads a number as it is written. A whole number is read exactly, one with a fraction to the nearest microsecond.
    pub(super) fn read_number(&self, number: &str) -> Option<i64> {
        if number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            self.read_float(number::read_float(number)?)
        } else {
            self.read_integer(number::read_integer(number)?)
        }
    }

    fn read_integer(&self, number: i64) -> Option<i64> {
        let microseconds = match self {
            Self::Seconds => number.checked_mul(1_000_000)?,
            Self::Milliseconds => number.checked_mul(1_000)?,
            Self::Microseconds => number,
            Self::Nanoseconds => number.div_euclid(1_000),
            Self::Rfc3339 | Self::Pattern(_) => return None,
        };
        in_range(microseconds)
    }

    fn read_float(&self, number: f64) -> Option<i64> {
        let factor = match self {
            Self::Seconds => 1e6,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1.0,
            Self::Nanoseconds => 1e-3,
            Self::Rfc3339 | Self::Pattern(_) => return None,
        };
        let microseconds = (number * factor).round();
        let representable = microseconds >= EARLIEST_US as f64 && microseconds <= LATEST_US as f64;
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        representable.then_some(microseconds as i64).and_then(in_range)
    }

    /// Reads a text.
    pub(super) fn read_text(&self, text: &str) -> Option<i64> {
        let timestamp = match self {
            Self::Rfc3339 => text.parse::<Timestamp>().ok()?,
            Self::Pattern(pattern) => from_pattern(pattern, text)?,
            Self::Seconds | Self::Milliseconds | Self::Microseconds | Self::Nanoseconds => {
                return None;
            }
        };
        in_range(timestamp.as_microsecond())
    }
}

fn from_pattern(pattern: &str, text: &str) -> Option<Timestamp> {
    let parsed = BrokenDownTime::parse(pattern, text).ok()?;
    if parsed.offset().is_some() {
        return parsed.to_timestamp().ok();
    }
    // A pattern without a time of day means midnight.
    let date = parsed.to_date().ok()?;
    let time = parsed.to_time().ok()?;
    date.to_datetime(time).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

pub(super) fn in_range(microseconds: i64) -> Option<i64> {
    (EARLIEST_US..=LATEST_US).contains(&microseconds).then_some(microseconds)
}

impl FromStr for TimeFormat {
    type Err = InvalidTimeFormat;

    fn from_str(text: &str) -> Result<Self, InvalidTimeFormat> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            "ns" => Ok(Self::Nanoseconds),
            "rfc3339" => Ok(Self::Rfc3339),
            pattern if is_date_pattern(pattern) => Ok(Self::Pattern(pattern.to_owned())),
            _ => Err(InvalidTimeFormat(text.to_owned())),
        }
    }
}

/// Whether the pattern names at least a day, and no half of it: an afternoon that is written and read back must come out
/// as the same instant, or as the midnight before.
fn is_date_pattern(pattern: &str) -> bool {
    let names_a_zone = pattern.contains("%Q") || pattern.contains("%:Q");
    let afternoon = Timestamp::UNIX_EPOCH + AFTERNOON;
    let text = strtime::format(pattern, &afternoon.to_zoned(TimeZone::UTC));
    let read = text.ok().and_then(|text| from_pattern(pattern, &text));
    // Patterns without minutes or seconds lose them.
    let kept =
        |read: Timestamp| read == Timestamp::UNIX_EPOCH || afternoon.duration_since(read) < HOUR;
    !names_a_zone && read.is_some_and(|read| read <= afternoon && kept(read))
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Rfc3339 => "rfc3339",
            Self::Pattern(pattern) => pattern,
        })
    }
}

crate::text::serde_as_text!(TimeFormat);

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> TimeFormat {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_read_in_their_unit() {
        let cases = [
            ("s", "1700000000", Some(1_700_000_000_000_000)),
            ("s", "1700000000.123456", Some(1_700_000_000_123_456)),
            ("s", "1.5", Some(1_500_000)),
            ("s", "1.7e9", Some(1_700_000_000_000_000)),
            ("s", "9223372036854775807", None),
            ("s", "9223372036854775808", None),
            ("s", "1e400", None),
            ("ms", "1", Some(1_000)),
            ("ms", "0.0004", Some(0)),
            ("ms", "noon", None),
            ("ms", "NaN", None),
            ("us", "-1", Some(-1)),
            ("ns", "-1", Some(-1)),
            ("ns", "1700000000123456789", Some(1_700_000_000_123_456)),
            ("rfc3339", "1", None),
        ];
        for (unit, number, expected) in cases {
            assert_eq!(format(unit).read_number(number), expected, "{unit}: {number}");
        }
    }

    #[test]
    fn texts_are_read_by_their_pattern() {
        let cases = [
            ("rfc3339", "2026-01-31T12:00:00.5Z", Some(1_769_860_800_500_000)),
            ("rfc3339", "2026-01-31T13:00:00+01:00", Some(1_769_860_800_000_000)),
            ("rfc3339", "yesterday", None),
            ("%Y-%m-%d %H:%M:%S", "2026-01-31 12:00:00", Some(1_769_860_800_000_000)),
            ("%Y-%m-%d %H:%M:%S %z", "2026-01-31 13:00:00 +0100", Some(1_769_860_800_000_000)),
            ("%Y-%m-%d", "2026-01-31", Some(1_769_817_600_000_000)),
            ("%Y-%m-%d", "2026-01-31 12:00", None),
            ("ms", "1700000000000", None),
        ];
        for (unit, text, expected) in cases {
            assert_eq!(format(unit).read_text(text), expected, "{unit}: {text}");
        }
    }

    #[test]
    fn refuses_units_that_name_no_day() {
        for text in ["", "sec", "%H:%M", "minutes", "%Q%", "%Y-%m-%d %I:%M", "%Y-%m-%d %H:%M %Q"] {
            assert!(text.parse::<TimeFormat>().is_err(), "{text}");
        }
    }
}
