//! The ready pipelines of the folder `examples`, all in one stack: servers of this machine speak the protocols of the
//! public ones and send what those send, and the windows are what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use freshet_dev::state::now_ms;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use libtest_mimic::Failed;
use tokio::runtime::Runtime;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use crate::Outcome;
use crate::cassandra::Store;
use crate::dashboard;
use crate::expectation::{Expectation, Key, Kind, Rows};
use crate::mosquitto::Broker;
use crate::stack::{TestStack, project, text};
use crate::support::{listen, serve};
use crate::waiting::{LIMIT, ensure, until};

/// The examples with the sources whose servers are elsewhere.
const REMOTE: [(&str, &str); 5] = [
    ("wikimedia", "wikimedia"),
    ("trades", "coinbase"),
    ("earthquakes", "usgs"),
    ("weather", "open-meteo"),
    ("mqtt", "zigbee2mqtt"),
];
const REPLAY: &str = "replay";

const SECONDS_10: Kind = Kind::tumbling("10s", 10_000);
const MINUTE: Kind = Kind::tumbling("1m", 60_000);
const MINUTES_5_EACH: Kind = Kind::sliding("5m/1m", 300_000, 60_000);
const MINUTES_10: Kind = Kind::tumbling("10m", 600_000);
const MINUTES_15: Kind = Kind::tumbling("15m", 900_000);
const HOUR: Kind = Kind::tumbling("1h", 3_600_000);
/// In November they begin at 23:00 in UTC.
const DAY_IN_BERLIN: Kind = Kind::tumbling("1d@Europe/Berlin", 86_400_000).beginning(82_800_000);

/// A reading that the payloads hold: series, metric, epoch milliseconds, value.
type Reading = (&'static str, &'static str, i64, f64);

/// What must come of the payloads, read from them by eye: the stream, its windows, and its readings.
const EXPECTED: [(&str, &[Kind], &[Reading]); 4] = [
    (
        "edits",
        &[SECONDS_10, MINUTE],
        &[
            ("dewiki", "edits", 1_795_600_801_250, 1.0),
            ("dewiki", "bytes", 1_795_600_801_250, -37.0),
        ],
    ),
    (
        "trades",
        &[SECONDS_10, MINUTE, MINUTES_5_EACH],
        &[
            ("BTC-USD", "price", 1_795_600_801_123, 64_123.45),
            ("BTC-USD", "size", 1_795_600_801_123, 0.0025),
        ],
    ),
    (
        "earthquakes",
        &[MINUTES_10, HOUR],
        &[("nc", "magnitude", 1_795_600_800_120, 2.31), ("nc", "depth", 1_795_600_800_120, 2.4)],
    ),
    (
        "weather",
        &[MINUTES_15, HOUR, DAY_IN_BERLIN],
        &[
            ("Berlin", "temperature", 1_795_600_800_000, 4.3),
            ("Berlin", "wind", 1_795_600_800_000, 12.5),
            ("Paris", "temperature", 1_795_600_800_000, 8.1),
            ("Paris", "wind", 1_795_600_800_000, 7.2),
            ("New York", "temperature", 1_795_600_800_000, -1.5),
            ("New York", "wind", 1_795_600_800_000, 20.0),
        ],
    ),
];

/// What an example's server sends, a message per line.
fn payloads(example: &str) -> Result<String, Failed> {
    let file = project().join(format!("rust/freshet-sources/tests/payloads/{example}.jsonl"));
    Ok(fs::read_to_string(file)?)
}

/// The servers of the remote examples.
struct Servers {
    runtime: Runtime,
    mosquitto: Broker,
    /// The addresses of the servers, in the order of [`REMOTE`].
    urls: [String; REMOTE.len()],
}

