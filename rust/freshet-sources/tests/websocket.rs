//! The kind `websocket` against servers that speak it.

// Lints take what is beside the tests for no test.
#![allow(clippy::unwrap_used, clippy::result_large_err)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use support::{Identity, check, listen, open, read, serve, soon};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

type Connection = WebSocketStream<TcpStream>;

/// The next connection.
async fn accept(listener: &TcpListener) -> Connection {
    let (connection, _) = soon(listener.accept()).await.unwrap();
    soon(accept_async(connection)).await.unwrap()
}

/// Runs a server that takes connections in the order in which they come.
async fn run<F: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(TcpListener) -> F,
) -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listen().await;
    (address, tokio::spawn(serve(listener)))
}

fn lines(address: SocketAddr, more: &str) -> String {
    format!(
        "kind = \"websocket\"\nurl = \"ws://{address}/feed?key=secret\"\nallow_private = true\n{more}"
    )
}

#[tokio::test]
async fn it_subscribes_each_time_it_is_connected_and_counts_what_it_may_have_missed() {
    const SUBSCRIBE: [&str; 2] = [r#"{"type": "subscribe"}"#, r#"{"channel": "trades"}"#];
    let (address, serving) = run(|listener| async move {
        for round in 0..3 {
            let mut connection = accept(&listener).await;
            for message in SUBSCRIBE {
                assert_eq!(soon(connection.next()).await.unwrap().unwrap(), Message::text(message));
            }
            connection.send(Message::text(format!("text {round}"))).await.unwrap();
            connection.send(Message::binary(format!("bytes {round}"))).await.unwrap();
            let farewell = CloseFrame { code: CloseCode::Restart, reason: "see you".into() };
            connection.close(Some(farewell)).await.unwrap();
            while let Some(Ok(_)) = soon(connection.next()).await {}
        }
    })
    .await;
    let subscribe = format!("subscribe = ['{}', '{}']", SUBSCRIBE[0], SUBSCRIBE[1]);
    let mut source = open(&lines(address, &subscribe), None);
    for round in 0..3 {
        assert_eq!(source.messages(2).await, [format!("text {round}"), format!("bytes {round}")]);
        assert_eq!(source.status.report().gaps, round);
        let (reason, wait) = source.failure().await;
        assert_eq!(reason, format!("ws://{address}/feed has closed the connection: 1012 see you"));
        assert_eq!(wait, None);
    }
    soon(serving).await.unwrap();
    assert_eq!(source.status.report().reconnections, 2);
    // The server is gone: that is no reason to give up.
    let (reason, _) = source.failure().await;
    assert!(reason.starts_with(&format!("no connection to ws://{address}/feed: ")), "{reason}");
    assert_eq!(source.status.report().gaps, 2, "it is counted once it is connected again");
}

#[tokio::test]
async fn a_server_that_answers_no_ping_is_lost() {
    let (address, serving) = run(|listener| async move {
        let mut silent = accept(&listener).await;
        silent.send(Message::text("a")).await.unwrap();
        // It stays open, and nobody reads from it.
        let mut next = accept(&listener).await;
        next.send(Message::text("b")).await.unwrap();
        while let Some(Ok(_)) = next.next().await {}
        drop(silent);
    })
    .await;
    let patience = "ping_interval = \"100ms\"\nidle_timeout = \"1s\"";
    let mut source = open(&lines(address, patience), None);
    assert_eq!(source.messages(1).await, ["a"]);
    let (reason, _) = source.failure().await;
    assert_eq!(
        reason,
        format!("nothing has come from ws://{address}/feed for 1 s, not even the answer to a ping")
    );
    assert_eq!(source.messages(1).await, ["b"]);
    assert_eq!(source.status.report().gaps, 1);
    drop(source);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_server_that_sends_pings_and_does_not_read_fills_no_memory_and_is_lost() {
    const PINGS: usize = 64 << 20;
    let (address, serving) = run(|listener| async move {
        let mut unreading = accept(&listener).await;
        let mut frames = Vec::new();
        for _ in 0..8_000 {
            // A ping with as much in it as one may have.
            frames.extend_from_slice(&[0x89, 125]);
            frames.extend_from_slice(&[b'x'; 125]);
        }
        for _ in 0..PINGS / frames.len() {
            unreading.get_mut().write_all(&frames).await.unwrap();
        }
        unreading.send(Message::text("a")).await.unwrap();
        let mut next = accept(&listener).await;
        next.send(Message::text("b")).await.unwrap();
        while let Some(Ok(_)) = next.next().await {}
        drop(unreading);
    })
    .await;
    let patience = "ping_interval = \"5s\"\nidle_timeout = \"6s\"";
    let mut source = open(&lines(address, patience), None);
    let before = resident_bytes();
    assert_eq!(source.messages(1).await, ["a"]);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < PINGS / 2, "{grown} bytes more than before");
    let (reason, _) = source.failure().await;
    assert_eq!(
        reason,
        format!(
            "the connection to ws://{address}/feed is lost: the server does not read what is sent to it"
        )
    );
    assert_eq!(source.messages(1).await, ["b"]);
    drop(source);
    soon(serving).await.unwrap();
}

/// What this process has in memory.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}

#[tokio::test]
async fn a_long_subscription_has_room() {
    let long = "x".repeat(200 << 10);
    let expected = long.clone();
    let (address, serving) = run(|listener| async move {
        let mut connection = accept(&listener).await;
        assert_eq!(soon(connection.next()).await.unwrap().unwrap(), Message::text(expected));
        connection.send(Message::text("a")).await.unwrap();
        while let Some(Ok(_)) = connection.next().await {}
    })
    .await;
    let mut source = open(&lines(address, &format!("subscribe = [\"{long}\"]")), None);
    assert_eq!(source.next().await, ["a"]);
    drop(source);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_server_that_has_nothing_to_send_is_heard_of_and_its_pings_are_answered() {
    let (address, serving) = run(|listener| async move {
        let mut connection = accept(&listener).await;
        let until = tokio::time::Instant::now() + Duration::from_secs(2);
        let mut pings = 0;
        while let Ok(frame) = tokio::time::timeout_at(until, connection.next()).await {
            pings += usize::from(matches!(frame.unwrap().unwrap(), Message::Ping(_)));
        }
        assert!(pings >= 5, "{pings}");
        connection.send(Message::Ping("are you there?".into())).await.unwrap();
        let pong = Message::Pong("are you there?".into());
        while soon(connection.next()).await.unwrap().unwrap() != pong {}
        connection.send(Message::text("a")).await.unwrap();
        while let Some(Ok(_)) = connection.next().await {}
    })
    .await;
    let patience = "ping_interval = \"100ms\"\nidle_timeout = \"1s\"";
    let mut source = open(&lines(address, patience), None);
    assert_eq!(source.next().await, ["a"]);
    drop(source);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn what_is_no_message_is_dropped_and_counted_and_the_source_goes_on() {
    let (address, serving) = run(|listener| async move {
        let mut connection = accept(&listener).await;
        connection.send(Message::text("a")).await.unwrap();
        // Whoever is cut off in the middle of it is no concern of this test.
        drop(connection.send(Message::text("x".repeat(10 << 20))).await);
        let mut connection = accept(&listener).await;
        let text = Frame::message(&b"\xff\xfe"[..], OpCode::Data(Data::Text), true);
        connection.send(Message::Frame(text)).await.unwrap();
        let mut connection = accept(&listener).await;
        connection.send(Message::text("x".repeat(1 << 20))).await.unwrap();
        let half = [0x81, 0x7e, 0x01];
        connection.get_mut().write_all(&half).await.unwrap();
        drop(connection);
        let mut connection = accept(&listener).await;
        // Many pieces of one message, which is too large as a whole.
        let piece = vec![b'x'; 1 << 18];
        let code = |number| OpCode::Data(if number == 0 { Data::Text } else { Data::Continue });
        for number in 0..5 {
            let frame = Frame::message(piece.clone(), code(number), false);
            if connection.send(Message::Frame(frame)).await.is_err() {
                break;
            }
        }
        let mut connection = accept(&listener).await;
        connection.send(Message::text("b")).await.unwrap();
        while let Some(Ok(_)) = connection.next().await {}
    })
    .await;
    let mut source = open(&lines(address, ""), None);
    assert_eq!(source.messages(1).await, ["a"]);
    let (reason, _) = source.failure().await;
    assert_eq!(
        reason,
        format!("the connection to ws://{address}/feed is lost: a message is larger than 1 MiB")
    );
    assert_eq!(source.status.report().dropped, 1);
    let (reason, _) = source.failure().await;
    assert!(reason.ends_with("is lost: a text is not UTF-8"), "{reason}");
    assert_eq!(source.status.report().dropped, 2);
    assert_eq!(source.messages(1).await[0].len(), 1 << 20, "that much is allowed");
    let (reason, _) = source.failure().await;
    assert!(reason.contains(" lost: ") || reason.contains(" closed "), "{reason}");
    let (reason, _) = source.failure().await;
    assert!(reason.ends_with("a message is larger than 1 MiB"), "{reason}");
    assert_eq!(source.messages(1).await, ["b"]);
    let report = source.status.report();
    assert_eq!((report.dropped, report.gaps), (3, 4));
    drop(source);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn what_has_come_is_handed_on_in_bounded_batches() {
    let (address, serving) = run(|listener| async move {
        let mut connection = accept(&listener).await;
        for number in 0..5_000 {
            connection.feed(Message::text(number.to_string())).await.unwrap();
        }
        connection.close(None).await.unwrap();
        while let Some(Ok(_)) = connection.next().await {}
    })
    .await;
    let mut source = open(&lines(address, ""), None);
    let mut all = Vec::new();
    while all.len() < 5_000 {
        let batch = source.next().await;
        assert!(!batch.is_empty() && batch.len() <= 1_000);
        all.extend(batch);
    }
    assert!(all.into_iter().eq((0..5_000).map(|number: i32| number.to_string())));
    // The end that came with the last of them is not lost.
    let (reason, _) = source.failure().await;
    assert_eq!(reason, format!("ws://{address}/feed has closed the connection"));
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn the_handshake_carries_the_secrets_and_nothing_shows_them() {
    let (address, serving) = run(|listener| async move {
        let (connection, _) = soon(listener.accept()).await.unwrap();
        let look = |request: &Request, response: Response| {
            assert_eq!(request.headers()["authorization"], "Bearer secret");
            assert_eq!(request.headers()["x-api-key"], "secret");
            assert_eq!(request.uri().to_string(), "/feed?key=secret");
            assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("freshet/"));
            Ok(response)
        };
        let mut connection = accept_hdr_async(connection, look).await.unwrap();
        connection.close(None).await.unwrap();
        while let Some(Ok(_)) = connection.next().await {}
    })
    .await;
    let secrets =
        "token = \"secret\"\nheaders = { X-Api-Key = \"secret\" }\nsubscribe = [\"secret\"]";
    let lines = lines(address, secrets);
    assert!(!format!("{:?}", read(&lines).unwrap()).contains("secret"));
    let (reason, _) = open(&lines, None).failure().await;
    assert!(!reason.contains("secret"), "{reason}");
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_server_that_refuses_is_named_with_what_helps() {
    use axum::http::StatusCode;
    use axum::routing::get;
    let limit = || async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "120")], "") };
    let moved = || async { (StatusCode::FOUND, [("location", "ws://127.0.0.1/")], "") };
    let router = axum::Router::new()
        .route("/limit", get(limit))
        .route("/moved", get(moved))
        .route("/login", get(|| async { StatusCode::UNAUTHORIZED }))
        .route("/page", get(|| async { "a page" }));
    let address = serve(router).await;
    let server = format!("ws://{address}");
    for (path, error, wait) in [
        ("/limit", "answers 429 Too Many Requests; ask less often", Some(120)),
        ("/login", "answers 401 Unauthorized; check `token` and `headers`", Some(60)),
        ("/moved", "answers 302 Found; write the URL that it redirects to", Some(60)),
        ("/nowhere", "answers 404 Not Found; check `url`", Some(60)),
        ("/page", "answers 200 OK", None),
    ] {
        let lines = lines(address, "").replace("/feed?key=secret", path);
        let (reason, found) = open(&lines, None).failure().await;
        assert_eq!(reason, format!("{server}{path} {error}"));
        assert_eq!(found, wait.map(Duration::from_secs), "{path}");
        assert!(check(&lines).await.is_err());
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let (listener, address) = listen().await;
    let literal = format!("kind = \"websocket\"\nurl = \"ws://{address}/\"");
    let error = read(&literal).unwrap_err().to_string();
    assert!(error.starts_with("freshet.toml:10: source.url: 127.0.0.1 is not public"), "{error}");
    let by_name = format!("kind = \"websocket\"\nurl = \"ws://localhost:{}/\"", address.port());
    let (reason, _) = open(&by_name, None).failure().await;
    assert!(reason.contains("is not public") && reason.contains("allow_private"), "{reason}");
    // Nobody has knocked.
    let knock = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(knock.is_err());
}

#[tokio::test]
async fn a_certificate_is_checked_and_a_file_can_vouch_for_it() {
    let identity = Identity::new();
    let (listener, address) = listen().await;
    let acceptor = identity.acceptor.clone();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            // Who does not trust it hangs up.
            let Ok(connection) = acceptor.accept(connection).await else { continue };
            let mut connection = accept_async(connection).await.unwrap();
            connection.send(Message::text("a")).await.unwrap();
        }
    });
    let url = format!("wss://localhost:{}/feed", address.port());
    let lines = format!("kind = \"websocket\"\nurl = \"{url}\"\nallow_private = true\n");
    let (reason, _) = open(&lines, None).failure().await;
    assert!(reason.starts_with(&format!("no WebSocket to {url}: ")), "{reason}");
    assert!(reason.contains("set `ca_file` if"), "{reason}");
    assert_eq!(open(&(lines + &identity.lines()), None).next().await, ["a"]);
}

