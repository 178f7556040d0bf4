//! A file is read exactly once, however often the source is opened anew.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use freshet_core::config::Origin;
use freshet_runtime::Shutdown;
use proptest::prelude::*;

use super::*;
use crate::source::Source;

pub(super) fn context() -> Context {
    Context {
        name: "test".to_owned(),
        status: Arc::new(SourceStatus::new("test")),
        shutdown: Shutdown::new(),
    }
}

pub(super) fn settings(path: &Path, follows: bool) -> Settings {
    Settings {
        path: path.to_owned(),
        place: ConfigError {
            origin: Origin::Line("freshet.toml".into(), 9),
            key: "source.path".to_owned(),
            message: String::new(),
        },
        follows,
        starts_at_end: false,
        compression: None,
        skip_lines: 0,
        speed: None,
    }
}

/// A source that is opened, and what it has given so far.
struct Reading {
    settings: Settings,
    context: Context,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
    lines: Vec<String>,
}

impl Reading {
    fn new(settings: Settings) -> Self {
        let context = context();
        let source = settings.open(context.clone(), None).unwrap().source;
        Self { settings, context, source, cursor: None, lines: Vec::new() }
    }

    /// As after a restart of the producer.
    fn reopen(&mut self) {
        self.source =
            self.settings.open(self.context.clone(), self.cursor.as_ref()).unwrap().source;
    }

    /// Takes a batch; false when there is none.
    async fn batch(&mut self) -> bool {
        let Some(batch) = self.source.next().await.unwrap() else { return false };
        let text = |message: Message| String::from_utf8(message.payload).unwrap();
        self.lines.extend(batch.messages.into_iter().map(text));
        self.cursor = batch.cursor.or(self.cursor.take());
        true
    }

    async fn until(&mut self, lines: usize) {
        while self.lines.len() < lines {
            let taken =
                tokio::time::timeout(std::time::Duration::from_secs(20), self.batch()).await;
            assert!(taken.expect("nothing came"), "it has ended");
        }
    }
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn text(range: std::ops::Range<u32>) -> String {
    numbers(range).iter().map(|line| line.clone() + "\n").collect()
}

pub(super) fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub(super) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    // Reading blocks in place, which only a worker may.
    runtime.unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_line_comes_once_wherever_the_source_is_opened_anew(
        count in 0_u32..12_000,
        restarts in proptest::collection::vec(0_usize..4, 0..6),
        form in 0..3,
        ends in any::<bool>(),
    ) {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("readings");
            let mut plain = text(0..count);
            if !ends {
                plain.pop();
            }
            let bytes = match form {
                0 => plain.into_bytes(),
                1 => gzip(&plain),
                _ => zstd::encode_all(plain.as_bytes(), 1).unwrap(),
            };
            fs::write(&path, bytes).unwrap();
            let mut reading = Reading::new(settings(&path, false));
            for batches in restarts {
                for _ in 0..batches {
                    reading.batch().await;
                }
                reading.reopen();
            }
            while reading.batch().await {}
            prop_assert_eq!(&reading.lines, &numbers(0..count));
            // A file that was read to its end has nothing more to give after a restart.
            reading.reopen();
            prop_assert!(!reading.batch().await);
            Ok(())
        })?;
    }
}

#[test]
fn lines_are_followed_through_rotation_and_restarts() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        let mut reading = Reading::new(settings(&path, true));
        let error = reading.source.next().await.unwrap_err();
        assert!(error.to_string().ends_with("is not there yet"), "{error}");
        append(&path, &text(0..10));
        reading.until(10).await;
        // What has no end yet waits for it.
        append(&path, "1");
        append(&path, "0\n");
        reading.until(11).await;
        fs::rename(&path, folder.path().join("readings.1")).unwrap();
        append(&folder.path().join("readings.1"), &text(11..20));
        append(&path, &text(20..30));
        reading.until(30).await;
        // Rotated while nobody was there: the rest of the old file comes first.
        append(&path, &text(30..40));
        fs::rename(&path, folder.path().join("readings.2")).unwrap();
        append(&path, &text(40..50));
        reading.reopen();
        reading.until(50).await;
        assert_eq!(reading.lines, numbers(0..50));
        assert_eq!(reading.context.status.report().gaps, 0);
    });
}

#[test]
fn what_cannot_be_known_is_counted_as_a_gap() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        append(&path, &text(0..10));
        let mut reading = Reading::new(settings(&path, true));
        reading.until(10).await;
        // Copied and truncated.
        fs::write(&path, text(10..12)).unwrap();
        reading.until(12).await;
        assert_eq!(reading.context.status.report().gaps, 1);
        // Deleted and made anew, while nobody was there.
        fs::remove_file(&path).unwrap();
        append(&folder.path().join("other"), "takes the number of the deleted one\n");
        append(&path, &text(12..20));
        reading.reopen();
        reading.until(20).await;
        assert_eq!(reading.context.status.report().gaps, 2);
        assert_eq!(reading.lines, numbers(0..20));
    });
}

