//! Numbers of a record: as they are written in a text, or as a format has read them.

use std::fmt;
use std::io::Write as _;

/// The powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Whole numbers up to here are exact as doubles.
const EXACT_INTEGERS: u64 = 1 << 53;

/// So many digits always fit into 64 bits.
const MAX_DIGITS: usize = 19;

/// A number that a format has read: no text is made of it on the way to a value or a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Unsigned(u64),
    Float(f64),
}

impl Number {
    /// The nearest double.
    pub(super) fn to_double(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Unsigned(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// The number times a power of ten, exactly, rounded down to a whole number; `None` for what does not fit into 64
    /// bits, and for what is no number.
    pub(super) fn scaled(self, exponent: i32) -> Option<i64> {
        match self {
            Self::Integer(number) => scale(number, exponent),
            Self::Unsigned(number) => scale_unsigned(number, exponent),
            Self::Float(number) => scale_float(number, exponent),
        }
    }

    /// Whether it is a number at all, and no infinity.
    pub(super) fn is_finite(self) -> bool {
        self.to_double().is_finite()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            // As JSON writes it: 1.0 and 1e300, not 1 and three hundred zeros.
            Self::Float(number) => write!(f, "{number:?}"),
        }
    }
}

#[inline]
fn scale(number: i64, exponent: i32) -> Option<i64> {
    let power = 10_i64.checked_pow(exponent.unsigned_abs())?;
    if exponent < 0 { Some(number.div_euclid(power)) } else { number.checked_mul(power) }
}

fn scale_unsigned(number: u64, exponent: i32) -> Option<i64> {
    let power = 10_u64.checked_pow(exponent.unsigned_abs())?;
    let scaled = if exponent < 0 { number / power } else { number.checked_mul(power)? };
    scaled.try_into().ok()
}

/// A double stands for the shortest decimal number that is nearest to it: 1700000000.123456 s has six digits in every
/// format, although the double itself is a little more or less.
fn scale_float(number: f64, exponent: i32) -> Option<i64> {
    let mut digits = [0; FLOAT_BYTES];
    let mut rest = &mut digits[..];
    write!(rest, "{number:e}").ok()?;
    let length = FLOAT_BYTES - rest.len();
    read_scaled(std::str::from_utf8(&digits[..length]).ok()?, exponent)
}

/// The longest double in scientific notation: a sign, 17 digits, a point, and `e-308`.
const FLOAT_BYTES: usize = 24;

/// The double nearest to a decimal number: an optional sign, digits with an optional point, an optional exponent.
/// `None` for anything else, also for the names of infinities and of what is not a number. Infinite beyond the range of
/// a double.
pub(super) fn read_float(text: &str) -> Option<f64> {
    short_decimal(text).or_else(|| any_decimal(text))
}

/// A decimal number times a power of ten, exactly, rounded down to a whole number; `None` for anything else, and for
/// what does not fit into 64 bits.
#[inline]
pub(super) fn read_scaled(text: &str, exponent: i32) -> Option<i64> {
    match short_integer(text) {
        Some(number) => scale(number, exponent),
        None => any_scaled(text, exponent),
    }
}

/// Most times are whole numbers of a few digits.
#[inline]
fn short_integer(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() >= MAX_DIGITS {
        return None;
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if is_negative { -number } else { number })
}

fn any_scaled(text: &str, exponent: i32) -> Option<i64> {
    let (mantissa, written) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (is_negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let all = || whole.bytes().chain(decimals.bytes());
    if whole.len() + decimals.len() == 0 || !all().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // So many of the digits stand before the point.
    let point = i64::try_from(whole.len()).ok()? + i64::from(written) + i64::from(exponent);
    let places = usize::try_from(point).unwrap_or(0);
    let mut number = all().take(places).try_fold(0, push_digit)?;
    for _ in all().count()..places {
        number = if number == 0 { break } else { push_digit(number, b'0')? };
    }
    let has_rest = if point < 0 {
        all().any(|byte| byte != b'0')
    } else {
        all().skip(places).any(|byte| byte != b'0')
    };
    if is_negative { (-number).checked_sub(i64::from(has_rest)) } else { Some(number) }
}

fn push_digit(number: i64, digit: u8) -> Option<i64> {
    number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
}

/// Most numbers are a few digits: digits and scale are both exact as doubles, so their quotient is the nearest double
/// (W. D. Clinger, "How to read floating point numbers accurately", 1990).
fn short_decimal(text: &str) -> Option<f64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.len() > MAX_DIGITS {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    for (position, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(position),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |position| digits.len() - position - 1);
    let has_digits = digits.len() > usize::from(point.is_some());
    if !has_digits || mantissa > EXACT_INTEGERS {
        return None;
    }
    let magnitude = mantissa as f64 / POWERS_OF_TEN.get(decimals)?;
    Some(if negative { -magnitude } else { magnitude })
}

fn any_decimal(text: &str) -> Option<f64> {
    let decimal = |byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if text.bytes().all(decimal) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_decimal_numbers_are_numbers() {
        for text in
            ["", "-", "+", ".", "-.", "e5", "1e", "nan", "inf", "-Infinity", "0x10", "1_000"]
        {
            assert_eq!(read_float(text), None, "{text}");
        }
        for text in [" 1", "1 ", "1,5", "--1", "1.2.3", "١"] {
            assert_eq!(read_float(text), None, "{text}");
        }
        let cases =
            [("1", 1.0), ("+1.5", 1.5), ("-.5", -0.5), ("5.", 5.0), ("007", 7.0), ("1e3", 1e3)];
        for (text, expected) in cases {
            assert_eq!(read_float(text), Some(expected), "{text}");
        }
        assert_eq!(read_float("1e400"), Some(f64::INFINITY));
        assert!(read_float("-0").unwrap().is_sign_negative());
    }

    #[test]
    fn scaled_numbers_round_down() {
        for (text, exponent, expected) in [
            ("0", 6, Some(0)),
            ("-0", 6, Some(0)),
            ("1.5", 6, Some(1_500_000)),
            ("+.5", 3, Some(500)),
            ("5.", 3, Some(5_000)),
            ("-1.0000001", 6, Some(-1_000_001)),
            ("1.0000009", 6, Some(1_000_000)),
            ("1999", -3, Some(1)),
            ("-1999", -3, Some(-2)),
            ("-2000", -3, Some(-2)),
            ("-1e-9", 0, Some(-1)),
            ("1e-9", 0, Some(0)),
            ("0e99999", 6, Some(0)),
            ("1e12", 6, Some(1_000_000_000_000_000_000)),
            ("1e13", 6, None),
            ("1e2147483647", 6, None),
            ("9223372036854775807", 0, Some(i64::MAX)),
            ("9223372036854775808", 0, None),
            ("", 0, None),
            (".", 0, None),
            ("-", 0, None),
            ("1e", 0, None),
            ("1.2.3", 0, None),
            ("0x1", 0, None),
            (" 1", 0, None),
        ] {
            assert_eq!(read_scaled(text, exponent), expected, "{text} and {exponent}");
        }
    }

    proptest! {
        #[test]
        fn scaled_numbers_are_exact(number in -1_000_000_000_000_000_i64..1_000_000_000_000_000, exponent in 0_i32..4) {
            let text = number.to_string();
            let scaled = number * 10_i64.pow(exponent.unsigned_abs());
            prop_assert_eq!(read_scaled(&text, exponent), Some(scaled));
            prop_assert_eq!(read_scaled(&format!("{text}e3"), exponent - 3), Some(scaled));
            let cut = number.div_euclid(10_i64.pow(exponent.unsigned_abs()));
            prop_assert_eq!(read_scaled(&text, -exponent), Some(cut));
        }

        #[test]
        fn every_number_is_the_nearest_double(text in r"-?[0-9]{1,25}(\.[0-9]{1,25})?") {
            let exact: f64 = text.parse().unwrap();
            prop_assert_eq!(read_float(&text).unwrap().to_bits(), exact.to_bits());
        }

        #[test]
        fn every_double_comes_back(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            prop_assert_eq!(read_float(&number.to_string()).unwrap().to_bits(), number.to_bits());
            prop_assert_eq!(read_float(&format!("{number:e}")).unwrap().to_bits(), number.to_bits());
        }
    }
}
