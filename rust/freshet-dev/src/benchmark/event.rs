//! What the Java program reports: one JSON object per line, as soon as it is known.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Codec, Compiler, Engine};

/// A line of the program's report.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The topic is filled.
    Filled,
    /// A query was measured.
    Measured(Measurement),
    /// The latency was measured.
    Latency(Latency),
}

/// One query in one round.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Measurement {
    /// The case's name.
    pub case: String,
    /// Who answered.
    pub engine: Engine,
    /// What the topic is compressed with.
    pub codec: Codec,
    /// Which compilers the Java machine had.
    pub compiler: Compiler,
    /// 0 only warms up.
    pub round: u32,
    /// How many were read while it was measured.
    pub records: u64,
    /// How long that took.
    pub seconds: f64,
    /// What the whole process used of the processors meanwhile.
    pub cpu_seconds: f64,
}

/// Percentiles over all batches and all events after the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Milliseconds of half of the micro-batches at most.
    pub batch_ms_p50: u64,
    /// The same for each phase of a micro-batch, under Spark's names.
    pub phase_ms_p50: BTreeMap<String, u64>,
    /// How many micro-batches there were.
    pub batches: u64,
    /// Milliseconds from sending an event to reading a window that counts it.
    pub event_to_window_ms_p50: u64,
    /// As above.
    pub event_to_window_ms_p95: u64,
    /// As above.
    pub event_to_window_ms_p99: u64,
    /// Messages in the windows topic.
    pub windows: u64,
    /// Records that were sent, all of them counted into a window; here the warm-up is included.
    pub records: u64,
}

/// The file that the program appends to.
#[derive(Debug)]
pub struct Results {
    file: PathBuf,
    read: u64,
}

impl Results {
    /// A file that may not exist yet.
    pub fn new(file: PathBuf) -> Self {
        Self { file, read: 0 }
    }

    /// The lines that have been added since the last call.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is none of the program's.
    pub fn added(&mut self) -> io::Result<Vec<Event>> {
        let mut file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // The last line may be half written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        text[..whole].lines().map(|line| serde_json::from_str(line).map_err(Into::into)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_lines_are_read_and_each_of_them_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results");
        let mut results = Results::new(path.clone());
        assert_eq!(results.added().unwrap(), []);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"event\":\"filled\"}\n{\"event\":\"measured\",\"case\":\"source\",")
            .unwrap();
        assert_eq!(results.added().unwrap(), [Event::Filled]);
        assert_eq!(results.added().unwrap(), []);
        let rest = r#""engine":"plain","codec":"lz4","compiler":"c1","round":1,"records":5,"seconds":2.5,"#;
        file.write_all(rest.as_bytes()).unwrap();
        file.write_all(b"\"cpu_seconds\":3.0}\n").unwrap();
        let expected = Measurement {
            case: "source".to_owned(),
            engine: Engine::Plain,
            codec: Codec::Lz4,
            compiler: Compiler::C1,
            round: 1,
            records: 5,
            seconds: 2.5,
            cpu_seconds: 3.0,
        };
        assert_eq!(results.added().unwrap(), [Event::Measured(expected)]);
        file.write_all(b"something else\n").unwrap();
        assert!(results.added().is_err());
    }
}
