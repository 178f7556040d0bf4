//! The messages in a body.

use std::collections::HashSet;
use std::ops::Range;

use super::seen::{self, KeyHash, Seen};
use super::{Input, Poll, path};

/// A body has no more messages than that: memory is needed for each of them.
const MOST: usize = 1 << 20;
/// The byte order mark that some programs put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A message in a body: where it is, and the hash of its key where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) range: Range<usize>,
    pub(super) key: Option<KeyHash>,
    /// From 1.
    pub(super) number: usize,
}

/// What is to be sent of a body.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The messages that were not sent before.
    pub(super) new: Vec<Item>,
    /// The keys of all.
    pub(super) keys: HashSet<KeyHash>,
    /// Why `new_by` has failed on one of them.
    pub(super) untold: Option<String>,
}

/// Finds what is new in a body.
///
/// # Errors
///
/// When the body is not what it should be, in words that say so of it: `is no JSON`.
pub(super) fn find(poll: &Poll, body: &[u8], known: &Seen) -> Result<Items, String> {
    let ranges = split(poll, body)?;
    let Some(new_by) = &poll.new_by else {
        let item = |(index, range)| Item { range, key: None, number: index + 1 };
        let new = ranges.into_iter().enumerate().map(item).collect();
        return Ok(Items { new, ..Items::default() });
    };
    let mut items = Items::default();
    for (index, range) in ranges.into_iter().enumerate() {
        let key = new_by.key(&body[range.clone()]).unwrap_or_else(|(key, reason)| {
            items.untold.get_or_insert_with(|| format!("message {}: {reason}", index + 1));
            key
        });
        if items.keys.insert(key) && !known.contains(key) {
            items.new.push(Item { range, key: Some(key), number: index + 1 });
        }
    }
    if items.keys.len() > seen::MOST {
        return Err(format!(
            "has {} messages, and only {} can be told apart by `new_by`; ask the server for less at a time",
            items.keys.len(),
            seen::MOST
        ));
    }
    Ok(items)
}

fn split(poll: &Poll, body: &[u8]) -> Result<Vec<Range<usize>>, String> {
    match (poll.input, &poll.items) {
        (Input::Lines, _) => lines(body, poll.skip_lines),
        (Input::Json, Some(items)) => list(items, body),
        (Input::Json | Input::Text, _) if body.trim_ascii().is_empty() => Ok(Vec::new()),
        (Input::Json | Input::Text, _) => Ok(std::iter::once(0..body.len()).collect()),
    }
}

fn lines(body: &[u8], skip: usize) -> Result<Vec<Range<usize>>, String> {
    let mut start = if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut ranges = Vec::new();
    for (index, line) in body[start..].split(|byte| *byte == b'\n').enumerate() {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if index >= skip && !text.trim_ascii().is_empty() {
            ranges.push(start..start + text.len());
        }
        if ranges.len() > MOST {
            return Err(format!("has more than {MOST} lines; ask the server for less at a time"));
        }
        start += line.len() + 1;
    }
    Ok(ranges)
}

