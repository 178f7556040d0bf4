//! Delivery of sources that can resume: exactly once.
//!
//! The records of some batches and the cursor after them are one Kafka transaction, as in Kafka Connect's exactly-once
//! sources (KIP-618). The transactional id is the source's, so that whoever opens it last fences all who had it before:
//! two producers of one source do not send it twice.
//!
//! What is sent stays in memory until its transaction is committed. Whatever goes wrong in between (Kafka is away for
//! longer than a transaction may last, or refuses a record) is mended in one way: with a new client, under which what
//! was open is decided, the topic `cursors` says whether the transaction was committed after all; if not, it is sent
//! once more. Every process that opens a source first commits a cursor record with its own name, the claim; so a
//! client that was fenced can tell whether somebody else has taken over or its transaction has just lasted too long.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_core::stopping::PRODUCER_FLUSH;
use freshet_runtime::Backoff;
use freshet_runtime::clock::epoch_ms;
use freshet_sources::{Batch, Cursor, Message, Opened, Record};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::Producer;
use tokio::time::sleep_until;

use crate::buffer::Buffer;
use crate::client::{self, Client, Outgoing, is_too_large};
use crate::cursors::CursorRecord;
use crate::letters::Rejected;
use crate::metrics::TransactionMetrics;
use crate::takeover::{
    FIRST_DELAY, MAX_DELAY, REQUEST_TIMEOUT, Refusals, blocking, is_fenced, is_retriable,
    other_claim, take_over, wait_of,
};
use crate::task::{SourceTask, TaskError};

/// A transaction that has lasted this long is aborted by the brokers: readers wait no longer for a producer that died.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// A transaction is committed early when it has so many bytes or records.
const MAX_BYTES: usize = 4 << 20;
const MAX_RECORDS: usize = 50_000;
/// The tag of the cursor's own record.
const CURSOR: usize = usize::MAX;

/// One thing that a transaction sends.
#[derive(Debug)]
enum Sent {
    Record(Record),
    /// A dead letter, and how often it was shortened.
    Letter(Rejected, usize),
}

/// What is sent and not committed.
#[derive(Debug, Default)]
struct OpenTransaction {
    sent: Vec<Sent>,
    bytes: usize,
    /// Where the source goes on after the last batch in it.
    cursor: Option<Cursor>,
    /// When it has to end.
    due: Option<Instant>,
    /// Why no more of it is sent: it has to be sent anew.
    broken: Option<KafkaError>,
}

impl OpenTransaction {
    fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES || self.sent.len() >= MAX_RECORDS
    }
}

/// A source's way into Kafka.
struct Transactions<'t> {
    task: &'t SourceTask,
    metrics: TransactionMetrics,
    settings: ClientConfig,
    client: Client,
    refusals: Arc<Refusals>,
    headers: OwnedHeaders,
    /// The number of the last transaction that was committed.
    sequence: u64,
    cursor: Option<Cursor>,
    open: OpenTransaction,
}

/// Whether a transaction that had failed has to be sent again.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Committed,
    SendAgain,
}

/// Delivers what a source yields until it ends, fails for good, or the shutdown is requested.
pub(crate) async fn run(task: &SourceTask) -> Result<(), TaskError> {
    let claimed = tokio::select! {
        biased;
        // Nothing was read yet.
        () = task.shutdown.requested() => return Ok(()),
        claimed = Transactions::claim(task) => claimed,
    };
    let mut transactions = claimed?;
    let Opened { source, .. } = task.open(transactions.cursor.as_ref())?;
    let (buffer, reading) = task.read(source, transactions.cursor.clone());
    let delivered = transactions.deliver(&buffer).await;
    if delivered.is_err() {
        reading.abort();
        return delivered;
    }
    reading.await.map_err(|error| TaskError::panicked(&error))?.map_err(TaskError::Source)
}

impl<'t> Transactions<'t> {
    /// Takes the source over from whoever has it, and finds where it goes on.
    async fn claim(task: &'t SourceTask) -> Result<Self, TaskError> {
        let mut settings = task.client_settings().await;
        settings
            .set("transactional.id", task.config.kafka.transactional_id(task.name()))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string())
            // It may not be longer, and what is not delivered by then is sent again by us.
            .set("message.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string());
        let refusals = Arc::new(Refusals::default());
        let metrics = task.metrics.of_transactions(task.name());
        let (client, stored) = take_over(task, &settings, &refusals).await?;
        let headers = client::headers(task.name());
        let (sequence, cursor) =
            stored.map_or((0, None), |record| (record.sequence, record.cursor));
        let open = OpenTransaction { cursor: cursor.clone(), ..OpenTransaction::default() };
        let mut claimed =
            Self { task, metrics, settings, client, refusals, headers, sequence, cursor, open };
        // The claim.
        claimed.begin();
        claimed.commit().await?;
        tracing::info!(source = task.name(), cursor = ?claimed.cursor, "the source goes on");
        Ok(claimed)
    }

