//! Places in a record: keys and list indexes joined with dots, such as `mem.rss` or `readings.0.value`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A place in a record: a number is the index of a list, or a key where the record has an object.
///
/// As a text, `\` takes a character that means something literally: a dot, a backslash, and the beginnings of other
/// languages' paths, which are refused (see [`Habit`]). Names of columns and of fields in line protocol are no paths: see
/// [`Self::of_name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// The text is not a place in a record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPath {
    /// A key between two dots, or before the first or after the last one, is empty.
    #[error(
        "'{0}' is not a path: write keys and list indexes joined with dots, such as 'mem.rss' or 'readings.0.value'; \
         a dot inside a key is written '\\.'"
    )]
    EmptyKey(String),
    /// A backslash before something that it does not change.
    #[error(
        "'{0}' is not a path: '\\' stands before a dot, a backslash, '[', '*', '$' or '/' that is part of a key; a key with a \
         backslash has it twice"
    )]
    Escape(String),
    /// A path in another language.
    #[error("'{text}' is not a path: write '{instead}'; {literally}")]
    Foreign {
        /// What was written.
        text: String,
        /// The same place in ours.
        instead: String,
        /// How to write a key that looks like this.
        literally: &'static str,
    },
    /// A place in each item of a list.
    #[error(
        "'{0}' is not a path: there is no '*' for each item of a list; name one by its index, from 0, such as 'readings.0.value'; \
         a key that is called '*' is written '\\*'"
    )]
    EachItem(String),
}

impl Path {
    /// The keys or indexes, outermost first; at least one.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The path of one name, letter for letter; `None` without one.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self::of_key(name))
    }

    /// The path of one key.
    pub(crate) fn of_key(key: &str) -> Self {
        Self(vec![key.to_owned()])
    }

    /// The path of a name in a place of that kind, both letter for letter.
    pub(crate) fn of_name_in(kind: &str, name: &str) -> Self {
        Self(vec![kind.to_owned(), name.to_owned()])
    }

    /// The segments joined with dots, nothing escaped: the name of a column.
    pub fn name(&self) -> String {
        self.0.join(".")
    }
}

/// What somebody writes who knows another language for paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// `$.a`, as in `JSONPath`.
    Root,
    /// `/a/b`, as in JSON Pointer (RFC 6901).
    Pointer,
    /// `a[0]` or `a["b"]`, as in most languages.
    Index,
    /// `a.*.b` or `a[*]`.
    Each,
}

impl Habit {
    fn of(text: &str) -> Option<Self> {
        let is_each = |segment: &str| segment == "*";
        if text.starts_with('/') {
            return Some(Self::Pointer);
        }
        if text.split('.').any(is_each) || text.contains("[*]") {
            return Some(Self::Each);
        }
        if text == "$" || text.starts_with("$.") || text.starts_with("$[") {
            return Some(Self::Root);
        }
        let mut brackets = text.match_indices('[').filter(|(at, _)| !is_escaped(text, *at));
        brackets.any(|(at, _)| index_of(&text[at..]).is_some()).then_some(Self::Index)
    }

    fn error(self, text: &str) -> InvalidPath {
        let literally = match self {
            Self::Each => return InvalidPath::EachItem(text.to_owned()),
            Self::Root => "a key that is called '$' is written '\\$'",
            Self::Pointer => "a key that begins with '/' is written '\\/…'",
            Self::Index => "a '[' that is part of a key is written '\\['",
        };
        let instead = self.translate(text);
        InvalidPath::Foreign { text: text.to_owned(), instead, literally }
    }

