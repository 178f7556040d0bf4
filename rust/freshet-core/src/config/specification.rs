//! One stream out of a text of its own, without the rest of a configuration: what users write in SQL and Java.
//!
//! The text is what stands in a `[[stream]]` table, either as TOML lines, or as the inside of a TOML inline table:
//! pairs of key and value, separated by commas, on one line or several.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::environment::Environment;
use super::error::ConfigError;
use super::section::{Document, Section};
use super::stream::TABLE;
use crate::record::Stream;

/// Names the text in errors.
const ORIGIN: &str = "stream specification";
/// Key of an inline table in a document. It stands on the text's first line: lines keep their numbers.
const KEY: &str = "stream";
/// Ends the inline table, on a line of its own: the text may end in a comment.
const CLOSING: &str = "\n}";
/// A stream that only one query knows needs no name.
const NAME: (&str, &str) = ("name", "stream");
/// Windows that nobody asks for.
const WINDOWS: (&str, &str) = ("windows", "1s");

impl Stream {
    /// Reads a stream with its windows; the name may be left out.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong; its origin is a line of the text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        read(text, &[NAME])
    }

    /// Reads how records become readings; name and windows may be left out.
    ///
    /// # Errors
    ///
    /// As for [`Stream::parse`].
    pub fn parse_without_windows(text: &str) -> Result<Self, ConfigError> {
        read(text, &[NAME, WINDOWS])
    }
}

fn read(text: &str, defaults: &[(&'static str, &'static str)]) -> Result<Stream, ConfigError> {
    let of_lines = match parse(text) {
        Ok(table) => return read_table(text, table, defaults),
        Err(error) => error,
    };
    let document = format!("{KEY}={{{text}{CLOSING}");
    match parse(&document).map(inline_table) {
        Ok(Some(table)) => read_table(&document, table, defaults),
        Err(of_inline) if is_meant_inline(text) => Err(of_inline),
        Ok(None) | Err(_) => Err(of_lines),
    }
}

fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, ConfigError> {
    DeTable::parse(text).map_err(|error| {
        let document = Document { path: Path::new(ORIGIN), text };
        // What is missing at the end is missing on the last line that the user wrote.
        let written = text.strip_suffix(CLOSING).unwrap_or(text).len();
        let start = error.span().map_or(0, |span| span.start.min(written));
        document.error_at(start..start, String::new(), error.message().to_owned())
    })
}

/// The one inline table of a document; `None` when the text broke out of it.
fn inline_table(document: Spanned<DeTable<'_>>) -> Option<Spanned<DeTable<'_>>> {
    let mut entries = document.into_inner().into_iter();
    match (entries.next(), entries.next()) {
        (Some((_, value)), None) => {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => Some(Spanned::new(span, table)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Which of the two forms a text with a mistake was meant to be in.
fn is_meant_inline(text: &str) -> bool {
    let text = text.trim();
    !text.contains('\n') || text.lines().any(|line| line.trim_end().ends_with(','))
}

fn read_table<'a>(
    text: &'a str,
    mut table: Spanned<DeTable<'a>>,
    defaults: &[(&'static str, &'static str)],
) -> Result<Stream, ConfigError> {
    for (key, value) in defaults {
        if !table.get_ref().contains_key(*key) {
            let key = Spanned::new(0..0, DeString::Borrowed(key));
            let value = DeValue::String(DeString::Borrowed(value));
            table.get_mut().insert(key, Spanned::new(0..0, value));
        }
    }
    let environment = Environment::new(BTreeMap::new());
    let document = Document { path: Path::new(ORIGIN), text };
    Stream::read(&Section::root(document, &environment, &table, TABLE.keys), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INLINE: &str =
        r#"series = ["site", "id"], time = { field = "at", unit = "s" }, values = { t = "temp" }"#;

    fn error(text: &str) -> String {
        Stream::parse_without_windows(text).unwrap_err().to_string()
    }

    #[test]
    fn lines_and_the_inside_of_an_inline_table_mean_the_same() {
        let stream = Stream::parse_without_windows(INLINE).unwrap();
        assert_eq!(stream.name, "stream");
        assert_eq!((stream.series.len(), stream.values.len()), (2, 1));
        let lines = INLINE.replace("], ", "]\n").replace("}, ", "}\n");
        let broken = INLINE.replace("], ", "],\n  ").replace("}, ", "},\n  ") + ",";
        let table = lines.replace("time = { field = \"at\", unit = \"s\" }", "")
            + "\n[time]\nfield=\"at\"\nunit=\"s\"";
        for text in [&lines, &broken, &table] {
            assert_eq!(Stream::parse_without_windows(text).unwrap(), stream, "{text}");
        }
    }

    #[test]
    fn windows_and_a_name_are_read_where_they_are_wanted() {
        let text = format!("{INLINE}, windows = [\"10s\", \"5m/1m\"], name = \"fleet\"");
        let stream = Stream::parse(&text).unwrap();
        assert_eq!((stream.windows.len(), stream.name.as_str()), (2, "fleet"));
        let error = Stream::parse(INLINE).unwrap_err().to_string();
        assert_eq!(error, "stream specification:1: windows: is missing");
    }

    #[test]
    fn errors_name_line_key_and_what_would_be_right() {
        let cases = [
            ("", "stream specification:1: values: is missing"),
            (
                "values = { t = \"t\" }, colour = 1",
                "stream specification:1: colour: unknown key; known here: ",
            ),
            (
                "values = { t = \"t\" },\nserie = \"id\"",
                "stream specification:2: serie: unknown key; did you mean 'series'?",
            ),
            (
                "values = { t = \"t\" }\ntime = { field = \"at\", unit = \"msec\" }",
                "stream specification:2: time.unit: 'msec' is not a unit",
            ),
            (
                "values = { t = \"t\" }, format = \"xml\"",
                "stream specification:1: format: 'xml' is not one of: ",
            ),
            (
                "values = { t = 1 }",
                "stream specification:1: values: expected a table of strings, found table",
            ),
            ("values = { t = \"t\"", "stream specification:1: "),
            ("format = \"json\"\nvalues = = 1", "stream specification:2: "),
            ("values = { t = \"t\" } } \n other = { a = 1", "stream specification:1: "),
        ];
        for (text, expected) in cases {
            let found = error(text);
            assert!(found.starts_with(expected), "{text}: {found}");
        }
    }
}
