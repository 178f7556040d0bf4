use freshet_core::wire::{Component, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::metrics;

struct Server {
    health: Arc<Health>,
    shutdown: Shutdown,
    address: SocketAddr,
}

async fn server() -> Server {
    let health = Arc::new(Health::new(Component::Producer));
    let shutdown = Shutdown::new();
    let endpoints = Endpoints {
        health: Arc::clone(&health),
        registry: metrics::registry("producer", &health, |_| ()),
        shutdown: shutdown.clone(),
    };
    let address = endpoints.serve("127.0.0.1:0").await.unwrap();
    Server { health, shutdown, address }
}

impl Server {
    /// Status, head and body of the answer.
    async fn ask(&self, method: &str, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    async fn readiness(&self) -> (u16, serde_json::Value) {
        let (status, _, body) = self.ask("GET", "/ready").await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

#[tokio::test]
async fn a_program_is_ready_once_it_runs_and_waits_for_nothing() {
    let server = server().await;
    let (status, said) = server.readiness().await;
    assert_eq!((status, &said["ready"]), (503, &false.into()));
    assert_eq!(said["waiting_for"][0], "the program to have started");

    server.health.set_state(State::Running);
    let (status, said) = server.readiness().await;
    let ready = serde_json::json!({"ready": true, "state": "running", "waiting_for": []});
    assert_eq!((status, said), (200, ready));

    server.health.wait_for("kafka", "Kafka: no broker answers");
    let (status, said) = server.readiness().await;
    let waiting = serde_json::json!({"ready": false, "state": "waiting", "waiting_for": ["Kafka: no broker answers"]});
    assert_eq!((status, said), (503, waiting));

    server.health.no_longer_waits_for("kafka");
    server.shutdown.trigger();
    let (status, said) = server.readiness().await;
    assert_eq!((status, &said["waiting_for"][0]), (503, &"its end: it was asked to stop".into()));
    assert_eq!(server.ask("GET", "/live").await.0, 200);
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_only_asked_for() {
    let server = server().await;
    server.health.set_state(State::Running);
    let (status, head, body) = server.ask("GET", "/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let samples = exposition::check(&body).unwrap();
    assert_eq!(samples.get(r#"freshet_producer_state{state="running"}"#), Some(&1.0));
    assert_eq!(server.ask("HEAD", "/metrics").await.2, "");
    let (status, head, _) = server.ask("POST", "/metrics").await;
    assert!(status == 405 && head.contains("allow: GET, HEAD"), "{head}");
    assert_eq!(server.ask("GET", "/").await.0, 404);
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_notice_and_no_end() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let health = Arc::new(Health::new(Component::Producer));
    let registry = metrics::registry("producer", &health, |_| ());
    let endpoints = Endpoints { health: Arc::clone(&health), registry, shutdown: Shutdown::new() };
    assert_eq!(endpoints.serve(&address).await, None);
    let notices = health.report().notices.unwrap();
    assert!(notices[0].starts_with(&format!("no metrics at {address}: ")), "{notices:?}");
    assert!(notices[0].contains("set metrics_address"), "{notices:?}");
}

#[tokio::test]
async fn who_sends_no_request_does_not_keep_others_from_an_answer() {
    let server = server().await;
    // One place is left.
    let mut silent = Vec::new();
    for _ in 1..MAX_CONNECTIONS {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert_eq!(server.ask("GET", "/live").await.0, 200);
    silent.push(TcpStream::connect(server.address).await.unwrap());
    // Now there is none until they are sent away.
    assert_eq!(server.ask("GET", "/live").await.0, 200);
    for mut stream in silent {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    }
}
