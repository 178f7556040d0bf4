//! The table of configurations that the dashboard's tests read as well: both accept and refuse the same ones.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use freshet_core::config::{Alert, Chart, Config, Secret, Threshold};
use serde_json::{Value, json};

/// The values that a row of the table may name.
fn values(config: &Config) -> Value {
    let stream = &config.streams[0];
    json!({
        "keyspace": config.cassandra.keyspace,
        "consistency": config.cassandra.consistency.name(),
        "contact_points": config.cassandra.contact_points,
        "kafka_ca_file": config.kafka.security.ca_file,
        "port": config.dashboard.port,
        "allowed_hosts": config.dashboard.allowed_hosts,
        "token": config.dashboard.token,
        "title": stream.title,
        "windows": stream.windows,
        "charts": stream.charts.iter().map(chart).collect::<Vec<_>>(),
        "alerts": config.alerts.iter().map(alert).collect::<Vec<_>>(),
        "webhook_url": config.dashboard.webhook_url.as_ref().map(Secret::expose),
        "ntfy_url": config.dashboard.ntfy_url.as_ref().map(Secret::expose),
        "embed_origins": config.dashboard.embed_origins,
        "max_clients": config.dashboard.max_clients,
        "anomalies": config.dashboard.anomalies,
    })
}

fn chart(chart: &Chart) -> Value {
    json!({
        "title": chart.title,
        "metrics": chart.metrics,
        "series": chart.series,
        "unit": chart.unit,
    })
}

fn alert(alert: &Alert) -> Value {
    let mut value = json!({
        "name": alert.name,
        "stream": alert.stream,
        "metric": alert.metric,
        "series": alert.series,
        "window": alert.window,
        "field": alert.field,
        "for": u64::try_from(alert.lasting.as_millis()).unwrap(),
        "severity": alert.severity,
    });
    let (name, threshold) = match alert.threshold {
        Threshold::Above(threshold) => ("above", threshold),
        Threshold::Below(threshold) => ("below", threshold),
    };
    value[name] = threshold.into();
    value
}

fn load(folder: &Path, row: &Value) -> Result<Config, String> {
    let texts = |key: &str| -> BTreeMap<String, String> {
        serde_json::from_value(row[key].clone()).unwrap()
    };
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("freshet.toml");
    fs::write(&file, row["text"].as_str().unwrap()).unwrap();
    for (name, content) in texts("files") {
        fs::write(folder.join(name), content).unwrap();
    }
    let place = |value: String| value.replace("{folder}", folder.to_str().unwrap());
    let variables = texts("environment").into_iter().map(|(name, value)| (name, place(value)));
    Config::load_with(&file, variables).map_err(|error| error.to_string())
}

fn folder() -> PathBuf {
    env::temp_dir().join(format!("freshet-configurations-{}", process::id()))
}

#[test]
fn each_configuration_of_the_table_has_its_outcome() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("configurations.json")).unwrap();
    for (number, row) in rows.iter().enumerate() {
        let folder = folder().join(number.to_string());
        let name = &row["name"];
        match (load(&folder, row), row["error"].as_str()) {
            (Ok(config), None) => {
                let values = values(&config);
                let expected = row["ok"].to_string().replace("{folder}", folder.to_str().unwrap());
                let expected: Value = serde_json::from_str(&expected).unwrap();
                for (key, expected) in expected.as_object().unwrap() {
                    assert_eq!(&values[key], expected, "{name}: {key}");
                }
            }
            (Err(error), Some(named)) => {
                assert!(error.contains(named), "{name}: {error}");
                let shown = row["hides"].as_str().is_some_and(|secret| error.contains(secret));
                assert!(!shown, "{name}: the error shows a secret");
                if let Some(message) = row["message"].as_str() {
                    assert_eq!(
                        error,
                        message.replace("{folder}", folder.to_str().unwrap()),
                        "{name}"
                    );
                }
            }
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
    fs::remove_dir_all(folder()).unwrap();
}
