//! The dashboard's API and page, as a browser sees them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;

use crate::Outcome;
use crate::cassandra::Store;
use crate::expectation::{Key, Row, Rows};
use crate::lab::Use;
use crate::process::signal;
use crate::stack::{TestStack, project, text};
use crate::waiting::{LIMIT, ensure, until};

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
    first: f64,
    last: f64,
}

/// A GET that has to succeed, as JSON.
pub(crate) fn get(stack: &TestStack, path: &str, query: &[(&str, &str)]) -> Result<Value, Failed> {
    get_from(&stack.dashboard(), path, query)
}

fn get_from(address: &str, path: &str, query: &[(&str, &str)]) -> Result<Value, Failed> {
    let mut request = ureq::get(format!("{address}{path}"));
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
    rows_of(&stack.dashboard(), stream, keys, span)
}

/// The same of the dashboard at this address.
pub(crate) fn rows_of<'a>(
    address: &str,
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
        let answer: Windows = serde_json::from_value(get_from(address, "/api/windows", &query)?)?;
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
        ends: [shown.first, shown.last],
    }
}

/// Opens the page in a real browser until a live point appears, and keeps a screenshot.
pub(crate) fn live_point(stack: &TestStack, screenshot: &Path) -> Result<(), Failed> {
    live_point_at(&stack.dashboard(), screenshot)
}

/// The same of the dashboard at this address.
pub(crate) fn live_point_at(address: &str, screenshot: &Path) -> Result<(), Failed> {
    let output = page_script("live-point.mjs").arg(address).arg(screenshot).output()?;
    println!("{}", text(&output));
    ensure(output.status.success(), || format!("no live point appeared: {}", text(&output)))
}

/// A script that uses the page in a real browser.
fn page_script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(format!("test/page/{name}")).current_dir(project().join("node-dashboard"));
    command
}

/// The page does all that a person does with it: see the script.
pub(crate) fn a_person_walks_through() -> Outcome {
    let mut lab = Use::running()?;
    let screenshots = project().join("test-results");
    fs::create_dir_all(&screenshots)?;
    let output = page_script("walk.mjs")
        .arg(lab.get().stack.dashboard())
        .arg(screenshots)
        .arg(format!("--timeout-seconds={}", LIMIT.as_secs()))
        .output()?;
    println!("{}", text(&output));
    ensure(output.status.success(), || text(&output))
}

/// A page that is open says that its server is gone, and goes on when it is back.
pub(crate) fn an_open_page_comes_back() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let mut page =
        page_script("reconnect.mjs").arg(stack.dashboard()).stdout(Stdio::piped()).spawn()?;
    let output = page.stdout.take().ok_or("it has no output")?;
    let said = say_and_kill(stack, BufReader::new(output));
    if said.is_err() {
        drop(page.kill());
    }
    let (status, said) = (page.wait()?, said?);
    ensure(status.success() && said == ["live", "lost", "back"], || format!("{status}: {said:?}"))
}

/// What the page says, whose server is killed when it is live.
fn say_and_kill(stack: &TestStack, page: impl BufRead) -> Result<Vec<String>, Failed> {
    let mut said = Vec::new();
    for line in page.lines() {
        let line = line?;
        if line == "live" {
            signal(stack.part("dashboard")?.pid.ok_or("it has no process")?, Signal::SIGKILL)?;
        }
        said.push(line);
    }
    Ok(said)
}

/// A service that is there and does not answer is not connected, and a component that says nothing is stale, with
/// nothing known of it.
pub(crate) fn frozen_services_are_named() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    for name in ["cassandra", "kafka"] {
        let connected = |wanted: bool| {
            until(LIMIT, || {
                let health = &get(stack, "/api/health", &[])?[name];
                ensure(health["connected"] == wanted, || format!("{name}: {health}"))
            })
        };
        connected(true)?;
        while_stopped(stack, name, || connected(false))?;
        connected(true)?;
    }
    while_stopped(stack, "spark-job", || {
        until(LIMIT, || {
            let health = get(stack, "/api/health", &[])?;
            let components = health["components"].as_array().ok_or("no components")?;
            let mut jobs =
                components.iter().filter(|component| component["component"] == "spark-job");
            let is_silent = |job: &Value| {
                job["stale"] == true && job["lag"].is_null() && job["rates"].is_null()
            };
            ensure(jobs.all(is_silent), || health.to_string())
        })
    })
}

fn while_stopped(stack: &TestStack, part: &str, check: impl FnOnce() -> Outcome) -> Outcome {
    let pid = stack.part(part)?.pid.ok_or("the part has no process")?;
    signal(pid, Signal::SIGSTOP)?;
    let outcome = check();
    signal(pid, Signal::SIGCONT)?;
    outcome
}

/// The writer makes keyspace and tables anew, and the dashboard, which had prepared its statements on the old ones,
/// shows what comes after, without a restart of either.
pub(crate) fn dropped_keyspace_heals() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let newest = || -> Result<i64, Failed> {
        let series = get(stack, "/api/series", &[("stream", "fleet")])?;
        let first = series["series"][0]["series"].as_str().ok_or("no series")?.to_owned();
        let chart = [
            ("stream", "fleet"),
            ("series", &*first),
            ("metric", "temperature"),
            ("window", "10s"),
        ];
        let windows = get(stack, "/api/windows", &chart)?;
        let starts = windows["windows"].as_array().ok_or("no windows")?.iter();
        Ok(starts.filter_map(|window| window["start"].as_i64()).max().ok_or("no window")?)
    };
    let parts =
        || -> Result<_, Failed> { Ok((stack.part("writer")?.pid, stack.part("dashboard")?.pid)) };
    let before = (until(LIMIT, newest)?, parts()?);
    Store::connect(stack)?.execute("DROP KEYSPACE freshet")?;
    until(LIMIT, || {
        let newest = newest()?;
        ensure(newest > before.0, || format!("nothing newer than {newest}"))
    })?;
    let after = parts()?;
    ensure(after == before.1, || format!("a part was started again: {:?}, {after:?}", before.1))
}
