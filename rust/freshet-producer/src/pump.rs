//! Moves one source's records to Kafka.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use freshet_core::stopping::PRODUCER_LAST_RECORDS;
use freshet_core::wire::ErrorKind;
use freshet_service::{Backoff, Health, Shutdown};

use crate::sink::{Destination, Sink, SinkError};
use crate::sources::{Record, Source};

const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(30);

/// What a source is connected to.
pub(crate) struct Pump {
    pub(crate) sink: Arc<Sink>,
    pub(crate) destination: Destination,
    pub(crate) health: Arc<Health>,
    pub(crate) shutdown: Shutdown,
}

impl Pump {
    /// Pumps until the source ends, the shutdown is requested or Kafka's client fails for good. A
    /// source that fails is asked again, after a while.
    pub(crate) async fn run(self, mut source: impl Source) -> Result<(), SinkError> {
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        loop {
            let next = tokio::select! {
                biased;
                () = self.shutdown.requested() => return Ok(()),
                next = source.next() => next,
            };
            match next {
                Ok(Some(records)) => {
                    backoff.reset();
                    self.send(&records).await?;
                }
                Ok(None) => {
                    tracing::info!(source = self.destination.source, "the source has ended");
                    return Ok(());
                }
                Err(error) => {
                    self.health.error(ErrorKind::Source);
                    let source = self.destination.source;
                    tracing::warn!(source, %error, "the source failed; trying again");
                    backoff.wait(&self.shutdown).await;
                }
            }
        }
    }

    async fn send(&self, records: &[Record]) -> Result<(), SinkError> {
        for record in records {
            self.health.record_in(record.payload.len());
        }
        let mut patience = pin!(self.last_records_patience());
        for (position, record) in records.iter().enumerate() {
            tokio::select! {
                biased;
                sent = self.sink.send(&self.destination, record) => sent?,
                () = &mut patience => {
                    self.sink.give_up(records.len() - position);
                    break;
                }
            }
        }
        Ok(())
    }

    async fn last_records_patience(&self) {
        self.shutdown.requested().await;
        tokio::time::sleep(PRODUCER_LAST_RECORDS).await;
    }
}
