//! The program itself, while Kafka is away: what it answers, and that it ends in time.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use freshet_core::stopping;
use freshet_runtime::exposition;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const SECRET: &str = "correct-horse-battery";
const PROGRAM: &str = env!("CARGO_BIN_EXE_freshet-producer");

/// A configuration whose broker does not answer.
fn configuration(folder: &TempDir, sources: &str) -> PathBuf {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = folder.path().join("freshet.toml");
    let text = format!(
        "[kafka]\nbootstrap_servers = \"{nobody}\"\n\
         [kafka.security]\nprotocol = \"sasl_plaintext\"\nsasl_mechanism = \"PLAIN\"\nusername = \"u\"\n\
         password = \"{SECRET}\"\n[producer]\nmetrics_address = \"127.0.0.1:0\"\n\
         [[stream]]\nname = \"host\"\nvalues = {{ usage = \"usage\" }}\nwindows = [\"10s\"]\n{sources}"
    );
    fs::write(&file, text).unwrap();
    file
}

const HOST: &str = "[[source]]\nname = \"own-host\"\nkind = \"host\"\nstream = \"host\"\n";

fn command(config: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("-c").arg(config).env("FRESHET_LOG_FORMAT", "json").env_remove("RUST_LOG");
    command
}

/// A producer that runs; it ends with the test, whatever happens.
struct Running {
    process: Child,
    address: String,
    /// What it says after it has said its address.
    log: Option<JoinHandle<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Running {
    fn start(config: &Path) -> Self {
        Self::start_with(config, Stdio::null())
    }

    fn start_with(config: &Path, input: Stdio) -> Self {
        let mut process = command(config).stdin(input).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the producer has ended");
            if let Some((_, rest)) = line.split_once(r#""address":""#) {
                break rest.split('"').next().unwrap().to_owned();
            }
        };
        // A full pipe would make the program wait.
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            text
        });
        Self { process, address, log: Some(log) }
    }

    /// What it has said, once it has ended.
    fn log(&mut self) -> String {
        self.log.take().unwrap().join().unwrap()
    }

    /// Status and body.
    fn ask(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Running {
    /// What a metric says; `None` as long as it says nothing.
    fn metric(&self, name: &str, labels: &str) -> Option<f64> {
        let samples = exposition::check(&self.ask("/metrics").1).unwrap();
        samples.get(&format!("freshet_producer_{name}{{{labels}}}")).copied()
    }

    /// Waits until a metric is what it has to be.
    fn until(&self, name: &str, labels: &str, is_right: impl Fn(f64) -> bool) -> f64 {
        let begun = Instant::now();
        loop {
            let value = self.metric(name, labels);
            match value {
                Some(value) if is_right(value) => return value,
                _ => assert!(begun.elapsed() < Duration::from_secs(30), "{name} is {value:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Tells it to stop, and waits.
    fn stop(&mut self) -> ExitStatus {
        let asked = Instant::now();
        kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM).unwrap();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(
                asked.elapsed() < stopping::PRODUCER,
                "it does not end in the time that it says"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

const SPOOLING: &str = "[[source]]\nname = \"lines\"\nkind = \"stdin\"\nstream = \"host\"\nbuffer = 1\n\
                        when_full = \"spool\"\nspool_size = 16\n";

const LINES_SOURCE: &str = r#"source="lines""#;

#[test]
fn what_is_in_the_spool_survives_a_kill_and_a_stop_while_kafka_is_away() {
    const LINES: usize = 30_000;
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(&folder, SPOOLING);
    let spool = || {
        let files = fs::read_dir(folder.path().join("spool/lines")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        // Their names are in the order of what is in them; a folder has them in any.
        let segments: BTreeSet<_> = files.filter(|path| path.extension().is_some()).collect();
        segments.into_iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let mut first = Running::start_with(&config, Stdio::piped());
    let mut input = first.process.stdin.take().unwrap();
    for number in 0..LINES {
        writeln!(input, "{{\"id\":\"station-{number:0>100}\"}}").unwrap();
    }
    drop(input);
    let ended = format!("{LINES_SOURCE},state=\"ended\"");
    first.until("connection", &ended, |is_ended| is_ended == 1.0);
    assert_eq!(first.metric("messages_total", LINES_SOURCE), Some(LINES as f64));
    let bytes = first.until("spooled_bytes", LINES_SOURCE, |bytes| bytes > 2e6);
    assert_eq!(first.metric("dropped_messages_total", LINES_SOURCE), Some(0.0));
    let mut second_of_two =
        command(&config).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(second_of_two.wait().unwrap().code(), Some(2));
    let mut said = String::new();
    second_of_two.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let process = format!("another producer (process {}) has the spool", first.process.id());
    assert!(
        said.contains("freshet.toml:14: source.spool_directory: ") && said.contains(&process),
        "{said}"
    );
    first.process.kill().unwrap();
    first.process.wait().unwrap();

    let mut second = Running::start(&config);
    assert_eq!(second.until("spooled_bytes", LINES_SOURCE, |bytes| bytes > 0.0), bytes);
    let status = second.stop();
    let log = second.log();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("what is not delivered is in a spool"), "{log}");
    // Every line, in its order.
    let all = spool().concat();
    let mut from = 0;
    for number in 0..LINES {
        let line = format!("station-{number:0>100}");
        let at = all[from..].windows(line.len()).position(|window| window == line.as_bytes());
        from += at.unwrap_or_else(|| panic!("line {number} is not there"));
    }
    let third = Running::start(&config);
    assert_eq!(third.until("spooled_bytes", LINES_SOURCE, |bytes| bytes > 0.0), bytes);
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file =
        "[[source]]\nkind = \"file\"\nname = \"readings\"\nstream = \"host\"\nmode = \"once\"\n";
    let config = configuration(&folder, &format!("{file}path = \"none.csv\"\n"));
    let Output { status, stderr, .. } = command(&config).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    let named =
        format!("source.path: there is no file {}", folder.path().join("none.csv").display());
    assert!(said.contains(&named), "{said}");
    let (code, said, _) = check(&config);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("wrong        source readings (file): "), "{said}");
}

#[test]
fn a_spool_that_cannot_be_written_is_a_wrong_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let config = configuration(&folder, &format!("{SPOOLING}spool_directory = \"file/spool\"\n"));
    let Output { status, stderr, .. } = command(&config).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("freshet.toml:21: source.spool_directory: "), "{said}");
    assert!(said.contains("file/spool/lines cannot be used: "), "{said}");

    let (code, said, _) = check(&config);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("wrong        source lines (stdin): "), "{said}");
    assert!(said.contains("freshet.toml:21: source.spool_directory: "), "{said}");
    let usual = configuration(&folder, SPOOLING);
    let (code, said, _) = check(&usual);
    assert_eq!(code, Some(1), "Kafka is not there: {said}");
    assert!(said.contains("ok           source lines (stdin): can be reached"), "{said}");
    assert!(!folder.path().join("spool").exists(), "a check creates nothing");
}

#[test]
fn a_producer_without_kafka_lives_is_not_ready_tells_its_numbers_and_ends_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&configuration(&folder, HOST));
    assert_eq!(running.ask("/live").0, 200);
    let (status, ready) = running.ask("/ready");
    assert_eq!(status, 503, "{ready}");
    assert!(ready.starts_with(r#"{"ready":false,"state":"#), "{ready}");
    let (status, text) = running.ask("/metrics");
    assert_eq!(status, 200);
    let samples = exposition::check(&text).unwrap();
    let of_source = r#"freshet_producer_records_total{source="own-host"}"#;
    assert_eq!(samples.get(of_source), Some(&0.0), "{text}");
    assert!(!text.contains(SECRET) && !ready.contains(SECRET));

    let ended = running.stop();
    assert_eq!(ended.code(), Some(0), "{}", running.log());
}

fn check(config: &Path) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(config).arg("--check").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_check_tells_what_cannot_be_reached_from_what_is_wrong_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, log) = check(&configuration(&folder, HOST));
    assert_eq!(code, Some(1), "{said}{log}");
    assert!(said.contains("unreachable  Kafka: no broker answers at"), "{said}");
    assert!(said.contains("ok           source own-host (host): can be reached"), "{said}");
    assert!(!said.contains(SECRET) && !log.contains(SECRET));

    let unknown = HOST.replace("kind = \"host\"", "kind = \"hots\"");
    let (code, said, log) = check(&configuration(&folder, &unknown));
    assert_eq!((code, said.as_str()), (Some(2), ""), "{log}");
    assert!(log.contains("freshet.toml:") && log.contains("'hots' is not one of: host"), "{log}");
}