#[tokio::test]
async fn a_check_connects_and_says_farewell() {
    let (address, serving) = run(|listener| async move {
        let mut connection = accept(&listener).await;
        assert!(matches!(soon(connection.next()).await, Some(Ok(Message::Close(_)))));
    })
    .await;
    check(&lines(address, "subscribe = [\"a\"]")).await.unwrap();
    soon(serving).await.unwrap();
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let url = "url = \"wss://example.org/\"";
    for (lines, error) in [
        (
            "url = \"https://example.org/\"".to_owned(),
            "freshet.toml:10: source.url: begins with https:, which this source does not speak; write wss://HOST/PATH \
             or ws://…",
        ),
        (
            format!("{url}\nping_interval = \"2m\""),
            "freshet.toml:11: source.ping_interval: has to be shorter than `idle_timeout`: a server that has nothing \
             to send is heard of only when it answers a ping",
        ),
        (
            "url = \"ws://example.org/\"\nca_file = \"a.pem\"".to_owned(),
            "freshet.toml:11: source.ca_file: has no effect: the `url` is not encrypted; leave it out",
        ),
        (
            format!("{url}\ncommit_interval = \"1s\""),
            "freshet.toml:11: source.commit_interval: has no effect: a source of this kind has no transactions; leave \
             it out",
        ),
        (
            format!("{url}\nheaders = {{ Sec-WebSocket-Key = \"a\" }}"),
            "freshet.toml:11: source.headers: sec-websocket-key is set by the source itself; leave it out",
        ),
    ] {
        let found = read(&format!("kind = \"websocket\"\n{lines}")).unwrap_err().to_string();
        assert_eq!(found, error);
    }
}
