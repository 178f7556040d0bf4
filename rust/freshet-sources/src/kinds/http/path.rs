//! Where something is in JSON: names and numbers between dots, such as `properties.code` or `0`.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::kinds::raw_json;

/// The path to the thing itself.
const ITSELF: &str = ".";

/// A dotted path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// # Errors
    ///
    /// When it has an empty part.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == ITSELF {
            return Ok(Self(Vec::new()));
        }
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(format!(
                "'{text}' is no path: write names with dots between them, such as properties.code, or . for the thing \
                 itself"
            ));
        }
        Ok(Self(parts))
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        if self.0.is_empty() { ITSELF.to_owned() } else { self.0.join(".") }
    }

    /// What is there in a JSON text; `None` where nothing is, or `null`.
    ///
    /// # Errors
    ///
    /// When the text is no JSON.
    pub(super) fn find<'a>(&self, json: &'a str) -> serde_json::Result<Option<&'a str>> {
        raw_json::find(&self.0, json)
    }
}

/// Where the items of a list are in its text.
///
/// # Errors
///
/// When it is no list, or one of more than `most` items.
pub(super) fn items(list: &str, most: usize) -> serde_json::Result<Vec<Range<usize>>> {
    Items { list, most }.deserialize(&mut serde_json::Deserializer::from_str(list))
}

struct Items<'l> {
    list: &'l str,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Vec<Range<usize>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<Range<usize>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut ranges = Vec::new();
        while let Some(item) = list.next_element::<&'de RawValue>()? {
            if ranges.len() == self.most {
                return Err(A::Error::custom(format!("more than {} items", self.most)));
            }
            let text = item.get();
            let start = text.as_ptr().addr() - self.list.as_ptr().addr();
            ranges.push(start..start + text.len());
        }
        Ok(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(path: &str, json: &'a str) -> Option<&'a str> {
        Path::parse(path).unwrap().find(json).unwrap()
    }

    #[test]
    fn a_path_leads_through_objects_and_lists() {
        let json = r#" {"a": {"b\u0063": [1, {"x": 1.50}], "b": null}, "a2": 3} "#;
        assert_eq!(find("a.bc.1.x", json), Some("1.50"));
        assert_eq!(find("a.bc.0", json), Some("1"));
        assert_eq!(find("a2", json), Some("3"));
        assert_eq!(find(".", " 7 "), Some("7"));
        for nowhere in ["a.b", "a.bc.2", "a.bc.x", "a2.x", "x"] {
            assert_eq!(find(nowhere, json), None, "{nowhere}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "a.", ".a", "a..b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        assert!(Path::parse("a").unwrap().find("{\"a\": 1").is_err());
        assert!(Path::parse("a").unwrap().find("<html>").is_err());
    }

    #[test]
    fn the_items_of_a_list_are_where_they_stand() {
        let list = r#"[ 1.0 , {"a": [2]},"x"]"#;
        let found: Vec<&str> =
            items(list, 3).unwrap().into_iter().map(|range| &list[range]).collect();
        assert_eq!(found, ["1.0", r#"{"a": [2]}"#, "\"x\""]);
        assert!(items("[]", 3).unwrap().is_empty());
        assert!(items("{}", 3).unwrap_err().to_string().contains("expected a list"));
        assert!(items("[1,2,3,4]", 3).unwrap_err().to_string().starts_with("more than 3 items"));
    }
}
