//! The kind `http` against servers that speak HTTP.

// Lints take what is beside the tests for no test.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::VecDeque;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use freshet_sources::SourceError;
use support::{Identity, check, listen, open, read, read_with, serve, soon};

/// What a server has to say, in order, the last of it for ever; and the requests that it has had.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<HeaderMap>>>,
    /// Their queries.
    queries: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Answer {
    fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).unwrap()
    }
}

impl Script {
    async fn serve(answers: impl IntoIterator<Item = Answer>) -> (SocketAddr, Self) {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        let answering = script.clone();
        let handler = move |uri: Uri, headers: HeaderMap| {
            answering.queries.lock().unwrap().push(uri.query().unwrap_or_default().to_owned());
            let answer = answering.answer(headers);
            async move { answer.response() }
        };
        (serve(Router::new().route("/feed", get(handler))).await, script)
    }

    fn answer(&self, headers: HeaderMap) -> Answer {
        self.requests.lock().unwrap().push(headers);
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }

    /// A header of one request.
    fn sent(&self, request: usize, name: &str) -> Option<String> {
        let requests = self.requests.lock().unwrap();
        requests[request].get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

fn lines(address: SocketAddr, more: &str) -> String {
    format!(
        "kind = \"http\"\nurl = \"http://{address}/feed\"\nallow_private = true\nevery = \"1ms\"\n{more}"
    )
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again_even_after_a_restart() {
    let (address, script) = Script::serve([
        Answer::new(200, "{\"v\": 1}")
            .header("etag", "\"a\"")
            .header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        Answer::new(304, ""),
        Answer::new(304, ""),
        Answer::new(200, "{\"v\": 2}").header("etag", "\"b\""),
        Answer::new(304, ""),
        Answer::new(200, "{\"v\": 3}"),
    ])
    .await;
    let mut feed = open(&lines(address, ""), None);
    assert_eq!(feed.next().await, ["{\"v\": 1}"]);
    assert_eq!(feed.next().await, ["{\"v\": 2}"]);
    let mut again = open(&lines(address, ""), feed.cursor.as_ref());
    assert_eq!(again.next().await, ["{\"v\": 3}"]);

    assert_eq!(script.sent(0, "if-none-match"), None);
    assert_eq!(script.sent(1, "if-none-match").unwrap(), "\"a\"");
    assert_eq!(script.sent(1, "if-modified-since").unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(script.sent(4, "if-none-match").unwrap(), "\"b\"");
    assert_eq!(script.sent(4, "if-modified-since"), None);
    let agent = script.sent(0, "user-agent").unwrap();
    assert!(agent.starts_with("freshet/"), "{agent}");
}

#[tokio::test]
async fn items_that_a_feed_repeats_are_sent_once_even_after_a_restart() {
    let (address, _script) = Script::serve([
        Answer::new(200, r#"{"features": [{"id": "a", "v": 1}, {"id": "b", "v": 2}]}"#),
        Answer::new(200, r#"{"features": [{"id": "b", "v": 3}, {"id": "c", "v": 4}]}"#),
        Answer::new(200, r#"{"features": [{"id": "b", "v": 3}, {"id": "c", "v": 4}]}"#),
        Answer::new(200, r#"{"features": [{"id": "c", "v": 4}, {"id": "d", "v": 5}]}"#),
    ])
    .await;
    let lines = lines(address, "items = \"features\"\nnew_by = \"id\"");
    let mut feed = open(&lines, None);
    assert_eq!(feed.next().await, [r#"{"id": "a", "v": 1}"#, r#"{"id": "b", "v": 2}"#]);
    assert_eq!(feed.next().await, [r#"{"id": "c", "v": 4}"#]);
    let mut again = open(&lines, feed.cursor.as_ref());
    assert_eq!(again.next().await, [r#"{"id": "d", "v": 5}"#]);
}

#[tokio::test]
async fn what_a_filter_makes_of_items_is_remembered_over_a_restart() {
    let (address, _script) = Script::serve([
        Answer::new(200, r#"[{"id": "a", "at": 1}, {"id": "a", "at": 2}]"#),
        Answer::new(200, r#"[{"id": "a", "at": 2, "v": 9}, {"id": "b", "at": 2}]"#),
        Answer::new(200, r#"[{"id": "b", "at": 2}, {"id": "b", "at": 3}]"#),
    ])
    .await;
    let lines = lines(address, "items = \".\"\nnew_by = \"[.id, .at]\"");
    let mut feed = open(&lines, None);
    assert_eq!(feed.next().await.len(), 2);
    assert_eq!(feed.next().await, [r#"{"id": "b", "at": 2}"#]);
    let mut again = open(&lines, feed.cursor.as_ref());
    assert_eq!(again.next().await, [r#"{"id": "b", "at": 3}"#]);
}

#[tokio::test]
async fn a_path_is_short_for_its_filter_and_what_was_sent_stays_known() {
    let (address, _script) = Script::serve([
        Answer::new(200, r#"[{"id": "a"}]"#),
        Answer::new(200, r#"[{"id": "a", "v": 1}, {"id": "b"}]"#),
    ])
    .await;
    let of = |new_by: &str| lines(address, &format!("items = \".\"\nnew_by = \"{new_by}\""));
    let mut feed = open(&of("id"), None);
    assert_eq!(feed.next().await, [r#"{"id": "a"}"#]);
    let mut again = open(&of(".id"), feed.cursor.as_ref());
    assert_eq!(again.next().await, [r#"{"id": "b"}"#]);
}

#[tokio::test]
async fn lines_of_csv_are_told_apart_by_a_column() {
    let (address, _script) =
        Script::serve([Answer::new(200, "a,1\nb,2\n"), Answer::new(200, "a,3\nc,4\n")]).await;
    let more = "input = \"lines\"\ntransform_input = \"text\"\nnew_by = 'split(\",\")[0]'";
    let mut feed = open(&lines(address, more), None);
    assert_eq!(feed.next().await, ["a,1", "b,2"]);
    assert_eq!(feed.next().await, ["c,4"]);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_body_goes_on_there() {
    let texts: Vec<String> = (0..2_500).map(|number| format!("sensor,{number}")).collect();
    let body = format!("name,v\n{}\n", texts.join("\n"));
    let (address, script) = Script::serve([Answer::new(200, body).header("etag", "\"a\"")]).await;
    for new_by in ["", "new_by = \".\""] {
        let lines = lines(address, &format!("input = \"lines\"\nskip_lines = 1\n{new_by}"));
        let mut feed = open(&lines, None);
        let mut messages = feed.next().await;
        assert_eq!(messages.len(), 1_000);
        let mut again = open(&lines, feed.cursor.as_ref());
        let asked = script.requests.lock().unwrap().len();
        messages.extend(again.next().await);
        assert_eq!(script.sent(asked, "if-none-match"), None, "the body is not whole yet");
        messages.extend(again.next().await);
        assert_eq!(messages, texts);
    }
}

#[tokio::test]
async fn a_cursor_of_another_url_does_not_hide_what_is_new() {
    let (address, script) =
        Script::serve([Answer::new(200, "1").header("etag", "\"a\""), Answer::new(200, "2")]).await;
    let mut feed = open(&lines(address, ""), None);
    feed.next().await;
    let other = lines(address, "").replace("/feed", "/feed?other");
    assert_eq!(open(&other, feed.cursor.as_ref()).next().await, ["2"]);
    assert_eq!(script.sent(1, "if-none-match"), None);
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let (address, _script) = Script::serve([
        Answer::new(429, "").header("retry-after", "120"),
        Answer::new(503, "").header("retry-after", "7"),
        Answer::new(500, ""),
        Answer::new(404, ""),
        Answer::new(401, ""),
        Answer::new(200, "1"),
    ])
    .await;
    let mut feed = open(&lines(address, "").replace("1ms", "10m"), None);
    let url = format!("http://{address}/feed");
    let (reason, wait) = feed.failure().await;
    assert_eq!(reason, format!("{url} answers 429 Too Many Requests; ask less often"));
    assert_eq!(wait, Some(Duration::from_mins(2)));
    assert_eq!(feed.failure().await.1, Some(Duration::from_secs(7)));
    assert_eq!(feed.failure().await, (format!("{url} answers 500 Internal Server Error"), None));
    let refused = |text: &str| (format!("{url} answers {text}"), Some(Duration::from_mins(10)));
    assert_eq!(feed.failure().await, refused("404 Not Found; check `url`"));
    assert_eq!(feed.failure().await, refused("401 Unauthorized; check `token` and `headers`"));
    // A failure does not wait for the next tick: that is for whoever asks.
    assert_eq!(feed.next().await, ["1"]);
}

#[tokio::test]
async fn redirects_are_followed_and_secrets_stay_behind() {
    let (target, other) = Script::serve([Answer::new(200, "1")]).await;
    let (address, script) = Script::serve([
        Answer::new(302, "").header("location", "/feed?again"),
        Answer::new(307, "").header("location", format!("http://{target}/feed")),
    ])
    .await;
    let secrets = "token = \"secret\"\nheaders = { X-Api-Key = \"secret\" }";
    assert_eq!(open(&lines(address, secrets), None).next().await, ["1"]);
    for request in 0..2 {
        assert_eq!(script.sent(request, "authorization").unwrap(), "Bearer secret");
        assert_eq!(script.sent(request, "x-api-key").unwrap(), "secret");
    }
    assert_eq!(other.sent(0, "authorization"), None);
    assert_eq!(other.sent(0, "x-api-key"), None);
}

#[tokio::test]
async fn redirects_have_an_end() {
    let (address, script) = Script::serve([Answer::new(302, "").header("location", "/feed")]).await;
    let (reason, _) = open(&lines(address, ""), None).failure().await;
    assert!(reason.starts_with("the server redirects more than 5 times"), "{reason}");
    assert_eq!(script.requests.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn redirects_to_what_is_no_web_are_refused() {
    let (address, _script) = Script::serve([
        Answer::new(302, "").header("location", "file:///etc/passwd"),
        Answer::new(302, "").header("location", "http://me:secret@example.org/"),
        Answer::new(302, ""),
    ])
    .await;
    let mut feed = open(&lines(address, ""), None);
    for _ in 0..3 {
        let (reason, _) = feed.failure().await;
        assert!(reason.starts_with("the server redirects to a URL that "), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let (address, script) = Script::serve([Answer::new(200, "1")]).await;
    for (url, place) in [
        (format!("http://{address}/feed"), "127.0.0.0/8"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "169.254.0.0/16"),
        ("http://[::ffff:127.0.0.1]/".to_owned(), "::ffff:0.0.0.0/96"),
    ] {
        let error = read(&format!("kind = \"http\"\nurl = \"{url}\"")).unwrap_err().to_string();
        assert!(error.starts_with("freshet.toml:10: source.url: "), "{error}");
        assert!(error.contains(place) && error.contains("allow_private"), "{error}");
    }
    // A name is only known when it is resolved.
    let by_name = format!("kind = \"http\"\nurl = \"http://localhost:{}/feed\"", address.port());
    let (reason, _) = open(&by_name, None).failure().await;
    assert!(reason.contains("is not public") && reason.contains("allow_private"), "{reason}");
    assert!(check(&by_name).await.is_err());
    assert!(script.requests.lock().unwrap().is_empty());
    assert!(check(&format!("{by_name}\nallow_private = true")).await.is_ok());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_dropped_and_counted() {
    let bomb = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b'0'; 1 << 20];
        for _ in 0..100 {
            encoder.write_all(&zeros).unwrap();
        }
        encoder.finish().unwrap()
    };
    assert!(bomb.len() < 1 << 20, "it is small as it travels");
    let (address, _script) = Script::serve([
        Answer::new(200, bomb).header("content-encoding", "gzip"),
        Answer::new(200, vec![b'0'; 10 << 20]),
        Answer::new(200, "1"),
    ])
    .await;
    let mut feed = open(&lines(address, "max_body = 2").replace("1ms", "1h"), None);
    for dropped in 1..=2 {
        let (reason, wait) = feed.failure().await;
        assert_eq!(reason, "the body is larger than 2 MiB; set `max_body` if it may be");
        assert_eq!(wait, Some(Duration::from_hours(1)));
        assert_eq!(feed.status.report().dropped, dropped);
    }
    assert_eq!(feed.next().await, ["1"]);
}

#[tokio::test]
async fn a_compressed_body_is_uncompressed() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"{\"v\": 1}").unwrap();
    let body = encoder.finish().unwrap();
    let (address, script) =
        Script::serve([Answer::new(200, body).header("content-encoding", "gzip")]).await;
    assert_eq!(open(&lines(address, ""), None).next().await, ["{\"v\": 1}"]);
    assert_eq!(script.sent(0, "accept-encoding").unwrap(), "gzip");
}

#[tokio::test]
async fn a_message_of_ten_mebibytes_is_handed_on_alone() {
    let large = "9".repeat(10 << 20);
    let body = format!("[1,{large},2]");
    let (address, _script) = Script::serve([Answer::new(200, body)]).await;
    let mut feed = open(&lines(address, "items = \".\""), None);
    assert_eq!(feed.next().await, ["1"]);
    assert_eq!(feed.next().await, [large]);
    assert_eq!(feed.next().await, ["2"]);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_named_and_asked_for_again() {
    let (address, _script) = Script::serve([
        Answer::new(200, "<html>maintenance</html>"),
        Answer::new(200, &b"[\"\xff\"]"[..]),
        Answer::new(200, "{\"other\": 1}"),
        Answer::new(200, "{\"list\": [1]}"),
    ])
    .await;
    let mut feed = open(&lines(address, "items = \"list\""), None);
    for start in
        ["the body is no JSON: ", "the body is not UTF-8: ", "the body has nothing at `items`"]
    {
        let (reason, _) = feed.failure().await;
        assert!(reason.starts_with(start), "{reason}");
    }
    assert_eq!(feed.next().await, ["1"]);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_in_time() {
    let (listener, address) = listen().await;
    let mut feed = open(&lines(address, "timeout = \"100ms\""), None);
    // It is connected to, and says nothing.
    let (reason, _) = feed.failure().await;
    assert!(
        reason.ends_with("does not answer within 0.1 s; set `timeout` if it needs longer"),
        "{reason}"
    );
    drop(listener);
    let (reason, _) = feed.failure().await;
    assert!(reason.starts_with(&format!("no answer from http://{address}/feed: ")), "{reason}");
}

#[tokio::test]
async fn a_head_without_an_end_is_no_answer() {
    use tokio::io::AsyncWriteExt;
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut sent = 0_usize;
        connection.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap();
        while connection.write_all(&[b'x'; 1 << 12]).await.is_ok() {
            sent += 1 << 12;
            assert!(sent < 64 << 20, "somebody reads all of it");
        }
    });
    let (reason, _) = open(&lines(address, ""), None).failure().await;
    assert!(reason.starts_with(&format!("no answer from http://{address}/feed: ")), "{reason}");
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_body() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        assert!(connection.read(&mut request).await.unwrap() > 0);
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"v\": 1}";
        connection.write_all(half.as_bytes()).await.unwrap();
    });
    let (reason, _) = open(&lines(address, ""), None).failure().await;
    assert!(
        reason.starts_with(&format!("the answer of http://{address}/feed broke off: ")),
        "{reason}"
    );
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_checked_and_a_file_can_vouch_for_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let identity = Identity::new();
    let (listener, address) = listen().await;
    let acceptor = identity.acceptor.clone();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            // Who does not trust it hangs up.
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let mut request = [0; 1_024];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1";
            connection.write_all(answer).await.unwrap();
        }
    });
    let url = format!("https://localhost:{}/feed", address.port());
    let lines = format!("kind = \"http\"\nurl = \"{url}\"\nallow_private = true\n");
    let (reason, _) = open(&lines, None).failure().await;
    assert!(reason.starts_with(&format!("no answer from {url}: ")), "{reason}");
    assert!(reason.contains("set `ca_file` if"), "{reason}");
    assert_eq!(open(&(lines + &identity.lines()), None).next().await, ["1"]);
}

#[tokio::test]
async fn secrets_come_from_the_environment_and_show_up_nowhere() {
    let (address, script) = Script::serve([Answer::new(401, "")]).await;
    let lines = lines(address, "").replace("/feed", "/feed?city=secret");
    let variables = [
        ("FRESHET_SOURCE__FEED__QUERY", "{ appid = \"secret & more\" }"),
        ("FRESHET_SOURCE__FEED__TOKEN", "secret"),
        ("FRESHET_SOURCE__FEED__HEADERS", "{ X-Api-Key = \"secret\" }"),
    ];
    let config = read_with(&lines, &variables).unwrap();
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
    let status = Arc::new(freshet_sources::SourceStatus::new("feed"));
    let shutdown = freshet_runtime::Shutdown::new();
    let context = freshet_sources::Context { name: "feed".to_owned(), status, shutdown };
    let error = soon(config.open.check(&context)).await.unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
    assert_eq!(script.sent(0, "authorization").unwrap(), "Bearer secret");
    assert_eq!(script.sent(0, "x-api-key").unwrap(), "secret");
    assert_eq!(script.queries.lock().unwrap()[0], "city=secret&appid=secret+%26+more");

    let unreadable = [("FRESHET_SOURCE__FEED__HEADERS", "X-Api-Key: secret")];
    assert_eq!(
        read_with(&lines, &unreadable).unwrap_err().to_string(),
        "environment variable FRESHET_SOURCE__FEED__HEADERS: source.headers: is not a table of strings"
    );
}

#[tokio::test]
async fn a_check_tells_a_server_that_refuses_from_one_that_does_not_answer() {
    for (status, refuses) in [(401, true), (403, true), (404, true), (429, false), (503, false)] {
        let (address, _script) = Script::serve([Answer::new(status, "")]).await;
        let error = check(&lines(address, "")).await.unwrap_err();
        assert_eq!(matches!(error, SourceError::Refused { .. }), refuses, "{error}");
        assert!(refuses || matches!(error, SourceError::Transient { .. }), "{error}");
    }
    let (address, _script) = Script::serve([Answer::new(200, "1")]).await;
    let by_name = lines(address, "").replace("127.0.0.1", "localhost");
    let error = check(&by_name.replace("allow_private = true", "")).await.unwrap_err();
    let SourceError::Refused { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("set `allow_private = true`"), "{reason}");
}

#[tokio::test]
async fn an_answer_without_content_is_nothing_new() {
    let (address, _script) =
        Script::serve([Answer::new(204, ""), Answer::new(200, r#"{"all":[1]}"#)]).await;
    let mut feed = open(&lines(address, "items = \"all\""), None);
    assert_eq!(feed.messages(1).await, ["1"]);
    assert_eq!(feed.status.report().dropped, 0);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let url = "url = \"https://example.org/feed\"";
    for (lines, error) in [
        ("", "freshet.toml:6: source.url: is missing"),
        (
            "url = \"https://\"",
            "freshet.toml:10: source.url: is no URL: empty host; write https://HOST/PATH",
        ),
        (
            &format!("{url}\nevery = \"0s\""),
            "freshet.toml:11: source.every: must be longer than zero",
        ),
        (
            &format!("{url}\ninput = \"xml\""),
            "freshet.toml:11: source.input: 'xml' is not one of: json, lines, text",
        ),
        (
            &format!("{url}\ninput = \"lines\"\nitems = \"list\""),
            "freshet.toml:12: source.items: is for `input = \"json\"`; leave it out",
        ),
        (
            &format!("{url}\nskip_lines = 1\ninput = \"text\""),
            "freshet.toml:11: source.skip_lines: is for `input = \"lines\"`; leave it out",
        ),
        (
            &format!("{url}\nitems = \"a..b\""),
            "freshet.toml:11: source.items: 'a..b' is no path: write names with dots between them, such as \
             properties.code, or . for the thing itself",
        ),
        (
            &format!("{url}\nnew_by = \".id | lenght\""),
            "freshet.toml:11: source.new_by: column 7 of the filter: there is no function 'lenght' with 0 arguments; \
             did you mean 'length'?",
        ),
        (
            &format!("{url}\nnew_by = \"a..b\""),
            "freshet.toml:11: source.new_by: 'a..b' is no path: write names with dots between them, such as \
             properties.code, or . for the thing itself",
        ),
        (
            &format!("{url}\nheaders = {{ Host = \"secret\" }}"),
            "freshet.toml:11: source.headers: host is set by the source itself; leave it out",
        ),
        (
            &format!("{url}\ntoken = \"a\\nb\""),
            "freshet.toml:11: source.token: has characters that a header cannot have",
        ),
        (
            &format!("{url}\nevrey = \"1s\""),
            "freshet.toml:11: source.evrey: unknown key; did you mean 'every'?",
        ),
    ] {
        let found = read(&format!("kind = \"http\"\n{lines}")).unwrap_err().to_string();
        assert_eq!(found, error);
    }
    let missing = format!("kind = \"http\"\n{url}\nca_file = \"/nowhere/authority.pem\"");
    let error = read(&missing).unwrap_err().to_string();
    assert!(
        error.starts_with("freshet.toml:11: source.ca_file: cannot read /nowhere/authority.pem: "),
        "{error}"
    );
}
