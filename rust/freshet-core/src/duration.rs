//! Durations as people write them: a whole number and a unit, such as `500ms`, `10s`, `5m`, `2h` or `30d`.

use std::time::Duration;

use thiserror::Error;

/// A day, in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// The units, largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{text}' is not a duration: write a whole number and one of ms, s, m, h, d, such as '10s'"
)]
pub struct InvalidDuration {
    text: String,
}

/// Parses `<whole number><unit>`.
///
/// # Errors
///
/// [`InvalidDuration`] when the number or the unit is missing, unknown or too large.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration { text: text.to_owned() };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    number.checked_mul(*length).map(Duration::from_millis).ok_or_else(invalid)
}

/// Writes a duration in its largest whole unit, so that `60s` and `1m` get one name.
pub fn format(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, length) = UNITS
        .iter()
        .find(|(_, length)| milliseconds != 0 && milliseconds.is_multiple_of(*length))
        .unwrap_or(&UNITS[3]);
    format!("{}{unit}", milliseconds / length)
}

/// The greatest length of which both are multiples, in whatever unit they are; neither is negative.
pub(crate) fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Serializes a duration as whole milliseconds: the unit in which all parts exchange durations.
///
/// # Errors
///
/// Whatever the serializer reports.
pub fn serialize_milliseconds<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_number_with_a_unit() {
        for text in ["", "10", "s", "-1s", "1.5s", "10 s", "10sec", "18446744073709551615d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_the_largest_whole_unit() {
        for (milliseconds, text) in [
            (0, "0s"),
            (1, "1ms"),
            (60_000, "1m"),
            (90_000, "90s"),
            (86_400_000, "1d"),
            (3_600_000, "1h"),
        ] {
            assert_eq!(format(Duration::from_millis(milliseconds)), text);
        }
    }
}