impl Servers {
    fn start() -> Result<Self, Failed> {
        let runtime = Runtime::new()?;
        let events = sse_events(&payloads("wikimedia")?);
        let trades = payloads("trades")?.lines().map(str::to_owned).collect();
        let features = payloads("earthquakes")?.lines().collect::<Vec<_>>().join(",");
        let earthquakes = format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#);
        let weather = payloads("weather")?;
        let (mosquitto, urls) = runtime.block_on(async {
            let mosquitto = Broker::start("allow_anonymous true").await;
            let wikimedia = serve(stream_of(events)).await;
            let coinbase = serve_websocket(trades).await;
            let usgs = serve(document(earthquakes)).await;
            let meteo = serve(document(weather)).await;
            let urls = [
                format!("http://{wikimedia}/"),
                format!("ws://{coinbase}"),
                format!("http://{usgs}/"),
                format!("http://{meteo}/"),
                format!("mqtt://127.0.0.1:{}", mosquitto.port),
            ];
            (mosquitto, urls)
        });
        Ok(Self { runtime, mosquitto, urls })
    }

    /// The variables that lead the sources of the examples here.
    fn environment(&self) -> Vec<(String, String)> {
        let of = |((_, source), url): (&(&str, &str), &String)| {
            let name = source.replace('-', "_").to_uppercase();
            let variable = |key| format!("FRESHET_SOURCE__{name}__{key}");
            [(variable("URL"), url.clone()), (variable("ALLOW_PRIVATE"), "true".to_owned())]
        };
        // The file of 40 minutes takes some seconds.
        let speed = ("FRESHET_SOURCE__REPLAY__SPEED".to_owned(), "500".to_owned());
        REMOTE.iter().zip(&self.urls).flat_map(of).chain([speed]).collect()
    }
}

fn sse_events(payloads: &str) -> String {
    let mut events = String::new();
    for (offset, payload) in payloads.lines().enumerate() {
        let id = format!(r#"[{{"topic":"eqiad.mediawiki.recentchange","offset":{offset}}}]"#);
        // Writing to a string can't fail.
        let _ignored = write!(events, "event: message\nid: {id}\ndata: {payload}\n\n");
    }
    events
}

/// Sends events, and then stays open without a word.
fn stream_of(events: String) -> Router {
    let events = Bytes::from(events);
    let answer = move || {
        let events = stream::iter([Ok::<_, Infallible>(events.clone())]);
        let body = Body::from_stream(events.chain(stream::pending()));
        async { ([(CONTENT_TYPE, "text/event-stream")], body) }
    };
    Router::new().route("/", get(answer))
}

fn document(text: String) -> Router {
    let answer = move || {
        let text = text.clone();
        async { ([(CONTENT_TYPE, "application/json")], text) }
    };
    Router::new().route("/", get(answer))
}

/// Sends messages to whoever has subscribed to trades.
async fn serve_websocket(messages: Vec<String>) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(trade(connection, messages.clone()));
        }
    });
    address
}

