//! How this program is doing: what its health reports, its metrics and its readiness are made of.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freshet_core::wire::health::MAX_NOTICES;
use freshet_core::wire::{Component, ErrorKind, HealthReport, SourceHealth, State};

use crate::clock::{epoch_ms, host_name};

const UNKNOWN: i64 = -1;
/// Bytes of an error or a notice in a report.
const MAX_TEXT: usize = 500;

/// A program's counters: totals since it started. Cheap to update from everywhere.
#[derive(Debug)]
pub struct Health {
    component: Component,
    instance: String,
    since: i64,
    records_in: AtomicU64,
    records_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    lag: AtomicI64,
    errors: Mutex<BTreeMap<String, u64>>,
    condition: Mutex<Condition>,
}

/// What a report says beside counters.
#[derive(Debug, Default)]
struct Condition {
    /// `None` for a program that says nothing of it.
    state: Option<State>,
    /// What is waited for or was, by what it is about.
    waits: BTreeMap<Cow<'static, str>, Waited>,
    last_error: Option<(String, i64)>,
    lost_offsets: Option<u64>,
    notices: VecDeque<String>,
    sources: Option<Sources>,
}

/// Tells what is known of each source now.
struct Sources(Box<dyn Fn() -> BTreeMap<String, SourceHealth> + Send>);

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

/// One thing that was waited for.
#[derive(Debug, Default)]
struct Waited {
    times: u64,
    /// What is waited for now, for people.
    now: Option<String>,
}

/// Something outside of the program that it waits for, or has waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What it is about.
    pub about: String,
    /// How often it was waited for.
    pub times: u64,
    /// Whether it is waited for now.
    pub is_waiting: bool,
}

/// Whether the program is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// What it is doing.
    pub state: Option<State>,
    /// What it waits for, one line for people each; when it waits for nothing, it is ready.
    pub waiting_for: Vec<String>,
}

impl Health {
    /// Counters at zero for `component`, whose name the reports carry.
    pub fn new(component: Component) -> Self {
        Self {
            component,
            instance: format!("{}:{}", host_name(), std::process::id()),
            since: epoch_ms(),
            records_in: AtomicU64::new(0),
            records_out: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            lag: AtomicI64::new(UNKNOWN),
            errors: Mutex::default(),
            condition: Mutex::default(),
        }
    }

    /// Whose counters they are.
    pub const fn component(&self) -> Component {
        self.component
    }

