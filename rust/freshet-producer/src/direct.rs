//! Delivery of sources that cannot resume, and of those that acknowledge: each record at least once, without
//! transactions.
//!
//! librdkafka's idempotent producer neither loses nor repeats nor reorders a record as long as the process lives. A
//! source that acknowledges hears of a batch once Kafka has confirmed all of its records and those of all batches
//! before.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use freshet_core::stopping::{PRODUCER_ACKNOWLEDGEMENTS, PRODUCER_FLUSH, PRODUCER_LAST_RECORDS};
use freshet_sources::{Acknowledge, Batch, Message, Opened, Record};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::Producer;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::buffer::Buffer;
use crate::client::{self, Client, Deliveries, Outgoing, is_fatal, is_too_large};
use crate::letters::Rejected;
use crate::retries::Retries;
use crate::tally::{LETTER, Tally, Trouble};
use crate::task::{SourceTask, TaskError};

/// What there is to do next.
enum Next {
    Batch(Batch),
    Trouble(Trouble),
}

/// A source's way into Kafka.
struct Direct<'t> {
    task: &'t SourceTask,
    client: Client,
    tally: Arc<Tally>,
    troubles: mpsc::UnboundedReceiver<Trouble>,
    finished: watch::Receiver<usize>,
    headers: OwnedHeaders,
    letters: u64,
    acknowledges: bool,
    /// Messages of the batch that is being sent which were not sent yet.
    unsent: u64,
}

/// Delivers what a source yields until it ends, fails for good, or the shutdown is requested.
///
/// When Kafka refuses a record of a source that acknowledges, client and source are opened anew: what was not
/// acknowledged comes again, and nothing after it was.
pub(crate) async fn run(task: &SourceTask) -> Result<(), TaskError> {
    let mut retries = Retries::new(Instant::now());
    loop {
        match run_once(task).await {
            Err(refused @ TaskError::Refused(_)) if !task.shutdown.is_requested() => {
                task.status.reconnecting(&refused.to_string());
                task.shutdown.sleep(retries.delay(Instant::now(), None)).await;
                retries.tried_again(Instant::now());
            }
            Err(TaskError::Refused(_)) => return Ok(()),
            ended => return ended,
        }
    }
}

