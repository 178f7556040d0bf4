//! Asks one source again and again, and puts what it yields into its buffer.

use std::sync::Arc;
use std::time::Duration;

use freshet_core::wire::ErrorKind;
use freshet_runtime::clock::epoch_ms;
use freshet_runtime::{Backoff, Health, Shutdown};
use freshet_sources::{Batch, Source, SourceError, SourceStatus};

use crate::buffer::Buffer;

const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// A server may ask to be left alone, but not for days.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// A source that is asked.
pub(crate) struct Reader {
    pub(crate) source: Box<dyn Source>,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) status: Arc<SourceStatus>,
    pub(crate) health: Arc<Health>,
    pub(crate) shutdown: Shutdown,
}

impl Reader {
    /// Reads until the source ends, it fails for good (which is the error), or the shutdown is requested. A source
    /// whose failure may pass is asked again, for ever.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let outcome = self.read().await;
        if outcome.is_ok()
            && let Some(batch) = self.source.leave()
        {
            self.take_in(batch).await;
        }
        self.buffer.close();
        match &outcome {
            Ok(()) => self.status.ended(),
            Err(reason) => self.status.failed(reason),
        }
        outcome
    }

    async fn take_in(&mut self, mut batch: Batch) {
        let arrived = Some(epoch_ms());
        for message in &mut batch.messages {
            message.arrived = arrived;
            self.health.record_in(message.payload.len());
            self.status.message_in(message.payload.len());
        }
        self.buffer.push(batch, &self.shutdown).await;
    }

    async fn read(&mut self) -> Result<(), String> {
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        let shutdown = self.shutdown.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                next = self.source.next() => next,
            };
            match next {
                Ok(Some(batch)) => {
                    backoff.reset();
                    self.status.connected();
                    self.take_in(batch).await;
                }
                Ok(None) => return Ok(()),
                // Whoever runs the source counts it.
                Err(SourceError::Permanent(reason)) => return Err(reason),
                Err(SourceError::Transient { reason, retry_after }) => {
                    let source = self.status.source();
                    self.health.failed(ErrorKind::Source, &format!("source {source}: {reason}"));
                    self.status.reconnecting(&reason);
                    let delay = backoff.next_delay();
                    let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
                    shutdown.sleep(delay.max(asked)).await;
                }
            }
        }
    }
}
