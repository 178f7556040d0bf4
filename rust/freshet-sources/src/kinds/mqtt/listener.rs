//! What the producer asks for messages, and what it tells of their delivery.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use freshet_runtime::Shutdown;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use super::Subscription;
use super::connection::{Connection, Ended, Past};
use super::inbox::{Inbox, Receipt, Received};
use crate::source::{Acknowledge, Batch, Context, Opened, Source, SourceError};

/// At the end the last acknowledgements have so long to get to the broker.
const LAST_ACKNOWLEDGEMENTS: Duration = Duration::from_secs(1);

/// What is to be acknowledged, by the number of its batch.
#[derive(Default)]
struct Unacknowledged(Mutex<VecDeque<(u64, Vec<Receipt>)>>);

impl Unacknowledged {
    fn batches(&self) -> MutexGuard<'_, VecDeque<(u64, Vec<Receipt>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, number: u64, receipts: Vec<Receipt>) {
        if !receipts.is_empty() {
            self.batches().push_back((number, receipts));
        }
    }

    /// Takes out those of the batches up to that number.
    fn take(&self, number: u64) -> Vec<Receipt> {
        let mut batches = self.batches();
        let count = batches.partition_point(|(of_batch, _)| *of_batch <= number);
        batches.drain(..count).flat_map(|(_, receipts)| receipts).collect()
    }
}

/// The messages of a broker.
pub(super) struct Listener {
    subscription: Arc<Subscription>,
    context: Context,
    inbox: Arc<Inbox>,
    unacknowledged: Arc<Unacknowledged>,
    connection: Option<JoinHandle<Ended>>,
    past: Past,
    /// What became of the last connection while its last messages were taken.
    failure: Option<SourceError>,
    /// Of the last batch.
    number: u64,
    /// The connection lasts as long as somebody has one of these.
    need: watch::Sender<()>,
}

impl Listener {
    pub(super) fn open(subscription: Arc<Subscription>, context: Context) -> Opened {
        let (unacknowledged, need) = (Arc::<Unacknowledged>::default(), watch::Sender::new(()));
        let acknowledger = subscription.is_acknowledged.then(|| {
            Box::new(Acknowledger {
                unacknowledged: Arc::clone(&unacknowledged),
                shutdown: context.shutdown.clone(),
                _need: need.clone(),
            }) as Box<dyn Acknowledge>
        });
        let source = Self {
            subscription,
            context,
            inbox: Arc::default(),
            unacknowledged,
            connection: None,
            past: Past::default(),
            failure: None,
            number: 0,
            need,
        };
        Opened { source: Box::new(source), acknowledge: acknowledger }
    }

    fn connect(&self) -> JoinHandle<Ended> {
        let connection = Connection::new(
            Arc::clone(&self.subscription),
            self.context.clone(),
            Arc::clone(&self.inbox),
            self.past,
        );
        tokio::spawn(connection.run(self.need.subscribe()))
    }

    fn batch(&mut self, received: Vec<Received>) -> Batch {
        let mut receipts = Vec::new();
        let mut messages = Vec::new();
        for received in received {
            messages.extend(received.message);
            receipts.extend(received.receipt);
        }
        self.number += 1;
        self.unacknowledged.add(self.number, receipts);
        Batch { messages, number: self.number, ..Batch::default() }
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) {
        self.connection = None;
        self.failure = Some(match ended {
            Ok(ended) => {
                self.past = ended.past;
                ended.failure
            }
            Err(error) => SourceError::transient(format!("a fault in the source: {error}")),
        });
    }

    async fn next_batch(&mut self) -> Result<Batch, SourceError> {
        loop {
            if let Some(received) = self.inbox.take() {
                return Ok(self.batch(received));
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.connection.is_none() {
                self.connection = Some(self.connect());
            }
            let Some(connection) = &mut self.connection else { continue };
            let ended = tokio::select! {
                biased;
                () = self.inbox.arrived() => continue,
                ended = connection => ended,
            };
            self.ended(ended);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

#[async_trait]
impl Source for Listener {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        self.next_batch().await.map(Some)
    }

    /// What nobody sends again.
    fn leave(&mut self) -> Option<Batch> {
        let mut left = Vec::new();
        while let Some(received) = self.inbox.take() {
            left.extend(received.into_iter().filter(|received| received.receipt.is_none()));
        }
        (!left.is_empty()).then(|| self.batch(left))
    }
}

/// Tells the broker what it need not keep any more.
struct Acknowledger {
    unacknowledged: Arc<Unacknowledged>,
    shutdown: Shutdown,
    _need: watch::Sender<()>,
}

#[async_trait]
impl Acknowledge for Acknowledger {
    async fn acknowledged(&mut self, number: u64) -> Result<(), SourceError> {
        let mut last = None;
        for receipt in self.unacknowledged.take(number) {
            last = Some(receipt.give());
        }
        // Otherwise they go out by and by.
        if self.shutdown.is_requested()
            && let Some(unsent) = last
        {
            let mut unsent = unsent.subscribe();
            let sent = timeout(LAST_ACKNOWLEDGEMENTS, unsent.wait_for(|unsent| *unsent == 0)).await;
            if sent.is_err() {
                return Err(SourceError::transient(
                    "the broker does not take the acknowledgements",
                ));
            }
        }
        Ok(())
    }
}
