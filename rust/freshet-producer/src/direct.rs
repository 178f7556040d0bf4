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

use freshet_core::stopping::{PRODUCER_ACKNOWLEDGEMENTS, PRODUCER_FLUSH, PRODUCER_LAST_RECORDS};
use freshet_core::wire::ErrorKind;
use freshet_runtime::Health;
use freshet_runtime::log_limit::LogLimit;
use freshet_sources::{Acknowledge, Batch, Message, Opened, Record, SourceStatus};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::Producer;
use tokio::sync::{mpsc, watch};

use crate::buffer::Buffer;
use crate::client::{self, Client, Deliveries, Outgoing, Refused, is_fatal, is_too_large};
use crate::letters::Rejected;
use crate::task::{SourceTask, TaskError};

const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);
/// In the tag of a dead letter: it stands for a record of the same batch.
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

/// Which batches are confirmed. It counts per batch: records are too many for an entry each.
#[derive(Debug, Default)]
struct Progress {
    /// The batches that are not durable yet, in the order in which they were begun.
    batches: VecDeque<Pending>,
    /// How many were durable and left: the tag of the first of those above.
    left: usize,
}

/// A batch that is not durable yet.
#[derive(Debug, Default)]
struct Pending {
    /// How many of its records are done with: confirmed, refused, or given up.
    finished: usize,
    /// How many it has, and the source's number of it; `None` while it is being sent.
    whole: Option<(usize, u64)>,
}

impl Pending {
    /// The number of the batch, when it is durable.
    fn durable(&self) -> Option<u64> {
        self.whole.filter(|(records, _)| self.finished == *records).map(|(_, number)| number)
    }
}

impl Progress {
    /// Begins a batch; gives the tag of its records.
    fn begin(&mut self) -> usize {
        self.batches.push_back(Pending::default());
        self.left + self.batches.len() - 1
    }

    fn pending(&mut self, tag: usize) -> Option<&mut Pending> {
        self.batches.get_mut((tag & !LETTER).checked_sub(self.left)?)
    }

    /// Takes out the batches that are durable, up to the first one that is not; gives the number of the last of them.
    fn advance(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some(number) = self.batches.front().and_then(Pending::durable) {
            self.batches.pop_front();
            self.left += 1;
            last = Some(number);
        }
        last
    }
}

impl Tally {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a batch; gives the tag of its records.
    fn begin(&self) -> usize {
        self.progress().begin()
    }

    /// Says that so many records of a batch were sent, and that these are all.
    fn end(&self, tag: usize, records: usize, number: u64) {
        self.change(tag, |batch| batch.whole = Some((records, number)));
    }

    /// Says that one record of a batch is done with.
    fn finish(&self, tag: usize) {
        self.change(tag, |batch| batch.finished += 1);
    }

    fn change(&self, tag: usize, change: impl FnOnce(&mut Pending)) {
        let mut progress = self.progress();
        if let Some(batch) = progress.pending(tag) {
            change(batch);
        }
        // Told while it is locked, so that no smaller number comes after a larger one.
        if let Some(number) = progress.advance() {
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
    reader.map_err(|error| TaskError::panicked(&error))?.map_err(TaskError::Source)
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
        let tag = self.tally.begin();
        let mut sent = 0;
        for message in batch.messages {
            sent += self.send_message(tag, message).await?;
        }
        self.tally.end(tag, sent, batch.number);
        Ok(())
    }

    /// Sends what becomes of a message; gives how many records, or dead letters in their place, that is.
    async fn send_message(&mut self, tag: usize, message: Message) -> Result<usize, TaskError> {
        let message = match self.task.source.transform.pass(message) {
            Ok(record) => return self.send_record(tag, record).await.map(|()| 1),
            Err(message) => message,
        };
        match self.task.source.transform.apply(&message) {
            Ok(records) => {
                let count = records.len();
                for record in records {
                    self.send_record(tag, record).await?;
                }
                Ok(count)
            }
            Err(error) => {
                let rejected = Rejected::message(&message, &error.to_string());
                self.send_letter(tag, &rejected).await.map(|()| 1)
            }
        }
    }

    async fn send_record(&mut self, tag: usize, record: Record) -> Result<(), TaskError> {
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

    /// Sends a dead letter in the place of a record of the batch with the tag; what the client does not take as a whole
    /// is shortened.
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
                    shortened += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_core::wire::Component;
    use proptest::prelude::*;

    fn tally() -> (Tally, watch::Receiver<u64>) {
        let durable = watch::Sender::new(0);
        let receiver = durable.subscribe();
        let tally = Tally {
            health: Arc::new(Health::new(Component::Producer)),
            status: Arc::new(SourceStatus::new("test")),
            progress: Mutex::default(),
            durable,
            too_large: mpsc::unbounded_channel().0,
            undelivered: AtomicU64::new(0),
            complaints: LogLimit::every(COMPLAINT_INTERVAL),
        };
        (tally, receiver)
    }

    #[test]
    fn a_batch_is_durable_when_all_its_records_and_those_of_all_before_are() {
        let (tally, durable) = tally();
        let [first, second] = [tally.begin(), tally.begin()];
        tally.finish(second);
        tally.end(second, 1, 20);
        tally.finish(first);
        assert_eq!(*durable.borrow(), 0, "the first one may have more records");
        tally.end(first, 2, 10);
        assert_eq!(*durable.borrow(), 0);
        // Also when it was a dead letter.
        tally.finish(first | LETTER);
        assert_eq!(*durable.borrow(), 20);
        let third = tally.begin();
        tally.end(third, 0, 30);
        assert_eq!(*durable.borrow(), 30, "nothing to wait for");
        assert!(tally.progress().batches.is_empty());
    }

    proptest! {
        /// In whatever order records are confirmed, a batch is durable at once when it can be, and never before.
        #[test]
        fn batches_become_durable_in_order(
            sizes in prop::collection::vec(0_usize..4, 1..20),
            order in prop::collection::vec(any::<prop::sample::Index>(), 60),
        ) {
            let (tally, durable) = tally();
            let mut left = sizes.clone();
            let mut waiting = Vec::new();
            for (number, size) in (1..).zip(&sizes) {
                let tag = tally.begin();
                tally.end(tag, *size, number);
                waiting.extend(std::iter::repeat_n(tag, *size));
            }
            for index in order.into_iter().take(waiting.len()) {
                let tag = waiting.swap_remove(index.index(waiting.len()));
                left[tag] -= 1;
                tally.finish(tag);
                let expected = left.iter().take_while(|left| **left == 0).count() as u64;
                prop_assert_eq!(*durable.borrow(), expected);
            }
        }
    }
}