    /// When the program started, epoch milliseconds.
    pub const fn since(&self) -> i64 {
        self.since
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a record that came in.
    pub fn record_in(&self, bytes: usize) {
        self.records_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts records whose arrival on the other side is confirmed.
    pub fn records_out(&self, records: usize, bytes: usize) {
        self.records_out.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts an error.
    pub fn error(&self, kind: ErrorKind) {
        self.errors(kind, 1);
    }

    /// Counts several errors of one kind.
    pub fn errors(&self, kind: ErrorKind, count: u64) {
        self.count_errors(kind.name(), count);
    }

    /// Counts an error of Kafka under librdkafka's own name of it, and keeps its text as the last one.
    pub fn kafka_failed(&self, name: &str, error: &str) {
        self.count_errors(name, 1);
        self.condition().last_error = Some((one_line(error), epoch_ms()));
    }

    /// The kinds must be few: each is a key in every report.
    fn count_errors(&self, kind: &str, count: u64) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(total) = errors.get_mut(kind) {
            *total += count;
        } else {
            errors.insert(kind.to_owned(), count);
        }
    }

    /// Counts an error and keeps its text as the last one, with the time. The text must hold no secrets.
    pub fn failed(&self, kind: ErrorKind, error: &str) {
        self.error(kind);
        self.condition().last_error = Some((one_line(error), epoch_ms()));
    }

    /// Says what the program is doing, as long as it waits for nothing.
    pub fn set_state(&self, state: State) {
        self.condition().state = Some(state);
    }

    /// Says that the program waits for something outside of it. `about` names it, `what` is for people: one line.
    pub fn wait_for(&self, about: impl Into<Cow<'static, str>>, what: &str) {
        let mut condition = self.condition();
        let wait = condition.waits.entry(about.into()).or_default();
        wait.times += u64::from(wait.now.is_none());
        wait.now = Some(one_line(what));
    }

    /// Takes back what [`wait_for`](Self::wait_for) said.
    pub fn no_longer_waits_for(&self, about: &str) {
        if let Some(wait) = self.condition().waits.get_mut(about) {
            wait.now = None;
        }
    }

    /// All that is or was waited for.
    pub fn waits(&self) -> Vec<Wait> {
        let condition = self.condition();
        let waits = condition.waits.iter().map(|(about, wait)| Wait {
            about: about.to_string(),
            times: wait.times,
            is_waiting: wait.now.is_some(),
        });
        waits.collect()
    }

    /// Whether the program is at work, and what it waits for otherwise.
    pub fn readiness(&self) -> Readiness {
        let condition = self.condition();
        let mut waiting_for = condition.waiting_for();
        if condition.state != Some(State::Running) && waiting_for.is_empty() {
            waiting_for.push("the program to have started".to_owned());
        }
        Readiness { state: condition.state(), waiting_for }
    }

    /// Counts offsets of a deleted topic that were never read. With 0 the report says that there were none, instead of
    /// nothing.
    pub fn lost_offsets(&self, offsets: u64) {
        let mut condition = self.condition();
        condition.lost_offsets = Some(condition.lost_offsets.unwrap_or(0).saturating_add(offsets));
    }

    /// Adds a line for people to all reports from now on.
    pub fn notice(&self, notice: &str) {
        let notice = one_line(notice);
        let notices = &mut self.condition().notices;
        notices.retain(|earlier| *earlier != notice);
        if notices.len() == MAX_NOTICES {
            notices.pop_front();
        }
        notices.push_back(notice);
    }

    /// From now on, reports tell of sources what `sources` gives.
    pub fn tell_sources(
        &self,
        sources: impl Fn() -> BTreeMap<String, SourceHealth> + Send + 'static,
    ) {
        self.condition().sources = Some(Sources(Box::new(sources)));
    }

    /// Sets how many records are waiting to be read; `None` when that is unknown.
    pub fn set_lag(&self, lag: Option<u64>) {
        let lag = lag.map_or(UNKNOWN, |lag| i64::try_from(lag).unwrap_or(i64::MAX));
        self.lag.store(lag, Ordering::Relaxed);
    }

    /// The state of things now.
    pub fn report(&self) -> HealthReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let condition = self.condition();
        let waiting_for = condition.waiting_for();
        let (last_error, last_error_time) = condition.last_error.clone().unzip();
        let notices: Vec<String> = condition.notices.iter().cloned().collect();
        HealthReport {
            records_in: count(&self.records_in),
            records_out: count(&self.records_out),
            bytes_in: count(&self.bytes_in),
            bytes_out: count(&self.bytes_out),
            errors: Some(self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            lag: u64::try_from(self.lag.load(Ordering::Relaxed)).ok(),
            state: condition.state(),
            waiting_for: (!waiting_for.is_empty()).then(|| waiting_for.join("; ")),
            last_error,
            last_error_time,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            lost_offsets: condition.lost_offsets,
            notices: (!notices.is_empty()).then_some(notices),
            sources: condition.sources.as_ref().map(|sources| (sources.0)()),
            ..HealthReport::new(self.component, self.instance.clone(), self.since, epoch_ms())
        }
    }
}

impl Condition {
    fn state(&self) -> Option<State> {
        let waits = self.waits.values().any(|wait| wait.now.is_some());
        if waits { Some(State::Waiting) } else { self.state }
    }

    /// What is waited for, each thing once.
    fn waiting_for(&self) -> Vec<String> {
        let waits: BTreeSet<String> =
            self.waits.values().filter_map(|wait| wait.now.clone()).collect();
        waits.into_iter().collect()
    }
}

/// A text as a report shows it: in one line, and not without end.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.truncate(line.floor_char_boundary(MAX_TEXT));
    line
}

#[cfg(test)]
mod tests {
    use freshet_core::wire::health::check;

    use super::*;

