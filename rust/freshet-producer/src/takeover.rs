//! Whose a source's transactions are: opening them takes them over from whoever had them, and a client that may send no
//! more finds out who has taken them over.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use freshet_runtime::Backoff;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer;

use crate::client::{self, Client, Deliveries, Refused, is_too_large};
use crate::cursors::{self, CursorRecord};
use crate::task::{SourceTask, TaskError};

/// How long one question to the brokers may take; it is asked again.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const FIRST_DELAY: Duration = Duration::from_millis(250);
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(10);
/// How long whoever has taken a source over may need to say so.
const CLAIM_PATIENCE: Duration = Duration::from_secs(10);
const CLAIM_INTERVAL: Duration = Duration::from_millis(250);

/// Which of a transaction's records a topic does not take, by their place in it.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Vec<usize>>);

impl Refusals {
    pub(crate) fn take(&self) -> Vec<usize> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Deliveries for Refusals {
    fn delivered(&self, _: usize, _: usize) {}

    fn refused(&self, tag: usize, _: Refused<'_>, error: &KafkaError) {
        // Everything else fails the transaction and needs no place.
        if is_too_large(error) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tag);
        }
    }
}

/// Opens a client for the source's transactions, and reads where the source goes on. What was open under an earlier
/// client is decided by then. Asks as long as Kafka is away.
pub(crate) async fn take_over(
    task: &SourceTask,
    settings: &ClientConfig,
    refusals: &Arc<Refusals>,
) -> Result<(Client, Option<CursorRecord>), TaskError> {
    let kafka = Arc::new(task.config.kafka.clone());
    let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
    loop {
        let deliveries: Arc<dyn Deliveries> = Arc::<Refusals>::clone(refusals);
        let client = client::open(settings, deliveries)?;
        let taken =
            match blocking(&client, |client| client.init_transactions(REQUEST_TIMEOUT)).await {
                Ok(()) => cursors::read(&kafka, task.name()).await,
                Err(error) => Err(error),
            };
        match taken {
            Ok(stored) => {
                task.health.no_longer_waits_for(&wait_of(task.name()));
                return Ok((client, stored));
            }
            Err(error) => {
                let (source, reason) = (task.name(), error.to_string());
                tracing::warn!(
                    source,
                    reason,
                    "the source's transactions cannot be opened yet; trying again"
                );
                task.health.wait_for(
                    wait_of(source),
                    &format!("Kafka, for transactions of source {source}: {reason}"),
                );
                drop(tokio::task::spawn_blocking(move || drop(client)));
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }
}

/// What [`freshet_runtime::Health::wait_for`] says of a source's transactions: one that goes on does not speak for the
/// others.
pub(crate) fn wait_of(source: &str) -> String {
    format!("transactions of {source}")
}

/// Who else has claimed the source; waits a while for the claim.
pub(crate) async fn other_claim(task: &SourceTask) -> Option<String> {
    let kafka = Arc::new(task.config.kafka.clone());
    let until = Instant::now() + CLAIM_PATIENCE;
    while Instant::now() < until {
        if let Ok(Some(stored)) = cursors::read(&kafka, task.name()).await
            && stored.instance != task.instance
        {
            return Some(stored.instance);
        }
        tokio::time::sleep(CLAIM_INTERVAL).await;
    }
    None
}

/// Calls the client on a thread that may wait.
pub(crate) async fn blocking(
    client: &Client,
    call: impl FnOnce(&Client) -> KafkaResult<()> + Send + 'static,
) -> KafkaResult<()> {
    let client = client.clone();
    let called = tokio::task::spawn_blocking(move || call(&client));
    called.await.unwrap_or(Err(KafkaError::Canceled))
}

/// Whether the same call may be made again.
pub(crate) fn is_retriable(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.is_retriable(),
        KafkaError::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
        _ => false,
    }
}

/// Whether the client may send no more under the source's id: somebody else uses it, or a transaction has lasted too
/// long.
pub(crate) fn is_fenced(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::Transaction(error) => Some(error.code()),
        error => error.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(
            RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::InvalidProducerEpoch
                | RDKafkaErrorCode::ProducerFenced
        )
    )
}
