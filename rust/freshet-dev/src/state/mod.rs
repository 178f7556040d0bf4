//! What the stack keeps on disk: where everything lives, who runs, and how it is.

pub mod disk;
mod lock;
mod process;
mod snapshot;

pub use lock::{LockError, ProcessLock};
pub use process::{Process, child_has_ended};
pub use snapshot::{PartState, PartStatus, Phase, Snapshot, SnapshotError, now_ms};

use std::fs;
use std::io::{
    self,
    ErrorKind::{DirectoryNotEmpty, NotFound, ResourceBusy},
};
use std::path::{Path, PathBuf};

/// The folder of a running benchmark.
const BENCHMARK: &str = "bench";

/// Why the home cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write {path}: {source}; make the folder writable, or set FRESHET_HOME to another one"
)]
pub struct HomeError {
    path: PathBuf,
    source: io::Error,
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError { path, source }
}

/// Which services carry the topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Kafka 4 that coordinates itself.
    #[default]
    Kraft,
    /// The classic pair: Kafka 3.9 and `ZooKeeper`.
    Zookeeper,
    /// Three brokers and three Cassandra nodes, of which one may be lost.
    Cluster,
}

impl Topology {
    /// All of them.
    const ALL: [Self; 3] = [Self::Kraft, Self::Zookeeper, Self::Cluster];

    /// What this topology appends to the names of its own folders: two Kafkas share neither data nor checkpoints,
    /// because a checkpoint holds offsets of one of them.
    fn suffix(self) -> &'static str {
        match self {
            Self::Kraft => "",
            Self::Zookeeper => "-zookeeper",
            Self::Cluster => "-cluster",
        }
    }
}

