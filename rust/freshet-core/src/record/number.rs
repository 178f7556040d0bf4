//! Numbers as they are written in a record.

/// The powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Whole numbers up to here are exact as doubles.
const EXACT_INTEGERS: u64 = 1 << 53;

/// So many digits always fit into 64 bits.
const MAX_DIGITS: usize = 19;

/// The double nearest to a decimal number: an optional sign, digits with an optional point, an optional exponent. `None`
/// for anything else, also for the names of infinities and of what is not a number. Infinite beyond the range of a double.
pub(super) fn read_float(text: &str) -> Option<f64> {
    short_decimal(text).or_else(|| any_decimal(text))
}

/// The number of a text without a point and an exponent that fits into 64 bits.
pub(super) fn read_integer(text: &str) -> Option<i64> {
    text.parse().ok()
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

    proptest! {
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
