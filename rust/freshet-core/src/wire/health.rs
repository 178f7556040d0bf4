//! Health reports: who is alive since when, and what it has done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a component is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not at work yet.
    Starting,
    /// At work.
    Running,
    /// Alive, but waiting for something outside, which `waiting_for` names.
    Waiting,
    /// Failed, and about to start again.
    Restarting,
}

/// What a component says of itself once a second. Counters are totals since `since`.
///
/// A field that is absent or null says nothing: a number that is not known is not zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// The kind of component: `freshet-producer`, `freshet-cassandra-writer`, `spark-job`, `dashboard`.
    pub component: String,
    /// Which one of its kind: `host:pid`.
    pub instance: String,
    /// The stream it speaks of, where it has one per stream.
    pub stream: Option<String>,
    /// When it started, epoch milliseconds.
    pub since: i64,
    /// When it said this, epoch milliseconds.
    pub time: i64,
    /// Records taken in.
    pub records_in: u64,
    /// Records handed on.
    pub records_out: u64,
    /// Bytes taken in.
    pub bytes_in: u64,
    /// Bytes handed on.
    pub bytes_out: u64,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// Records it still has to catch up with; `None` where that means nothing or is not known.
    pub lag: Option<u64>,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// What outside of it has to come back before it can go on, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// The last error, in one line and without secrets. It stays after recovery: `last_error_time` tells how old it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When the last error happened, epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_time: Option<i64>,
    /// Offsets in the ranges read that held no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_offsets: Option<u64>,
    /// Offsets of a topic that was deleted, which were never read: a loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_offsets: Option<u64>,
    /// What people should know, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an earlier build wrote it.
    const SHORT: &str = r#"{"component":"freshet-producer","instance":"laptop:7","stream":null,"since":1,"time":2,
        "records_in":3,"records_out":3,"bytes_in":30,"bytes_out":30,"errors":{},"lag":null}"#;

    #[test]
    fn what_a_report_does_not_say_is_not_there() {
        let report: HealthReport = serde_json::from_str(SHORT).unwrap();
        assert_eq!((report.state, report.lost_offsets, report.last_error_time), (None, None, None));
        let short: serde_json::Value = serde_json::from_str(SHORT).unwrap();
        assert_eq!(serde_json::to_value(&report).unwrap(), short);
    }

    #[test]
    fn a_report_says_what_is_waited_for_and_when_the_last_error_was() {
        let mut report: HealthReport = serde_json::from_str(SHORT).unwrap();
        report.state = Some(State::Waiting);
        report.waiting_for = Some("Cassandra: no node answers".to_owned());
        report.last_error = Some("no node answers".to_owned());
        report.last_error_time = Some(1_700_000_000_000);
        report.lost_offsets = Some(0);
        report.notices.push("topic windows.host was made anew".to_owned());
        let sent = serde_json::to_value(&report).unwrap();
        assert_eq!(sent["state"], "waiting");
        assert_eq!(sent["waiting_for"], "Cassandra: no node answers");
        assert_eq!(sent["last_error_time"], 1_700_000_000_000_i64);
        assert_eq!(sent["lost_offsets"], 0);
        assert_eq!(sent["notices"][0], "topic windows.host was made anew");
        assert_eq!(serde_json::from_value::<HealthReport>(sent).unwrap(), report);
    }
}
