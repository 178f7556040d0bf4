//! Asking services whether they are there, and the pipeline whether it flows.

mod first_window;
mod question;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use freshet_core::config::Config;
use freshet_core::wire::SourceHealth;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use ureq::RequestBuilder;
use ureq::typestate::WithoutBody;

pub use first_window::{Flow, Lost, flow};

/// How long to wait between two questions.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long a service may take to answer: one that accepts a connection but does not answer is not ready.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// How to see that a service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It has no address of its own: the first window proves it, and its health reports do later.
    Started,
    /// A broker there says which requests it knows.
    Kafka(SocketAddr),
    /// A node there says which options it has.
    Cassandra(SocketAddr),
    /// A server there describes itself.
    Zookeeper(SocketAddr),
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
        Readiness::Kafka(address) => question::kafka(*address).await,
        Readiness::Cassandra(address) => question::cassandra(*address).await,
        Readiness::Zookeeper(address) => question::zookeeper(*address).await,
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
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.to_owned(),
    };
    format!("http://{host}:{}", config.dashboard.port)
}

/// What the dashboard knows of the pipeline's programs.
#[derive(Debug, Deserialize)]
pub struct Reports {
    /// The latest report of each.
    pub components: Vec<Report>,
    /// Whether the dashboard reaches Kafka, through which the reports come.
    kafka: Connection,
}

/// A program's latest report, as far as it is needed here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The kind of program.
    pub component: String,
    /// How old the report is, in milliseconds.
    pub age: i64,
    /// When the program started, in milliseconds since the epoch.
    since: i64,
    /// What it has handed on since then.
    records_out: u64,
    /// What the Spark job has rejected, and what came too late.
    rejected: u64,
    late: u64,
    /// What the producer says of its sources, by name.
    sources: Option<BTreeMap<String, SourceHealth>>,
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
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    #[test]
    fn the_dashboard_is_asked_on_this_machine() {
        let mut config = crate::parts::tests::context().config;
        for (host, url) in [
            ("127.0.0.1", "http://127.0.0.1:3000"),
            ("0.0.0.0", "http://127.0.0.1:3000"),
            ("::", "http://[::1]:3000"),
            ("::1", "http://[::1]:3000"),
            ("localhost", "http://localhost:3000"),
        ] {
            host.clone_into(&mut config.dashboard.host);
            assert_eq!(dashboard_url(&config), url);
        }
    }

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
