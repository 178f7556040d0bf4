//! Health reports: who is alive since when, and what it has done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a component says of itself once a second. Counters are totals since `since`.
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
    /// Records it still has to catch up with; `None` where that means nothing.
    pub lag: Option<u64>,
}
