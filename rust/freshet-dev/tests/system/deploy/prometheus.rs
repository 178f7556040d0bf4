//! Prometheus' HTTP API, and a second server that watches the same stack with less patience.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use freshet_dev::preflight::free_ports;
use freshet_dev::services::prometheus_program;
use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;
use crate::stack::project;
use crate::waiting::{LIMIT, ensure, until};

/// So many times shorter are the spans and delays of the alerts in the test, and none is shorter than this.
const HASTE: u64 = 30;
const SHORTEST: u64 = 2;

/// A server's API.
pub(super) struct Api(pub(super) String);

impl Api {
    pub(super) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, Failed> {
        let url = format!("{}/api/v1/{path}", self.0);
        let request = ureq::get(url).query_pairs(parameters.iter().copied());
        let answer: Value = request.call()?.body_mut().read_json()?;
        ensure(answer["status"] == "success", || format!("{path} {parameters:?}: {answer}"))?;
        Ok(answer["data"].clone())
    }

    /// The samples that a query has now.
    pub(super) fn query(&self, query: &str) -> Result<Vec<Value>, Failed> {
        let data = self.get("query", &[("query", query)])?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until a query has samples.
    pub(super) fn has(&self, query: &str) -> Outcome {
        until(LIMIT, || ensure(!self.query(query)?.is_empty(), || format!("no data: {query}")))
    }

    /// Whether a program tells a metric: by its samples, or where there is nothing to tell, such as of what nobody has
    /// waited for, by its type.
    pub(super) fn knows(&self, metric: &str) -> Outcome {
        let told = self.get("targets/metadata", &[("metric", metric)]);
        let has_type = told.is_ok_and(|told| told.as_array().is_some_and(|told| !told.is_empty()));
        if has_type { Ok(()) } else { self.has(metric) }
    }

    /// The names of the alerts that ring, with the value of a label.
    pub(super) fn ringing(&self, label: &str) -> Result<Vec<(String, String)>, Failed> {
        let samples = self.query(r#"ALERTS{alertstate="firing"}"#)?;
        let text = |sample: &Value, label: &str| {
            sample["metric"][label].as_str().unwrap_or_default().to_owned()
        };
        Ok(samples.iter().map(|sample| (text(sample, "alertname"), text(sample, label))).collect())
    }

    /// Waits until an alert rings of what has this label.
    pub(super) fn rings(&self, alert: &str, label: &str, value: &str) -> Outcome {
        until(LIMIT, || {
            let ringing = self.ringing(label)?;
            let rings = ringing.contains(&(alert.to_owned(), value.to_owned()));
            ensure(rings, || format!("{alert} of {label} {value} does not ring, but {ringing:?}"))
        })
    }

    /// Waits until every target answers.
    pub(super) fn all_targets_are_up(&self, number: usize) -> Outcome {
        until(LIMIT, || {
            let targets = self.get("targets", &[])?["activeTargets"].clone();
            let targets = targets.as_array().ok_or("no list")?;
            let up = targets.iter().filter(|target| target["health"] == "up").count();
            ensure(up == number && targets.len() == number, || format!("{targets:#?}"))
        })
    }

    /// The names and queries of all alerts, each of which has been evaluated without an error.
    pub(super) fn alerts(&self) -> Result<Vec<(String, String)>, Failed> {
        until(LIMIT, || {
            let groups = self.get("rules", &[])?["groups"].clone();
            let rules = groups.as_array().into_iter().flatten();
            let rules: Vec<&Value> =
                rules.flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
            let fine = rules.iter().all(|rule| rule["health"] == "ok");
            ensure(fine && !rules.is_empty(), || format!("{rules:#?}"))?;
            let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            Ok(rules.iter().map(|rule| (text(rule, "name"), text(rule, "query"))).collect())
        })
    }
}

/// The metrics of Freshet that a query names.
pub(super) fn metrics(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("freshet_") || word.starts_with("process_"))
}

/// A server with the configuration and the rules of another one, which asks every second and whose rules have all
/// durations divided by [`HASTE`]. It ends with the test.
pub(super) struct Hasty {
    server: Child,
    _folder: TempDir,
    pub(super) api: Api,
}

impl Hasty {
    pub(super) fn start(original: &Path) -> Result<Self, Failed> {
        Self::start_with(original, &fs::read_to_string(original.join("prometheus.yml"))?)
    }

    /// One that was never told of a job.
    pub(super) fn without(original: &Path, job: &str) -> Result<Self, Failed> {
        let configuration = fs::read_to_string(original.join("prometheus.yml"))?;
        let others = configuration.replace(&format!("job_name: {job}\n"), "job_name: other\n");
        ensure(others != configuration, || format!("there is no job {job}"))?;
        Self::start_with(original, &others)
    }

    fn start_with(original: &Path, configuration: &str) -> Result<Self, Failed> {
        let (folder, [port]) = (tempfile::tempdir()?, free_ports()?);
        let configuration = configuration
            .replace("scrape_interval: 5s", "scrape_interval: 1s")
            .replace("evaluation_interval: 5s", "evaluation_interval: 1s");
        let rules = hastened(&fs::read_to_string(original.join("rules.yml"))?);
        fs::write(folder.path().join("prometheus.yml"), configuration)?;
        fs::write(folder.path().join("rules.yml"), rules)?;
        let program = prometheus_program("prometheus", &project().join("target"))
            .ok_or("prometheus is missing: `./freshet test deploy` installs it")?;
        let server = Command::new(program)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()?;
        let api = Api(format!("http://127.0.0.1:{port}"));
        Ok(Self { server, _folder: folder, api })
    }
}

impl Drop for Hasty {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The rules with shorter spans (`[5m]`) and delays (`for: 1m`); what they compare with stays, but for an age that
/// takes minutes to come about. An idle query says each 10 s that it is idle, so that this one cannot be shorter.
fn hastened(rules: &str) -> String {
    let shorter = |minutes: &str| minutes.parse::<u64>().map(|m| (m * 60 / HASTE).max(SHORTEST));
    let mut hastened = String::new();
    for line in rules.lines() {
        let mut line = line.to_owned();
        let delay =
            line.trim_start().strip_prefix("for: ").and_then(|delay| delay.strip_suffix('m'));
        if let Some(Ok(seconds)) = delay.map(shorter) {
            line = format!("        for: {seconds}s");
        }
        for minutes in ["5", "10", "15"] {
            if let Ok(seconds) = shorter(minutes) {
                line = line.replace(&format!("[{minutes}m]"), &format!("[{seconds}s]"));
                line = line.replace(&format!("offset {minutes}m"), &format!("offset {seconds}s"));
            }
        }
        hastened += &line.replace("_age_seconds > 300 +", "_age_seconds > 20 +");
        hastened.push('\n');
    }
    hastened
}
