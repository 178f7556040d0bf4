//! The work that is done when it is confirmed, and not before.

use std::sync::Arc;
use std::time::Duration;

use freshet_core::wire::{ErrorKind, cut_detail};
use freshet_runtime::log_limit::LogLimit;
use freshet_runtime::{Backoff, Health};

use crate::dead_letters::{DeadLetters, Refused};
use crate::offsets::Receipt;
use crate::plan::{Batch, Origin, Row};
use crate::store::{CASSANDRA, Store, WriteError};

const FIRST_DELAY: Duration = Duration::from_millis(50);
/// Short: the first attempt after an outage brings history up to date again.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Where work goes to.
pub(crate) struct Outputs {
    pub(crate) store: Store,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) health: Arc<Health>,
    pub(crate) complaints: LogLimit,
    /// Apart from the complaints, which must not hide that something was rejected.
    pub(crate) rejections: LogLimit,
}

/// One request's worth of work.
#[derive(Debug)]
pub(crate) enum Job {
    /// Write rows to Cassandra.
    Write(Batch),
    /// Send a message that can't be written to the dead letters.
    Reject { origin: Origin, detail: String, receipt: Receipt },
}

/// The proof that a job's work is confirmed.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) receipts: Vec<Receipt>,
}

impl Job {
    /// Works until everything is confirmed, however long Cassandra and Kafka are away. Fails when Kafka is there and
    /// refuses a dead letter.
    pub(crate) async fn run(self, outputs: Arc<Outputs>) -> Result<Done, Refused> {
        match self {
            Self::Write(batch) => outputs.write(batch).await,
            Self::Reject { origin, detail, receipt } => {
                outputs.reject(&origin, &detail).await?;
                Ok(Done { receipts: vec![receipt] })
            }
        }
    }
}

impl Outputs {
    async fn write(&self, batch: Batch) -> Result<Done, Refused> {
        let Batch { rows, receipts, announces_series } = batch;
        if announces_series {
            self.announce(&rows).await;
        }
        if self.write_rows(&rows).await.is_err() {
            // One bad row must not take its neighbours along.
            for row in &rows {
                if let Err(detail) = self.write_rows(std::slice::from_ref(row)).await {
                    self.reject(&row.origin, &detail).await?;
                }
            }
        }
        Ok(Done { receipts })
    }

    /// Writes the rows, trying again while Cassandra can't. Fails with Cassandra's words when it
    /// refuses them.
    async fn write_rows(&self, rows: &[Row]) -> Result<(), String> {
        self.until_accepted(|| self.store.write(rows)).await?;
        let bytes = rows.iter().map(|row| row.origin.payload.len()).sum();
        self.health.records_out(rows.len(), bytes);
        Ok(())
    }

    async fn announce(&self, rows: &[Row]) {
        let Some(latest) = rows.iter().map(|row| &row.message).max_by_key(|m| m.last_event())
        else {
            return;
        };
        // A refusal will meet the rows as well, and then become a dead letter.
        if let Err(detail) = self.until_accepted(|| self.store.write_series(latest)).await {
            tracing::debug!(detail, series = latest.series(), "a series was refused");
        }
    }

    async fn until_accepted<Attempt>(&self, attempt: impl Fn() -> Attempt) -> Result<(), String>
    where
        Attempt: Future<Output = Result<(), WriteError>>,
    {
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        loop {
            let answer = attempt().await;
            if !matches!(answer, Err(WriteError::Later(_))) {
                self.health.no_longer_waits_for(CASSANDRA);
            }
            match answer {
                Ok(()) => return Ok(()),
                Err(WriteError::Refused(reason)) => return Err(reason),
                Err(WriteError::Later(reason)) => {
                    self.health.failed(ErrorKind::Cassandra, &reason);
                    self.health.wait_for(CASSANDRA, &format!("Cassandra: {reason}"));
                    if let Some(held_back) = self.complaints.permit() {
                        tracing::warn!(reason, held_back, "Cassandra can't write; trying again");
                    }
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    async fn reject(&self, origin: &Origin, detail: &str) -> Result<(), Refused> {
        let detail = cut_detail(detail);
        let Origin { topic, partition, offset, .. } = origin;
        self.health
            .failed(ErrorKind::Unwritable, &format!("{topic} {partition} {offset}: {detail}"));
        if let Some(held_back) = self.rejections.permit() {
            tracing::warn!(topic, partition, offset, detail, held_back, "to the dead letters");
        }
        self.dead_letters.send(origin, detail).await
    }
}
