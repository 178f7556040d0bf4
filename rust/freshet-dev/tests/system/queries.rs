//! One stream's query in trouble, and the Spark job's own end.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::kafka::{Brokers, read_all};
use crate::lab::{Lab, Use};
use crate::process::signal;
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};

/// The offsets of a checkpoint can no longer be written: the query fails before every batch, while the job and the
/// other streams go on. Once the folder is back, nothing is missing.
pub(crate) fn failed_query_is_started_again() -> Outcome {
    let mut lab = Use::running()?;
    let lab = lab.get();
    lab.feed_while(30, |_| Ok(()))?;
    let job = lab.stack.part("spark-job")?;
    let offsets = lab.stack.home().join("checkpoints/known/offsets");
    lab.feed_while(30, |stack| {
        let away = offsets.with_extension("away");
        fs::rename(&offsets, &away)?;
        fs::write(&offsets, "not a folder")?;
        let outcome = named_while_others_count(stack);
        repair(&offsets, &away)?;
        outcome
    })?;
    runs_again(lab)?;
    let now = lab.stack.part("spark-job")?;
    ensure(now == job, || format!("the job itself was restarted: {job:?}, {now:?}"))
}

fn repair(offsets: &Path, away: &Path) -> Outcome {
    fs::remove_file(offsets)?;
    Ok(fs::rename(away, offsets)?)
}

fn named_while_others_count(stack: &TestStack) -> Outcome {
    let failed = until(LIMIT, || {
        let report = newest_report(stack, "known")?;
        let named = report["state"] == "restarting" && report["restarts"].as_u64() >= Some(2);
        ensure(named, || format!("the failed query is not named: {report}"))?;
        Ok(report)
    })?;
    let error = failed["last_error"].as_str().unwrap_or_default();
    ensure(!error.is_empty() && !error.contains('\n'), || format!("the error is '{error}'"))?;
    let before = newest_report(stack, "fleet")?;
    until(LIMIT, || {
        let after = newest_report(stack, "fleet")?;
        let counts = after["records_out"].as_u64() > before["records_out"].as_u64();
        ensure(counts && after["state"] == "running" && after["restarts"] == 0, || {
            format!("the other stream does not go on: {before}, {after}")
        })
    })
}

fn runs_again(lab: &Lab) -> Outcome {
    until(LIMIT, || {
        let report = newest_report(&lab.stack, "known")?;
        ensure(report["state"] == "running", || format!("the query does not run again: {report}"))
    })
}

/// What the job said last about a stream.
pub(crate) fn newest_report(stack: &TestStack, stream: &str) -> Result<Value, Failed> {
    newest_report_in(stack, "health", stream)
}

/// What a job said last about a stream in that topic.
pub(crate) fn newest_report_in(
    brokers: &impl Brokers,
    topic: &str,
    stream: &str,
) -> Result<Value, Failed> {
    let key = format!("spark-job/{stream}");
    let reports = read_all(brokers, topic)?;
    let newest = reports.iter().rev().find(|report| report.key == key.as_bytes());
    Ok(serde_json::from_slice(&newest.ok_or("no report about the stream")?.value)?)
}

/// Told to end, the job ends in order and says so with its exit code; started again, it goes on where it was.
pub(crate) fn job_ends_in_order() -> Outcome {
    let mut lab = Use::running()?;
    lab.get().feed_while(60, |stack| {
        let before = stack.part("spark-job")?;
        signal(before.pid.ok_or("the job has no process")?, Signal::SIGTERM)?;
        until(LIMIT, || {
            let now = stack.part("spark-job")?;
            let restarted = now.restarts == before.restarts + 1 && now.state == "ready";
            ensure(restarted && now.note.as_deref() == Some("ended with exit code 0"), || {
                format!("the job did not end in order and come back: {now:?}")
            })
        })
    })
}
