//! Prometheus' configuration and alerts, read by its own tool, and Grafana's dashboards, as far as files say it. What
//! they come to on a live stack is tested in the system test `deploy::observability`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use freshet_dev::preflight::free_ports;
use freshet_dev::services::prometheus_program;
use serde_json::Value;

use crate::versions::{read, root};

/// The unit test of the alerts; `RULES` stands for where they are.
const UNIT_TEST: &str = include_str!("alerts.yml");

/// Runs promtool in a folder; gives what it says, and whether it was content.
fn promtool(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let program = prometheus_program("promtool", &root().join("target"))
        .expect("promtool is missing: `./freshet test deploy` installs it");
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Runs the unit test on rules.
fn test_rules(rules: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    fs::write(folder.path().join("alerts.yml"), UNIT_TEST.replace("RULES", "rules.yml")).unwrap();
    promtool(folder.path(), &["test", "rules", "alerts.yml"])
}

/// The values of a key of the rules, in their order.
fn values<'a>(rules: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    rules.lines().filter_map(move |line| line.trim_start_matches([' ', '-']).strip_prefix(key))
}

fn alerts(rules: &str) -> Vec<&str> {
    values(rules, "alert: ").collect()
}

#[test]
fn prometheus_accepts_its_configuration_and_the_alerts() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["prometheus.yml", "rules.yml"] {
        fs::write(folder.path().join(file), read(&format!("docker/prometheus/{file}"))).unwrap();
    }
    // A secret of whoever runs it.
    fs::write(folder.path().join("dashboard-token"), "token").unwrap();
    let (fine, said) = promtool(folder.path(), &["check", "config", "prometheus.yml"]);
    assert!(fine, "{said}");
}

#[test]
fn each_alert_rings_when_it_has_to_and_not_before() {
    let rules = read("docker/prometheus/rules.yml");
    let (fine, said) = test_rules(&rules);
    assert!(fine, "{said}");
    // Without one of them a test has to miss it: else there is none that expects it.
    for alert in alerts(&rules) {
        let without = rules.replacen(&format!("alert: {alert}\n"), "alert: Other\n", 1);
        let (fine, said) = test_rules(&without);
        assert!(!fine && said.contains(alert), "no test expects {alert}: {said}");
    }
}

#[test]
fn each_alert_has_an_entry_in_the_runbook_and_each_entry_an_alert() {
    let rules = read("docker/prometheus/rules.yml");
    let alerts = alerts(&rules);
    let runbook = read("docs/operations.md");
    let entries: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|name| name.starts_with("Freshet"))
        .collect();
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    assert_eq!(set(&entries), set(&alerts));
    assert_eq!(entries.len(), alerts.len(), "an entry is there twice");
    // An anchor is the heading in lower case.
    let anchors: Vec<String> =
        alerts.iter().map(|alert| format!("docs/operations.md#{}", alert.to_lowercase())).collect();
    assert_eq!(values(&rules, "runbook: ").collect::<Vec<_>>(), anchors);
    let severities: BTreeSet<&str> = values(&rules, "severity: ").collect();
    assert_eq!(severities, BTreeSet::from(["critical", "warning"]));
}

/// The metrics that a text of `PromQL` names.
fn metrics(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("freshet_") || word.starts_with("process_")).collect()
}

#[test]
fn alerts_and_panels_name_only_metrics_that_are_documented() {
    let pages = read("docs/observation.md");
    let documented: BTreeSet<&str> = pages.split('`').skip(1).step_by(2).collect();
    let mut texts = vec![read("docker/prometheus/rules.yml")];
    texts.extend(expressions(&dashboard("pipeline.json")));
    let named: BTreeSet<&str> = texts.iter().flat_map(|text| metrics(text)).collect();
    // What all programs have is documented under the producer's name.
    let is_known = |name: &str| {
        let common = name.replacen("freshet_writer_", "freshet_producer_", 1);
        documented.contains(name) || documented.contains(common.as_str())
    };
    let unknown: Vec<_> = named.iter().filter(|name| !is_known(name)).collect();
    assert!(named.len() > 30 && unknown.is_empty(), "{unknown:?} of {named:?}");
}

fn dashboard(file: &str) -> Value {
    serde_json::from_str(&read(&format!("docker/grafana/dashboards/{file}"))).unwrap()
}

/// Each query of Prometheus in a dashboard.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.filter_map(|target| target["expr"].as_str().map(str::to_owned)).collect()
}

