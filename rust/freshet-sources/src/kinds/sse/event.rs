//! The events of a stream.

use std::convert::Infallible;
use std::time::Duration;

use eventsource_stream::{Event, EventStream};
use futures_util::{FutureExt, StreamExt, stream};

/// What one block of lines says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Its type, and its data; none where it has no data.
    pub(super) event: Option<(String, String)>,
    /// The id of the last event from here on; empty where it has none.
    pub(super) id: String,
    /// The least time before the client connects again.
    pub(super) retry: Option<Duration>,
}

/// Reads a block of lines; `None` where it is not UTF-8.
pub(super) fn read(lines: &[u8]) -> Option<Said> {
    let lines = std::str::from_utf8(lines).ok()?;
    // The comment is for the parser, which panics when a text begins with a byte order mark. In the midst of a stream
    // such a mark is a part of the name behind it.
    if let Some(event) = parse(format!(":\n{lines}\n")) {
        let (id, retry) = (event.id, event.retry);
        return Some(Said { event: Some((event.event, event.data)), id, retry });
    }
    // The parser passes over an id and a time that come without data, and both count. With data it tells them.
    let Event { id, retry, .. } = parse(format!("data\n{lines}\n")).unwrap_or_default();
    Some(Said { event: None, id, retry })
}

/// The event of a whole block.
fn parse(block: String) -> Option<Event> {
    let mut events = EventStream::new(stream::iter([Ok::<_, Infallible>(block)]));
    events.next().now_or_never()??.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(event: Option<(&str, &str)>, id: &str, retry: Option<u64>) -> Said {
        let event = event.map(|(kind, data)| (kind.to_owned(), data.to_owned()));
        Said { event, id: id.to_owned(), retry: retry.map(Duration::from_millis) }
    }

    #[test]
    fn an_event_has_type_data_and_id() {
        let lines = b"event: trade\n: a comment\nid: 7\ndata: {\"v\":\ndata:  1}\nunknown: x\n";
        assert_eq!(read(lines).unwrap(), said(Some(("trade", "{\"v\":\n 1}")), "7", None));
        assert_eq!(read(b"data: 1\n").unwrap(), said(Some(("message", "1")), "", None));
    }

    #[test]
    fn an_id_and_a_time_count_without_data() {
        assert_eq!(read(b"retry: 5000\n").unwrap(), said(None, "", Some(5_000)));
        assert_eq!(read(b"id: 8\n").unwrap(), said(None, "8", None));
        assert_eq!(read(b":heartbeat\n").unwrap(), said(None, "", None));
        assert_eq!(read(b"retry: soon\n").unwrap(), said(None, "", None));
    }

    #[test]
    fn a_byte_order_mark_in_the_midst_of_a_stream_is_a_part_of_a_name() {
        let lines = "\u{feff}data: 1\nid: 2\ndata: \u{feff}3\n";
        let expected = said(Some(("message", "\u{feff}3")), "2", None);
        assert_eq!(read(lines.as_bytes()).unwrap(), expected);
        assert_eq!(read("\u{feff}id: 1\n".as_bytes()).unwrap(), said(None, "", None));
        assert_eq!(read("\u{feff}\n".as_bytes()).unwrap(), said(None, "", None));
    }

    #[test]
    fn what_is_not_utf_8_is_no_event() {
        assert_eq!(read(b"data: \xff\n"), None);
    }
}
