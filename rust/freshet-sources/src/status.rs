//! What is known of a source while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use freshet_core::wire::{Connection, SourceHealth};
use freshet_runtime::clock::epoch_ms;
use freshet_runtime::log_limit::LogLimit;

/// The state and the counters of one source: totals since the start. A change of state is a line in the log, and so is
/// a new reason for the same one.
#[derive(Debug)]
pub struct SourceStatus {
    source: String,
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    records_out: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
    gaps: AtomicU64,
    reconnections: AtomicU64,
    buffered_bytes: AtomicU64,
    /// Of a source that has a spool.
    spooled_bytes: OnceLock<AtomicU64>,
    condition: Mutex<Condition>,
    rejections: LogLimit,
    drops: LogLimit,
    misses: LogLimit,
    /// Of failures one after the other.
    failures: LogLimit,
    progress: Mutex<Option<Progress>>,
}

/// How far a source is that has an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read, as they are stored: compressed, if they are.
    pub read: u64,
    /// Bytes that there are.
    pub size: u64,
}

#[derive(Debug)]
struct Condition {
    connection: Connection,
    since: i64,
    last_heard: Option<i64>,
    last_error: Option<(String, i64)>,
    /// Whether the source has said itself that its connection is lost, and whoever reads it has not come to that yet.
    is_lost: bool,
    /// The reason that the log has.
    logged_error: Option<String>,
}

/// Complaints about losses come in storms; one of one kind hides none of another.
const COMPLAINT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

impl SourceStatus {
    /// Of a source that is about to be opened.
    pub fn new(source: impl Into<String>) -> Self {
        let condition = Condition {
            connection: Connection::Connecting,
            since: epoch_ms(),
            last_heard: None,
            last_error: None,
            is_lost: false,
            logged_error: None,
        };
        Self {
            source: source.into(),
            messages_in: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            records_out: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            reconnections: AtomicU64::new(0),
            buffered_bytes: AtomicU64::new(0),
            spooled_bytes: OnceLock::new(),
            condition: Mutex::new(condition),
            rejections: LogLimit::every(COMPLAINT_INTERVAL),
            drops: LogLimit::every(COMPLAINT_INTERVAL),
            misses: LogLimit::every(COMPLAINT_INTERVAL),
            failures: LogLimit::every(COMPLAINT_INTERVAL),
            progress: Mutex::new(None),
        }
    }

