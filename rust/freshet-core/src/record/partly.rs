//! Lists of which a stream takes some items by their index, and leaves others: for people who try a stream.

use serde_json::Value;

use super::{Format, Path, Stream};

/// A list with more items than a stream takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartlyTaken {
    /// Path of the list.
    pub list: String,
    /// How many items it has.
    pub items: usize,
    /// How many of them a metric is taken from.
    pub taken: usize,
}

/// The first list of a JSON record of whose items, objects all of them, the metrics of the stream take only some, by
/// their index: the others may have been meant as well. Lists of plain values are mostly rows of columns.
pub fn partly_taken(stream: &Stream, record: &[u8]) -> Option<PartlyTaken> {
    let paths: Vec<&[String]> = stream.values.iter().map(|(_, path)| path.segments()).collect();
    let has_index = paths.iter().any(|path| path.iter().any(|key| index(key).is_some()));
    if stream.format != Format::Json || stream.rows.is_some() || !has_index {
        return None;
    }
    let record: Value = serde_json::from_slice(stream.framing.content(record)).ok()?;
    paths.iter().find_map(|path| partly_taken_on(path, &record, &paths))
}

fn partly_taken_on(path: &[String], record: &Value, paths: &[&[String]]) -> Option<PartlyTaken> {
    let mut place = record;
    for (depth, key) in path.iter().enumerate() {
        if let Value::Array(items) = place {
            let is_taken = |item: &usize| {
                let takes = |other: &&[String]| {
                    other.starts_with(&path[..depth])
                        && other.get(depth).and_then(|key| index(key)) == Some(*item)
                };
                paths.iter().any(takes)
            };
            let taken = (0..items.len()).filter(is_taken).count();
            // Without keys before it the list is the record, whose items are rows anyway.
            if depth > 0 && taken > 0 && taken < items.len() && items.iter().all(Value::is_object) {
                let list = Path::of_keys(&path[..depth]).to_string();
                return Some(PartlyTaken { list, items: items.len(), taken });
            }
        }
        place = match place {
            Value::Array(items) => items.get(index(key)?)?,
            Value::Object(members) => members.get(key)?,
            _ => return None,
        };
    }
    None
}

fn index(key: &str) -> Option<usize> {
    key.parse().ok().filter(|index: &usize| index.to_string() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partly(values: &str, record: &str) -> Option<(String, usize, usize)> {
        let stream = Stream::parse_without_windows(&format!("values = {{ {values} }}")).unwrap();
        let found = partly_taken(&stream, record.as_bytes())?;
        Some((found.list, found.items, found.taken))
    }

    #[test]
    fn items_that_are_left_are_told_where_they_may_have_been_meant() {
        let three = r#"{"a":{"l":[{"v":1},{"v":2},{"v":3}]}}"#;
        assert_eq!(partly("v = \"a.l.0.v\"", three), Some(("a.l".to_owned(), 3, 1)));
        let two = "v = \"a.l.0.v\", w = \"a.l.2.v\"";
        assert_eq!(partly(two, three), Some(("a.l".to_owned(), 3, 2)));
        for (values, record) in [
            ("v = \"a.l.0.v\"", r#"{"a":{"l":[{"v":1}]}}"#),
            ("v = \"a.l.0.v\", w = \"a.l.1.v\"", r#"{"a":{"l":[{"v":1},{"v":2}]}}"#),
            ("v = \"a.1\"", r#"{"a":[0,1.5,"x"]}"#),
            ("v = \"a.0.v\"", r#"{"a":{"0":{"v":1},"1":{"v":2}}}"#),
            ("v = \"v\"", r#"{"v":1,"l":[{"v":1},{"v":2}]}"#),
            ("v = \"a.9.v\"", r#"{"a":[{"v":1},{"v":2}]}"#),
            ("v = \"a.0.v\"", "{"),
        ] {
            assert_eq!(partly(values, record), None, "{values} {record}");
        }
    }
}
