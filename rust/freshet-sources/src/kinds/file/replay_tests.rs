//! A replay, by a clock that the tests move.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::event_time::EventTime;
use super::once::{Once, Step};
use super::replay::Speed;
use super::settings::Settings;
use super::tests::{context, gzip, run, settings};
use crate::source::{Batch, Context, Cursor, Open, Source};

fn replayed(path: &Path, factor: f64, field: &str, unit: &str) -> Settings {
    let time =
        EventTime { field: field.parse().unwrap(), unit: unit.parse().unwrap(), delimiter: b',' };
    let speed = Speed { factor, max_pause: Duration::from_hours(1), time };
    Settings { speed: Some(speed), ..settings(path, false) }
}

/// A replay, and the time that it has.
struct Replaying {
    settings: Settings,
    source: Once,
    context: Context,
    cursor: Option<Cursor>,
    start: Instant,
    now: Instant,
}

impl Replaying {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let context = context();
        let source = Once::new(settings.clone(), context.clone(), None);
        Self { settings, source, context, cursor: None, start: now, now }
    }

    /// As after a restart, so much later.
    fn reopen(&mut self, later: Duration) {
        let position = self.cursor.as_ref().map(|cursor| cursor.read().unwrap());
        self.context = context();
        self.source = Once::new(self.settings.clone(), self.context.clone(), position);
        self.now += later;
        self.start = self.now;
    }

    /// The messages that come next, and after how many milliseconds.
    fn next(&mut self) -> Option<(u128, Vec<String>)> {
        loop {
            match self.source.read(self.now).unwrap() {
                Step::Batch(batch) => {
                    let texts = texts(&batch);
                    self.cursor = batch.cursor;
                    return Some(((self.now - self.start).as_millis(), texts));
                }
                Step::Wait(due) => {
                    assert!(due > self.now, "it would spin");
                    self.now = due;
                }
                Step::End => return None,
            }
        }
    }

    fn all(&mut self) -> Vec<(u128, Vec<String>)> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn texts(batch: &Batch) -> Vec<String> {
    let text = |payload: &Vec<u8>| String::from_utf8(payload.clone()).unwrap();
    batch.messages.iter().map(|message| text(&message.payload)).collect()
}

/// Lines with times in seconds.
fn lines(seconds: &[u64]) -> Vec<String> {
    seconds.iter().map(|second| format!("{{\"at\":{}}}", 1_700_000_000 + second)).collect()
}

fn step(milliseconds: u128, texts: &[&String]) -> (u128, Vec<String>) {
    (milliseconds, texts.iter().map(|text| (*text).clone()).collect())
}

#[test]
fn records_come_as_they_came_so_many_times_as_fast() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    let mut all = lines(&[0, 0, 10, 3_600]);
    all.insert(3, "{\"at\": \"no time\"}".to_owned());
    // The last line has no end.
    for bytes in [all.join("\n").into_bytes(), gzip(&all.join("\n"))] {
        fs::write(&path, bytes).unwrap();
        let expected = [
            step(0, &[&all[0], &all[1]]),
            step(1_000, &[&all[2], &all[3]]),
            step(360_000, &[&all[4]]),
        ];
        assert_eq!(Replaying::new(replayed(&path, 10.0, "at", "s")).all(), expected);
    }
}

#[test]
fn a_restart_goes_on_at_the_cursor_and_keeps_the_pace_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    let all = lines(&[0, 10, 20, 20, 30]);
    fs::write(&path, all.join("\n") + "\n").unwrap();
    let mut replaying = Replaying::new(replayed(&path, 1.0, "at", "s"));
    assert_eq!(replaying.next().unwrap(), step(0, &[&all[0]]));
    assert_eq!(replaying.next().unwrap(), step(10_000, &[&all[1]]));
    // Whoever stops while the next line is held has not read it.
    assert!(matches!(replaying.source.read(replaying.now).unwrap(), Step::Wait(_)));
    replaying.reopen(Duration::from_hours(5));
    assert_eq!(replaying.all(), [step(0, &[&all[2], &all[3]]), step(10_000, &[&all[4]])]);
    replaying.reopen(Duration::from_hours(5));
    assert_eq!(replaying.all(), []);
}