    /// What the source is called.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Says how many bytes of messages wait in memory.
    pub fn buffered(&self, bytes: usize) {
        self.buffered_bytes.store(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of messages that wait in memory.
    pub fn buffered_bytes(&self) -> u64 {
        self.buffered_bytes.load(Ordering::Relaxed)
    }

    /// Says how many bytes of messages wait on disk.
    pub fn spooled(&self, bytes: u64) {
        self.spooled_bytes.get_or_init(AtomicU64::default).store(bytes, Ordering::Relaxed);
    }

    /// Bytes of messages that wait on disk; `None` of a source that has no place for them there.
    pub fn spooled_bytes(&self) -> Option<u64> {
        self.spooled_bytes.get().map(|bytes| bytes.load(Ordering::Relaxed))
    }

    /// Says how far the source is.
    pub fn progressed(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// How far it is; `None` of one that has no end, or has not begun.
    pub fn progress(&self) -> Option<Progress> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a message that came in.
    pub fn message_in(&self, bytes: usize) {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts records that are durable in Kafka.
    pub fn records_out(&self, records: usize) {
        self.records_out.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// Counts a message or record that became a dead letter.
    pub fn rejected(&self, reason: &str) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        self.complain(&self.rejections, "rejected; the topic of dead letters has it", reason);
    }

    /// Counts messages that were lost here: there was no room for them, or they were larger than any record may be.
    pub fn dropped(&self, messages: u64, reason: &str) {
        self.dropped.fetch_add(messages, Ordering::Relaxed);
        self.complain(&self.drops, "dropped", reason);
    }

    /// Counts messages that were missed before they came here.
    pub fn gap(&self, reason: &str) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        self.complain(&self.misses, "missed", reason);
    }

    fn complain(&self, limit: &LogLimit, what: &str, reason: &str) {
        if let Some(held_back) = limit.permit() {
            tracing::warn!(source = self.source, held_back, reason, "messages were {what}");
        }
    }

    /// Says that something came. Then the source is connected, unless it has said that it is not: what was received
    /// before its connection was lost is handed on after it.
    pub fn heard(&self) {
        if !self.condition().is_lost {
            self.change(Connection::Connected, None);
        }
    }

    /// Says that the connection is lost, by a source that knows it while nobody asks it for messages. What it has
    /// received is still to come, and then the failure.
    pub fn lost(&self, error: &str) {
        self.condition().is_lost = true;
        self.change(Connection::Reconnecting, Some(error));
    }

    /// Says that the source is connected and was heard of.
    pub fn connected(&self) {
        self.change(Connection::Connected, None);
    }

    /// Says what failed, and that it is tried again.
    pub fn reconnecting(&self, error: &str) {
        self.condition().is_lost = false;
        self.change(Connection::Reconnecting, Some(error));
    }

    /// Says that there will be no more.
    pub fn ended(&self) {
        self.change(Connection::Ended, None);
    }

    /// Says what failed for good.
    pub fn failed(&self, error: &str) {
        self.change(Connection::Failed, Some(error));
    }

    fn change(&self, connection: Connection, error: Option<&str>) {
        let mut condition = self.condition();
        if connection == Connection::Connected {
            condition.last_heard = Some(epoch_ms());
        }
        if let Some(error) = error {
            condition.last_error = Some((error.to_owned(), epoch_ms()));
        }
        if condition.connection == connection {
            self.log_new_reason(condition, error);
            return;
        }
        if connection == Connection::Connected && condition.connection == Connection::Reconnecting {
            self.reconnections.fetch_add(1, Ordering::Relaxed);
        }
        condition.connection = connection;
        condition.since = epoch_ms();
        condition.logged_error = error.map(str::to_owned);
        drop(condition);
        let (source, state) = (self.source.as_str(), connection.name());
        match (connection, error) {
            (Connection::Failed, Some(error)) => {
                tracing::error!(source, state, error, "the source has failed");
            }
            (_, Some(error)) => {
                tracing::warn!(source, state, error, "the source failed; trying again");
            }
            (_, None) => tracing::info!(source, state, "the source changed its state"),
        }
    }

    /// A source may fail again and again, and each time for another reason.
    fn log_new_reason(&self, mut condition: MutexGuard<'_, Condition>, error: Option<&str>) {
        let Some(error) = error.filter(|error| condition.logged_error.as_deref() != Some(*error))
        else {
            return;
        };
        let Some(held_back) = self.failures.permit() else { return };
        condition.logged_error = Some(error.to_owned());
        let (source, state) = (self.source.as_str(), condition.connection.name());
        drop(condition);
        tracing::warn!(source, state, error, held_back, "the source failed for another reason");
    }

    /// The state of things now.
    pub fn report(&self) -> SourceHealth {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let condition = self.condition();
        let (last_error, last_error_time) = condition.last_error.clone().unzip();
        SourceHealth {
            connection: condition.connection,
            connection_since: condition.since,
            messages_in: count(&self.messages_in),
            bytes_in: count(&self.bytes_in),
            records_out: count(&self.records_out),
            rejected: count(&self.rejected),
            dropped: count(&self.dropped),
            gaps: count(&self.gaps),
            reconnections: count(&self.reconnections),
            last_heard: condition.last_heard,
            last_error,
            last_error_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Arc;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Keeps what is logged, each line as its message and its fields.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0 = format!("{}{}={value:?} ", self.0, field.name());
        }
    }

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// The lines that are logged while something is done, and that have this in them.
    fn logged(text: &str, act: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.clone(), act);
        let lines = lines.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    #[test]
    fn a_storm_of_one_kind_of_loss_hides_none_of_another() {
        let status = SourceStatus::new("ticker");
        let lines = logged("messages were", || {
            for _ in 0..100 {
                status.rejected("not JSON");
                status.dropped(1, "the buffer is full");
                status.gap("connected again");
            }
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        for (line, what) in lines.iter().zip(["rejected", "dropped", "missed"]) {
            assert!(line.contains(what), "{line}");
        }
    }

    #[test]
    fn a_connection_that_comes_back_is_counted_and_its_last_error_stays() {
        let status = SourceStatus::new("ticker");
        status.connected();
        assert_eq!(status.report().reconnections, 0);
        status.reconnecting("no answer");
        status.reconnecting("no answer again");
        status.connected();
        status.connected();
        let report = status.report();
        assert_eq!((report.connection, report.reconnections), (Connection::Connected, 1));
        assert_eq!(report.last_error.unwrap(), "no answer again");
        assert!(report.last_heard.unwrap() >= report.last_error_time.unwrap());
        assert_eq!(SourceStatus::new("silent").report().last_heard, None);
    }

    #[test]
    fn a_new_reason_for_the_same_state_is_logged_within_a_limit() {
        let status = SourceStatus::new("ticker");
        let lines = logged("the source failed", || {
            status.reconnecting("no answer");
            status.reconnecting("no answer");
            for _ in 0..100 {
                status.reconnecting("the login is refused");
                status.reconnecting("no answer");
            }
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("no answer"), "{}", lines[0]);
        assert!(lines[1].contains("the login is refused"), "{}", lines[1]);
        let lines = logged("the source", || {
            status.connected();
            status.connected();
            status.reconnecting("no answer");
        });
        assert_eq!(lines.len(), 2, "a change of state always is: {lines:?}");
    }

    #[test]
    fn what_was_received_before_the_connection_was_lost_is_no_connection() {
        let status = SourceStatus::new("ticker");
        status.heard();
        assert_eq!(status.report().connection, Connection::Connected);
        status.lost("the broker has gone");
        status.heard();
        assert_eq!(status.report().connection, Connection::Reconnecting);
        status.reconnecting("the broker has gone");
        assert_eq!(status.report().reconnections, 0);
        status.heard();
        let report = status.report();
        assert_eq!((report.connection, report.reconnections), (Connection::Connected, 1));
    }

    #[test]
    fn every_kind_of_loss_has_a_number_of_its_own() {
        let status = SourceStatus::new("ticker");
        status.rejected("not JSON");
        status.dropped(3, "the buffer is full");
        status.gap("connected again without a cursor");
        let report = status.report();
        assert_eq!((report.rejected, report.dropped, report.gaps), (1, 3, 1));
    }
}
