//! The writer on a cluster that is changed under it.

use std::time::Duration;

use freshet_dev::supervise::Exit;
use nix::sys::signal::Signal;

use crate::Outcome;
use crate::kafka::{Received, read_all};
use crate::lab::Use;
use crate::process::signal;
use crate::waiting::{LIMIT, ensure, until};
use crate::writer_lab::{WriterLab, start, window};

/// A windows topic is deleted and made anew: with fewer partitions, of which the surplus ones were empty and the writer
/// had just started; with as many, and longer at once than what was read of the old one; and while no writer runs.
pub(crate) fn topics_made_anew_are_read() -> Outcome {
    let mut lab = Use::running()?;
    let lab = WriterLab::new(&lab.get().stack, "anew", "partitions = 5")?;
    lab.run(|lab| {
        lab.start()?;
        lab.delete_topic("windows.s")?;
        lab.create_topic("windows.s", 2, &[])?;
        lab.send_windows(0, "at_once", 0..5)?;
        lab.send_windows(1, "at_once", 5..10)?;
        lab.until_stored("at_once", 0..10)?;

        lab.delete_topic("windows.s")?;
        lab.create_topic("windows.s", 5, &[])?;
        lab.send_windows(0, "first", 0..20)?;
        lab.send_windows(1, "first", 20..40)?;
        lab.until_stored("first", 0..40)?;

        lab.delete_topic("windows.s")?;
        lab.create_topic("windows.s", 2, &[])?;
        lab.send_windows(0, "fewer", 0..5)?;
        lab.send_windows(1, "fewer", 5..10)?;
        lab.until_stored("fewer", 0..10)?;

        lab.delete_topic("windows.s")?;
        lab.until_reported("the missing topic", |report| {
            let waits = report["waiting_for"].as_str().unwrap_or_default();
            report["state"] == "waiting" && waits == "topics that do not exist: anew.windows.s"
        })?;
        lab.create_topic("windows.s", 1, &[])?;
        lab.send_windows(0, "after_a_while", 0..10)?;
        lab.until_stored("after_a_while", 0..10)?;

        lab.delete_topic("windows.s")?;
        lab.create_topic("windows.s", 2, &[])?;
        lab.send_windows(0, "longer", 0..200)?;
        lab.send_windows(1, "longer", 200..400)?;
        lab.until_stored("longer", 0..400)?;
        lab.until_reported("the new topic", |report| {
            let notices = report["notices"].to_string();
            report["lag"] == 0 && report["lost_offsets"] == 0 && notices.contains("was made anew")
        })?;

        lab.stop();
        lab.delete_topic("windows.s")?;
        lab.create_topic("windows.s", 2, &[])?;
        lab.send_windows(0, "meanwhile", 0..300)?;
        lab.start()?;
        lab.until_stored("meanwhile", 0..300)?;
        lab.send_windows(1, "afterwards", 0..10)?;
        lab.until_stored("afterwards", 0..10)
    })
}

