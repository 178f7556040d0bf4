//! The dashboard's API and page, as a browser sees them.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde::Deserialize;
use serde_json::Value;

use crate::expectation::{Key, Row, Rows};
use crate::stack::{TestStack, project, text};
use crate::waiting::ensure;

#[derive(Deserialize)]
struct Windows {
    windows: Vec<Shown>,
}

#[derive(Deserialize)]
struct Shown {
    start: i64,
    end: i64,
    count: i64,
    sum: f64,
    avg: f64,
    min: f64,
    max: f64,
    stddev: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    last_event: i64,
}

/// A GET that has to succeed, as JSON.
pub(crate) fn get(stack: &TestStack, path: &str, query: &[(&str, &str)]) -> Result<Value, Failed> {
    let mut request = ureq::get(format!("{}{path}", stack.dashboard()));
    for (key, value) in query {
        request = request.query(key, value);
    }
    Ok(request.call()?.body_mut().read_json()?)
}

/// The windows of a stream between two times, of the series and metrics of these keys.
pub(crate) fn rows<'a>(
    stack: &TestStack,
    stream: &str,
    keys: impl IntoIterator<Item = &'a Key>,
    span: (i64, i64),
) -> Result<Rows, Failed> {
    let mut charts: Vec<(&str, &str, &str)> = keys
        .into_iter()
        .map(|key| (key.series.as_str(), key.metric.as_str(), key.window.as_str()))
        .collect();
    charts.sort_unstable();
    charts.dedup();
    let mut rows = Rows::new();
    for (series, metric, window) in charts {
        let (from, to) = (span.0.to_string(), span.1.to_string());
        let query = [
            ("stream", stream),
            ("series", series),
            ("metric", metric),
            ("window", window),
            ("from", &from),
            ("to", &to),
        ];
        let answer: Windows = serde_json::from_value(get(stack, "/api/windows", &query)?)?;
        for shown in answer.windows {
            let key = Key {
                series: series.to_owned(),
                metric: metric.to_owned(),
                window: window.to_owned(),
                start: shown.start,
            };
            rows.insert(key, row(&shown));
        }
    }
    Ok(rows)
}

fn row(shown: &Shown) -> Row {
    Row {
        end: shown.end,
        count: shown.count,
        sum: shown.sum,
        avg: shown.avg,
        min: shown.min,
        max: shown.max,
        stddev: shown.stddev,
        percentiles: [shown.p50, shown.p95, shown.p99],
        last_event: shown.last_event,
    }
}

/// Opens the page in a real browser until a live point appears, and keeps a screenshot.
pub(crate) fn live_point(stack: &TestStack, screenshot: &Path) -> Result<(), Failed> {
    let output = Command::new("node")
        .arg("test/page/live-point.mjs")
        .arg(stack.dashboard())
        .arg(screenshot)
        .current_dir(project().join("node-dashboard"))
        .output()?;
    println!("{}", text(&output));
    ensure(output.status.success(), || format!("no live point appeared: {}", text(&output)))
}
