//! What is known of a source while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use freshet_core::wire::{Connection, SourceHealth};
use freshet_runtime::clock::epoch_ms;
use freshet_runtime::log_limit::LogLimit;

/// The state and the counters of one source: totals since the start. A change of state is a line in the log.
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
    progress: Mutex<Option<Progress>>,
    complaints: LogLimit,
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
}

/// Complaints about losses come in storms.
const COMPLAINT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

impl SourceStatus {
    /// Of a source that is about to be opened.
    pub fn new(source: impl Into<String>) -> Self {
        let condition = Condition {
            connection: Connection::Connecting,
            since: epoch_ms(),
            last_heard: None,
            last_error: None,
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
            progress: Mutex::new(None),
            complaints: LogLimit::every(COMPLAINT_INTERVAL),
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
        self.complain("rejected; the topic of dead letters has it", reason);
    }

    /// Counts messages that were lost here: there was no room for them, or they were larger than any record may be.
    pub fn dropped(&self, messages: u64, reason: &str) {
        self.dropped.fetch_add(messages, Ordering::Relaxed);
        self.complain("dropped", reason);
    }

    /// Counts messages that were missed before they came here.
    pub fn gap(&self, reason: &str) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        self.complain("missed", reason);
    }

    fn complain(&self, what: &str, reason: &str) {
        if let Some(held_back) = self.complaints.permit() {
            tracing::warn!(source = self.source, held_back, reason, "messages were {what}");
        }
    }

    /// Says that the source is connected and was heard of.
    pub fn connected(&self) {
        self.change(Connection::Connected, None);
    }

    /// Says what failed, and that it is tried again.
    pub fn reconnecting(&self, error: &str) {
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
            return;
        }
        if connection == Connection::Connected && condition.connection == Connection::Reconnecting {
            self.reconnections.fetch_add(1, Ordering::Relaxed);
        }
        condition.connection = connection;
        condition.since = epoch_ms();
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
    use super::*;

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
    fn every_kind_of_loss_has_a_number_of_its_own() {
        let status = SourceStatus::new("ticker");
        status.rejected("not JSON");
        status.dropped(3, "the buffer is full");
        status.gap("connected again without a cursor");
        let report = status.report();
        assert_eq!((report.rejected, report.dropped, report.gaps), (1, 3, 1));
    }
}