    /// Delivers until the source ends, or until a stop has taken as long as it may, whatever Kafka does.
    async fn deliver(&mut self, buffer: &Arc<Buffer>) -> Result<(), TaskError> {
        let (source, shutdown) = (self.task.name(), self.task.shutdown.clone());
        let patience = async {
            shutdown.requested().await;
            tokio::time::sleep(PRODUCER_FLUSH).await;
        };
        tokio::select! {
            biased;
            delivered = self.deliver_all(buffer) => delivered,
            () = patience => {
                tracing::warn!(
                    source,
                    "the last transaction was not committed in time; its records are read again"
                );
                Ok(())
            }
        }
    }

    async fn deliver_all(&mut self, buffer: &Arc<Buffer>) -> Result<(), TaskError> {
        let shutdown = self.task.shutdown.clone();
        let mut stopped = pin!(shutdown.requested());
        loop {
            let due = self.open.due;
            let next = tokio::select! {
                biased;
                // What is in the buffer will be asked for again.
                () = &mut stopped => return self.finish().await,
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    self.commit().await?;
                    continue;
                }
                next = buffer.pop() => next,
            };
            match next {
                Some(batch) => self.add(batch).await?,
                None => return self.finish().await,
            }
            if self.open.is_full() {
                self.commit().await?;
            }
        }
    }

    /// Commits what is open.
    async fn finish(&mut self) -> Result<(), TaskError> {
        if self.open.due.is_none() { Ok(()) } else { self.commit().await }
    }

    /// Sends a batch in the open transaction.
    async fn add(&mut self, batch: Batch) -> Result<(), TaskError> {
        if self.open.due.is_none() {
            self.begin();
        }
        for message in batch.messages {
            self.add_message(message).await;
        }
        if batch.cursor.is_some() {
            self.open.cursor = batch.cursor;
        }
        Ok(())
    }

    async fn add_message(&mut self, message: Message) {
        let transform = &self.task.source.transform;
        let message = match transform.pass(message) {
            Ok(record) => return self.send(Sent::Record(record)).await,
            Err(message) => message,
        };
        match transform.apply(&message) {
            Ok(records) => {
                for record in records {
                    self.send(Sent::Record(record)).await;
                }
            }
            Err(error) => {
                let rejected = Rejected::message(&message, &error.to_string());
                self.send(Sent::Letter(rejected, 0)).await;
            }
        }
    }

    fn begin(&mut self) {
        self.open.due = Some(Instant::now() + self.task.source.delivery.commit_interval);
        if let Err(error) = self.client.begin_transaction() {
            self.open.broken = Some(error);
        }
    }

    /// Notes what is sent, and sends it if the transaction is whole so far.
    async fn send(&mut self, sent: Sent) {
        self.open.bytes += sent.size();
        self.open.sent.push(sent);
        if self.open.broken.is_none() {
            self.send_at(self.open.sent.len() - 1).await;
        }
    }

    async fn send_at(&mut self, place: usize) {
        while let Err(error) = self.try_send_at(place).await {
            if is_too_large(&error) && self.shorten(place) {
                continue;
            }
            self.open.broken = Some(error);
            return;
        }
    }

    async fn try_send_at(&self, place: usize) -> KafkaResult<()> {
        match &self.open.sent[place] {
            Sent::Record(record) => {
                let outgoing = Outgoing {
                    topic: &self.task.topic,
                    key: record.key.as_deref(),
                    payload: &record.payload,
                    tag: place,
                    timestamp: None,
                };
                client::send(&self.client, outgoing, &self.headers).await
            }
            Sent::Letter(rejected, shortened) => {
                let letter = rejected.letter(*shortened);
                let topic = self.task.config.kafka.dead_letters_topic();
                let key = self.task.letter_key(&format!("{}-{place}", self.sequence));
                let outgoing = Outgoing {
                    topic: &topic,
                    key: Some(key.as_bytes()),
                    payload: letter.value,
                    tag: place,
                    timestamp: None,
                };
                let headers = rejected.headers(self.task.name(), &self.task.topic, letter);
                client::send(&self.client, outgoing, &headers).await
            }
        }
    }

    /// Makes a dead letter of a record that is too large, and a shorter one of a letter; false when nothing is left to
    /// be shortened.
    fn shorten(&mut self, place: usize) -> bool {
        let Some(sent) = self.open.sent.get_mut(place) else { return false };
        match sent {
            Sent::Record(record) => {
                *sent = Sent::Letter(Rejected::record(mem::take(record)), 0);
                true
            }
            Sent::Letter(rejected, shortened) => {
                let can_go = rejected.letter(*shortened).shortened().is_some();
                *shortened += usize::from(can_go);
                can_go
            }
        }
    }

    /// Commits the open transaction, however often it has to be sent for it.
    async fn commit(&mut self) -> Result<(), TaskError> {
        let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
        let started = Instant::now();
        while let Err(error) = self.try_commit().await {
            let (source, reason) = (self.task.name(), error.to_string());
            tracing::warn!(
                source,
                reason,
                "a transaction was not committed; asking whether it was"
            );
            let waits = format!("Kafka to take a transaction of source {source}: {reason}");
            self.task.health.wait_for(wait_of(source), &waits);
            if self.recover(&error, &mut backoff).await? == Outcome::Committed {
                break;
            }
            self.metrics.retried();
        }
        self.task.health.no_longer_waits_for(&wait_of(self.task.name()));
        self.metrics.committed(started.elapsed());
        self.committed();
        Ok(())
    }

    fn committed(&mut self) {
        let open = mem::take(&mut self.open);
        self.sequence += 1;
        self.cursor.clone_from(&open.cursor);
        self.open.cursor = open.cursor;
        for sent in &open.sent {
            match sent {
                Sent::Record(record) => {
                    self.task.health.records_out(1, record.payload.len());
                    self.task.status.records_out(1);
                }
                Sent::Letter(rejected, _) => self.task.status.rejected(rejected.detail()),
            }
        }
    }

    async fn try_commit(&mut self) -> KafkaResult<()> {
        if let Some(error) = self.open.broken.take() {
            return Err(error);
        }
        let record = CursorRecord {
            cursor: self.open.cursor.clone(),
            sequence: self.sequence + 1,
            instance: self.task.instance.clone(),
            time: epoch_ms(),
        };
        let payload = serde_json::to_vec(&record).unwrap_or_default();
        let topic = self.task.config.kafka.cursors_topic();
        let outgoing = Outgoing {
            topic: &topic,
            key: Some(self.task.name().as_bytes()),
            payload: &payload,
            tag: CURSOR,
            timestamp: None,
        };
        client::send(&self.client, outgoing, &OwnedHeaders::new()).await?;
        let begun = Instant::now();
        loop {
            let commit = |client: &Client| client.commit_transaction(REQUEST_TIMEOUT);
            match blocking(&self.client, commit).await {
                // librdkafka goes on where it was.
                Err(error) if is_retriable(&error) && begun.elapsed() < TRANSACTION_TIMEOUT => {}
                committed => return committed,
            }
        }
    }

    /// Finds out whether the transaction was committed after all; if it was not, sends it once more.
    async fn recover(
        &mut self,
        error: &KafkaError,
        backoff: &mut Backoff,
    ) -> Result<Outcome, TaskError> {
        for place in self.refusals.take() {
            self.shorten(place);
        }
        if is_fenced(error)
            && let Some(other) = other_claim(self.task).await
        {
            return Err(TaskError::Fenced(other));
        }
        tokio::time::sleep(backoff.next_delay()).await;
        let (client, stored) = take_over(self.task, &self.settings, &self.refusals).await?;
        let former = mem::replace(&mut self.client, client);
        // Its end waits for threads.
        drop(tokio::task::spawn_blocking(move || drop(former)));
        if let Some(stored) = stored.filter(|stored| stored.sequence > self.sequence) {
            return if stored.instance == self.task.instance {
                Ok(Outcome::Committed)
            } else {
                Err(TaskError::Fenced(stored.instance))
            };
        }
        self.open.broken = None;
        if let Err(error) = self.client.begin_transaction() {
            self.open.broken = Some(error);
        }
        for place in 0..self.open.sent.len() {
            if self.open.broken.is_none() {
                self.send_at(place).await;
            }
        }
        Ok(Outcome::SendAgain)
    }
}

impl Sent {
    fn size(&self) -> usize {
        match self {
            Self::Record(record) => {
                record.payload.len() + record.key.as_ref().map_or(0, Vec::len) + size_of::<Self>()
            }
            Self::Letter(rejected, _) => rejected.size() + size_of::<Self>(),
        }
    }
}
