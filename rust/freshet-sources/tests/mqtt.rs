//! The kind `mqtt` against Debian's mosquitto.

// Lints take what is beside the tests for no test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "support/mosquitto.rs"]
mod mosquitto;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use freshet_core::wire::Connection;
use freshet_runtime::Shutdown;
use freshet_sources::{
    Acknowledge, Batch, Context, Message, Resume, Source, SourceError, SourceStatus,
};
use mosquitto::{Broker, certify};
use rumqttc_v5::{PublishOptions, QoS};
use support::{check, read, soon, until};
use tokio::time::timeout;

const OPEN_TO_ALL: &str = "allow_anonymous true";
const VERSIONS: [&str; 2] = ["3.1.1", "5"];
/// Nothing comes within so long.
const A_WHILE: Duration = Duration::from_millis(500);

fn at_least_once() -> PublishOptions {
    PublishOptions::new(QoS::AtLeastOnce)
}

fn lines(broker: &Broker, more: &str) -> String {
    format!(
        "kind = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{}\"\nallow_private = true\n{more}\n",
        broker.port
    )
}

/// A source that is open.
struct Opened {
    source: Box<dyn Source>,
    acknowledge: Option<Box<dyn Acknowledge>>,
    status: Arc<SourceStatus>,
    shutdown: Shutdown,
    /// Of the last batch.
    number: u64,
}

fn open(lines: &str) -> Opened {
    let (status, shutdown) = (Arc::new(SourceStatus::new("feed")), Shutdown::new());
    let context = Context {
        name: "feed".to_owned(),
        status: Arc::clone(&status),
        shutdown: shutdown.clone(),
    };
    let opened = read(lines).unwrap().open.open(context, None).unwrap();
    Opened { source: opened.source, acknowledge: opened.acknowledge, status, shutdown, number: 0 }
}

impl Opened {
    /// Waits until it is connected.
    async fn connected(&mut self) {
        let status = Arc::clone(&self.status);
        let is_connected = || status.report().connection == Connection::Connected;
        tokio::select! {
            next = self.source.next() => panic!("something has come: {next:?}"),
            () = until(is_connected) => {}
        }
    }

    async fn try_next(&mut self) -> Result<Batch, SourceError> {
        let batch = soon(self.source.next()).await?.expect("the source has ended");
        assert!(batch.number > self.number);
        self.number = batch.number;
        self.status.heard();
        Ok(batch)
    }