async fn run_once(task: &SourceTask) -> Result<(), TaskError> {
    let (told, troubles) = mpsc::unbounded_channel();
    let tally = Arc::new(Tally::new(Arc::clone(&task.health), Arc::clone(&task.status), told));
    let Opened { source, acknowledge } = task.open(None)?;
    let acknowledges = acknowledge.is_some();
    let acknowledging = acknowledge.map(|acknowledge| {
        let name = task.name().to_owned();
        tokio::spawn(acknowledge_all(acknowledge, tally.durable(), name))
    });
    // Read before Kafka is asked for anything: a source with a spool does not wait for it.
    let (buffer, reading) = task.read(source, None);
    let has_topics = task.topics_are_there().await;
    let deliveries: Arc<dyn Deliveries> = Arc::<Tally>::clone(&tally);
    let client = match client::open(&task.client_settings().await, deliveries) {
        Ok(client) => client,
        Err(error) => {
            reading.abort();
            return Err(error.into());
        }
    };
    let mut direct = Direct {
        task,
        client,
        tally: Arc::clone(&tally),
        troubles,
        finished: tally.finished(),
        headers: client::headers(task.name()),
        letters: 0,
        acknowledges,
        unsent: 0,
    };
    let delivered =
        if has_topics { direct.deliver(&buffer).await } else { direct.give_up(&buffer).await };
    if delivered.is_err() {
        reading.abort();
    }
    direct.flush().await;
    let reader = reading.await;
    direct.settle(&buffer).await;
    if let Some(acknowledging) = acknowledging {
        // The last confirmations are told before the source is left.
        drop(direct);
        drop(tally);
        if timeout(PRODUCER_ACKNOWLEDGEMENTS, acknowledging).await.is_err() {
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
    async fn deliver(&mut self, buffer: &Arc<Buffer>) -> Result<(), TaskError> {
        let shutdown = self.task.shutdown.clone();
        let mut patience = pin!(async {
            shutdown.requested().await;
            tokio::time::sleep(PRODUCER_LAST_RECORDS).await;
        });
        let has_spool = self.task.source.delivery.spool.is_some();
        loop {
            let next = tokio::select! {
                biased;
                () = &mut patience => return self.give_up(buffer).await,
                Ok(()) = self.finished.changed(), if has_spool => {
                    let finished = *self.finished.borrow_and_update();
                    buffer.confirmed(finished).await;
                    continue;
                }
                Some(trouble) = self.troubles.recv() => Next::Trouble(trouble),
                next = buffer.pop() => match next {
                    Some(batch) => Next::Batch(batch),
                    None => return Ok(()),
                },
            };
            let done = tokio::select! {
                biased;
                done = self.take(next) => Some(done),
                () = &mut patience => None,
            };
            match done {
                Some(done) => done?,
                None => return self.give_up(buffer).await,
            }
        }
    }

    async fn take(&mut self, next: Next) -> Result<(), TaskError> {
        match next {
            Next::Batch(batch) => self.send(batch).await,
            Next::Trouble(trouble) => self.see_to(trouble).await,
        }
    }

    async fn see_to(&mut self, trouble: Trouble) -> Result<(), TaskError> {
        match trouble {
            Trouble::TooLarge { tag, rejected } => self.send_letter(tag, &rejected).await,
            // What was not acknowledged comes again, to a client that is opened anew.
            Trouble::Lost(error) if self.acknowledges => Err(TaskError::Refused(error)),
            Trouble::Lost(_) => Ok(()),
        }
    }

    async fn send(&mut self, batch: Batch) -> Result<(), TaskError> {
        let tag = self.tally.begin();
        self.unsent = batch.messages.len() as u64;
        let mut sent = 0;
        for message in batch.messages {
            self.unsent -= 1;
            sent += self.send_message(tag, message).await?;
        }
        self.tally.end(tag, sent, batch.number);
        Ok(())
    }

    /// Sends what becomes of a message; gives how many records, or dead letters in their place, that is.
    async fn send_message(&mut self, tag: usize, message: Message) -> Result<usize, TaskError> {
        let arrived = message.arrived;
        let message = match self.task.source.transform.pass(message) {
            Ok(record) => return self.send_record(tag, record, arrived).await.map(|()| 1),
            Err(message) => message,
        };
        match self.task.source.transform.apply(&message) {
            Ok(records) => {
                let count = records.len();
                for record in records {
                    self.send_record(tag, record, arrived).await?;
                }
                Ok(count)
            }
            Err(error) => {
                let rejected = Rejected::message(&message, &error.to_string());
                self.tally.sending();
                self.send_letter(tag, &rejected).await.map(|()| 1)
            }
        }
    }

    /// Sends a record with the time at which its message came: it may have waited for long.
    async fn send_record(
        &mut self,
        tag: usize,
        record: Record,
        arrived: Option<i64>,
    ) -> Result<(), TaskError> {
        self.tally.sending();
        let outgoing = Outgoing {
            topic: &self.task.topic,
            key: record.key.as_deref(),
            payload: &record.payload,
            tag,
            timestamp: arrived,
        };
        match client::send(&self.client, outgoing, &self.headers).await {
            Ok(()) => Ok(()),
            Err(error) if is_fatal(&error) => Err(error.into()),
            Err(error) if is_too_large(&error) => {
                self.send_letter(tag, &Rejected::record(record)).await
            }
            Err(error) => {
                self.tally.lose(tag, &error);
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
                timestamp: None,
            };
            let headers = rejected.headers(self.task.name(), &self.task.topic, letter);
            match client::send(&self.client, outgoing, &headers).await {
                Ok(()) => return Ok(()),
                Err(error) if is_fatal(&error) => return Err(error.into()),
                Err(error) if is_too_large(&error) && letter.shortened().is_some() => {
                    shortened += 1;
                }
                Err(error) => {
                    self.tally.lose(tag, &error);
                    return Ok(());
                }
            }
        }
    }

    /// Counts what the stop has left no time for; a spool takes it.
    async fn give_up(&self, buffer: &Arc<Buffer>) -> Result<(), TaskError> {
        if self.task.source.delivery.spool.is_some() || self.acknowledges {
            return Ok(());
        }
        let mut messages = self.unsent;
        buffer.close();
        while let Some(batch) = buffer.pop().await {
            messages += batch.messages.len() as u64;
        }
        self.tally.no_time_for(messages);
        Ok(())
    }

    /// Sends what is queued, and the dead letters of what the topic does not take of it.
    async fn flush(&mut self) {
        let until = Instant::now() + PRODUCER_FLUSH;
        let left = || until.saturating_duration_since(Instant::now());
        loop {
            let (client, patience) = (self.client.clone(), left());
            let flushed = tokio::task::spawn_blocking(move || client.flush(patience));
            if let Ok(Err(error)) = flushed.await {
                tracing::warn!(source = self.task.name(), %error, "Kafka did not take the rest in time");
                return;
            }
            if self.troubles.is_empty() {
                return;
            }
            while let Ok(trouble) = self.troubles.try_recv() {
                // What is not seen to in time is counted, or comes again.
                if !matches!(timeout(left(), self.see_to(trouble)).await, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }

    /// Leaves what has not arrived in the spool, or counts it.
    async fn settle(&self, buffer: &Arc<Buffer>) {
        let finished = *self.finished.borrow();
        buffer.confirmed(finished).await;
        let undelivered = match buffer.keep().await {
            Some(without_place) => {
                self.tally.no_time_for(without_place);
                self.tally.lost()
            }
            None => self.tally.undelivered(),
        };
        if !self.acknowledges {
            self.task.undelivered(undelivered);
        } else if undelivered > 0 {
            let source = self.task.name();
            tracing::info!(
                source,
                undelivered,
                "what is not in Kafka was not acknowledged, and comes again"
            );
        }
        if let Some(bytes) = self.task.status.spooled_bytes().filter(|bytes| *bytes > 0) {
            let source = self.task.name();
            tracing::info!(
                source,
                bytes,
                "what is not in Kafka is in the spool, for the next start"
            );
        }
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
