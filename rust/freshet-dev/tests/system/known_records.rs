//! Known records in, every row, dead letter and answer compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use freshet_dev::state::now_ms;
use serde_json::{Value, json};

use crate::cassandra::Store;
use crate::expectation::WINDOWS;
use crate::feed::Feed;
use crate::kafka::{Sender, read_all};
use crate::lab::{Lab, Use};
use crate::queries::newest_report;
use crate::stack::{project, text};
use crate::waiting::{LIMIT, ensure, until};
use crate::{Outcome, dashboard};

const LATE: u32 = 25;

pub(crate) fn rows_are_exact() -> Outcome {
    Use::running()?.get().feed_while(300, |_| Ok(()))
}

/// Late records arrive once the watermark has passed them. Spark drops what the watermark of the batch before has
/// passed: so a batch has to come between, which the records after the first ones make.
pub(crate) fn late_records_change_nothing() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    lab.feed_while(120, |_| Ok(()))?;
    lab.feed_while(5, |_| Ok(()))?;
    let sender = Sender::new(&lab.stack, "known")?;
    sender.send(&lab.feed.late(LATE))?;
    sender.flush()?;
    lab.feed_while(5, |_| Ok(()))?;
    until(LIMIT, || every_record_is_accounted_for(&lab.feed, &newest_report(&lab.stack, "known")?))
}

/// The job's health report about the stream says of every record what became of it.
pub(crate) fn every_record_is_accounted_for(feed: &Feed, report: &Value) -> Outcome {
    let late = &report["late_by_window"];
    let counters = ["records_in", "rejected", "late"].map(|counter| &report[counter]);
    let reported = (counters, WINDOWS.map(|kind| &late[kind.name]));
    let sent = ([feed.sent, feed.rejected.len() as u64, feed.late], [feed.late; WINDOWS.len()]);
    ensure(reported.0 == sent.0 && reported.1 == sent.1, || {
        format!("delivered, rejected, late (and by window) are {sent:?}; the job says {reported:?}")
    })?;
    let counted = feed.sent - feed.rejected.len() as u64 - feed.late;
    ensure(report["counted"] == counted, || format!("{counted} are to be counted: {report}"))?;
    let none_missed = report["skipped_offsets"] == 0 && report["deleted_offsets"] == 0;
    ensure(none_missed && report["lag"] == 0, || {
        format!("every record was read, but the job says {report}")
    })
}

pub(crate) fn dead_letters_are_exact() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    let sender = Sender::new(&lab.stack, "known")?;
    sender.send(&lab.feed.one_of_each_malformed(now_ms()))?;
    sender.flush()?;
    until(LIMIT, || compare_dead_letters(lab))?;
    until(LIMIT, || dashboard_has_the_letters(lab))?;
    lab.rows_match()
}

/// The dashboard counts the same letters by their reasons, and could read them all.
fn dashboard_has_the_letters(lab: &Lab) -> Outcome {
    let mut expected = BTreeMap::<&str, u64>::new();
    for reason in lab.feed.rejected.values() {
        *expected.entry(reason).or_default() += 1;
    }
    let query = [("stream", "known"), ("limit", "1")];
    let answer = dashboard::get(&lab.stack, "/api/dead-letters", &query)?;
    let is_right = answer["reasons"] == json!(expected)
        && answer["unreadable"] == 0
        && answer["letters"][0]["topic"] == "raw.known";
    ensure(is_right, || format!("{expected:?} should be {answer}"))
}

fn compare_dead_letters(lab: &Lab) -> Outcome {
    let letters = read_all(&lab.stack, "dead-letters")?;
    let header = |name: &str, letter: &crate::kafka::Received| {
        letter.headers.get(name).cloned().unwrap_or_default()
    };
    let mut found = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for letter in letters.iter().filter(|letter| header("freshet-topic", letter) == "raw.known") {
        let place =
            ["topic", "partition", "offset"].map(|part| header(&format!("freshet-{part}"), letter));
        ensure(letter.key == place.join("-").as_bytes(), || format!("the key is not {place:?}"))?;
        ensure(header("freshet-stage", letter) == "parse", || format!("{:?}", letter.headers))?;
        keys.insert(letter.key.clone());
        found.insert(letter.value.clone(), header("freshet-reason", letter));
    }
    let expected = &lab.feed.rejected;
    let wrong = expected
        .iter()
        .find(|(value, reason)| found.get(*value).map(String::as_str) != Some(**reason));
    ensure(wrong.is_none(), || {
        let (value, reason) = wrong.unwrap();
        let start = String::from_utf8_lossy(&value[..value.len().min(120)]).into_owned();
        format!("{start} should be rejected as {reason}, was {:?}", found.get(value))
    })?;
    let counts = (found.len(), keys.len());
    ensure(counts == (expected.len(), expected.len()), || {
        format!("{counts:?} letters for {} malformed records", expected.len())
    })
}

/// What is proposed for the newest records of a topic takes all of them.
pub(crate) fn a_stream_is_proposed_for_a_topic() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    lab.feed_while(60, |_| Ok(()))?;
    let config = lab.stack.config();
    let config = config.to_str().ok_or("odd path")?;
    let infer = ["infer", "-c", config, "--topic", "raw.known", "--records", "50"];
    let output = lab.stack.run(&infer)?;
    let proposed = String::from_utf8_lossy(&output.stdout);
    let share = "# Proposed by `./freshet infer`. This mapping takes 50 of 50 records";
    let is_proposed = output.status.success() && proposed.starts_with(share);
    ensure(is_proposed && proposed.contains("name = \"known\""), || text(&output))?;
    let none = lab.stack.run(&["infer", "-c", config, "--topic", "raw.none"])?;
    let told = String::from_utf8_lossy(&none.stderr);
    ensure(none.status.code() == Some(1) && told.contains("there is no topic 'raw.none'"), || {
        text(&none)
    })
}

pub(crate) fn dashboard_shows_the_rows() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    lab.feed_while(30, |_| Ok(()))?;
    let stored = Store::connect(&lab.stack)?.rows("known")?;
    let first = stored.keys().map(|key| key.start).min().ok_or("there are no rows")?;
    let shown = dashboard::rows(&lab.stack, "known", stored.keys(), (first, now_ms()))?;
    let missing: Vec<_> = stored.keys().filter(|key| !shown.contains_key(key)).collect();
    ensure(missing.is_empty(), || {
        format!("{} rows are not shown: {:?}", missing.len(), missing[0])
    })?;
    ensure(shown == stored, || "the dashboard's answers differ from the stored rows".to_owned())
}

pub(crate) fn page_shows_a_live_point() -> Outcome {
    let mut lab = Use::running()?;
    let results = project().join("test-results");
    fs::create_dir_all(&results)?;
    dashboard::live_point(&lab.get().stack, &results.join("live-point.png"))
}
