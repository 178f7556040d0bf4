//! Where records come from.
//!
//! A source is one file that implements [`Source`] and one line in [`run`] that names it.

mod host;
mod synthetic;

use std::time::Duration;

use freshet_core::config::SourceKind;
use thiserror::Error;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::pump::Pump;

/// What a source hands over: bytes, which travel untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The series id, where the source knows it: records of one series stay in order.
    pub(crate) key: Option<String>,
    /// The record.
    pub(crate) payload: Vec<u8>,
    /// Where to resume after this record, where the source can.
    pub(crate) cursor: Option<String>,
}

/// Something that yields records.
pub(crate) trait Source: Send {
    /// Waits for records and returns those that came together; `None` when there will be no more.
    ///
    /// The next call comes when Kafka has taken these: a source that can make its sender wait
    /// should read no further ahead. The future is dropped unfinished only when the producer
    /// stops.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Record>>, SourceError>> + Send;
}

/// Why a source has nothing to hand over.
#[derive(Debug, Error)]
pub(crate) enum SourceError {
    #[error("cannot read this machine's load: {0}")]
    Host(#[from] sysinfo::Error),
    #[error("cannot write a record as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Opens the source and moves its records to Kafka until it ends or the producer stops.
///
/// Fails when the source can't be opened or Kafka's client has failed for good.
pub(crate) async fn run(kind: &SourceKind, pump: Pump) -> anyhow::Result<()> {
    match *kind {
        SourceKind::Host { every } => pump.run(host::Host::open(every)?).await?,
        SourceKind::Synthetic { every, series, seed } => {
            pump.run(synthetic::Fleet::new(every, series, seed)).await?;
        }
    }
    Ok(())
}

/// Ticks that keep their phase: a late one is made up for by none, and the next one is on time.
fn schedule(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
