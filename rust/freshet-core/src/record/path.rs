//! Places in a record: keys and list indexes joined with dots, such as `mem.rss` or `readings.0.value`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A place in a record. A `\` before a dot or a backslash takes it literally; a number is the index of a list, or a key
/// where the record has an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// The text is not a place in a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{0}' is not a path: write keys and list indexes joined with dots, such as 'mem.rss' or 'readings.0.value'"
)]
pub struct InvalidPath(String);

impl Path {
    /// The keys or indexes, outermost first; at least one.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The path of one key or index.
    pub(crate) fn from_segment(segment: &str) -> Self {
        Self(vec![segment.to_owned()])
    }

    /// The segments joined with dots, nothing escaped: the name of a column.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let mut segments = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '.' => {
                    segments.push(String::new());
                    continue;
                }
                '\\' => characters.next().ok_or_else(|| InvalidPath(text.to_owned()))?,
                other => other,
            };
            if let Some(segment) = segments.last_mut() {
                segment.push(literal);
            }
        }
        if segments.iter().any(String::is_empty) {
            return Err(InvalidPath(text.to_owned()));
        }
        Ok(Self(segments))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = self.0.iter().map(|s| s.replace('\\', "\\\\").replace('.', "\\."));
        f.write_str(&escaped.collect::<Vec<_>>().join("."))
    }
}

crate::text::serde_as_text!(Path);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_dots_that_are_not_escaped() {
        for (text, segments) in [
            ("a", &["a"][..]),
            ("mem.rss", &["mem", "rss"]),
            (r"a\.b.0", &["a.b", "0"]),
            (r"a\\", &[r"a\"]),
        ] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.segments(), segments);
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn refuses_empty_segments() {
        for text in ["", ".", "a.", ".a", "a..b", r"a\"] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
