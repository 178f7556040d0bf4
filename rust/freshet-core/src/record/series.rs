//! Series ids: the parts of a series joined with `/`, a `/` or `%` inside a part percent-encoded.

use std::fmt;
use std::str::FromStr;

use super::bytes::find_special;
use super::path::{InvalidPath, Path};

/// What names a part of the series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesPart {
    /// What stands in that place of a record.
    Field(Path),
    /// The record's key in Kafka, a text: written [`Self::KEY`].
    Key,
    /// The name of the topic that the record was delivered by: written [`Self::TOPIC`].
    Topic,
    /// The value of the last header of that name, a text: written after [`Self::HEADER`].
    Header(String),
}

impl SeriesPart {
    /// How the key is written. A field that is called like this, the topic, or a header has a backslash before it.
    pub const KEY: &str = "$key";

    /// How the topic is written.
    pub const TOPIC: &str = "$topic";

    /// What stands before the name of a header.
    pub const HEADER: &str = "$header.";

    /// The place in a record; `None` for what stands beside its value.
    pub fn field(&self) -> Option<&Path> {
        match self {
            Self::Field(path) => Some(path),
            Self::Key | Self::Topic | Self::Header(_) => None,
        }
    }

    /// How a field is written that is called like something beside the value.
    pub(crate) fn escaped(place: String) -> String {
        if Self::beside_value(&place).is_some() { format!("\\{place}") } else { place }
    }

    /// What stands beside the value of a record.
    pub(crate) fn beside_value(text: &str) -> Option<Self> {
        match text {
            Self::KEY => Some(Self::Key),
            Self::TOPIC => Some(Self::Topic),
            _ => text.strip_prefix(Self::HEADER).map(|name| Self::Header(name.to_owned())),
        }
    }
}

impl FromStr for SeriesPart {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Self::beside_value(text).map_or_else(|| text.parse().map(Self::Field), Ok)
    }
}

impl fmt::Display for SeriesPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str(Self::KEY),
            Self::Topic => f.write_str(Self::TOPIC),
            Self::Header(name) => write!(f, "{}{name}", Self::HEADER),
            Self::Field(path) => f.write_str(&Self::escaped(path.to_string())),
        }
    }
}

crate::text::serde_as_text!(SeriesPart);

/// Appends one part of a series id, encoded.
pub(super) fn encode_part(part: &str, output: &mut String) {
    let bytes = part.as_bytes();
    let (mut plain, mut at) = (0, 0);
    loop {
        at = find_special(bytes, at, b'/', b'%');
        let encoded = match bytes.get(at) {
            None => break,
            Some(b'/') => "%2F",
            Some(b'%') => "%25",
            Some(_) => {
                at += 1;
                continue;
            }
        };
        output.push_str(&part[plain..at]);
        output.push_str(encoded);
        at += 1;
        plain = at;
    }
    output.push_str(&part[plain..]);
}

/// The series id of these parts: also the Kafka key under which a source sends a series' records.
pub fn encode_series<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut id = String::new();
    for (position, part) in parts.into_iter().enumerate() {
        if position > 0 {
            id.push('/');
        }
        encode_part(part, &mut id);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let field = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
            SeriesPart::Field(Path::of_keys(&keys))
        };
        for (part, text) in [
            (SeriesPart::Key, "$key"),
            (field(&["$key"]), r"\$key"),
            (field(&["$key", "a"]), "$key.a"),
            (SeriesPart::Topic, "$topic"),
            (field(&["$topic"]), r"\$topic"),
            (SeriesPart::Header("site".to_owned()), "$header.site"),
            (SeriesPart::Header("a.b\\".to_owned()), r"$header.a.b\"),
            (SeriesPart::Header(String::new()), "$header."),
            (field(&["$header", "site"]), r"\$header.site"),
            (field(&["$header"]), "$header"),
            (field(&["key"]), "key"),
        ] {
            assert_eq!(part.to_string(), text);
            assert_eq!(text.parse(), Ok(part));
        }
    }

    #[test]
    fn parts_stay_apart() {
        for (parts, id) in [
            (&["a", "b"][..], "a/b"),
            (&["a/b"], "a%2Fb"),
            (&["50%", "x"], "50%25/x"),
            (&["", ""], "/"),
            (&["ü/", "%/"], "ü%2F/%25%2F"),
            (&["a\tb/c\n%", "☃"], "a\tb%2Fc\n%25/☃"),
        ] {
            assert_eq!(encode_series(parts.iter().copied()), id);
        }
    }
}
