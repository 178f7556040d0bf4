//! Delivery of sources that cannot resume, and of those that acknowledge: each record at least once, without
//! transactions.
//!
//! librdkafka's idempotent producer neither loses nor repeats nor reorders a record as long as the process lives. A
//! source that acknowledges hears of a batch once Kafka has confirmed all of its records and those of all batches
//! before.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freshet_core::contiguous::Contiguous;
use freshet_core::stopping::{PRODUCER_ACKNOWLEDGEMENTS, PRODUCER_FLUSH, PRODUCER_LAST_RECORDS};
use freshet_core::wire::ErrorKind;
use freshet_runtime::Health;
use freshet_runtime::log_limit::LogLimit;
use freshet_sources::{Acknowledge, Batch, Opened, Record, SourceStatus};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::Producer;
use tokio::sync::{mpsc, watch};

use crate::buffer::Buffer;
use crate::client::{self, Client, Deliveries, Outgoing, Refused, is_fatal, is_too_large};
use crate::letters::Rejected;
use crate::task::{SourceTask, TaskError};

const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);
/// In the tag of a dead letter: it stands for the record of the same number.
const LETTER: usize = 1 << (usize::BITS - 1);

/// What became of the records of one source.
#[derive(Debug)]
struct Tally {
    health: Arc<Health>,
    status: Arc<SourceStatus>,
    progress: Mutex<Progress>,
    /// The last batch of which everything is durable.
    durable: watch::Sender<u64>,
    /// Records that the topic does not take: to become dead letters.
    too_large: mpsc::UnboundedSender<(usize, Rejected)>,
    /// Records that Kafka refused, or that were still waiting at the end.
    undelivered: AtomicU64,
    complaints: LogLimit,
}

/// Which records are confirmed, by the number under which they were sent.
#[derive(Debug, Default)]
struct Progress {
    records: Contiguous,
    /// Of each batch that is not durable yet: the number after its last record, and its own.
    batches: VecDeque<(i64, u64)>,
}

impl Tally {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tag of the next record.
    fn next(&self) -> usize {
        let mut progress = self.progress();
        let number = progress.records.end();
        progress.records.receive(number);
        usize::try_from(number).unwrap_or_default()
    }

    fn batch_ends(&self, number: u64) {
        let mut progress = self.progress();
        let end = progress.records.end();
        progress.batches.push_back((end, number));
        self.advance(&mut progress);
    }

    fn finish(&self, tag: usize) {
        let number = i64::try_from(tag & !LETTER).unwrap_or_default();
        let mut progress = self.progress();
        progress.records.finish(number);
        self.advance(&mut progress);
    }

    fn advance(&self, progress: &mut Progress) {
        let done = progress.records.done();
        while let Some((end, number)) = progress.batches.front().copied()
            && end <= done
        {
            progress.batches.pop_front();
            self.durable.send_replace(number);
        }
    }

    fn lost(&self, error: &KafkaError) {
        self.undelivered.fetch_add(1, Ordering::Relaxed);
        match error.rdkafka_error_code() {
            Some(code) => self.health.kafka_failed(&format!("{code:?}"), &error.to_string()),
            None => self.health.failed(ErrorKind::OtherDelivery, &error.to_string()),
        }
        if let Some(held_back) = self.complaints.permit() {
            tracing::error!(%error, held_back, "a record was not delivered");
        }
    }
}

impl Deliveries for Tally {
    fn delivered(&self, tag: usize, bytes: usize) {
        if tag & LETTER == 0 {
            self.health.records_out(1, bytes);
            self.status.records_out(1);
        }
        self.finish(tag);
    }

    fn refused(&self, tag: usize, record: Refused<'_>, error: &KafkaError) {
        if tag & LETTER == 0 && is_too_large(error) {
            let (key, payload) = (record.key.map(<[u8]>::to_vec), record.payload.to_vec());
            // Its letter finishes it.
            drop(self.too_large.send((tag, Rejected::record(Record { key, payload }))));
            return;
        }
        self.lost(error);
        self.finish(tag);
    }
}

/// A source's way into Kafka.
struct Direct<'t> {
    task: &'t SourceTask,
    client: Client,
    tally: Arc<Tally>,
    too_large: mpsc::UnboundedReceiver<(usize, Rejected)>,
    headers: OwnedHeaders,
    letters: u64,
}

/// Delivers what a source yields until it ends, fails for good, or the shutdown is requested.
pub(crate) async fn run(task: &SourceTask) -> Result<(), TaskError> {
    let (too_large, refused) = mpsc::unbounded_channel();
    let tally = Arc::new(Tally {
        health: Arc::clone(&task.health),
        status: Arc::clone(&task.status),
        progress: Mutex::default(),
        durable: watch::Sender::new(0),
        too_large,
        undelivered: AtomicU64::new(0),
        complaints: LogLimit::every(COMPLAINT_INTERVAL),
    });
    let deliveries: Arc<dyn Deliveries> = Arc::<Tally>::clone(&tally);
    let client = client::open(&client::settings(&task.config.kafka), deliveries)?;
    let headers = client::headers(task.name());
    let mut direct =
        Direct { task, client, tally: Arc::clone(&tally), too_large: refused, headers, letters: 0 };
    let Opened { source, acknowledge } = task.open(None)?;
    let acknowledging = acknowledge.map(|acknowledge| {
        let name = task.name().to_owned();
        tokio::spawn(acknowledge_all(acknowledge, tally.durable.subscribe(), name))
    });
    let (buffer, reading) = task.read(source);
    let delivered = direct.deliver(&buffer).await;
    direct.flush().await;
    let reader = reading.await;
    if let Some(acknowledging) = acknowledging {
        // The last confirmations are told before the source is left.
        drop(direct);
        drop(tally);
        if tokio::time::timeout(PRODUCER_ACKNOWLEDGEMENTS, acknowledging).await.is_err() {
            tracing::warn!(
                source = task.name(),
                "not all was acknowledged in time; it will come again"
            );
        }
    }
    delivered?;
    reader.map_err(TaskError::panicked)?.map_err(TaskError::Source)
}