#[test]
fn who_was_held_up_makes_up_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    let all = lines(&[0, 10, 20, 100]);
    fs::write(&path, all.join("\n")).unwrap();
    let mut replaying = Replaying::new(replayed(&path, 1.0, "at", "s"));
    assert_eq!(replaying.next().unwrap(), step(0, &[&all[0]]));
    replaying.now += Duration::from_secs(50);
    assert_eq!(replaying.all(), [step(50_000, &[&all[1], &all[2]]), step(100_000, &[&all[3]])]);
}

#[test]
fn a_column_is_known_by_the_header_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings.csv");
    let rows = ["a,1970-01-01 00:00:00,1", "b,1970-01-01 00:00:05,2", "a,1970-01-01 00:00:09,3"];
    let rows = rows.map(str::to_owned);
    fs::write(&path, format!("made by hand\nsensor,time,v\n{}\n", rows.join("\n"))).unwrap();
    for field in ["time", "2"] {
        let replayed = replayed(&path, 1.0, field, "%Y-%m-%d %H:%M:%S");
        let mut replaying = Replaying::new(Settings { skip_lines: 2, ..replayed });
        assert_eq!(replaying.next().unwrap(), step(0, &[&rows[0]]));
        replaying.reopen(Duration::ZERO);
        assert_eq!(replaying.all(), [step(0, &[&rows[1]]), step(4_000, &[&rows[2]])]);
    }
}

#[test]
fn many_lines_that_are_due_at_once_come_in_bounded_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    let all = lines(&vec![7; 2_500]);
    fs::write(&path, all.join("\n")).unwrap();
    let found = Replaying::new(replayed(&path, 1.0, "at", "s")).all();
    let sizes: Vec<usize> = found.iter().map(|(_, texts)| texts.len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
    assert_eq!(found.into_iter().flat_map(|(_, texts)| texts).collect::<Vec<_>>(), all);
}

#[test]
fn who_stops_waiting_loses_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        let all = lines(&[0, 3_000]);
        fs::write(&path, all.join("\n")).unwrap();
        let mut source = Once::new(replayed(&path, 1.0, "at", "s"), context(), None);
        assert_eq!(texts(&source.next().await.unwrap().unwrap()), all[..1]);
        for _ in 0..2 {
            // It waits, and can be dropped: that is how a shutdown ends it at once.
            assert!(source.next().now_or_never().is_none());
        }
        let later = Instant::now() + Duration::from_mins(50);
        let Step::Batch(batch) = source.read(later).unwrap() else { panic!("nothing is due") };
        assert_eq!(texts(&batch), all[1..]);
    });
}

#[test]
fn how_far_it_is_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("readings");
    let text = "1\n".repeat(500_000);
    for bytes in [text.clone().into_bytes(), gzip(&text)] {
        let size = bytes.len() as u64;
        fs::write(&path, bytes).unwrap();
        let mut replaying = Replaying::new(settings(&path, false));
        for _ in 0..400 {
            replaying.next().unwrap();
        }
        let before = replaying.context.status.progress().unwrap();
        assert!(before.read > size / 2 && before.size == size, "{before:?}");
        replaying.reopen(Duration::ZERO);
        replaying.next().unwrap();
        let after = replaying.context.status.progress().unwrap();
        assert!(after.read > size / 2 && after.size == size, "{after:?}");
        replaying.all();
        let end = replaying.context.status.progress().unwrap();
        assert_eq!((end.read, end.size), (size, size));
    }
}

#[test]
fn a_check_names_the_line_that_has_no_time() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings");
        fs::write(&path, "\n{\"at\": 1700000000}\n").unwrap();
        replayed(&path, 1.0, "at", "s").check(&context()).await.unwrap();
        let error = replayed(&path, 1.0, "at", "rfc3339").check(&context()).await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("line 2 has no time in 'rfc3339' at 'at'; check `time_field`"),
            "{error}"
        );
    });
}

#[test]
fn what_stands_before_the_damage_of_a_compressed_file_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.gz");
    let mut bytes = gzip(&(lines(&[0, 0]).join("\n") + "\n"));
    bytes.extend(b"no gzip");
    fs::write(&path, bytes).unwrap();
    let mut replaying = Replaying::new(replayed(&path, 1.0, "at", "s"));
    assert_eq!(replaying.next(), Some((0, lines(&[0, 0]))));
    assert!(replaying.source.read(replaying.now).is_err());
}
