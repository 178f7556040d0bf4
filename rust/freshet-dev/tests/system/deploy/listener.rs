//! Listening to a dashboard as the page does: Server-Sent Events, with the page's way to come back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Outcome;
use crate::expectation::Key;
use crate::stack::project;
use crate::waiting::ensure;

/// The page's waits before it comes back. They are compared with its own: [`comes_back_as_the_page_does`].
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// So often a connection looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(200);

/// Whether the page waits as long before it comes back.
pub(super) fn comes_back_as_the_page_does() -> Outcome {
    let page = fs::read_to_string(project().join("node-dashboard/src/web/live-connection.ts"))?;
    for (name, wait) in [("SHORTEST_WAIT", SHORTEST_WAIT), ("LONGEST_WAIT", LONGEST_WAIT)] {
        let line = format!("const {name} = {};", wait.as_millis());
        ensure(page.contains(&line), || format!("the page has no '{line}'"))?;
    }
    Ok(())
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// When the newest window came.
    newest: Option<Instant>,
    longest_gap: Duration,
    /// The readings in the newest version of each window.
    pub(super) counts: BTreeMap<Key, i64>,
    /// How often the server said that windows were missed.
    pub(super) resets: u32,
    /// How often it was connected again.
    pub(super) returns: u32,
    last_event_id: String,
}

/// A client of the event stream; it leaves with this.
pub(super) struct Listener {
    heard: Arc<Mutex<Heard>>,
    leaving: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens to the windows of a stream at `host:port`.
    pub(super) fn start(address: &str, stream: &str) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let leaving = Arc::new(AtomicBool::new(false));
        let connection = Connection {
            address: address.to_owned(),
            stream: stream.to_owned(),
            heard: Arc::clone(&heard),
            leaving: Arc::clone(&leaving),
        };
        let thread = Some(thread::spawn(move || connection.stay()));
        Self { heard, leaving, thread }
    }

    /// Looks at what has come.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many windows have come.
    pub(super) fn windows(&self) -> usize {
        self.look(|heard| heard.counts.len())
    }

    /// From now on, gaps count.
    pub(super) fn begin(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.longest_gap = Duration::ZERO;
        heard.newest = Some(Instant::now());
    }

    /// The longest time without a window since [`Listener::begin`], that since the newest one included.
    pub(super) fn longest_gap(&self) -> Duration {
        self.look(|heard| {
            let since = heard.newest.map_or(Duration::MAX, |newest| newest.elapsed());
            heard.longest_gap.max(since)
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The side of the thread.
struct Connection {
    address: String,
    stream: String,
    heard: Arc<Mutex<Heard>>,
    leaving: Arc<AtomicBool>,
}

impl Connection {
    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    fn stay(&self) {
        let mut wait = SHORTEST_WAIT;
        while !self.is_leaving() {
            // Whatever ends a connection, the page comes back.
            if self.listen().unwrap_or(false) {
                wait = SHORTEST_WAIT;
            }
            thread::sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
            self.with(|heard| heard.returns += 1);
        }
    }

    fn with(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Listens until the connection ends; whether anything was heard.
    fn listen(&self) -> std::io::Result<bool> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(GLANCE))?;
        let mut resume = String::new();
        self.with(|heard| resume.clone_from(&heard.last_event_id));
        let resume = if resume.is_empty() { resume } else { format!("&last_event_id={resume}") };
        // An answer in HTTP/1.0 is not cut into chunks.
        write!(
            socket,
            "GET /api/live?stream={}{resume} HTTP/1.0\r\nhost: localhost\r\n\r\n",
            self.stream
        )?;
        let mut reader = BufReader::new(socket);
        let mut event = Event::default();
        let mut line = String::new();
        let mut has_heard = false;
        loop {
            match reader.read_line(&mut line) {
                Ok(0) => return Ok(has_heard),
                Ok(_) => {
                    if let Some(event) = event.take_in(line.trim_end_matches(['\r', '\n'])) {
                        has_heard = true;
                        self.with(|heard| heard.take_in(event));
                    }
                    line.clear();
                }
                // What has come of the line is kept.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            if self.is_leaving() {
                return Ok(has_heard);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl Event {
    /// Takes in a line; gives back the event that an empty one ends.
    fn take_in(&mut self, line: &str) -> Option<Self> {
        if line.is_empty() {
            let event = std::mem::take(self);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(": ").unwrap_or((line, ""));
        match field {
            "id" => value.clone_into(&mut self.id),
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            _ => {}
        }
        None
    }
}

impl Heard {
    fn take_in(&mut self, event: Event) {
        if !event.id.is_empty() {
            self.last_event_id = event.id;
        }
        match event.name.as_str() {
            "reset" => self.resets += 1,
            "window" => {
                let now = Instant::now();
                let gap = self.newest.map_or(Duration::ZERO, |newest| now - newest);
                self.longest_gap = self.longest_gap.max(gap);
                self.newest = Some(now);
                let window: Value = serde_json::from_str(&event.data).unwrap_or_default();
                let text = |name: &str| window[name].as_str().unwrap_or_default().to_owned();
                let key = Key {
                    series: text("series"),
                    metric: text("metric"),
                    window: text("window"),
                    start: window["start"].as_i64().unwrap_or_default(),
                };
                self.counts.insert(key, window["count"].as_i64().unwrap_or_default());
            }
            _ => {}
        }
    }
}
