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
}

impl SeriesPart {
    /// How the key is written. A field of that name is written with a backslash before it.
    pub const KEY: &str = "$key";

    /// The place in a record; `None` for the key.
    pub fn field(&self) -> Option<&Path> {
        match self {
            Self::Field(path) => Some(path),
            Self::Key => None,
        }
    }
}

impl FromStr for SeriesPart {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        if text == Self::KEY { Ok(Self::Key) } else { text.parse().map(Self::Field) }
    }
}

impl fmt::Display for SeriesPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str(Self::KEY),
            Self::Field(path) => match path.to_string() {
                text if text == Self::KEY => write!(f, "\\{text}"),
                text => f.write_str(&text),
            },
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
