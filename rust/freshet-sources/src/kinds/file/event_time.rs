//! When something has happened that a line tells of.

use std::borrow::Cow;

use csv::{ByteRecord, ReaderBuilder};
use freshet_core::record::{Path, TimeFormat};

use crate::kinds::raw_json;

/// The byte order mark that some programs put before a text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Where the event time stands in a line, and how it is written.
#[derive(Debug, Clone)]
pub(super) struct EventTime {
    pub(super) field: Path,
    pub(super) unit: TimeFormat,
    pub(super) delimiter: u8,
}

impl EventTime {
    /// The index of the column in lines of CSV: by its name in the header, or by its number, from 1.
    pub(super) fn column(&self, header: Option<&[u8]>) -> Option<usize> {
        let name = self.field.name();
        let named = header.and_then(|header| {
            let cells = self.cells(header)?;
            let is_named = |cell: &[u8]| {
                let cell = String::from_utf8_lossy(cell);
                cell.trim_start_matches(BYTE_ORDER_MARK) == name
            };
            cells.iter().position(is_named)
        });
        named.or_else(|| name.parse::<usize>().ok()?.checked_sub(1))
    }

    /// The time, epoch microseconds; `None` where there is none that can be read.
    pub(super) fn read(&self, line: &[u8], column: Option<usize>) -> Option<i64> {
        if line.trim_ascii_start().starts_with(b"{") || line.trim_ascii_start().starts_with(b"[") {
            let found = raw_json::find(self.field.segments(), std::str::from_utf8(line).ok()?);
            return self.unit.read(&unquoted(found.ok()??)?);
        }
        let cells = self.cells(line)?;
        self.unit.read(std::str::from_utf8(cells.get(column?)?).ok()?.trim())
    }

    fn cells(&self, line: &[u8]) -> Option<ByteRecord> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.delimiter)
            .buffer_capacity(line.len().clamp(1, 1 << 12))
            .from_reader(line);
        let mut cells = ByteRecord::new();
        reader.read_byte_record(&mut cells).ok()?.then_some(cells)
    }
}

/// A text of JSON without its quotes; a number as it is.
fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with('"') {
        return serde_json::from_str::<String>(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(field: &str, unit: &str, delimiter: u8) -> EventTime {
        EventTime { field: field.parse().unwrap(), unit: unit.parse().unwrap(), delimiter }
    }

    #[test]
    fn the_time_of_a_line_of_json_is_at_a_path() {
        let cases = [
            ("at", "ms", "{\"at\": 1500, \"v\": 1}", Some(1_500_000)),
            ("at", "s", " {\"at\": \"1.5\"}", Some(1_500_000)),
            ("a.1", "us", "{\"a\": [0, 7]}", Some(7)),
            ("0", "ns", "[7000, 1]", Some(7)),
            ("at", "rfc3339", "{\"at\": \"1970-01-01T00:00:01Z\"}", Some(1_000_000)),
            ("at", "%Y-%m-%d %H:%M:%S", "{\"at\": \"1970-01-01 00:00:02\"}", Some(2_000_000)),
            ("at", "ms", "{\"at\": null}", None),
            ("at", "ms", "{\"at\": \"soon\"}", None),
            ("at", "ms", "{\"at\": {}}", None),
            ("at", "ms", "{\"at\": 15", None),
            ("at", "ms", "", None),
        ];
        for (field, unit, line, expected) in cases {
            assert_eq!(at(field, unit, b',').read(line.as_bytes(), None), expected, "{line}");
        }
    }

    #[test]
    fn the_time_of_a_line_of_csv_is_in_a_column() {
        let header = "\u{feff}sensor;\"at; UTC\";v".as_bytes();
        let named = at("at; UTC", "rfc3339", b';');
        assert_eq!(named.column(Some(header)), Some(1));
        assert_eq!(named.column(None), None);
        let line = b"\"a;b\";\"1970-01-01T00:00:01Z\";3";
        assert_eq!(named.read(line, Some(1)), Some(1_000_000));
        assert_eq!(named.read(line, Some(2)), None);
        assert_eq!(named.read(line, Some(9)), None);
        let numbered = at("2", "ms", b',');
        assert_eq!(numbered.column(None), Some(1));
        assert_eq!(numbered.read(b"a, 1500 ,3", Some(1)), Some(1_500_000));
        assert_eq!(at("0", "ms", b',').column(None), None);
    }
}