fn list(path: &path::Path, body: &[u8]) -> Result<Vec<Range<usize>>, String> {
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let text = std::str::from_utf8(text).map_err(|error| format!("is not UTF-8: {error}"))?;
    let found = path.find(text).map_err(|error| format!("is no JSON: {error}"))?;
    let list = found.ok_or("has nothing at `items`; check the path")?;
    let ranges = path::items(list, MOST)
        .map_err(|error| format!("has no list that can be read at `items`: {error}"))?;
    let before = list.as_ptr().addr() - body.as_ptr().addr();
    Ok(ranges.into_iter().map(|range| before + range.start..before + range.end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::http::new_by;
    use crate::kinds::http::path::Path;
    use crate::network::Endpoint;

    fn poll(input: Input, items: Option<&str>, new_by: Option<&str>) -> Poll {
        let path = |text: &str| Path::parse(text).unwrap();
        let is_text = input != Input::Json;
        Poll {
            endpoint: Endpoint::to("http://example.org/"),
            every: std::time::Duration::from_secs(1),
            timeout: std::time::Duration::from_secs(1),
            input,
            items: items.map(path),
            new_by: new_by.map(|code| new_by::tests::new_by(code, is_text)),
            skip_lines: 0,
            max_body: 1 << 20,
        }
    }

    fn texts(poll: &Poll, body: &str) -> Result<Vec<String>, String> {
        let items = find(poll, body.as_bytes(), &Seen::default())?;
        Ok(items.new.into_iter().map(|item| body[item.range].to_owned()).collect())
    }

    #[test]
    fn lines_are_messages_and_empty_ones_are_none() {
        let mut of_lines = poll(Input::Lines, None, None);
        assert_eq!(
            texts(&of_lines, "\u{feff}a,1\r\n\n \nb,2\nc,3").unwrap(),
            ["a,1", "b,2", "c,3"]
        );
        of_lines.skip_lines = 1;
        assert_eq!(texts(&of_lines, "id,v\na,1\n").unwrap(), ["a,1"]);
        assert_eq!(texts(&of_lines, "").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_body_without_a_list_is_one_message_byte_for_byte() {
        let body = "{ \"v\": 1.50 }\n";
        assert_eq!(texts(&poll(Input::Json, None, None), body).unwrap(), [body]);
        assert_eq!(texts(&poll(Input::Text, None, None), "a\nb").unwrap(), ["a\nb"]);
        assert_eq!(texts(&poll(Input::Json, None, None), " \n").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn the_items_of_a_list_travel_untouched() {
        let of_list = poll(Input::Json, Some("data.list"), None);
        let body = "\u{feff} {\"data\": {\"list\": [ {\"v\": 1.50} , 2e0 ]}}";
        assert_eq!(texts(&of_list, body).unwrap(), ["{\"v\": 1.50}", "2e0"]);
        assert_eq!(texts(&poll(Input::Json, Some("."), None), "[1, 2]").unwrap(), ["1", "2"]);
    }

    #[test]
    fn a_body_that_is_something_else_is_named() {
        let of_list = poll(Input::Json, Some("list"), None);
        for (body, reason) in [
            ("<html>", "is no JSON: expected value at line 1 column 1"),
            ("{\"list\": [1, 2", "is no JSON: EOF while parsing a list at line 1 column 14"),
            ("{}", "has nothing at `items`; check the path"),
            ("{\"list\": null}", "has nothing at `items`; check the path"),
        ] {
            assert_eq!(texts(&of_list, body).unwrap_err(), reason, "{body}");
        }
        let reason = texts(&of_list, "{\"list\": 5}").unwrap_err();
        assert!(reason.starts_with("has no list that can be read at `items`: "), "{reason}");
        let reason = find(&of_list, b"{\"list\": [\"\xff\"]}", &Seen::default()).unwrap_err();
        assert!(reason.starts_with("is not UTF-8: "), "{reason}");
    }

    #[test]
    fn what_was_seen_is_not_new() {
        let by_id = poll(Input::Json, Some("."), Some("id"));
        let body = r#"[{"id": 1, "v": 1}, {"id": 2}, {"id": 1, "v": 2}, {"v": 3}, {"v": 3}, {"id": null}]"#;
        assert_eq!(
            texts(&by_id, body).unwrap(),
            [r#"{"id": 1, "v": 1}"#, r#"{"id": 2}"#, r#"{"v": 3}"#, r#"{"id": null}"#]
        );
        let mut known = Seen::default();
        for key in find(&by_id, body.as_bytes(), &known).unwrap().keys {
            known.insert(key);
        }
        let items = find(&by_id, body.as_bytes(), &known).unwrap();
        assert_eq!((items.new, items.keys.len()), (Vec::new(), 4));
    }

    #[test]
    fn lines_of_csv_are_new_by_all_that_they_say() {
        let by_line = poll(Input::Lines, None, Some("."));
        assert_eq!(texts(&by_line, "a,1\nb,2\na,1\n").unwrap(), ["a,1", "b,2"]);
    }

    #[test]
    fn a_filter_tells_messages_apart_and_a_failure_is_named() {
        let body = r#"[{"id": 1, "at": 1}, {"id": 1, "at": 2}, {"at": 2, "id": 1}, [5]]"#;
        let by_both = poll(Input::Json, Some("."), Some("[.id, .at]"));
        let items = find(&by_both, body.as_bytes(), &Seen::default()).unwrap();
        let numbers: Vec<usize> = items.new.iter().map(|item| item.number).collect();
        assert_eq!(numbers, [1, 2, 4]);
        assert!(items.untold.unwrap().starts_with("message 4: "));
        let by_column = poll(Input::Lines, None, Some("split(\",\")[0]"));
        assert_eq!(texts(&by_column, "a,1\nb,2\na,3\n").unwrap(), ["a,1", "b,2"]);
    }

    #[test]
    fn a_body_with_too_many_messages_is_refused() {
        let reason = texts(&poll(Input::Lines, None, None), &"1\n".repeat(MOST + 1)).unwrap_err();
        assert!(reason.starts_with("has more than 1048576 lines"), "{reason}");
        let many: Vec<String> = (0..=seen::MOST).map(|number| number.to_string()).collect();
        let body = format!("[{}]", many.join(","));
        let reason = texts(&poll(Input::Json, Some("."), Some(".")), &body).unwrap_err();
        assert!(reason.starts_with("has 80001 messages, and only 80000"), "{reason}");
    }
}