#[test]
fn a_file_is_begun_at_its_end_once() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        append(&path, &text(0..10));
        let mut reading = Reading::new(Settings { starts_at_end: true, ..settings(&path, true) });
        let next =
            tokio::time::timeout(std::time::Duration::from_millis(300), reading.batch()).await;
        assert!(next.is_err());
        append(&path, &text(10..12));
        reading.until(2).await;
        assert_eq!(reading.lines, numbers(10..12));
    });
}

#[test]
fn headers_and_empty_lines_are_no_messages_and_endless_ones_are_counted() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings.csv");
        fs::write(&path, format!("time,value\r\n\r\n1,2\r\n{}\n3,4", "x".repeat(5 << 20))).unwrap();
        let mut reading = Reading::new(Settings { skip_lines: 1, ..settings(&path, false) });
        while reading.batch().await {}
        assert_eq!(reading.lines, ["1,2", "3,4"]);
        assert_eq!(reading.context.status.report().dropped, 1);
    });
}

#[test]
fn a_bomb_is_read_in_little_memory_and_a_broken_file_is_named() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings.gz");
        // One line of 64 MiB in some tens of kilobytes.
        fs::write(&path, gzip(&("x".repeat(64 << 20) + "\nshort\n"))).unwrap();
        let mut reading = Reading::new(settings(&path, false));
        while reading.batch().await {}
        assert_eq!(reading.lines, ["short"]);
        let mut half = gzip(&text(0..100_000));
        half.truncate(half.len() / 2);
        fs::write(&path, half).unwrap();
        let mut reading = Reading::new(settings(&path, false));
        let error = loop {
            match reading.source.next().await {
                Ok(batch) => assert!(batch.is_some(), "it has ended"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, SourceError::Permanent(_)), "{error}");
        assert!(
            error.to_string().contains("readings.gz") && error.to_string().contains("whole"),
            "{error}"
        );
    });
}

#[test]
fn what_stands_before_the_damage_of_a_compressed_file_is_handed_over() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.gz");
        let mut bytes = gzip("one\ntwo\n");
        bytes.extend(b"no gzip");
        fs::write(&path, bytes).unwrap();
        let mut reading = Reading::new(settings(&path, false));
        assert!(reading.batch().await);
        assert_eq!(reading.lines, ["one", "two"]);
        assert!(reading.source.next().await.is_err());
    });
}

#[test]
fn settings_that_contradict_each_other_name_line_and_key() {
    const STREAM: &str = "[[stream]]\nname = \"s\"\nvalues = { v = \"v\" }\nwindows = [\"10s\"]\n";
    let error = |lines: &str| {
        let text =
            format!("{STREAM}[[source]]\nkind = \"file\"\nstream = \"s\"\npath = \"f\"\n{lines}");
        let read =
            crate::parse(&text, Path::new("freshet.toml"), std::collections::BTreeMap::new());
        read.unwrap_err().to_string()
    };
    let cases = [
        (
            "mode = \"once\"\nstart = \"end\"",
            "freshet.toml:10: source.start: nothing would be read",
        ),
        (
            "compression = \"gzip\"",
            "freshet.toml:9: source.compression: a compressed file cannot be followed",
        ),
        (
            "speed = 10.0\ntime_field = \"at\"",
            "freshet.toml:9: source.speed: a file that is followed has its own pace",
        ),
        (
            "mode = \"once\"\nspeed = 10",
            "freshet.toml:10: source.speed: needs the times of the records: write time_field",
        ),
        (
            "mode = \"once\"\nspeed = 0\ntime_field = \"at\"",
            "freshet.toml:10: source.speed: 0 is not between 0.001 and 1000000",
        ),
        (
            "mode = \"once\"\ntime_field = \"at\"",
            "freshet.toml:10: source.time_field: has no effect without `speed`",
        ),
        (
            "mode = \"once\"\nspeed = 1\ntime_field = \"$.at\"",
            "freshet.toml:11: source.time_field: '$.at' is not a path: write 'at'",
        ),
        (
            "mode = \"once\"\nspeed = 1\ntime_field = \"at\"\ntime_unit = \"minutes\"",
            "freshet.toml:12: source.time_unit: 'minutes' is not a unit of time",
        ),
        (
            "mode = \"once\"\nspeed = 1\ntime_field = \"at\"\ndelimiter = \"::\"",
            "freshet.toml:12: source.delimiter: a delimiter is one character of ASCII",
        ),
        (
            "mode = \"once\"\nspeed = 1\ntime_field = \"at\"\nmax_pause = \"0s\"",
            "freshet.toml:12: source.max_pause: must be longer than zero",
        ),
        ("mode = \"twice\"", "freshet.toml:9: source.mode: 'twice' is not one of: follow, once"),
    ];
    for (lines, expected) in cases {
        let error = error(lines);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_path_that_is_none_of_a_file_is_known_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let wrong = |path: &Path, follows| settings(path, follows).examine().map_err(|e| e.to_string());
    let error = wrong(&missing, false).unwrap_err();
    let expected = format!("freshet.toml:9: source.path: there is no file {}; ", missing.display());
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(wrong(&missing, true), Ok(()), "it may come");
    let error = wrong(folder.path(), true).unwrap_err();
    assert!(error.ends_with("is a folder; name one of its files"), "{error}");
    fs::write(&missing, "").unwrap();
    assert_eq!(wrong(&missing, false), Ok(()));
}