/// Somebody drops the keyspace under a running writer, or a table, or makes the keyspace anew with tables of an earlier
/// version, or with a table that is none of the writer's.
pub(crate) fn dropped_keyspace_is_made_anew() -> Outcome {
    let mut lab = Use::running()?;
    let lab = WriterLab::new(&lab.get().stack, "dropped", "partitions = 1")?;
    lab.run(|lab| {
        lab.start()?;
        lab.send_windows(0, "first", 0..50)?;
        lab.until_stored("first", 0..50)?;

        lab.cql("DROP KEYSPACE dropped")?;
        lab.send_windows(0, "after_keyspace", 0..50)?;
        lab.until_stored("after_keyspace", 0..50)?;

        // A series that was announced before, too: the table has forgotten it.
        lab.send_windows(0, "first", 50..60)?;
        lab.until_stored("first", 50..60)?;
        until(LIMIT, || {
            let series = lab.stored_series()?;
            let all =
                ["first", "after_keyspace"].iter().all(|name| series.contains(&(*name).to_owned()));
            ensure(all, || format!("the table has only {series:?}"))
        })?;

        lab.cql("DROP TABLE dropped.series")?;
        lab.cql("TRUNCATE dropped.windows")?;
        lab.send_windows(0, "after_tables", 0..50)?;
        lab.until_stored("after_tables", 0..50)?;
        until(LIMIT, || {
            let series = lab.stored_series()?;
            let announced = series.contains(&"after_tables".to_owned());
            ensure(announced, || format!("the table has only {series:?}"))
        })?;
        lab.cql("DROP TABLE dropped.windows")?;
        lab.send_windows(0, "after_windows", 0..50)?;
        lab.until_stored("after_windows", 0..50)?;

        lab.cql("DROP KEYSPACE dropped")?;
        lab.cql(KEYSPACE)?;
        lab.cql(EARLIER_WINDOWS)?;
        lab.send_windows(0, "after_earlier", 0..50)?;
        lab.until_stored("after_earlier", 0..50)?;

        lab.cql("DROP KEYSPACE dropped")?;
        lab.cql(KEYSPACE)?;
        lab.cql(FOREIGN_WINDOWS)?;
        lab.send_windows(0, "after_foreign", 0..50)?;
        lab.until_reported("the foreign table", |report| {
            let waits = report["waiting_for"].as_str().unwrap_or_default();
            report["state"] == "waiting" && waits.contains("table dropped.windows in Cassandra has")
        })?;
        lab.cql("DROP TABLE dropped.windows")?;
        lab.until_stored("after_foreign", 0..50)?;
        lab.until_reported("recovery", |report| {
            report["state"] == "running" && report["waiting_for"].is_null() && report["lag"] == 0
        })?;
        let letters = lab.letters()?.len();
        ensure(letters == 0, || format!("{letters} good windows were rejected"))
    })
}

const KEYSPACE: &str = "CREATE KEYSPACE dropped \
     WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
/// Without `p99` and `partial`.
const EARLIER_WINDOWS: &str = "CREATE TABLE dropped.windows (stream text, series text, metric text, window text, \
     bucket timestamp, start timestamp, \"end\" timestamp, count bigint, sum double, avg double, min double, \
     max double, stddev double, p50 double, p95 double, last_event timestamp, revision bigint, \
     PRIMARY KEY ((stream, series, metric, window, bucket), start))";
const FOREIGN_WINDOWS: &str =
    "CREATE TABLE dropped.windows (series text PRIMARY KEY, \"end\" text)";

/// Whether a window is partial belongs to its version, as its numbers do.
pub(crate) fn partial_windows_are_marked() -> Outcome {
    let mut lab = Use::running()?;
    let lab = WriterLab::new(&lab.get().stack, "partial", "partitions = 1")?;
    lab.run(|lab| {
        lab.start()?;
        let versions = [
            (0, 3, Some(true)),
            (0, 2, None),
            (1, 2, Some(true)),
            (1, 3, Some(false)),
            (2, 1, None),
        ];
        for (number, readings, partial) in versions {
            let (key, value) = window("s", number, readings);
            let mut value: serde_json::Value = serde_json::from_slice(&value)?;
            if let Some(partial) = partial {
                value["partial"] = partial.into();
            }
            lab.send(0, &[(key, value.to_string().into_bytes())])?;
            // Each version in a request of its own.
            let written = |report: &serde_json::Value| report["lag"] == 0;
            lab.until_reported("that it is written", written)?;
        }
        lab.until_stored("s", 0..3)?;
        let stored = lab.stored()?;
        let rows: Vec<_> =
            stored.values().map(|(count, partial)| (*count, partial.unwrap_or(false))).collect();
        ensure(rows == [(3, true), (3, false), (1, false)], || format!("stored are {rows:?}"))?;
        ensure(stored.keys().map(|key| key.1).eq((0..3).map(start)), || "odd windows".to_owned())
    })
}

