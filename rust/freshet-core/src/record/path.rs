//! Places in a record: keys and list indexes joined with dots, such as `mem.rss` or `readings.0.value`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A place in a record: a number is the index of a list, or a key where the record has an object.
///
/// As a text, `\` takes a character that means something literally: a dot, a backslash, and the beginnings of other
/// languages' paths, which are refused (see [`Habit`]). Names of columns and of fields in line protocol are no paths:
/// see [`Self::of_name`].
///
/// Each `^` before them steps out of one list of rows: `^.device` is what stands beside the list that the row is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Out of how many lists of rows it leads first.
    lists_up: usize,
    segments: Vec<String>,
}

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
        "'{0}' is not a path: '\\' stands before a dot, a backslash, or a sign of other languages' paths ('[', '*', \
         '$', '/', '^', quotes) that is part of a key; a key with a backslash has it twice"
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
        "'{0}' is not a path: there is no '*' for each item of a list; name one by its index, from 0, such as \
         'readings.0.value', or let each be a row: rows = \"readings\"; a key that is called '*' is written '\\*'"
    )]
    EachItem(String),
}

impl Path {
    /// The keys or indexes, outermost first; at least one.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Out of how many lists of rows it leads before its keys count: the number of `^` that it begins with.
    pub fn lists_up(&self) -> usize {
        self.lists_up
    }

    /// The path of these keys.
    pub(super) fn of_keys(keys: &[String]) -> Self {
        Self::new(keys.to_owned())
    }

    /// The place of these keys, out of so many lists of rows.
    pub(crate) fn at(lists_up: usize, keys: &[String]) -> Self {
        Self { lists_up, segments: keys.to_owned() }
    }

    fn new(segments: Vec<String>) -> Self {
        Self { lists_up: 0, segments }
    }

    /// The path of one name, letter for letter; `None` without one.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self::of_key(name))
    }

    /// The path of one key.
    pub(crate) fn of_key(key: &str) -> Self {
        Self::new(vec![key.to_owned()])
    }

    /// The path of a name in a place of that kind, both letter for letter.
    pub(crate) fn of_name_in(kind: &str, name: &str) -> Self {
        Self::new(vec![kind.to_owned(), name.to_owned()])
    }

    /// The segments joined with dots, nothing escaped: the name of a column.
    pub fn name(&self) -> String {
        self.segments.join(".")
    }
}

/// What somebody writes who knows another language for paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// `$.a` or `@.a`, as in `JSONPath`.
    Root,
    /// `/a/b` or `#/a/b`, as in JSON Pointer (RFC 6901).
    Pointer,
    /// `a[0]`, `a["b"]` and whatever else stands in brackets elsewhere.
    Index,
    /// `` `a.b` `` or `"a.b"`, as in SQL.
    Quoted,
    /// `a.*.b`, `a[*]`, `a[]`, `a.#.b`.
    Each,
}

impl Habit {
    fn of(text: &str) -> Option<Self> {
        if text.starts_with('/') || text.starts_with("#/") {
            return Some(Self::Pointer);
        }
        if segments_of(text).iter().any(|segment| matches!(*segment, "*" | "**" | "#")) {
            return Some(Self::Each);
        }
        let in_brackets = || {
            let open = text.match_indices('[').filter(|(at, _)| !is_escaped(text, *at));
            open.filter_map(|(at, _)| text[at + 1..].split_once(']').map(|(inside, _)| inside))
        };
        if in_brackets().any(|inside| matches!(inside.trim(), "" | "*")) {
            return Some(Self::Each);
        }
        let is_root = |root| {
            text == root || text.strip_prefix(root).is_some_and(|r| r.starts_with(['.', '[']))
        };
        if is_root("$") || is_root("@") {
            return Some(Self::Root);
        }
        if in_brackets().any(is_foreign_index) {
            return Some(Self::Index);
        }
        let is_quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        ['`', '"', '\''].into_iter().any(is_quoted).then_some(Self::Quoted)
    }

    fn error(self, text: &str) -> InvalidPath {
        let literally = match self {
            Self::Each => return InvalidPath::EachItem(text.to_owned()),
            Self::Root => "a key that is called '$' is written '\\$'",
            Self::Pointer => "a key that begins with '/' is written '\\/…'",
            Self::Index => "a '[' that is part of a key is written '\\['",
            Self::Quoted => "a quote that is part of a key is written with a '\\' before it",
        };
        let translated = self.keys(text).map(|keys| Path::new(keys).to_string());
        // What cannot be told is better said in general.
        let instead = translated.unwrap_or_else(|| "readings.0.value".to_owned());
        InvalidPath::Foreign { text: text.to_owned(), instead, literally }
    }

    /// The keys that the text names, as far as that is clear.
    fn keys(self, text: &str) -> Option<Vec<String>> {
        let keys = match self {
            Self::Pointer => {
                let keys = text.trim_start_matches('#').split('/').skip(1);
                keys.map(|key| key.replace("~1", "/").replace("~0", "~")).collect()
            }
            Self::Quoted => vec![text[1..text.len() - 1].to_owned()],
            Self::Root | Self::Index | Self::Each => {
                keys_and_indexes(text.trim_start_matches(['$', '@']))?
            }
        };
        let are_clear = !keys.is_empty() && keys.iter().all(|key| !key.is_empty());
        are_clear.then_some(keys)
    }
}

