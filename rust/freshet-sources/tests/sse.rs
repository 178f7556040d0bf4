//! The kind `sse` against servers that send events.

// Lints take what is beside the tests for no test.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use axum::routing::get;
use futures_util::{StreamExt, stream};
use support::{check, open, read, serve, soon};

/// What a server sends on one connection.
#[derive(Clone, Default)]
struct Answer {
    status: u16,
    media_type: &'static str,
    pieces: Vec<Bytes>,
    /// Time between two pieces.
    pause: Duration,
    /// Whether it stays open, and silent, at the end.
    stays_open: bool,
}

/// One answer after the other, the last of them for ever; and the requests.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Answer {
    fn new<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).collect();
        Self { status: 200, media_type: "text/event-stream", pieces, ..Self::default() }
    }

    fn staying_open(self) -> Self {
        Self { stays_open: true, ..self }
    }

    fn response(self) -> Response<Body> {
        let pause = self.pause;
        let pieces = stream::iter(self.pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(piece)
        });
        let body = if self.stays_open {
            Body::from_stream(pieces.chain(stream::pending()))
        } else {
            Body::from_stream(pieces)
        };
        let response =
            Response::builder().status(self.status).header("content-type", self.media_type);
        response.body(body).unwrap()
    }
}

impl Script {
    async fn serve(answers: impl IntoIterator<Item = Answer>) -> (SocketAddr, Self) {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        let answering = script.clone();
        let handler = move |headers: HeaderMap| {
            let answer = answering.answer(headers);
            async move { answer.response() }
        };
        (serve(Router::new().route("/events", get(handler))).await, script)
    }

    fn answer(&self, headers: HeaderMap) -> Answer {
        self.requests.lock().unwrap().push(headers);
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }

    fn last_event_id(&self, request: usize) -> Option<String> {
        let requests = self.requests.lock().unwrap();
        let value = requests[request].get("last-event-id")?;
        Some(String::from_utf8(value.as_bytes().to_vec()).unwrap())
    }
}

fn lines(address: SocketAddr, more: &str) -> String {
    format!("kind = \"sse\"\nurl = \"http://{address}/events\"\nallow_private = true\n{more}")
}

#[tokio::test]
async fn the_stream_goes_on_at_the_last_event_after_an_end_and_after_a_restart() {
    let (address, script) = Script::serve([
        Answer::new(["id: 1\ndata: a\n\nid: \u{fc}2\ndata: b\n\ndata: no id\n\nid: 3\ndata: half"]),
        Answer::new(["id: 3\ndata: c\n\n"]).staying_open(),
        Answer::new(["id: 4\ndata: d\n\n"]).staying_open(),
    ])
    .await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(3).await, ["a", "b", "no id"]);
    let (reason, wait) = events.failure().await;
    assert_eq!((reason, wait), (format!("http://{address}/events has ended the stream"), None));
    assert_eq!(events.messages(1).await, ["c"]);
    let mut again = open(&lines(address, ""), events.cursor.as_ref());
    assert_eq!(again.messages(1).await, ["d"]);

    assert_eq!(script.last_event_id(0), None);
    assert_eq!(script.last_event_id(1).unwrap(), "\u{fc}2");
    assert_eq!(script.last_event_id(2).unwrap(), "3");
    assert_eq!(script.requests.lock().unwrap()[0]["accept"], "text/event-stream");
    let report = events.status.report();
    assert_eq!((report.gaps, report.reconnections, report.dropped), (0, 1, 0));
    assert_eq!(again.status.report().gaps, 0);
}

#[tokio::test]
async fn byte_order_marks_do_no_harm() {
    let text =
        "\u{feff}id: 1\ndata: a\n\n\u{feff}data: no name\ndata: b\n\n\u{feff}\n\ndata: c\n\n";
    let answer = Answer::new([text]).staying_open();
    let (address, _script) = Script::serve([answer]).await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(3).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn without_ids_what_was_missed_is_counted() {
    let (address, script) = Script::serve([
        Answer::new(["data: a\n\n"]),
        Answer { status: 503, ..Answer::default() },
        Answer::new(["data: b\n\n"]),
    ])
    .await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(1).await, ["a"]);
    assert_eq!(events.status.report().gaps, 0);
    assert_eq!(events.messages(1).await, ["b"]);
    assert_eq!(events.status.report().gaps, 1, "once for each time that it was away");
    let mut again = open(&lines(address, ""), events.cursor.as_ref());
    assert_eq!(again.messages(1).await, ["b"]);
    assert_eq!(again.status.report().gaps, 1);
    assert_eq!(script.last_event_id(2), None);
}