/// The folder that holds a stack's state (`FRESHET_HOME`, by default `.freshet` in the project).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// A home at an absolute path; nothing is created yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Creates the folders that every start needs.
    ///
    /// # Errors
    /// When a folder cannot be created or written to.
    pub fn create(&self) -> Result<(), HomeError> {
        let folders = [self.logs(), self.run(), self.scratch(), self.0.join("data")];
        for folder in &folders {
            fs::create_dir_all(folder).map_err(unusable(folder))?;
        }
        // Folders that were there before say nothing about whether they can be written to.
        let probe = self.run().join("write-test");
        fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)).map_err(unusable(&probe))
    }

    /// Where every part logs to.
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The log of one part.
    pub fn log(&self, part: &str) -> PathBuf {
        self.logs().join(format!("{part}.log"))
    }

    /// The data of a service that both topologies share.
    pub fn data(&self, service: &str) -> PathBuf {
        self.0.join("data").join(service)
    }

    /// The data of a service that each topology has for itself.
    pub fn data_of(&self, service: &str, topology: Topology) -> PathBuf {
        self.data(&format!("{service}{}", topology.suffix()))
    }

    /// What the user adds to the settings of the Cassandra nodes.
    pub fn cassandra_settings(&self) -> PathBuf {
        self.0.join("cassandra.yaml")
    }

    /// Spark's checkpoints.
    pub fn checkpoints(&self, topology: Topology) -> PathBuf {
        self.0.join(format!("checkpoints{}", topology.suffix()))
    }

    /// Files that only matter while the stack runs.
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    /// The configuration of Prometheus, made anew at each start.
    pub fn prometheus(&self) -> PathBuf {
        self.run().join("prometheus")
    }

    /// Temporary files of the services, emptied at every start.
    pub fn scratch(&self) -> PathBuf {
        self.run().join("tmp")
    }

    /// The home of a benchmark, which runs beside the stack and knows nothing of it.
    #[must_use]
    pub fn benchmark(&self) -> Self {
        Self(self.0.join(BENCHMARK))
    }

    /// Held by a running benchmark.
    pub fn benchmark_lock(&self) -> PathBuf {
        self.run().join("bench.lock")
    }

    /// The state that `status` reads.
    pub fn status_file(&self) -> PathBuf {
        self.run().join("status.json")
    }

    /// A copy of the configuration that the running stack was started from.
    pub fn started_configuration(&self) -> PathBuf {
        self.run().join("freshet.toml")
    }

    /// Who asks the supervisor to stop leaves his name here, before he sends the signal.
    pub fn stop_request(&self) -> PathBuf {
        self.run().join("stop-request")
    }

    /// Held by the supervisor for as long as it lives.
    pub fn supervisor_lock(&self) -> PathBuf {
        self.run().join("supervisor.lock")
    }

    /// Shared by the guards of all parts for as long as any of them lives.
    pub fn parts_lock(&self) -> PathBuf {
        self.run().join("parts.lock")
    }

    /// Empties the folder for temporary files: a killed JVM leaves its unpacked native libraries behind.
    ///
    /// # Errors
    /// When the folder cannot be emptied or created anew.
    pub fn clear_scratch(&self) -> Result<(), HomeError> {
        let scratch = self.scratch();
        remove_folder(&scratch)?;
        fs::create_dir_all(&scratch).map_err(unusable(&scratch))
    }

    /// Deletes all state, and only what this project has put there: `FRESHET_HOME` may name a folder of the user's.
    ///
    /// # Errors
    /// When something cannot be deleted.
    pub fn purge(&self) -> Result<(), HomeError> {
        self.purge_all_but_logs()?;
        remove_folder(&self.logs())?;
        // A read-only file system would refuse to remove what is not there.
        if !self.0.exists() {
            return Ok(());
        }
        match fs::remove_dir(&self.0) {
            // A mount point stays, as a folder that holds something of the user's does.
            Err(error) if !matches!(error.kind(), NotFound | DirectoryNotEmpty | ResourceBusy) => {
                Err(unusable(&self.0)(error))
            }
            _ => Ok(()),
        }
    }

    /// As [`Home::purge`], but keeps the logs.
    ///
    /// # Errors
    /// When something cannot be deleted.
    pub fn purge_all_but_logs(&self) -> Result<(), HomeError> {
        let checkpoints = Topology::ALL.map(|of| self.checkpoints(of));
        let folders = [self.0.join("data"), self.run(), self.0.join(BENCHMARK)];
        folders.iter().chain(&checkpoints).try_for_each(|folder| remove_folder(folder))
    }

    /// Who supervises a stack here, if anybody does.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub fn supervisor(&self) -> Result<Option<u32>, LockError> {
        ProcessLock::holder(&self.supervisor_lock())
    }

    /// Whether any part of a stack still runs here, be it with or without its supervisor.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub fn has_parts(&self) -> Result<bool, LockError> {
        ProcessLock::is_held(&self.parts_lock())
    }
}

fn remove_folder(folder: &Path) -> Result<(), HomeError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != NotFound => Err(unusable(folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn topologies_share_neither_topics_nor_checkpoints() {
        let home = Home::new("/h");
        let distinct = |place: &dyn Fn(Topology) -> PathBuf| {
            Topology::ALL.map(place).iter().collect::<HashSet<_>>().len() == Topology::ALL.len()
        };
        assert!(distinct(&|topology| home.data_of("kafka", topology)));
        assert!(distinct(&|topology| home.checkpoints(topology)));
    }

    #[test]
    fn a_home_that_cannot_be_made_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("home");
        fs::write(&file, "a file where a folder should be").unwrap();
        let said = Home::new(&file).create().unwrap_err().to_string();
        assert!(
            said.contains("home/logs: ") && said.ends_with("set FRESHET_HOME to another one"),
            "{said}"
        );
    }

    #[test]
    fn purging_twice_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        home.create().unwrap();
        assert!(home.logs().is_dir());
        home.purge().unwrap();
        home.purge().unwrap();
        assert!(!home.folder().exists());
    }

    #[test]
    fn purging_leaves_alone_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        home.purge().unwrap();
        assert!(folder.path().join("letter.txt").exists());
        assert!(!home.logs().exists());
    }
}