/// What stands in brackets elsewhere, but hardly at the end of a key such as `temp[C]`.
fn is_foreign_index(inside: &str) -> bool {
    inside.trim_start().starts_with(|c: char| c.is_ascii_digit() || "-'\"?:".contains(c))
}

/// `.a[0]["b"]` in its parts; `None` for what is more than keys and indexes.
fn keys_and_indexes(text: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut rest = text.strip_prefix('.').unwrap_or(text);
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (inside, after) = bracket.split_once(']')?;
            let quoted = |quote| {
                let key = inside.strip_prefix(quote)?.strip_suffix(quote)?;
                (!key.contains(quote)).then_some(key)
            };
            let is_number = inside.bytes().all(|byte| byte.is_ascii_digit());
            let key = quoted('\'').or_else(|| quoted('"')).or(is_number.then_some(inside))?;
            keys.push(key.to_owned());
            rest = after;
        } else {
            let length = rest.find(['.', '[']).unwrap_or(rest.len());
            keys.push(rest[..length].to_owned());
            rest = &rest[length..];
        }
        match rest.strip_prefix('.') {
            Some(after) if !after.is_empty() => rest = after,
            None if rest.is_empty() || rest.starts_with('[') => {}
            _ => return None,
        }
    }
    Some(keys)
}

/// What stands between the dots that are not escaped.
pub(super) fn segments_of(text: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut start = 0;
    let dots = text.match_indices('.').map(|(at, _)| at).filter(|at| !is_escaped(text, *at));
    for end in dots.chain([text.len()]) {
        segments.push(&text[start..end]);
        start = end + 1;
    }
    segments
}

/// Whether an odd number of backslashes stands before that place.
fn is_escaped(text: &str, at: usize) -> bool {
    text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(whole: &str) -> Result<Self, InvalidPath> {
        let (mut text, mut lists_up) = (whole, 0);
        while let Some(rest) = text.strip_prefix("^.") {
            (text, lists_up) = (rest, lists_up + 1);
        }
        if text == "^" {
            return Err(InvalidPath::EmptyKey(whole.to_owned()));
        }
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
        Ok(Self { lists_up, segments })
    }
}

/// What a backslash takes literally.
const ESCAPED: [char; 13] = ['.', '\\', '[', ']', '*', '$', '@', '#', '/', '^', '`', '"', '\''];

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |segment: &String| segment.replace('\\', "\\\\").replace('.', "\\.");
        f.write_str(&"^.".repeat(self.lists_up))?;
        let plain = self.segments.iter().map(escape).collect::<Vec<_>>().join(".");
        let begins_with_up = self.segments.first().is_some_and(|first| first == "^");
        if Habit::of(&plain).is_none() && !begins_with_up {
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
        f.write_str(&self.segments.iter().map(escape_all).collect::<Vec<_>>().join("."))
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
            (r"a\[*].a\.*", &["a[*]", "a.*"]),
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
            ("@.v", "v"),
            ("$[0].v", "0.v"),
            ("$['air temp'].v", "air temp.v"),
            ("$['a.b'].v", r"a\.b.v"),
            ("a['b.c']", r"a.b\.c"),
            ("a[\"b\"][12]", "a.b.12"),
            ("a[\"b[0]\"]", "readings.0.value"),
            ("[0].v", "0.v"),
            ("/v", "v"),
            ("#/a/b", "a.b"),
            ("/a/0/x.y~1z", r"a.0.x\.y/z"),
            ("`a.b`", r"a\.b"),
            ("\"a\"", "a"),
            // What has no place in ours gets a form that has.
            ("a[-1].v", "readings.0.value"),
            ("a[0:2].v", "readings.0.value"),
            ("a[?(@.x)].v", "readings.0.value"),
            ("a[ 0 ].v", "readings.0.value"),
            ("a[0]b", "readings.0.value"),
            ("a.[0].b", "a.0.b"),
            ("a['b','c']", "readings.0.value"),
            ("$..v", "readings.0.value"),
            ("/a//b", "readings.0.value"),
            ("$", "readings.0.value"),
            ("/", "readings.0.value"),
        ] {
            let error = text.parse::<Path>().unwrap_err().to_string();
            let expected = format!("'{text}' is not a path: write '{ours}'; ");
            assert!(error.starts_with(&expected), "{error}");
            assert!(ours.parse::<Path>().is_ok());
        }
        for text in ["a.*.v", "*", "a[*].v", "$.a[*]", "a[].v", "a.#.v", "a.**.v"] {
            assert_eq!(text.parse::<Path>(), Err(InvalidPath::EachItem(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_path_survives_as_a_text(
            segments in prop::collection::vec(r#"[\\.\[\]*$@#/^`"'a0:?-]{1,5}"#, 1..4),
            lists_up in 0..3_usize,
        ) {
            let path = Path { lists_up, segments };
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
