//! From a log and an exit status to what people should do about it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::Exit;

/// How much of a log's end is looked at.
const TAIL_BYTES: u64 = 64 << 10;

/// What logs say when something common went wrong, and what to do. The first match counts.
const SIGNS: &[(&[&str], &str)] = &[
    (
        &["java.lang.OutOfMemoryError", "OutOfMemoryError: Java heap space"],
        "out of memory: its Java heap is full; raise its heap in [dev] (kafka_heap, cassandra_heap, spark_heap)",
    ),
    (
        &[
            "There is insufficient memory for the Java Runtime",
            "Cannot allocate memory",
            "Could not reserve enough space",
        ],
        "out of memory: this machine has too little left; close other programs or lower the heaps in [dev]",
    ),
    (
        &["Too small maximum heap", "Invalid maximum heap size", "Too small initial heap"],
        "bad configuration: its heap in [dev] (kafka_heap, cassandra_heap, spark_heap) is no size to run with",
    ),
    (
        &[
            "Address already in use",
            "EADDRINUSE",
            "java.net.BindException",
            "is in use by another process",
        ],
        "a port it needs is taken; `./freshet doctor` says by whom, [dev] sets other ports",
    ),
    (
        &["freshet-dashboard: getaddrinfo", "freshet-dashboard: listen"],
        "the address that it shall listen on cannot be used; correct host and port in [dashboard]",
    ),
    (
        &["No space left on device", "ENOSPC"],
        "the disk is full; free some space, or point FRESHET_HOME at another disk",
    ),
    (
        &["UnsupportedClassVersionError", "Unsupported class file major version"],
        "the wrong Java; point JAVA_HOME at a JDK 17 or 21",
    ),
    (
        &["InconsistentClusterIdException", "CorruptRecordException", "Invalid cluster.id"],
        "its stored data belongs to another stack or is damaged; `./freshet down --purge` starts afresh",
    ),
    (
        &[
            "Could not resolve host",
            "Could not resolve all",
            "UnknownHostException",
            "getaddrinfo",
            "ENOTFOUND",
            "failed to download",
            "Network is unreachable",
        ],
        "a download failed; see whether this machine reaches Maven Central, crates.io and the npm registry",
    ),
    (
        &["error: could not compile", "Compilation failed", "error TS"],
        "the code does not compile; the lines above say where",
    ),
    (
        &["ConfigurationException", "ConfigException", "Invalid yaml", "freshet.toml:"],
        "bad configuration; the lines above name the setting",
    ),
];

const SIGKILL: i32 = 9;
const JVM_OUT_OF_MEMORY: i32 = 3;

/// Why a part most likely failed, as a sentence that says what to do.
pub fn likely_cause(exit: Option<&Exit>, log: &str) -> Option<String> {
    let sign = SIGNS.iter().find(|(signs, _)| signs.iter().any(|sign| log.contains(sign)));
    if let Some((_, cause)) = sign {
        return Some((*cause).to_owned());
    }
    match exit? {
        Exit::Signal(SIGKILL) => Some(
            "killed from outside (signal 9), mostly by the kernel when memory runs out; see `dmesg`, close other \
             programs or lower the heaps in [dev]"
                .to_owned(),
        ),
        Exit::Signal(signal) => Some(format!("killed from outside by signal {signal}")),
        Exit::Code(JVM_OUT_OF_MEMORY) => {
            Some("out of memory: the Java machine ended itself; raise its heap in [dev]".to_owned())
        }
        Exit::Code(2) => Some("bad configuration; the lines above name the setting".to_owned()),
        Exit::Code(_) | Exit::Failed(_) | Exit::GuardLost => None,
    }
}

/// The sentence by which a program of ours has refused its configuration, from the end of its log.
pub fn refusal(lines: &[String]) -> String {
    // As the Rust programs and the Spark job, and as the dashboard, begin such a line.
    const BEGINNINGS: [&str; 2] = ["error: ", "freshet-dashboard: "];
    let said = |line: &String| {
        BEGINNINGS.iter().find_map(|beginning| line.strip_prefix(beginning)).map(str::to_owned)
    };
    let reason = lines.iter().rev().find_map(said).or_else(|| lines.last().cloned());
    let reason = reason.unwrap_or_else(|| "it does not say why".to_owned());
    format!("refuses its configuration: {reason}")
}

/// The last lines of a log, at most `count`.
///
/// # Errors
/// When the log cannot be read; a missing one counts as empty.
pub fn last_lines(log: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // Where the log is longer than what was read, the first line is half a line.
    let mut lines: Vec<&str> = text.lines().skip(usize::from(start > 0)).collect();
    let surplus = lines.len().saturating_sub(count);
    Ok(lines.drain(surplus..).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(exit: &Exit, log: &str) -> String {
        likely_cause(Some(exit), log).unwrap_or_default()
    }

    #[test]
    fn a_host_that_does_not_exist_is_no_failed_download() {
        let said = cause(&Exit::Code(1), "freshet-dashboard: getaddrinfo ENOTFOUND not a host");
        assert!(said.contains("correct host and port in [dashboard]"), "{said}");
        let said = cause(&Exit::Code(1), "npm error getaddrinfo ENOTFOUND registry");
        assert!(said.starts_with("a download failed"), "{said}");
    }

    #[test]
    fn the_line_of_a_refused_configuration_is_found() {
        let lines = [
            "error: earlier",
            "freshet-dashboard: freshet.toml:9: dashboard.host: needs a token",
            "try --help",
        ]
        .map(str::to_owned);
        assert_eq!(
            refusal(&lines),
            "refuses its configuration: freshet.toml:9: dashboard.host: needs a token"
        );
        assert_eq!(refusal(&["what".to_owned()]), "refuses its configuration: what");
        assert_eq!(refusal(&[]), "refuses its configuration: it does not say why");
    }

    #[test]
    fn a_full_heap_is_told_from_a_full_machine() {
        let heap = "ERROR java.lang.OutOfMemoryError: Java heap space";
        assert!(cause(&Exit::Code(1), heap).contains("raise its heap"));
        let machine =
            "# There is insufficient memory for the Java Runtime Environment to continue.";
        assert!(cause(&Exit::Code(1), machine).contains("close other programs"));
    }

    #[test]
    fn a_taken_port_is_recognised_in_every_runtime_s_words() {
        for log in [
            "java.net.BindException: Address already in use",
            "Error: listen EADDRINUSE: address already in use 127.0.0.1:3000",
        ] {
            assert!(cause(&Exit::Code(1), log).contains("port"), "{log}");
        }
    }

    #[test]
    fn a_kill_without_a_word_in_the_log_is_named_as_such() {
        assert!(cause(&Exit::Signal(9), "all is well").contains("signal 9"));
        assert!(cause(&Exit::Signal(11), "").contains("signal 11"));
    }

    #[test]
    fn what_is_unknown_is_not_guessed_at() {
        assert_eq!(likely_cause(Some(&Exit::Code(1)), "something else"), None);
        assert_eq!(likely_cause(None, ""), None);
    }

    #[test]
    fn the_tail_of_a_long_log_has_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let lines: Vec<String> = (0..20_000).map(|line| format!("line {line}")).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        assert_eq!(last_lines(&log, 2).unwrap(), ["line 19998", "line 19999"]);
        let all = last_lines(&log, usize::MAX).unwrap();
        assert!(all[0].starts_with("line "), "{}", all[0]);
        assert!(last_lines(&folder.path().join("none"), 5).unwrap().is_empty());
    }
}