async fn trade(connection: tokio::net::TcpStream, messages: Vec<String>) {
    let mut connection = accept_async(connection).await.unwrap();
    while let Some(Ok(message)) = connection.next().await {
        if message.to_text().is_ok_and(|text| text.contains(r#""channels":["matches""#)) {
            for message in &messages {
                connection.send(Message::text(message.clone())).await.unwrap();
            }
        }
    }
}

/// The streams and sources of all examples.
fn streams() -> Result<String, Failed> {
    let mut streams = String::new();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(project().join("examples"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            streams += &fs::read_to_string(&path)?;
            names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    let known = REMOTE.iter().map(|(example, _)| *example).chain([REPLAY]);
    ensure(names == known.map(str::to_owned).collect(), || format!("these are there: {names:?}"))?;
    Ok(streams)
}

/// Of each series and metric: how many values, and their sum.
type Totals = BTreeMap<(String, String), (i64, f64)>;

fn add(totals: &mut Totals, series: &str, metric: &str, count: i64, sum: f64) {
    let total = totals.entry((series.to_owned(), metric.to_owned())).or_default();
    total.0 += count;
    total.1 += sum;
}

/// What must come of the messages whose time is that of their arrival: only the producer knows it.
fn arrived() -> Result<[(&'static str, Totals); 2], Failed> {
    let mut house = Totals::new();
    add(&mut house, "kitchen", "temperature", 1, 21.35);
    add(&mut house, "kitchen", "humidity", 1, 48.21);
    let mut hall = Totals::new();
    for line in fs::read_to_string(project().join("examples/readings.csv"))?.lines().skip(1) {
        let [_, sensor, temperature, humidity] = line.split(',').collect::<Vec<_>>()[..] else {
            return Err(line.into());
        };
        add(&mut hall, sensor, "temperature", 1, temperature.parse()?);
        add(&mut hall, sensor, "humidity", 1, humidity.parse()?);
    }
    Ok([("house", house), ("hall", hall)])
}

fn totals_are(rows: &Rows, expected: &Totals) -> Outcome {
    let mut found = Totals::new();
    for (key, row) in rows.iter().filter(|(key, _)| key.window == "1m") {
        add(&mut found, &key.series, &key.metric, row.count, row.sum);
    }
    // The order of the summands shows in the last bits.
    let is_near =
        |one: &(i64, f64), other: &(i64, f64)| one.0 == other.0 && (one.1 - other.1).abs() < 1e-6;
    let is_right = found.keys().eq(expected.keys())
        && found.values().zip(expected.values()).all(|(one, other)| is_near(one, other));
    ensure(is_right, || format!("{found:?} instead of {expected:?}"))
}

/// Each example comes out as its windows.
pub(crate) fn run_to_their_windows() -> Outcome {
    let servers = Servers::start()?;
    let stack = TestStack::of(&streams()?, servers.environment())?;
    // Its path counts from the folder of the configuration.
    let beside = stack.config().with_file_name("readings.csv");
    fs::copy(project().join("examples/readings.csv"), beside)?;
    let outcome = stack.start().and_then(|()| check(&stack, &servers));
    let down = stack.run(&["down"])?;
    let ended = ensure(down.status.success(), || format!("down failed: {}", text(&down)));
    let outcome = outcome.and(ended);
    outcome.inspect_err(|_| println!("the stack's logs are in {}", stack.keep().display()))
}

fn check(stack: &TestStack, servers: &Servers) -> Outcome {
    // What is published before the source has subscribed is not for it.
    until(LIMIT, || is_connected(stack, "zigbee2mqtt"))?;
    let payloads = payloads("mqtt")?;
    for (payload, device) in payloads.lines().zip(["kitchen", "lamp"]) {
        let topic = format!("zigbee2mqtt/{device}");
        let publishing = servers.mosquitto.publish(&topic, payload);
        servers.runtime.block_on(publishing);
    }
    let store = Store::connect(stack)?;
    for (stream, kinds, readings) in EXPECTED {
        let mut expected = Expectation::default();
        for (series, metric, at, value) in readings {
            expected.add(kinds, series, metric, *at, *value);
        }
        until(LIMIT, || expected.matches(&store.rows(stream)?).map_err(|no| of(stream, &no)))?;
    }
    days_are_shown(stack, &store)?;
    for (stream, expected) in arrived()? {
        let is_right = || totals_are(&store.rows(stream)?, &expected).map_err(|no| of(stream, &no));
        until(LIMIT, is_right)?;
    }
    Ok(())
}

/// The dashboard gives the windows of the days of a zone as they are stored, by their name with the zone and without.
fn days_are_shown(stack: &TestStack, store: &Store) -> Outcome {
    let mut days = store.rows("weather")?;
    days.retain(|key, _| key.window == DAY_IN_BERLIN.name);
    let first = days.keys().map(|key| key.start).min().ok_or("there are no days")?;
    let span = (first, now_ms().max(first + 1));
    let shown = dashboard::rows(stack, "weather", days.keys(), span)?;
    ensure(shown == days, || format!("{shown:?} instead of {days:?}"))?;
    let by_short_name: Vec<Key> =
        days.keys().map(|key| Key { window: "1d".to_owned(), ..key.clone() }).collect();
    let shown = dashboard::rows(stack, "weather", &by_short_name, span)?;
    ensure(shown.values().eq(days.values()), || format!("{shown:?} instead of {days:?}"))
}

fn of(stream: &str, no: &Failed) -> Failed {
    format!("{stream}: {}", no.message().unwrap_or("no reason given")).into()
}

fn is_connected(stack: &TestStack, source: &str) -> Outcome {
    let health = dashboard::get(stack, "/api/health", &[])?;
    let components = health["components"].as_array().ok_or("no components")?;
    let connection = components
        .iter()
        .find_map(|component| component["sources"][source]["connection"].as_str())
        .unwrap_or("not known");
    ensure(connection == "connected", || format!("{source} is {connection}"))
}