    #[test]
    fn a_report_has_the_totals() {
        let health = Health::new(Component::Producer);
        health.record_in(10);
        health.record_in(5);
        health.records_out(1, 10);
        health.error(ErrorKind::Source);
        health.errors(ErrorKind::Source, 2);
        health.kafka_failed("MessageTimedOut", "a record timed out");
        let report = health.report();
        assert_eq!(report.last_error.as_deref(), Some("a record timed out"));
        assert_eq!((report.records_in, report.bytes_in), (2, 15));
        assert_eq!((report.records_out, report.bytes_out), (1, 10));
        let errors =
            [("MessageTimedOut", 1), ("source", 3)].map(|(kind, count)| (kind.to_owned(), count));
        assert_eq!(report.errors, Some(BTreeMap::from(errors)));
        assert!(report.time >= report.since);
    }

    #[test]
    fn a_report_tells_what_is_declared_of_its_component() {
        let health = Health::new(Component::CassandraWriter);
        health.set_state(State::Running);
        health.wait_for("kafka", "Kafka: all brokers are down");
        health.failed(ErrorKind::Cassandra, "no node answers");
        health.lost_offsets(0);
        health.notice("topic windows.host was made anew");
        let mut told = serde_json::to_value(health.report()).unwrap();
        told.as_object_mut().unwrap().remove("component");
        let told = check(Component::CassandraWriter, told.to_string().as_bytes()).unwrap();
        assert_eq!(told.len(), serde_json::to_vec(&health.report()).unwrap().len());
    }

    #[test]
    fn lag_is_absent_until_it_is_known() {
        let health = Health::new(Component::CassandraWriter);
        assert_eq!(health.report().lag, None);
        health.set_lag(Some(7));
        assert_eq!(health.report().lag, Some(7));
        health.set_lag(None);
        assert_eq!(health.report().lag, None);
    }

    #[test]
    fn the_last_error_keeps_the_time_at_which_it_happened() {
        let health = Health::new(Component::CassandraWriter);
        assert_eq!(health.report().last_error_time, None);
        let before = epoch_ms();
        health.failed(ErrorKind::Cassandra, "no node\n  answers");
        let report = health.report();
        assert_eq!(report.last_error.as_deref(), Some("no node answers"));
        let time = report.last_error_time.unwrap();
        assert!((before..=report.time).contains(&time));
        assert_eq!(report.errors.unwrap().get("cassandra"), Some(&1));
        // Another error that is only counted does not make it younger.
        health.error(ErrorKind::Commit);
        assert_eq!(health.report().last_error_time, Some(time));
    }

    #[test]
    fn the_state_is_waiting_as_long_as_anything_is_waited_for() {
        let health = Health::new(Component::CassandraWriter);
        assert_eq!(health.report().state, None);
        health.set_state(State::Running);
        health.wait_for("kafka", "Kafka: all brokers are down");
        health.wait_for("cassandra", "Cassandra: no node\nanswers");
        let report = health.report();
        assert_eq!(report.state, Some(State::Waiting));
        let expected = "Cassandra: no node answers; Kafka: all brokers are down";
        assert_eq!(report.waiting_for.as_deref(), Some(expected));
        health.no_longer_waits_for("kafka");
        assert_eq!(health.report().state, Some(State::Waiting));
        health.no_longer_waits_for("cassandra");
        let report = health.report();
        assert_eq!((report.state, report.waiting_for), (Some(State::Running), None));
    }

    #[test]
    fn notices_are_said_once_and_are_not_without_end() {
        let health = Health::new(Component::CassandraWriter);
        for number in 0..30 {
            health.notice(&format!("topic {number} was made anew"));
        }
        health.notice("topic 29 was made anew");
        health.notice(&"é".repeat(1_000));
        let notices = health.report().notices.unwrap();
        assert_eq!(notices.len(), MAX_NOTICES);
        assert_eq!(notices[MAX_NOTICES - 2], "topic 29 was made anew");
        assert!(notices.iter().all(|notice| notice.len() <= MAX_TEXT));
    }

    #[test]
    fn a_loss_has_a_number_and_no_loss_is_said_only_where_it_is_known() {
        let health = Health::new(Component::CassandraWriter);
        assert_eq!(health.report().lost_offsets, None);
        health.lost_offsets(0);
        assert_eq!(health.report().lost_offsets, Some(0));
        health.lost_offsets(3);
        health.lost_offsets(4);
        assert_eq!(health.report().lost_offsets, Some(7));
    }
}