impl Direct<'_> {
    async fn deliver(&mut self, buffer: &Buffer) -> Result<(), TaskError> {
        let shutdown = self.task.shutdown.clone();
        let mut patience = pin!(async {
            shutdown.requested().await;
            tokio::time::sleep(PRODUCER_LAST_RECORDS).await;
        });
        loop {
            let next = tokio::select! {
                biased;
                () = &mut patience => return self.give_up(buffer).await,
                Some((tag, rejected)) = self.too_large.recv() => {
                    self.send_letter(tag, &rejected).await?;
                    continue;
                }
                next = buffer.pop() => next,
            };
            let Some(batch) = next else { return Ok(()) };
            let sent = tokio::select! {
                biased;
                sent = self.send(batch) => Some(sent),
                () = &mut patience => None,
            };
            match sent {
                Some(sent) => sent?,
                None => return self.give_up(buffer).await,
            }
        }
    }

    async fn send(&mut self, batch: Batch) -> Result<(), TaskError> {
        for message in batch.messages {
            match self.task.source.transform.apply(&message) {
                Ok(records) => {
                    for record in records {
                        self.send_record(record).await?;
                    }
                }
                Err(error) => {
                    let rejected = Rejected::message(&message, &error.to_string());
                    let tag = self.tally.next();
                    self.send_letter(tag, &rejected).await?;
                }
            }
        }
        self.tally.batch_ends(batch.number);
        Ok(())
    }

    async fn send_record(&mut self, record: Record) -> Result<(), TaskError> {
        let tag = self.tally.next();
        let outgoing = Outgoing {
            topic: &self.task.topic,
            key: record.key.as_deref(),
            payload: &record.payload,
            tag,
        };
        match client::send(&self.client, outgoing, &self.headers).await {
            Ok(()) => Ok(()),
            Err(error) if is_fatal(&error) => Err(error.into()),
            Err(error) if is_too_large(&error) => {
                self.send_letter(tag, &Rejected::record(record)).await
            }
            Err(error) => {
                self.tally.lost(&error);
                self.tally.finish(tag);
                Ok(())
            }
        }
    }

    /// Sends a dead letter in the place of what has the tag; what the client does not take as a whole is shortened.
    async fn send_letter(&mut self, tag: usize, rejected: &Rejected) -> Result<(), TaskError> {
        self.task.status.rejected(rejected.detail());
        self.letters += 1;
        let key = self.task.letter_key(&self.letters.to_string());
        let topic = self.task.config.kafka.dead_letters_topic();
        let mut shortened = 0;
        loop {
            let letter = rejected.letter(shortened);
            let outgoing = Outgoing {
                topic: &topic,
                key: Some(key.as_bytes()),
                payload: letter.value,
                tag: tag | LETTER,
            };
            let headers = rejected.headers(self.task.name(), &self.task.topic, letter);
            match client::send(&self.client, outgoing, &headers).await {
                Ok(()) => return Ok(()),
                Err(error) if is_fatal(&error) => return Err(error.into()),
                Err(error) if is_too_large(&error) && letter.shortened().is_some() => {
                    shortened += 1
                }
                Err(error) => {
                    self.tally.lost(&error);
                    self.tally.finish(tag);
                    return Ok(());
                }
            }
        }
    }

    /// Counts what the stop has left no time for.
    async fn give_up(&self, buffer: &Buffer) -> Result<(), TaskError> {
        let mut records = 0;
        buffer.close();
        while let Some(batch) = buffer.pop().await {
            records += batch.messages.len() as u64;
        }
        self.tally.undelivered.fetch_add(records, Ordering::Relaxed);
        self.tally.health.errors(ErrorKind::NoTimeToSend, records);
        Ok(())
    }

    /// Sends what is queued, and counts what has not arrived.
    async fn flush(&mut self) {
        let client = self.client.clone();
        let flushed = tokio::task::spawn_blocking(move || client.flush(PRODUCER_FLUSH));
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(source = self.task.name(), %error, "Kafka did not take the rest in time");
        }
        let queued = u64::try_from(self.client.in_flight_count()).unwrap_or(0);
        self.task.undelivered(queued + self.tally.undelivered.load(Ordering::Relaxed));
    }
}

/// Tells a source which of its batches are durable, until no more of them can become so.
async fn acknowledge_all(
    mut acknowledge: Box<dyn Acknowledge>,
    mut durable: watch::Receiver<u64>,
    source: String,
) {
    loop {
        let number = *durable.borrow_and_update();
        if number > 0
            && let Err(error) = acknowledge.acknowledged(number).await
        {
            tracing::warn!(source, %error, "messages were not acknowledged; they will come again");
        }
        if durable.changed().await.is_err() {
            return;
        }
    }
}