    fn translate(self, text: &str) -> String {
        if self == Self::Pointer {
            let keys = text.split('/').filter(|key| !key.is_empty());
            let keys: Vec<_> = keys.map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
            return if keys.is_empty() { "key".to_owned() } else { Path(keys).to_string() };
        }
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut path = String::new();
        while let Some(next) = rest.chars().next() {
            if let Some((key, length)) = index_of(rest) {
                path.extend([".", key]);
                rest = &rest[length..];
            } else {
                path.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        let path = path.trim_matches('.');
        if path.is_empty() { "key".to_owned() } else { path.to_owned() }
    }
}

/// Whether an odd number of backslashes stands before that place.
fn is_escaped(text: &str, at: usize) -> bool {
    text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The index or key in the brackets that a text begins with, and how long they are.
fn index_of(text: &str) -> Option<(&str, usize)> {
    let (inside, _) = text.strip_prefix('[')?.split_once(']')?;
    let quoted = |quote| inside.strip_prefix(quote)?.strip_suffix(quote);
    let is_number = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
    let key = quoted('\'').or_else(|| quoted('"')).or(is_number.then_some(inside))?;
    Some((key, inside.len() + 2))
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        if let Some(habit) = Habit::of(text) {
            return Err(habit.error(text));
        }
        let mut segments = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '.' => {
                    segments.push(String::new());
                    continue;
                }
                '\\' => characters
                    .next()
                    .filter(|next| ESCAPED.contains(next))
                    .ok_or_else(|| InvalidPath::Escape(text.to_owned()))?,
                other => other,
            };
            if let Some(segment) = segments.last_mut() {
                segment.push(literal);
            }
        }
        if segments.iter().any(String::is_empty) {
            return Err(InvalidPath::EmptyKey(text.to_owned()));
        }
        Ok(Self(segments))
    }
}

/// What a backslash takes literally.
const ESCAPED: [char; 7] = ['.', '\\', '[', ']', '*', '$', '/'];

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |segment: &String| segment.replace('\\', "\\\\").replace('.', "\\.");
        let plain = self.0.iter().map(escape).collect::<Vec<_>>().join(".");
        if Habit::of(&plain).is_none() {
            return f.write_str(&plain);
        }
        // Rarely does a key look like a path of another language.
        let escape_all = |segment: &String| {
            let mut escaped = String::new();
            for character in segment.chars() {
                if ESCAPED.contains(&character) {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
            escaped
        };
        f.write_str(&self.0.iter().map(escape_all).collect::<Vec<_>>().join("."))
    }
}

crate::text::serde_as_text!(Path);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_at_dots_that_are_not_escaped() {
        for (text, segments) in [
            ("a", &["a"][..]),
            ("mem.rss", &["mem", "rss"]),
            (r"a\.b.0", &["a.b", "0"]),
            (r"a\\", &[r"a\"]),
            (r"Temp\.", &["Temp."]),
            ("temp[C].$ref.a/b.*x", &["temp[C]", "$ref", "a/b", "*x"]),
            (r"\$.a", &["$", "a"]),
            (r"\/a", &["/a"]),
            (r"a\[0\].\*", &["a[0]", "*"]),
        ] {
            let path: Path = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(path.segments(), segments);
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn refuses_empty_segments_and_what_a_backslash_does_not_change() {
        for text in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(text.parse::<Path>(), Err(InvalidPath::EmptyKey(text.to_owned())), "{text}");
        }
        for text in [r"a\", r"a\b", r"\n.x", r"a.\ b"] {
            assert_eq!(text.parse::<Path>(), Err(InvalidPath::Escape(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn paths_of_other_languages_are_refused_with_ours() {
        for (text, ours) in [
            ("a[0].v", "a.0.v"),
            ("$.v", "v"),
            ("$[0].v", "0.v"),
            ("$['air temp'].v", "air temp.v"),
            ("a[\"b\"][12]", "a.b.12"),
            ("[0].v", "0.v"),
            ("/v", "v"),
            ("/a/0/x.y~1z", r"a.0.x\.y/z"),
        ] {
            let error = text.parse::<Path>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("'{text}' is not a path: write '{ours}'; ")),
                "{error}"
            );
        }
        for text in ["a.*.v", "*", "a[*].v", "$.a[*]"] {
            assert_eq!(text.parse::<Path>(), Err(InvalidPath::EachItem(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_path_survives_as_a_text(segments in prop::collection::vec(r"[\\.\[\]*$/a0'']{1,5}", 1..4)) {
            let path = Path(segments);
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
