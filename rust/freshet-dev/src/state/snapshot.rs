//! The stack's condition at one moment: what the display draws and what `status` reads from the status file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Topology;
use crate::probe::Readiness;

/// Where the stack as a whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Building and booting.
    Starting,
    /// A window has crossed the whole pipeline.
    Ready,
    /// Parts are being ended in order.
    Stopping,
    /// Everything has ended as asked.
    Stopped,
    /// The start failed.
    Failed,
}

/// Where one part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// What it needs is not ready yet.
    Waiting,
    /// A build or a check is at work.
    Working,
    /// The process runs but does not answer yet.
    Starting,
    /// A service that answers.
    Ready,
    /// A build or a check that has succeeded.
    Done,
    /// It died; the next start waits for its back-off.
    Restarting,
    /// It was told to end.
    Stopping,
    /// It has ended as asked.
    Stopped,
    /// It failed before it was ready, or refuses its configuration.
    Failed,
    /// Its process is stopped by a signal. Only `status` finds this out, by looking.
    Suspended,
    /// It does not answer. Only `status` finds this out, by asking.
    Unresponsive,
    /// Its process is gone, and nobody has noticed yet. Only `status` finds this out, by looking.
    Gone,
}

impl PartState {
    /// Whether parts that need this one may start.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Ready | Self::Done)
    }

    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Working => "working",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Done => "done",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
            Self::Unresponsive => "not answering",
            Self::Gone => "gone",
        }
    }
}

/// One part: a build step, a service, or the final check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStatus {
    /// Its name, which is also the name of its log.
    pub name: String,
    /// Whether it is a process that stays.
    pub service: bool,
    /// Where it is.
    pub state: PartState,
    /// The service's own process (not its guard's).
    pub pid: Option<u32>,
    /// When it began to work or was last started, in milliseconds since the epoch.
    pub started: Option<i64>,
    /// How long it took to become ready, in milliseconds.
    pub took: Option<i64>,
    /// How often it was restarted after dying.
    pub restarts: u32,
    /// Where it answers.
    pub address: Option<String>,
    /// What there is to say: why it died last, that a build was up to date.
    pub note: Option<String>,
    /// When that was said, in milliseconds since the epoch.
    #[serde(default)]
    pub note_time: Option<i64>,
    /// How to ask it whether it answers.
    #[serde(default)]
    pub readiness: Option<Readiness>,
    /// Since when it does not answer though it runs, in milliseconds since the epoch.
    #[serde(default)]
    pub unanswered_since: Option<i64>,
}

impl PartStatus {
    /// A part that has not begun.
    pub fn waiting(name: &str, service: bool) -> Self {
        Self {
            name: name.to_owned(),
            service,
            state: PartState::Waiting,
            pid: None,
            started: None,
            took: None,
            restarts: 0,
            address: None,
            note: None,
            note_time: None,
            readiness: None,
            unanswered_since: None,
        }
    }

    /// Notes what there is to say, now.
    pub fn say(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
        self.note_time = Some(now_ms());
    }
}

/// Everything that is known about a stack at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where the stack as a whole is.
    pub phase: Phase,
    /// The process that supervises it.
    pub supervisor: u32,
    /// When it was started, in milliseconds since the epoch.
    pub started: i64,
    /// Which services carry the topics.
    pub topology: Topology,
    /// The configuration that it runs.
    pub config: PathBuf,
    /// Its parts in the order of their start.
    pub parts: Vec<PartStatus>,
    /// Why the start failed, as people read it.
    pub failure: Option<String>,
    /// Whether it failed because a program refuses its configuration.
    #[serde(default)]
    pub refused: bool,
    /// What it waits for, outside of itself.
    #[serde(default)]
    pub waiting_for: Option<String>,
    /// What people should know, the newest last.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Who has told it to stop.
    #[serde(default)]
    pub stopped_by: Option<String>,
}

/// Why the status file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the status file {path}: {source}")]
pub struct SnapshotError {
    path: PathBuf,
    source: io::Error,
}

impl Snapshot {
    /// The part of this name.
    pub fn part(&self, name: &str) -> Option<&PartStatus> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Reads the status file; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or is not a status file.
    pub fn read(path: &Path) -> Result<Option<Self>, SnapshotError> {
        let failed = |source| SnapshotError { path: path.to_owned(), source };
        match fs::read(path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes the status file so that a reader sees the old one or the new one and nothing between.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SnapshotError> {
        let failed = |source| SnapshotError { path: path.to_owned(), source };
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let fresh = path.with_extension("json.new");
        fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, path)).map_err(failed)
    }
}

/// The wall clock in milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_survives_the_status_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        assert_eq!(Snapshot::read(&path).unwrap(), None);
        let snapshot = Snapshot {
            phase: Phase::Ready,
            supervisor: 7,
            started: now_ms(),
            topology: Topology::Zookeeper,
            config: "freshet.toml".into(),
            parts: vec![PartStatus::waiting("kafka", true)],
            failure: None,
            refused: false,
            waiting_for: Some("disk space".to_owned()),
            notices: vec!["moved".to_owned()],
            stopped_by: None,
        };
        snapshot.write(&path).unwrap();
        assert_eq!(Snapshot::read(&path).unwrap(), Some(snapshot));
    }

    #[test]
    fn a_broken_status_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        fs::write(&path, "{").unwrap();
        let error = Snapshot::read(&path).unwrap_err().to_string();
        assert!(error.contains("status.json"), "{error}");
    }
}
