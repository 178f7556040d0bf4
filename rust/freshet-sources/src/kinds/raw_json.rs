//! Values are found in JSON without being built: what is found is the text that stands there.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What a JSON text has below these names and numbers, outermost first; `None` where nothing is, or `null`.
///
/// # Errors
///
/// When the text is no JSON.
pub(super) fn find<'a>(path: &[String], json: &'a str) -> serde_json::Result<Option<&'a str>> {
    let mut found: &'a RawValue = serde_json::from_str(json)?;
    for name in path {
        match child(found.get(), name)? {
            Some(next) => found = next,
            None => return Ok(None),
        }
    }
    Ok(Some(found.get()).filter(|text| *text != "null"))
}

/// What an object has under a name, or a list at a number.
fn child<'a>(json: &'a str, name: &str) -> serde_json::Result<Option<&'a RawValue>> {
    if !json.starts_with(['{', '[']) {
        return Ok(None);
    }
    Child(name).deserialize(&mut serde_json::Deserializer::from_str(json))
}

struct Child<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Child<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Child<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let wanted: Option<usize> = self.0.parse().ok();
        let (mut found, mut number) = (None, 0);
        while let Some(item) = list.next_element::<&'de RawValue>()? {
            if wanted == Some(number) {
                found = Some(item);
            }
            number += 1;
        }
        Ok(found)
    }
}