#[tokio::test]
async fn an_id_that_cannot_be_sent_back_is_as_good_as_none() {
    let long = "7".repeat(9_000);
    let (address, script) = Script::serve([
        Answer::new([format!("id: 1\ndata: a\n\nid: {long}\ndata: b\n\n")]),
        Answer::new(["data: c\n\n"]),
    ])
    .await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(3).await, ["a", "b", "c"]);
    assert_eq!(script.last_event_id(1), None);
    assert_eq!(events.status.report().gaps, 1);
}

#[tokio::test]
async fn the_server_says_when_to_connect_again() {
    let (address, _script) = Script::serve([
        Answer::new(["retry: 5000\n\n", "data: a\n\n"]),
        Answer { status: 500, ..Answer::default() },
    ])
    .await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(1).await, ["a"]);
    for _ in 0..2 {
        assert_eq!(events.failure().await.1, Some(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn a_silent_connection_is_lost_and_comments_keep_it_alive() {
    let mut pieces = vec![":heartbeat\n"; 20];
    pieces.push("data: a\n\n");
    let alive = Answer { pause: Duration::from_millis(50), ..Answer::new(pieces) };
    let (address, _script) = Script::serve([alive.staying_open()]).await;
    let mut events = open(&lines(address, "idle_timeout = \"700ms\""), None);
    assert_eq!(events.next().await, ["a"], "after a second of comments");
    let (reason, _) = events.failure().await;
    assert_eq!(reason, format!("nothing has come from http://{address}/events for 0.7 s"));
}

#[tokio::test]
async fn events_that_are_no_records_are_dropped_and_counted_and_the_stream_goes_on() {
    let long = Bytes::from(vec![b'x'; 10 << 20]);
    let pieces: Vec<Bytes> = vec![
        Bytes::from_static(b"data: a\n\ndata: "),
        long,
        Bytes::from_static(b"\n\ndata: b\n\ndata: \xff\xfe\n\ndata: c\n\ndata\n\n"),
    ];
    let (address, _script) = Script::serve([Answer::new(pieces).staying_open()]).await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(3).await, ["a", "b", "c"]);
    assert_eq!(events.status.report().dropped, 2);
}

#[tokio::test]
async fn an_event_without_an_end_does_not_hold_the_source_for_ever() {
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let mut pieces = vec![Bytes::from_static(b"id: 1\ndata: a\n\ndata: ")];
    pieces.extend(vec![piece; 70]);
    let (address, script) =
        Script::serve([Answer::new(pieces).staying_open(), Answer::new(["data: b\n\n"])]).await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(1).await, ["a"]);
    let (reason, _) = events.failure().await;
    assert_eq!(reason, format!("http://{address}/events sends an event that does not end"));
    assert_eq!(events.status.report().dropped, 1);
    assert_eq!(events.messages(1).await, ["b"]);
    assert_eq!(script.last_event_id(1).unwrap(), "1");
}

#[tokio::test]
async fn many_events_come_in_bounded_batches_each_with_its_cursor() {
    let event = |number| Bytes::from(format!("id: {number}\ndata: {number}\n\n"));
    let events = (0..2_500).map(event).collect::<Vec<_>>().concat();
    let (address, script) = Script::serve([Answer::new([events]).staying_open()]).await;
    let mut source = open(&lines(address, ""), None);
    let mut all = Vec::new();
    while all.len() < 2_500 {
        let batch = source.next().await;
        assert!(!batch.is_empty() && batch.len() <= 1_000);
        all.extend(batch);
        let again = script.requests.lock().unwrap().len();
        open(&lines(address, ""), source.cursor.as_ref()).next().await;
        assert_eq!(script.last_event_id(again).as_ref(), all.last());
    }
    assert!(all.into_iter().eq((0..2_500).map(|number: i32| number.to_string())));
}

#[tokio::test]
async fn only_events_of_the_types_that_are_wanted_are_messages() {
    let text =
        "event: trade\ndata: a\n\nevent: status\ndata: b\n\ndata: c\n\nevent: trade\ndata: d\n\n";
    let (address, _script) = Script::serve([Answer::new([text]).staying_open()]).await;
    let mut events = open(&lines(address, "events = [\"trade\", \"message\"]"), None);
    assert_eq!(events.messages(3).await, ["a", "c", "d"]);
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_named_and_tried_again() {
    let page = Answer { media_type: "text/html; charset=utf-8", ..Answer::new(["<html>"]) };
    let (address, _script) = Script::serve([
        page.clone(),
        Answer { status: 403, ..Answer::default() },
        Answer { media_type: "Text/Event-Stream;charset=utf-8", ..Answer::new(["data: a\n\n"]) },
    ])
    .await;
    let mut events = open(&lines(address, ""), None);
    let url = format!("http://{address}/events");
    assert_eq!(
        events.failure().await.0,
        format!(
            "{url} sends 'text/html; charset=utf-8' and not text/event-stream; check `url`, or take another kind of \
             source"
        )
    );
    let (reason, wait) = events.failure().await;
    assert_eq!(reason, format!("{url} answers 403 Forbidden; check `token` and `headers`"));
    assert_eq!(wait, Some(Duration::from_mins(1)));
    assert_eq!(events.messages(1).await, ["a"]);
    assert_eq!(events.status.report().gaps, 0, "it had never been connected");

    let (address, _script) = Script::serve([page]).await;
    assert!(check(&lines(address, "")).await.is_err());
}

#[tokio::test]
async fn a_server_that_answers_no_content_is_not_asked_again() {
    let over = Answer { status: 204, ..Answer::default() };
    let (address, script) =
        Script::serve([Answer::new(["id: 1\ndata: a\n\n"]), over.clone()]).await;
    let mut events = open(&lines(address, ""), None);
    assert_eq!(events.messages(1).await, ["a"]);
    assert_eq!(events.failure().await.0, format!("http://{address}/events has ended the stream"));
    for _ in 0..2 {
        assert_eq!(soon(events.source.next()).await.unwrap(), None);
    }
    assert_eq!(script.requests.lock().unwrap().len(), 2, "asked once more, and never again");
    assert_eq!(script.last_event_id(1).unwrap(), "1");
    let report = events.status.report();
    assert_eq!((report.gaps, report.dropped), (0, 0));
    // A new start of the producer may ask: somebody has wanted that.
    let mut again = open(&lines(address, ""), events.cursor.as_ref());
    assert_eq!(soon(again.source.next()).await.unwrap(), None);
    assert_eq!(script.requests.lock().unwrap().len(), 3);

    let (address, _script) = Script::serve([over]).await;
    let error = check(&lines(address, "")).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("http://{address}/events answers 204 No Content: ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_check_takes_nothing() {
    let (address, script) = Script::serve([Answer::new(["data: a\n\n"]).staying_open()]).await;
    check(&lines(address, "")).await.unwrap();
    assert_eq!(script.requests.lock().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (lines, error) in [
        (
            "url = \"wss://example.org\"",
            "freshet.toml:10: source.url: begins with wss:, which this source does not speak; write https://HOST/PATH \
             or http://…",
        ),
        (
            "url = \"http://10.0.0.1/\"",
            "freshet.toml:10: source.url: 10.0.0.1 is not public (it is in 10.0.0.0/8); set `allow_private = true` for \
             this source if it is meant",
        ),
        (
            "url = \"https://example.org/\"\nidle_timeout = \"0s\"",
            "freshet.toml:11: source.idle_timeout: must be longer than zero",
        ),
        (
            "url = \"https://example.org/\"\nevents = []",
            "freshet.toml:11: source.events: is empty, and no event would be a message; leave it out for all",
        ),
    ] {
        assert_eq!(read(&format!("kind = \"sse\"\n{lines}")).unwrap_err().to_string(), error);
    }
}
