//! JSON as servers send it, for filters. What a filter is given is checked first, since the parser of the filters takes
//! more than JSON, and takes stack for each level and time for each digit.

use jaq_json::{Val, read};
use serde::de::IgnoredAny;

/// Nested deeper, a value would take more stack to read, to write and to free than a thread has.
pub(super) const MOST_LEVELS: usize = 128;
/// The most digits of a number: the time to read one grows with their square.
const MOST_DIGITS: usize = 1_000;

/// Reads one value.
///
/// # Errors
///
/// When it is not JSON, is nested too deep, or has a number that is too long.
pub(super) fn parse(text: &[u8]) -> Result<Val, String> {
    check(text)?;
    check_bounds(text)?;
    read::parse_single(text).map_err(|error| error.to_string())
}

/// Whether that is one value of JSON.
pub(super) fn check(text: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<IgnoredAny>(text).map(drop).map_err(|error| error.to_string())
}

/// The text is JSON already.
fn check_bounds(text: &[u8]) -> Result<(), String> {
    let (mut levels, mut digits, mut is_text) = (0_usize, 0_usize, false);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        digits = if byte.is_ascii_digit() && !is_text { digits + 1 } else { 0 };
        if digits > MOST_DIGITS {
            return Err(format!("a number has more than {MOST_DIGITS} digits"));
        }
        match byte {
            b'"' => is_text = !is_text,
            // What is escaped ends no text.
            b'\\' => {
                bytes.next();
            }
            b'[' | b'{' if !is_text => levels += 1,
            b']' | b'}' if !is_text => levels -= 1,
            _ => {}
        }
        if levels > MOST_LEVELS {
            return Err(format!("it is nested deeper than {MOST_LEVELS} levels"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn what_would_take_all_stack_or_time_is_refused() {
        assert!(parse(nested(MOST_LEVELS).as_bytes()).is_ok());
        let cases = [
            (nested(MOST_LEVELS + 1), "it is nested deeper than 128 levels"),
            (nested(1_000_000), "it is nested deeper than 128 levels"),
            ("[".repeat(1_000_000), "EOF while parsing a list at line 1 column 1000000"),
            ("1".repeat(1_000_000), "a number has more than 1000 digits"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), expected);
        }
        // Brackets and digits of texts are none.
        for text in [nested(1_000), "1".repeat(2_000), "\\\"[".repeat(200), "\\\\".to_owned()] {
            assert!(parse(format!("[\"{text}\"]").as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_only_the_parser_of_filters_takes_is_no_json() {
        for text in
            ["NaN", "[Infinity]", "b\"a\"", "{1: 2}", "# a\n1", "[1,]", "+1", "01", "", "1 2"]
        {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_is_the_same_after_it_was_read_and_written(value in values()) {
            let text = value.to_string();
            let written = parse(text.as_bytes()).unwrap().to_string();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(parse(&bytes).is_ok(), serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
        }
    }
}