/// Letters that are too large are shortened, and the topic of the letters is made anew when somebody has deleted it.
pub(crate) fn dead_letters_always_find_a_place() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    let lab = WriterLab::new(&lab.stack, "letters", "partitions = 1")?;
    lab.run(|lab| {
        lab.create_topic("dead-letters", 1, &[("max.message.bytes", "40000")])?;
        lab.start()?;
        // The whole text stands in the parser's complaint.
        let long_text = format!("\"{}\"", incompressible(90_000)).into_bytes();
        lab.send(
            0,
            &[
                ("short".to_owned(), b"not a window".to_vec()),
                ("long".to_owned(), long_text),
                (incompressible(50_000), b"not a window".to_vec()),
            ],
        )?;
        let letters = until(LIMIT, || {
            let mut letters = lab.letters()?;
            letters.sort_by(|one, other| one.key.cmp(&other.key));
            ensure(letters.len() == 3, || format!("{} letters", letters.len()))?;
            Ok(letters)
        })?;
        let bytes = |letter: &Received, name: &str| letter.headers.get(name).map(String::len);
        let left_out = |letter: &Received| {
            ["freshet-truncated", "freshet-key-truncated"]
                .map(|mark| letter.headers.get(mark).and_then(|bytes| bytes.parse::<usize>().ok()))
        };
        let found: Vec<_> = letters
            .iter()
            .map(|letter| (letter.value.len(), bytes(letter, "freshet-key"), left_out(letter)))
            .collect();
        let expected = [
            (12, Some(5), [None, None]),
            (0, Some(4), [Some(90_002), None]),
            (12, None, [None, Some(50_000)]),
        ];
        ensure(found == expected, || format!("the letters hold {found:?}"))?;
        let details: Vec<_> =
            letters.iter().map(|letter| bytes(letter, "freshet-detail")).collect();
        ensure(details[0] > Some(0) && details[1] == Some(1_024), || {
            format!("details of {details:?} bytes")
        })?;

        lab.delete_topic("dead-letters")?;
        lab.send(0, &[("lost".to_owned(), b"neither".to_vec())])?;
        until(LIMIT, || {
            let letters = lab.letters()?;
            ensure(letters.iter().any(|letter| letter.value == b"neither"), || {
                format!("{} letters, not the new one: {:?}", letters.len(), lab.report())
            })
        })?;
        lab.send_windows(0, "after", 0..10)?;
        lab.until_stored("after", 0..10)?;
        lab.until_reported("recovery", |report| {
            let named = report["last_error"].is_string() && report["last_error_time"].is_i64();
            named && report["state"] == "running" && report["lag"] == 0
        })
    })
}

/// The topic of the letters cannot be had: the writer goes on with everything else for a while, says so, and then ends
/// instead of holding its place in the topic for ever. The next one writes the letter.
pub(crate) fn refused_dead_letters_end_the_writer() -> Outcome {
    let mut lab = Use::running()?;
    // More replicas than there are brokers: no topic can be created.
    let settings = "partitions = 1\nreplication_factor = 3";
    let lab = WriterLab::new(&lab.get().stack, "refused", settings)?;
    lab.run(|lab| {
        for topic in ["raw.s", "windows.s", "dead-letters", "health", "cursors"] {
            lab.create_topic(topic, 1, &[])?;
        }
        lab.start()?;
        lab.delete_topic("dead-letters")?;
        lab.send(0, &[("bad".to_owned(), b"not a window".to_vec())])?;
        lab.send_windows(0, "good", 0..50)?;
        lab.until_reported("the missing topic", |report| {
            let waits = report["waiting_for"].as_str().unwrap_or_default();
            report["state"] == "waiting" && waits.contains("topic refused.dead-letters")
        })?;
        lab.until_stored("good", 0..50)?;
        let exit = lab.ended(Duration::from_mins(3))?;
        ensure(exit == Exit::Code(1), || format!("the writer {exit}"))?;
        lab.create_topic("dead-letters", 1, &[])?;
        lab.start()?;
        until(LIMIT, || {
            let letters = lab.letters()?;
            ensure(letters.len() == 1, || format!("{} letters", letters.len()))
        })
    })
}

