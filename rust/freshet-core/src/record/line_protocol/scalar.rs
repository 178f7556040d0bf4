//! The values of fields that are no strings.

use super::super::number::{self, Number};

/// A field's value that is no string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Number(Number),
    /// A number of so many bytes, the letter of its type left out. It is kept as it is written: as a part of a series,
    /// 1.50 is not 1.5.
    Written(usize),
}

impl Scalar {
    pub(super) fn of(text: &str) -> Option<Self> {
        match text {
            "t" | "T" | "true" | "True" | "TRUE" => return Some(Self::Bool(true)),
            "f" | "F" | "false" | "False" | "FALSE" => return Some(Self::Bool(false)),
            _ => {}
        }
        let (digits, number) = if let Some(digits) = text.strip_suffix('i') {
            (digits, Number::Integer(digits.parse().ok()?))
        } else if let Some(digits) = text.strip_suffix('u') {
            (digits, Number::Unsigned(digits.parse().ok()?))
        } else {
            return number::read_float(text).map(|_| Self::Written(text.len()));
        };
        Some(if is_plain(digits) { Self::Number(number) } else { Self::Written(digits.len()) })
    }
}

/// The number of a line's own time; `None` where it has to be kept as it is written.
pub(super) fn timestamp(digits: &str) -> Option<Number> {
    digits.parse().ok().filter(|_| is_plain(digits)).map(Number::Integer)
}

/// Whether a whole number is written as it would be written again: 007, +7 and -0 are not.
fn is_plain(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'0'] | [b'-', b'1'..=b'9', ..] | [b'1'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_numbers_at_once_unless_their_writing_would_be_lost() {
        for (text, expected) in [
            ("0i", Some(Scalar::Number(Number::Integer(0)))),
            ("-12i", Some(Scalar::Number(Number::Integer(-12)))),
            ("9223372036854775807i", Some(Scalar::Number(Number::Integer(i64::MAX)))),
            ("9223372036854775808i", None),
            ("18446744073709551615u", Some(Scalar::Number(Number::Unsigned(u64::MAX)))),
            ("-1u", None),
            ("007i", Some(Scalar::Written(3))),
            ("+7u", Some(Scalar::Written(2))),
            ("-0i", Some(Scalar::Written(2))),
            ("i", None),
            ("1.5i", None),
            ("1.50", Some(Scalar::Written(4))),
            ("T", Some(Scalar::Bool(true))),
            ("yes", None),
        ] {
            assert_eq!(Scalar::of(text), expected, "{text}");
        }
    }
}