#[test]
fn the_panels_of_a_dashboard_take_from_a_source_that_is_provisioned_and_lie_side_by_side() {
    let sources = read("docker/grafana/provisioning/datasources/freshet.yaml");
    for file in ["pipeline.json", "windows.json"] {
        let dashboard = dashboard(file);
        let panels = dashboard["panels"].as_array().unwrap();
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{file}: an id is there twice");
        let mut taken = BTreeSet::new();
        for panel in panels {
            let title = panel["title"].as_str().unwrap();
            if let Some(source) = panel["datasource"]["uid"].as_str() {
                assert!(sources.contains(&format!("uid: {source}\n")), "{file}: {title}: {source}");
            }
            let of = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(of("x") + of("w") <= 24, "{file}: {title} is wider than the page");
            for (x, y) in (of("x")..of("x") + of("w"))
                .flat_map(|x| (of("y")..of("y") + of("h")).map(move |y| (x, y)))
            {
                assert!(taken.insert((x, y)), "{file}: {title} lies over another panel");
            }
        }
    }
}

/// What Spark's servlet writes, and what it has to become. The regular expressions are those of Prometheus, so that it
/// is Prometheus that has to read them: a server with the configuration scrapes a page of such lines.
#[test]
fn the_gauges_of_the_spark_job_get_their_stream_as_a_label() {
    let page = "\
metrics_freshet_driver_plugin_io_freshet_spark_FreshetPlugin_streams_my_stream_records_read_Number{type=\"gauges\"} 7
metrics_freshet_driver_plugin_io_freshet_spark_FreshetPlugin_streams_my_stream_records_read_Value{type=\"gauges\"} 7
metrics_freshet_driver_streams_host_consumer_lag_records_Value{type=\"gauges\"} 8
metrics_freshet_driver_streams_host_state_rows_Value{type=\"gauges\"} NaN
metrics_freshet_driver_plugin_io_freshet_spark_FreshetPlugin_native_memory_bytes_Value{type=\"gauges\"} 9
metrics_freshet_driver_plugin_io_freshet_spark_FreshetPlugin_executors_3_native_memory_bytes_Value{type=\"gauges\"} 10
metrics_freshet_driver_streams_host_something_else_Value{type=\"gauges\"} 11
";
    let samples = relabelled(page);
    let of = |name: &str, labels: &[(&str, &str)]| -> Option<String> {
        let is_it = |sample: &&Value| {
            sample["metric"]["__name__"] == name
                && labels.iter().all(|(label, value)| sample["metric"][*label] == *value)
                && sample["metric"].get("type").is_none()
        };
        let sample = samples.iter().find(is_it)?;
        sample["value"][1].as_str().map(str::to_owned)
    };
    assert_eq!(
        of("freshet_spark_records_read", &[("stream", "my_stream")]).as_deref(),
        Some("7"),
        "{samples:?}"
    );
    assert_eq!(
        of("freshet_spark_consumer_lag_records", &[("stream", "host")]).as_deref(),
        Some("8")
    );
    assert_eq!(of("freshet_spark_state_rows", &[("stream", "host")]).as_deref(), Some("NaN"));
    assert_eq!(
        of("freshet_spark_native_memory_bytes", &[("executor", "driver")]).as_deref(),
        Some("9")
    );
    assert_eq!(
        of("freshet_spark_native_memory_bytes", &[("executor", "3")]).as_deref(),
        Some("10")
    );
    let other = "metrics_freshet_driver_streams_host_something_else_Value";
    assert_eq!(of(other, &[]).as_deref(), Some("11"));
    assert!(
        samples
            .iter()
            .all(|sample| !sample["metric"]["__name__"].as_str().unwrap().ends_with("_Number"))
    );
}

/// The samples that Prometheus makes of a page of Spark's, by the configuration as it is.
fn relabelled(page: &'static str) -> Vec<Value> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = listener.local_addr().unwrap().to_string();
    thread::spawn(move || serve(&listener, page));
    let folder = tempfile::tempdir().unwrap();
    let configuration = read("docker/prometheus/prometheus.yml")
        .replace("spark-job:4040", &target)
        .replace("scrape_interval: 15s", "scrape_interval: 1s");
    fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
    let [port] = free_ports().unwrap();
    let program = prometheus_program("prometheus", &root().join("target"))
        .expect("prometheus is missing: `./freshet test deploy` installs it");
    let server = Command::new(program)
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    let _server = Server(server);
    let query = format!("http://127.0.0.1:{port}/api/v1/query");
    let begun = Instant::now();
    loop {
        let asked = ureq::get(&query)
            .query("query", r#"{job="freshet-spark-job",__name__=~".*(freshet|Number).*"}"#);
        let answer =
            asked.call().ok().and_then(|mut answer| answer.body_mut().read_json::<Value>().ok());
        let samples = answer.as_ref().and_then(|answer| answer["data"]["result"].as_array());
        if let Some(samples) = samples.filter(|samples| !samples.is_empty()) {
            return samples.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "Prometheus has no samples: {answer:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Answers each question with the page, as Spark does.
fn serve(listener: &TcpListener, page: &str) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let request = BufReader::new(stream.try_clone().unwrap()).lines();
        for line in request.map_while(Result::ok) {
            if line.is_empty() {
                break;
            }
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n",
            page.len()
        );
        drop(write!(stream, "{head}connection: close\r\n\r\n{page}"));
    }
}