/// A store that does not answer is named, and no longer once it does; what failed stays with its time.
pub(crate) fn a_silent_store_is_named() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let lab = WriterLab::new(stack, "silent", "partitions = 1")?;
    lab.run(|lab| {
        lab.start()?;
        lab.send_windows(0, "before", 0..10)?;
        lab.until_stored("before", 0..10)?;
        lab.until_reported("no loss", |report| report["lost_offsets"] == 0 && report["lag"] == 0)?;
        let cassandra = stack.part("cassandra")?.pid.ok_or("Cassandra has no process")?;
        signal(cassandra, Signal::SIGSTOP)?;
        let sent = lab.send_windows(0, "during", 0..10);
        let named = sent.and_then(|()| {
            lab.until_reported("what it waits for", |report| {
                let waits = report["waiting_for"].as_str().unwrap_or_default();
                report["state"] == "waiting"
                    && waits.starts_with("Cassandra: ")
                    && report["lag"] == 10
            })
        });
        signal(cassandra, Signal::SIGCONT)?;
        named?;
        lab.until_stored("during", 0..10)?;
        lab.until_reported("recovery", |report| {
            let error = report["last_error"].is_string() && report["last_error_time"].is_i64();
            error
                && report["state"] == "running"
                && report["waiting_for"].is_null()
                && report["lag"] == 0
        })
    })
}

/// Text of so many bytes that lz4 does not make much shorter; seeded.
fn incompressible(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

/// The writer has taken in what it may, since the store does not answer, when somebody deletes the topic: what it holds
/// is written, and what it had not read has a number.
pub(crate) fn unread_windows_of_a_deleted_topic_are_counted() -> Outcome {
    const SENT: i64 = 40_000;
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let lab = WriterLab::new(stack, "unread", "partitions = 1")?;
    lab.run(|lab| {
        lab.start()?;
        let cassandra = stack.part("cassandra")?.pid.ok_or("Cassandra has no process")?;
        signal(cassandra, Signal::SIGSTOP)?;
        let counted = delete_unread(lab, SENT);
        signal(cassandra, Signal::SIGCONT)?;
        let lost = counted?;
        ensure(lost > 0 && lost < SENT, || format!("{lost} of {SENT} are reported as lost"))?;
        lab.until_stored("new", 0..50)?;
        let stored = lab.stored()?.keys().filter(|(series, _)| series == "old").count();
        ensure(i64::try_from(stored)? + lost == SENT, || {
            format!("{stored} of {SENT} are stored, but {lost} are reported as lost")
        })
    })
}

/// Gives the number that the writer reports.
fn delete_unread(lab: &WriterLab<'_>, sent: i64) -> Result<i64, libtest_mimic::Failed> {
    lab.send_windows(0, "old", 0..sent)?;
    lab.until_reported("what waits", |report| report["lag"] == sent)?;
    lab.delete_topic("windows.s")?;
    lab.create_topic("windows.s", 1, &[])?;
    lab.send_windows(0, "new", 0..50)?;
    lab.until_reported("the new topic", |report| {
        report["notices"].to_string().contains("is read from its beginning")
    })?;
    Ok(lab.report()?["lost_offsets"].as_i64().ok_or("no number")?)
}

impl WriterLab<'_> {
    pub(crate) fn letters(&self) -> Result<Vec<Received>, libtest_mimic::Failed> {
        read_all(self.stack(), &self.topic("dead-letters"))
    }
}
