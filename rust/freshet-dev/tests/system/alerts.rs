//! Alerts of the dashboard: told once to a webhook, and kept in Cassandra through a restart.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::Outcome;
use crate::cassandra::Store;
use crate::dashboard::get;
use crate::process::signal;
use crate::stack::{TestStack, text};
use crate::waiting::{LIMIT, ensure, until};

/// A fleet whose every window is above the threshold, and one that falls silent after a few readings.
const STREAMS: &str = r#"
[[stream]]
name = "fleet"
series = ["sensor"]
time = { field = "time", unit = "ms" }
values = { temperature = "temperature" }
windows = ["10s"]
lateness = "1s"

[[source]]
kind = "synthetic"
stream = "fleet"
every = "200ms"
series = 3
seed = 11

[[stream]]
name = "short"
series = ["sensor"]
time = { field = "time", unit = "ms" }
values = { temperature = "temperature" }
windows = ["10s"]

[[source]]
kind = "synthetic"
name = "short"
stream = "short"
series = 1
rate = 5
limit = 5

[[alert]]
name = "warm"
stream = "fleet"
above = -1000
severity = "critical"

[[alert]]
name = "silent"
stream = "short"
field = "age"
above = 10
"#;

/// What was posted to it, by anybody, and taken.
struct Webhook {
    address: String,
    bodies: Arc<Mutex<Vec<Value>>>,
    /// Whether it takes what is posted; until then it says that it is not available.
    is_open: Arc<AtomicBool>,
    is_asked: Arc<AtomicBool>,
}

impl Webhook {
    /// Listens for as long as the tests run; it is not open yet.
    fn start() -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}/alerts", listener.local_addr()?);
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (is_open, is_asked) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let webhook = Self { address, bodies, is_open, is_asked };
        let (told, open, asked) =
            (webhook.bodies.clone(), webhook.is_open.clone(), webhook.is_asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let takes = open.load(Ordering::SeqCst);
                if let Some(body) = answer(stream, takes) {
                    asked.store(true, Ordering::SeqCst);
                    if takes {
                        told.lock().unwrap_or_else(PoisonError::into_inner).push(body);
                    }
                }
            }
        });
        Ok(webhook)
    }

    /// How often each series was told of with an alert and state.
    fn told(&self) -> BTreeMap<(String, String), usize> {
        let bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = BTreeMap::new();
        for body in bodies.iter() {
            let what = format!("{} {}", body["alert"], body["state"]).replace('"', "");
            for series in body["series"].as_array().into_iter().flatten() {
                let series = series["series"].as_str().unwrap_or_default().to_owned();
                *told.entry((what.clone(), series)).or_default() += 1;
            }
        }
        told
    }
}

/// Reads a request with a body of JSON, and takes it or not.
fn answer(stream: TcpStream, takes: bool) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let status = if takes { "200 OK" } else { "503 Service Unavailable" };
    write!(reader.get_mut(), "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .ok()?;
    serde_json::from_slice(&body).ok()
}

/// An alert on values and one on silence reach a webhook, once for each series, although the dashboard is killed before
/// the webhook takes any of them; and what has happened is marked.
pub(crate) fn are_told_once() -> Outcome {
    let webhook = Webhook::start()?;
    let variable = ("FRESHET_DASHBOARD__WEBHOOK_URL".to_owned(), webhook.address.clone());
    let stack = TestStack::of(STREAMS, vec![variable])?;
    let outcome = stack.start().and_then(|()| check(&stack, &webhook));
    let down = stack.run(&["down"])?;
    let ended = ensure(down.status.success(), || format!("down failed: {}", text(&down)));
    let outcome = outcome.and(ended);
    outcome.inspect_err(|_| println!("the stack's logs are in {}", stack.keep().display()))
}

fn check(stack: &TestStack, webhook: &Webhook) -> Outcome {
    let firing = || -> Result<Vec<Value>, Failed> {
        let answer = get(stack, "/api/alerts", &[])?;
        let alerts = answer["alerts"].as_array().ok_or("no alerts")?;
        // The stream as a whole may be missed until its first windows come, and is heard of later.
        let counts = |alert: &&Value| alert["state"] == "firing" && alert["series"] != "";
        let firing: Vec<Value> = alerts.iter().filter(counts).cloned().collect();
        ensure(firing.len() >= 4, || answer.to_string())?;
        Ok(firing)
    };
    let before = until(LIMIT, firing)?;
    let of = |name: &str| before.iter().filter(|alert| alert["name"] == name).count();
    ensure(of("warm") == 3 && of("silent") >= 1, || format!("{before:?}"))?;

    post(stack, "/api/annotations", &json!({ "text": "the fan was changed" }))?;
    until(LIMIT, || {
        let is_asked = webhook.is_asked.load(Ordering::SeqCst);
        ensure(is_asked, || "nobody told the webhook".to_owned())
    })?;
    let store = Store::connect(stack)?;
    until(LIMIT, || {
        let stored = store.firing()?;
        ensure(stored.len() >= 4, || format!("stored {stored:?}"))
    })?;
    let untold = store.firing()?;
    let is_untold = untold.values().all(|(_, told)| told.is_none());
    ensure(is_untold, || format!("stored as told: {untold:?}"))?;
    kill_dashboard(stack)?;
    webhook.is_open.store(true, Ordering::SeqCst);
    until(LIMIT, || {
        let (firing, told) = (store.firing()?, webhook.told());
        let is_stored = firing.values().all(|(since, told)| *told == Some(*since));
        ensure(told.len() >= 4 && is_stored, || format!("told {told:?}, stored {firing:?}"))
    })?;
    let since = |alerts: &[Value]| -> BTreeMap<String, Value> {
        let key = |alert: &Value| format!("{} {}", alert["name"], alert["series"]);
        alerts.iter().map(|alert| (key(alert), alert["since"].clone())).collect()
    };
    let after = until(LIMIT, firing)?;
    let (before, after) = (since(&before), since(&after));
    ensure(before == after, || format!("{before:?} became {after:?}"))?;
    // Seconds after its start it knows that it is no second one beside the first.
    let kinds = until(LIMIT, || {
        let answer = get(stack, "/api/annotations", &[])?;
        let marks = answer["annotations"].as_array().ok_or("no annotations")?;
        let has = |kind: &str| marks.iter().any(|mark| mark["kind"] == kind);
        ensure(has("note") && has("alert") && has("restart"), || answer.to_string())?;
        Ok(marks.len())
    })?;
    let told = webhook.told();
    let is_once = told.values().all(|times| *times == 1);
    ensure(is_once && kinds > 0, || format!("told {told:?}"))
}

/// Kills the dashboard, and waits for another one.
fn kill_dashboard(stack: &TestStack) -> Outcome {
    let dashboard = stack.part("dashboard")?.pid.ok_or("no dashboard")?;
    signal(dashboard, Signal::SIGKILL)?;
    until(LIMIT, || {
        let part = stack.part("dashboard")?;
        let is_another = part.state == "ready" && part.pid.is_some_and(|pid| pid != dashboard);
        ensure(is_another, || "the dashboard was not started again".to_owned())
    })
}

fn post(stack: &TestStack, path: &str, body: &Value) -> Outcome {
    ureq::post(format!("{}{path}", stack.dashboard())).send_json(body)?;
    Ok(())
}
