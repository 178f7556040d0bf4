//! Asks one source again and again, and puts what it yields into its buffer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_core::wire::ErrorKind;
use freshet_runtime::clock::epoch_ms;
use freshet_runtime::{Backoff, Health, Shutdown};
use freshet_sources::{Batch, Source, SourceError, SourceStatus};

use crate::buffer::Buffer;

const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// A server may ask to be left alone, but not for days.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// What has lasted so long since it was tried again counts as well: a server that sends one message and hangs up does
/// not.
const LASTING: Duration = Duration::from_secs(30);

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
        let mut retries = Retries::new(Instant::now());
        let shutdown = self.shutdown.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                next = self.source.next() => next,
            };
            match next {
                Ok(Some(batch)) => {
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
                    shutdown.sleep(retries.delay(Instant::now(), retry_after)).await;
                    retries.tried_again(Instant::now());
                }
            }
        }
    }
}

/// When a source that has failed is asked again.
struct Retries {
    backoff: Backoff,
    /// When it was asked first, or again.
    tried: Instant,
}

impl Retries {
    fn new(now: Instant) -> Self {
        Self { backoff: Backoff::new(FIRST_DELAY, MAX_DELAY), tried: now }
    }

    /// How long to wait after a failure that comes now, and after which the server may want to be left alone.
    fn delay(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
        if now.duration_since(self.tried) >= LASTING {
            self.backoff.reset();
        }
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.backoff.next_delay().max(asked)
    }

    fn tried_again(&mut self, now: Instant) {
        self.tried = now;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use freshet_core::wire::Component;
    use freshet_sources::{Batch, Message, WhenFull};

    use super::*;

    #[test]
    fn what_never_lasts_is_asked_ever_less_often_and_what_has_lasted_soon() {
        let start = Instant::now();
        let (mut now, mut retries) = (start, Retries::new(start));
        let mut tries = 0;
        while now - start < Duration::from_mins(10) {
            // It sends something each time, and lasts a second.
            now += Duration::from_secs(1);
            now += retries.delay(now, None);
            retries.tried_again(now);
            tries += 1;
        }
        assert!((20..50).contains(&tries), "{tries} in ten minutes");
        now += LASTING;
        assert!(retries.delay(now, None) <= FIRST_DELAY);
        retries.tried_again(now);
        let asked = Some(Duration::from_hours(30));
        assert_eq!(retries.delay(now, asked), MAX_RETRY_AFTER);
    }

    /// Yields one message for each failure, and asks for the stop with the last.
    struct HangsUp {
        calls: usize,
        shutdown: Shutdown,
    }

    const FAILURES: usize = 5;

    impl HangsUp {
        fn answer(&mut self) -> Result<Option<Batch>, SourceError> {
            self.calls += 1;
            if self.calls.is_multiple_of(2) {
                return Err(SourceError::transient("the server has hung up"));
            }
            if self.calls > 2 * (FAILURES - 1) {
                self.shutdown.trigger();
            }
            let message = Message { payload: b"{}".to_vec(), ..Message::default() };
            Ok(Some(Batch { messages: vec![message], ..Batch::default() }))
        }
    }

    impl Source for HangsUp {
        fn next<'s, 'f>(
            &'s mut self,
        ) -> Pin<Box<dyn Future<Output = Result<Option<Batch>, SourceError>> + Send + 'f>>
        where
            's: 'f,
            Self: 'f,
        {
            Box::pin(async { self.answer() })
        }
    }

    #[tokio::test]
    async fn a_message_is_no_proof_that_a_connection_lasts() {
        let (status, shutdown) = (Arc::new(SourceStatus::new("test")), Shutdown::new());
        let source = Box::new(HangsUp { calls: 0, shutdown: shutdown.clone() });
        let buffer = Buffer::new(1 << 20, WhenFull::DropOldest, Arc::clone(&status), None);
        let health = Arc::new(Health::new(Component::Producer));
        let started = Instant::now();
        let status_of = Arc::clone(&status);
        let reader = Reader { source, buffer: Arc::new(buffer), status, health, shutdown };
        reader.run().await.unwrap();
        assert_eq!(status_of.report().messages_in, FAILURES as u64);
        // Each delay is half of its limit at least: 125, 250, 500 and 1,000 ms.
        assert!(started.elapsed() >= Duration::from_millis(1_875), "{:?}", started.elapsed());
    }
}
