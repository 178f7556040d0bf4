//! Asking services whether they are there, and the pipeline whether it flows.

mod question;

use std::time::Duration;

use freshet_core::config::{Config, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use ureq::RequestBuilder;
use ureq::typestate::WithoutBody;

use crate::state::now_ms;

/// How long to wait between two questions.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long a service may take to answer: one that accepts a connection but does not answer is not ready.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How far back windows are asked for, in windows: those open now and those that have just closed.
const WINDOWS_BACK: i64 = 3;

/// How to see that a service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It has no address of its own: the first window proves it, and its health reports do later.
    Started,
    /// A broker on this port says which requests it knows.
    Kafka(u16),
    /// A node on this port says which options it has.
    Cassandra(u16),
    /// A server on this port describes itself.
    Zookeeper(u16),
    /// A GET of this address succeeds.
    Http(String),
}

/// Waits until a service answers.
pub async fn ready(readiness: &Readiness) {
    while !answers(readiness).await {
        sleep(INTERVAL).await;
    }
}

/// Asks a service a question that it can answer at once; whether an answer came in time. That its port is open would
/// say nothing: the kernel accepts connections for a process that is stopped.
pub async fn answers(readiness: &Readiness) -> bool {
    match readiness {
        Readiness::Started => true,
        Readiness::Kafka(port) => question::kafka(*port).await,
        Readiness::Cassandra(port) => question::cassandra(*port).await,
        Readiness::Zookeeper(port) => question::zookeeper(*port).await,
        Readiness::Http(url) => answer(ureq::get(url)).await.is_some(),
    }
}

/// The text of a successful answer.
async fn answer(request: RequestBuilder<WithoutBody>) -> Option<String> {
    let request = request.config().timeout_global(Some(ANSWER_LIMIT)).build();
    let ask = || request.call().ok()?.body_mut().read_to_string().ok();
    spawn_blocking(ask).await.ok().flatten()
}

/// Where the dashboard answers on this machine.
pub fn dashboard_url(config: &Config) -> String {
    let host = match config.dashboard.host.as_str() {
        // "Every address" is no address to connect to.
        "0.0.0.0" | "::" => "127.0.0.1",
        host => host,
    };
    format!("http://{host}:{}", config.dashboard.port)
}

/// Waits until the dashboard shows a window with an event after `since` (milliseconds since the epoch), of any stream
/// that has a source. Windows that an earlier run has left in the store have no such event.
pub async fn first_window(config: &Config, since: i64) {
    let dashboard = DashboardApi::of(config);
    let fed: Vec<&Stream> =
        config.sources.iter().filter_map(|source| config.stream(&source.stream)).collect();
    loop {
        for stream in &fed {
            let windows = dashboard.newest_windows(stream).await;
            if windows.iter().any(|window| window.last_event > since) {
                return;
            }
        }
        sleep(INTERVAL).await;
    }
}

/// What the dashboard knows of the pipeline's programs.
#[derive(Debug, Deserialize)]
pub struct Reports {
    /// The latest report of each.
    pub components: Vec<Report>,
    /// Whether the dashboard reaches Kafka, through which the reports come.
    kafka: Connection,
}

/// A program's latest report, as far as `status` needs it.
#[derive(Debug, Deserialize)]
pub struct Report {
    /// The kind of program.
    pub component: String,
    /// How old the report is, in milliseconds.
    pub age: i64,
}

#[derive(Debug, Deserialize)]
struct Connection {
    connected: bool,
}

/// The health reports of the pipeline's programs; `None` when the dashboard does not answer, or cannot know better for
/// want of Kafka. `dashboard` is its address.
pub async fn reports(config: &Config, dashboard: String) -> Option<Reports> {
    let dashboard = DashboardApi { url: dashboard, ..DashboardApi::of(config) };
    let reports: Reports = dashboard.ask("/api/health", &[]).await?;
    reports.kafka.connected.then_some(reports)
}

#[derive(Deserialize)]
struct SeriesAnswer {
    series: Vec<SeriesOfStream>,
}

#[derive(Deserialize)]
struct SeriesOfStream {
    series: String,
    metrics: Vec<String>,
}

#[derive(Deserialize)]
struct WindowsAnswer {
    windows: Vec<Window>,
}

#[derive(Deserialize)]
struct Window {
    last_event: i64,
}

struct DashboardApi {
    url: String,
    token: Option<String>,
}

impl DashboardApi {
    fn of(config: &Config) -> Self {
        let token = config.dashboard.token.as_ref().map(|token| token.expose().to_owned());
        Self { url: dashboard_url(config), token }
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Option<T> {
        let url = format!("{}{path}", self.url);
        let mut request = ureq::get(url).query_pairs(query.iter().copied());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        serde_json::from_str(&answer(request).await?).ok()
    }

    /// The newest windows of a stream's first series, in its shortest window.
    async fn newest_windows(&self, stream: &Stream) -> Vec<Window> {
        self.try_newest_windows(stream).await.unwrap_or_default()
    }

    async fn try_newest_windows(&self, stream: &Stream) -> Option<Vec<Window>> {
        let window = stream.windows.iter().min_by_key(|window| window.size_ms())?;
        let query = [("stream", stream.name.as_str())];
        let answer: SeriesAnswer = self.ask("/api/series", &query).await?;
        let first = answer.series.first()?;
        let now = now_ms();
        let (from, to) = (now - WINDOWS_BACK * window.size_ms(), now + window.size_ms());
        let query = [
            ("stream", stream.name.as_str()),
            ("series", &first.series),
            ("metric", first.metrics.first()?),
            ("window", &window.to_string()),
            ("from", &from.to_string()),
            ("to", &to.to_string()),
        ];
        self.ask::<WindowsAnswer>("/api/windows", &query).await.map(|answer| answer.windows)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// Names come from outside: what means something in an address must not.
    #[test]
    fn series_names_travel_in_a_query() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines: Vec<String> = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue").unwrap();
            lines
        });
        let dashboard = DashboardApi { url, token: Some("secret".to_owned()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let query = [("series", "laptop/cpu %2F+&=#?"), ("metric", "ü")];
        assert_eq!(runtime.block_on(dashboard.ask("/api/windows", &query)), Some(true));
        let asked = server.join().unwrap();
        let series = "laptop%2Fcpu%20%252F%2B%26%3D%23%3F";
        assert_eq!(asked[0], format!("GET /api/windows?series={series}&metric=%C3%BC HTTP/1.1"));
        assert!(asked.contains(&"authorization: Bearer secret".to_owned()), "{asked:?}");
    }
}