    /// So many messages, however they are batched.
    async fn messages(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            match self.try_next().await {
                Ok(batch) => messages.extend(batch.messages),
                Err(error @ SourceError::Permanent(_)) => panic!("{error}"),
                Err(error) => {
                    self.status.reconnecting(&error.to_string());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        messages
    }

    async fn texts(&mut self, count: usize) -> Vec<String> {
        self.messages(count).await.into_iter().map(text).collect()
    }

    /// Why there is nothing more, and how long to wait.
    async fn failure(&mut self) -> (String, Option<Duration>) {
        loop {
            match self.try_next().await {
                Ok(batch) => assert!(batch.messages.is_empty(), "{batch:?}"),
                Err(
                    SourceError::Transient { reason, retry_after }
                    | SourceError::Refused { reason, retry_after },
                ) => {
                    self.status.reconnecting(&reason);
                    return (reason, retry_after);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Sees to it that nothing comes for a while.
    async fn is_silent(&mut self) {
        if let Ok(messages) = timeout(A_WHILE, self.messages(1)).await {
            panic!("{messages:?} came");
        }
    }

    /// All that came is durable.
    async fn acknowledge(&mut self) {
        self.acknowledge.as_mut().unwrap().acknowledged(self.number).await.unwrap();
    }

    /// Ends as the producer does: what is acknowledged is so before it is left.
    async fn close_acknowledged(mut self, broker: &Broker) {
        self.shutdown.trigger();
        drop(self.source);
        self.acknowledge.as_mut().unwrap().acknowledged(self.number).await.unwrap();
        broker.catch_up().await;
    }
}

fn text(message: Message) -> String {
    String::from_utf8(message.payload).unwrap()
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_what_is_does_not() {
    for version in VERSIONS {
        let broker = Broker::start(OPEN_TO_ALL).await;
        let lines = lines(&broker, &format!("topics = \"home/#\"\nversion = \"{version}\""));
        let settings = read(&lines).unwrap();
        assert_eq!(settings.open.resume(), Resume::Acknowledgement);
        assert!(settings.open.can_wait());
        let mut source = open(&lines);
        source.connected().await;
        for text in ["a", "b", "c"] {
            broker.publish("home/cellar", text).await;
        }
        assert_eq!(source.texts(3).await, ["a", "b", "c"]);
        // As a producer is killed: nobody has heard that they are durable.
        drop(source);
        broker.publish("home/cellar", "d").await;
        let mut source = open(&lines);
        assert_eq!(source.texts(4).await, ["a", "b", "c", "d"], "version {version}");
        source.close_acknowledged(&broker).await;
        broker.publish("home/cellar", "e").await;
        let mut source = open(&lines);
        assert_eq!(source.texts(1).await, ["e"], "version {version}");
        source.is_silent().await;
        let report = source.status.report();
        assert_eq!((report.dropped, report.gaps), (0, 0));
    }
}

#[tokio::test]
async fn a_batch_is_acknowledged_with_those_before_and_without_those_after() {
    let broker = Broker::start(OPEN_TO_ALL).await;
    let lines = lines(&broker, "topics = \"home\"");
    let mut source = open(&lines);
    source.connected().await;
    let mut numbers = Vec::new();
    for text in ["a", "b", "c"] {
        broker.publish("home", text).await;
        assert_eq!(source.texts(1).await, [text]);
        numbers.push(source.number);
    }
    source.number = numbers[1];
    source.close_acknowledged(&broker).await;
    let mut source = open(&lines);
    assert_eq!(source.texts(1).await, ["c"]);
    source.is_silent().await;
}

#[tokio::test]
async fn wildcards_and_shared_topics_are_understood_and_each_message_has_its_topic() {
    for version in VERSIONS {
        let broker = Broker::start(OPEN_TO_ALL).await;
        let topics = r#"topics = ["home/+/power", "garden/#", "$share/freshet/cellar/+"]"#;
        let mut source = open(&lines(&broker, &format!("{topics}\nversion = \"{version}\"")));
        source.connected().await;
        let wanted = ["home/kitchen/power", "garden", "garden/pond/level", "cellar/1"];
        for topic in ["home/kitchen", "home/a/b/power", "gardens"].into_iter().chain(wanted) {
            broker.publish(topic, b"\xff\x00 no text".to_vec()).await;
        }
        let mut topics = BTreeSet::new();
        for message in source.messages(wanted.len()).await {
            let topic = message.topic.unwrap();
            assert_eq!(message.place.unwrap(), format!("topic {topic}"));
            assert_eq!((message.payload.as_slice(), message.key), (&b"\xff\x00 no text"[..], None));
            topics.insert(topic);
        }
        assert_eq!(topics, wanted.map(str::to_owned).into(), "version {version}");
        source.is_silent().await;
    }
}

#[tokio::test]
async fn topics_of_an_earlier_configuration_are_passed_over_and_not_kept() {
    let broker = Broker::start(OPEN_TO_ALL).await;
    let mut source = open(&lines(&broker, "topics = [\"old\", \"both\"]"));
    source.connected().await;
    drop(source);
    for topic in ["old", "both", "old", "new"] {
        broker.publish(topic, topic).await;
    }
    let now = lines(&broker, "topics = [\"both\", \"new\"]");
    let mut source = open(&now);
    assert_eq!(source.texts(1).await, ["both"]);
    broker.publish("new", "new").await;
    assert_eq!(source.texts(1).await, ["new"]);
    source.close_acknowledged(&broker).await;
    let mut source = open(&lines(&broker, "topics = [\"old\", \"both\", \"new\"]"));
    source.is_silent().await;
}

#[tokio::test]
async fn retained_messages_are_taken_once_or_not_at_all() {
    for version in VERSIONS {
        let broker = Broker::start(OPEN_TO_ALL).await;
        broker.publish_with("home/state", "kept", at_least_once().retained()).await;
        let with = |more: &str| {
            lines(&broker, &format!("topics = \"home/#\"\nversion = \"{version}\"\n{more}"))
        };
        let mut source = open(&with(""));
        assert_eq!(source.texts(1).await, ["kept"]);
        source.is_silent().await;
        drop(source);
        let mut source = open(&with("retained = false\nclient_id = \"other\""));
        source.connected().await;
        broker.publish("home/state", "new").await;
        assert_eq!(source.texts(1).await, ["new"], "version {version}");
    }
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_authority_vouches_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let (certified, authority) = certify(folder.path());
    let broker = Broker::start(&format!("{certified}{OPEN_TO_ALL}")).await;
    let lines = |host: &str, more: &str| {
        format!(
            "kind = \"mqtt\"\nurl = \"mqtts://{host}:{}\"\nallow_private = true\ntopics = \"a\"\n{more}",
            broker.port
        )
    };
    let trusted = format!("ca_file = \"{}\"", authority.display());
    for version in VERSIONS {
        let version = format!("{trusted}\nversion = \"{version}\"");
        check(&lines("localhost", &version)).await.unwrap();
        let mut source = open(&lines("localhost", &version));
        source.connected().await;
    }
    let reason = check(&lines("localhost", "")).await.unwrap_err().to_string();
    assert!(reason.contains("UnknownIssuer; set `ca_file`"), "{reason}");
    // The certificate is that of the name.
    let reason = check(&lines("127.0.0.1", &trusted)).await.unwrap_err().to_string();
    assert!(reason.contains("certificate not valid for name"), "{reason}");
}

#[tokio::test]
async fn a_login_that_is_refused_is_named_and_tried_again_later() {
    let folder = tempfile::TempDir::new().unwrap();
    let passwords = folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c", passwords.to_str().unwrap(), "freshet", "right"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let broker = Broker::start(&format!("password_file {}", passwords.display())).await;
    for version in VERSIONS {
        let with = |login: &str| {
            lines(&broker, &format!("topics = \"home\"\nversion = \"{version}\"\n{login}"))
        };
        for (login, place) in [
            ("", "freshet.toml:6: source.username"),
            ("username = \"freshet\"\npassword = \"wrong\"", "freshet.toml:15: source.password"),
        ] {
            let refused = format!(
                "mqtt://127.0.0.1:{} refuses the connection: not authorized; check `username` and `password`, and \
                 whether the broker allows this client",
                broker.port
            );
            // Somebody may change the password while the source runs.
            let failure = open(&with(login)).failure().await;
            assert_eq!(failure, (refused.clone(), Some(Duration::from_mins(1))));
            let wrong = SourceError::permanent(format!("{place}: {refused}"));
            assert_eq!(check(&with(login)).await, Err(wrong));
        }
        let right = "username = \"freshet\"\npassword = \"right\"";
        check(&with(right)).await.unwrap();
        let mut source = open(&with(right));
        source.connected().await;
        assert!(!format!("{:?}", read(&with(right)).unwrap().open).contains("right"));
    }
}

#[tokio::test]
async fn topics_that_are_refused_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let rights = folder.path().join("rights.json");
    let text = serde_json::json!({
        "defaultACLAccess": {
            "publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true,
        },
        "clients": [],
        "groups": [{ "groupname": "all", "roles": [{ "rolename": "home" }] }],
        "anonymousGroup": "all",
        "roles": [{
            "rolename": "home",
            "acls": [{ "acltype": "subscribePattern", "topic": "home/#", "priority": 0, "allow": true }],
        }],
    });
    fs::write(&rights, text.to_string()).unwrap();
    let broker = Broker::start(&format!(
        "{OPEN_TO_ALL}\nplugin {}\nplugin_opt_config_file {}",
        mosquitto::plugin("mosquitto_dynamic_security.so").display(),
        rights.display()
    ))
    .await;
    for (version, words) in [("3.1.1", "refused"), ("5", "not authorized")] {
        let more = format!("topics = [\"home/#\", \"garden\"]\nversion = \"{version}\"");
        let (reason, retry_after) = open(&lines(&broker, &more)).failure().await;
        assert_eq!(
            reason,
            format!(
                "mqtt://127.0.0.1:{} refuses topics: garden ({words}); allow them to this user, or take them out of \
                 `topics`",
                broker.port
            ),
        );
        assert_eq!(retry_after, Some(Duration::from_mins(1)));
        let wrong = SourceError::permanent(format!("freshet.toml:12: source.topics: {reason}"));
        assert_eq!(check(&lines(&broker, &more)).await, Err(wrong));
        let shared =
            format!("topics = [\"home/+\", \"$share/all/home/#\"]\nversion = \"{version}\"");
        check(&lines(&broker, &shared)).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_is_lost_also_while_nobody_asks_for_messages() {
    let mut broker = Broker::start(OPEN_TO_ALL).await;
    let mut source = open(&lines(&broker, "topics = \"home\""));
    source.connected().await;
    broker.publish("home", "a").await;
    assert_eq!(source.texts(1).await, ["a"]);
    broker.publish("home", "b").await;
    broker.catch_up().await;
    broker.stop();
    let status = Arc::clone(&source.status);
    until(|| status.report().connection == Connection::Reconnecting).await;
    // It came before that, and is no sign of life.
    assert_eq!(source.texts(1).await, ["b"]);
    let report = status.report();
    assert_eq!((report.connection, report.reconnections), (Connection::Reconnecting, 0));
    let (reason, _) = source.failure().await;
    assert_eq!(status.report().last_error.unwrap(), reason);
    broker.restart().await;
    source.connected_again().await;
    assert_eq!(status.report().reconnections, 1);
}

#[tokio::test]
async fn a_check_takes_no_messages_from_those_that_share_them() {
    let broker = Broker::start(OPEN_TO_ALL).await;
    let lines = lines(&broker, "topics = \"$share/all/home/#\"");
    let mut source = open(&lines);
    source.connected().await;
    let checking = async {
        for _ in 0..10 {
            check(&lines).await.unwrap();
        }
    };
    let publishing = async {
        for number in 0..50 {
            broker.publish("home", number.to_string()).await;
        }
    };
    tokio::join!(checking, publishing);
    let texts: BTreeSet<String> = source.texts(50).await.into_iter().collect();
    assert_eq!(texts.len(), 50);
}

#[tokio::test]
async fn a_broker_that_comes_back_goes_on_where_it_was() {
    for version in VERSIONS {
        let mut broker = Broker::start(&format!("{OPEN_TO_ALL}\npersistence true")).await;
        let lines = lines(&broker, &format!("topics = \"home/#\"\nversion = \"{version}\""));
        let mut source = open(&lines);
        source.connected().await;
        broker.publish("home", "a").await;
        assert_eq!(source.texts(1).await, ["a"]);
        source.acknowledge().await;
        broker.publish("home", "b").await;
        assert_eq!(source.texts(1).await, ["b"]);
        broker.stop();
        let (reason, _) = source.failure().await;
        let url = format!("mqtt://127.0.0.1:{}", broker.port);
        assert!(reason.starts_with(&format!("the connection to {url} is lost: ")), "{reason}");
        let (reason, _) = source.failure().await;
        assert!(reason.starts_with(&format!("no connection to {url}: ")), "{reason}");
        broker.restart().await;
        broker.publish("home", "c").await;
        assert_eq!(source.texts(2).await, ["b", "c"], "version {version}");
        let report = source.status.report();
        assert_eq!((report.reconnections, report.gaps, report.dropped), (1, 0, 0));
    }
}

#[tokio::test]
async fn a_broker_that_has_forgotten_what_it_kept_is_a_gap() {
    for version in VERSIONS {
        let mut broker = Broker::start(OPEN_TO_ALL).await;
        let lines = lines(&broker, &format!("topics = \"home/#\"\nversion = \"{version}\""));
        let mut source = open(&lines);
        source.connected().await;
        broker.stop();
        source.failure().await;
        broker.restart().await;
        source.connected_again().await;
        broker.publish("home", "a").await;
        assert_eq!(source.texts(1).await, ["a"]);
        assert_eq!(source.status.report().gaps, 1, "version {version}");
    }
}

impl Opened {
    /// Asks until it is connected.
    async fn connected_again(&mut self) {
        let status = Arc::clone(&self.status);
        let is_connected = || status.report().connection == Connection::Connected;
        tokio::select! {
            messages = self.messages(1) => panic!("something has come: {messages:?}"),
            () = until(is_connected) => {}
        }
    }
}

#[tokio::test]
async fn a_broker_that_answers_no_ping_is_lost() {
    for version in VERSIONS {
        let broker = Broker::start(OPEN_TO_ALL).await;
        let more = format!("topics = \"home\"\nkeep_alive = \"1s\"\nversion = \"{version}\"");
        let mut source = open(&lines(&broker, &more));
        source.connected().await;
        broker.signal("STOP");
        let (reason, _) = source.failure().await;
        assert_eq!(
            reason,
            format!(
                "the connection to mqtt://127.0.0.1:{} is lost: it has not answered a ping",
                broker.port
            ),
        );
        broker.signal("CONT");
        source.connected_again().await;
        assert_eq!(source.status.report().gaps, 0);
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_dropped_and_counted_and_the_source_goes_on() {
    for version in VERSIONS {
        let broker = Broker::start(OPEN_TO_ALL).await;
        let lines = lines(&broker, &format!("topics = \"home/#\"\nversion = \"{version}\""));
        let mut source = open(&lines);
        source.connected().await;
        broker.publish("home", vec![b'x'; 10 << 20]).await;
        broker.publish("home", vec![b'y'; 1 << 20]).await;
        broker.publish("home", "a").await;
        let messages = source.texts(2).await;
        assert_eq!((messages[0].len(), messages[1].as_str()), (1 << 20, "a"));
        let report = source.status.report();
        assert_eq!((report.dropped, report.gaps), (1, 0), "version {version}");
        source.close_acknowledged(&broker).await;
        let mut source = open(&lines);
        source.is_silent().await;
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_taken_at_all_does_not_come_for_ever() {
    let broker = Broker::start(OPEN_TO_ALL).await;
    let mut source = open(&lines(&broker, "topics = \"home\"\nversion = \"3.1.1\""));
    source.connected().await;
    broker.publish("home", vec![b'x'; 17 << 20]).await;
    let (reason, _) = source.failure().await;
    assert!(reason.ends_with("is lost: a message is larger than 16 MiB"), "{reason}");
    source.connected_again().await;
    broker.publish("home", "a").await;
    assert_eq!(source.texts(1).await, ["a"]);
    let report = source.status.report();
    assert_eq!((report.dropped, report.gaps), (1, 1), "what waited behind it is missed");
}

#[tokio::test]
async fn the_broker_waits_while_nothing_is_acknowledged() {
    const COUNT: usize = 1_500;
    let limits = "max_inflight_messages 0\nmax_queued_messages 0";
    let broker = Broker::start(&format!("{OPEN_TO_ALL}\n{limits}")).await;
    let mut source = open(&lines(&broker, "topics = \"home\"\nkeep_alive = \"1s\""));
    source.connected().await;
    let payloads = (0..COUNT).map(|number| number.to_string().into_bytes()).collect();
    broker.publish_all("home", payloads, at_least_once()).await;
    let mut texts = source.texts(1_000).await;
    assert_eq!(texts.len(), 1_000);
    // Longer than the broker would wait for a ping.
    assert!(timeout(Duration::from_secs(3), source.messages(1)).await.is_err());
    assert_eq!(source.status.report().connection, Connection::Connected);
    source.acknowledge().await;
    texts.extend(source.texts(COUNT - 1_000).await);
    let numbers: Vec<String> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(texts, numbers);
}

#[tokio::test]
async fn what_is_not_kept_and_has_no_room_is_dropped_and_counted() {
    const COUNT: u64 = 20;
    for version in VERSIONS {
        let broker = Broker::start(OPEN_TO_ALL).await;
        let more = format!("topics = \"home\"\nqos = 0\nversion = \"{version}\"");
        let settings = read(&lines(&broker, &more)).unwrap();
        assert_eq!(settings.open.resume(), Resume::None);
        assert!(!settings.open.can_wait());
        let mut source = open(&lines(&broker, &more));
        assert!(source.acknowledge.is_none());
        source.connected().await;
        for _ in 0..COUNT {
            broker.publish("home", vec![b'x'; 512 << 10]).await;
        }
        broker.publish("home", "last").await;
        let status = Arc::clone(&source.status);
        until(|| status.report().dropped > 0).await;
        let mut taken = 0;
        while let Ok(messages) = timeout(A_WHILE, source.messages(1)).await {
            taken += messages.len() as u64;
        }
        let dropped = source.status.report().dropped;
        assert!(dropped >= 12, "{dropped} of 10 MiB do not fit into 4 MiB");
        assert_eq!(taken + dropped, COUNT + 1, "version {version}");
    }
}

#[tokio::test]
async fn what_nobody_sends_again_is_handed_on_at_a_stop() {
    let broker = Broker::start(OPEN_TO_ALL).await;
    let mut source = open(&lines(&broker, "topics = \"home\"\nqos = 0"));
    source.connected().await;
    for text in ["a", "b"] {
        broker.publish("home", text).await;
    }
    let mut left = Vec::new();
    while left.len() < 2 {
        left.extend(source.source.leave().into_iter().flat_map(|batch| batch.messages).map(text));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(left, ["a", "b"]);

    let mut kept = open(&lines(&broker, "topics = \"home\""));
    kept.connected().await;
    broker.publish("home", "c").await;
    kept.status.report();
    drop(kept.source.leave());
    drop(kept);
    let mut again = open(&lines(&broker, "topics = \"home\""));
    assert_eq!(again.texts(1).await, ["c"], "the broker keeps it");
}

#[tokio::test]
async fn without_acknowledgements_each_reconnection_is_a_gap() {
    let mut broker = Broker::start(OPEN_TO_ALL).await;
    let mut source = open(&lines(&broker, "topics = \"home\"\nqos = 0"));
    source.connected().await;
    broker.stop();
    source.failure().await;
    broker.restart().await;
    source.connected_again().await;
    assert_eq!(source.status.report().gaps, 1);
}

#[tokio::test]
async fn two_with_the_same_name_are_told_of_each_other() {
    let broker = Broker::start(OPEN_TO_ALL).await;
    let lines = lines(&broker, "topics = \"home\"");
    let mut first = open(&lines);
    first.connected().await;
    // A check is another client.
    check(&lines).await.unwrap();
    broker.publish("home", "a").await;
    assert_eq!(first.texts(1).await, ["a"]);
    let mut second = open(&lines);
    let (reason, _) = {
        let taking = second.messages(1);
        tokio::select! {
            failure = first.failure() => failure,
            _ = taking => first.failure().await,
        }
    };
    assert_eq!(
        reason,
        format!(
            "the connection to mqtt://127.0.0.1:{} is lost: it has closed the connection; if it does so again and \
             again, another client may have the same `client_id`",
            broker.port
        ),
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_or_no_broker_is_named() {
    let (listener, address) = support::listen().await;
    let lines = format!(
        "kind = \"mqtt\"\nurl = \"mqtt://{address}\"\nallow_private = true\ntopics = \"home\"\n"
    );
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut connection, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        drop(listener);
    });
    let reason = check(&lines).await.unwrap_err().to_string();
    assert!(reason.starts_with(&format!("no connection to mqtt://{address}: ")), "{reason}");
    soon(serving).await.unwrap();
    let reason = check(&lines).await.unwrap_err().to_string();
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn what_is_wrong_in_the_configuration_is_named_where_it_is() {
    let at = "kind = \"mqtt\"\nurl = \"mqtt://broker.example.org\"\n";
    for (lines, key, reason) in [
        ("kind = \"mqtt\"\ntopics = \"a\"", "url", "is missing"),
        ("kind = \"mqtt\"\ntopics = \"a\"\nurl = \"mqtt://127.1\"", "url", "is not public"),
        (
            "kind = \"mqtt\"\ntopics = \"a\"\nurl = \"http://example.org\"",
            "url",
            "begins with http:",
        ),
        (at, "topics", "is missing"),
        (&format!("{at}topics = []"), "topics", "is empty"),
        (&format!("{at}topics = [\"a#\"]"), "topics", "'a#' is no topic"),
        (&format!("{at}topics = \"a\"\nqos = 2"), "qos", "2 is not between 0 and 1"),
        (&format!("{at}topics = \"a\"\nversion = \"4\""), "version", "is not one of: 5, 3.1.1"),
        (&format!("{at}topics = \"a\"\nkeep_alive = \"0s\""), "keep_alive", "whole seconds"),
        (&format!("{at}topics = \"a\"\nclient_id = \"\""), "client_id", "has no characters"),
        (
            &format!("{at}topics = \"a\"\nqos = 0\nsession_expiry = \"1h\""),
            "session_expiry",
            "has an effect with `qos = 1`",
        ),
        (
            &format!("{at}topics = \"a\"\nversion = \"3.1.1\"\npassword = \"secret\""),
            "password",
            "without `username`",
        ),
    ] {
        let error = read(lines).err().unwrap_or_else(|| panic!("{lines}"));
        assert!(error.key.ends_with(key), "{error}");
        assert!(error.message.contains(reason), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
