//! What became of the records of one source that is delivered without transactions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freshet_core::wire::ErrorKind;
use freshet_runtime::Health;
use freshet_runtime::log_limit::LogLimit;
use freshet_sources::{Record, SourceStatus};
use rdkafka::error::KafkaError;
use tokio::sync::{mpsc, watch};

use crate::client::{Deliveries, Refused, is_too_large};
use crate::letters::Rejected;

const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);
/// In the tag of a dead letter: it stands for a record of the same batch.
pub(crate) const LETTER: usize = 1 << (usize::BITS - 1);

/// What became of the records of one source.
#[derive(Debug)]
pub(crate) struct Tally {
    health: Arc<Health>,
    status: Arc<SourceStatus>,
    progress: Mutex<Progress>,
    /// The last batch of which everything is durable.
    durable: watch::Sender<u64>,
    /// How many batches are done with, lost records or not, together with all before.
    finished: watch::Sender<usize>,
    /// What somebody has to see to.
    troubles: mpsc::UnboundedSender<Trouble>,
    /// Records that were handed to the client, or dead letters in their place, of which nothing was heard yet. The
    /// client's own count also has what it wants to tell us.
    waiting: AtomicU64,
    /// Records that Kafka refused, or for which there was no time left.
    lost: AtomicU64,
    complaints: LogLimit,
}

/// What becomes of a record beside its being delivered.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Its topic does not take it: it has to become a dead letter. The tag is that of its batch.
    TooLarge { tag: usize, rejected: Rejected },
    /// It is lost to this client.
    Lost(KafkaError),
}

/// Which batches are done with. It counts per batch: records are too many for an entry each.
#[derive(Debug, Default)]
struct Progress {
    /// The batches that are not done with, in the order in which they were begun.
    batches: VecDeque<Pending>,
    /// How many were done with and left: the tag of the first of those above.
    left: usize,
    /// Whether a record of these was lost: nothing after it is durable together with all before.
    is_broken: bool,
}

/// A batch that is not done with.
#[derive(Debug, Default)]
struct Pending {
    /// How many of its records are done with: confirmed, or lost.
    finished: usize,
    has_lost: bool,
    /// How many it has, and the source's number of it; `None` while it is being sent.
    whole: Option<(usize, u64)>,
}

impl Pending {
    /// The number of the batch, when all of it is done with.
    fn finished(&self) -> Option<u64> {
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

    /// Takes out the batches that are done with, up to the first one that is not; gives the number of the last one that
    /// is durable together with all before.
    fn advance(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some(number) = self.batches.front().and_then(Pending::finished) {
            let batch = self.batches.pop_front();
            self.left += 1;
            self.is_broken |= batch.is_some_and(|batch| batch.has_lost);
            if !self.is_broken {
                last = Some(number);
            }
        }
        last
    }
}

impl Tally {
    /// Nothing was sent yet.
    pub(crate) fn new(
        health: Arc<Health>,
        status: Arc<SourceStatus>,
        troubles: mpsc::UnboundedSender<Trouble>,
    ) -> Self {
        Self {
            health,
            status,
            progress: Mutex::default(),
            durable: watch::Sender::new(0),
            finished: watch::Sender::new(0),
            troubles,
            waiting: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            complaints: LogLimit::every(COMPLAINT_INTERVAL),
        }
    }

    /// The number of the last batch of which everything is durable.
    pub(crate) fn durable(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }

    /// How many batches are done with: each record is confirmed, or counted as lost.
    pub(crate) fn finished(&self) -> watch::Receiver<usize> {
        self.finished.subscribe()
    }

    /// Records that are lost for good.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Records that have not arrived, as far as is known by now.
    pub(crate) fn undelivered(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed) + self.lost()
    }

    /// Counts messages that are not sent, since the stop has left no time for it.
    pub(crate) fn no_time_for(&self, messages: u64) {
        self.lost.fetch_add(messages, Ordering::Relaxed);
        self.health.errors(ErrorKind::NoTimeToSend, messages);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a batch; gives the tag of its records.
    pub(crate) fn begin(&self) -> usize {
        self.progress().begin()
    }

    /// Says that so many records of a batch were sent, and that these are all.
    pub(crate) fn end(&self, tag: usize, records: usize, number: u64) {
        self.change(tag, |batch| batch.whole = Some((records, number)));
    }

    /// Says that a record is about to be handed to the client, or a dead letter in its place.
    pub(crate) fn sending(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that one record of a batch is confirmed.
    fn confirm(&self, tag: usize) {
        self.finish(tag, |batch| batch.finished += 1);
    }

    /// Says that one record of a batch will not arrive.
    pub(crate) fn lose(&self, tag: usize, error: &KafkaError) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        match error.rdkafka_error_code() {
            Some(code) => self.health.kafka_failed(&format!("{code:?}"), &error.to_string()),
            None => self.health.failed(ErrorKind::OtherDelivery, &error.to_string()),
        }
        if let Some(held_back) = self.complaints.permit() {
            tracing::error!(%error, held_back, "a record was not delivered");
        }
        drop(self.troubles.send(Trouble::Lost(error.clone())));
        self.finish(tag, |batch| {
            batch.finished += 1;
            batch.has_lost = true;
        });
    }

    fn finish(&self, tag: usize, change: impl FnOnce(&mut Pending)) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.change(tag, change);
    }

    fn change(&self, tag: usize, change: impl FnOnce(&mut Pending)) {
        let mut progress = self.progress();
        if let Some(batch) = progress.pending(tag) {
            change(batch);
        }
        let left = progress.left;
        // Told while it is locked, so that no smaller number comes after a larger one.
        if let Some(number) = progress.advance() {
            self.durable.send_replace(number);
        }
        if progress.left > left {
            self.finished.send_replace(progress.left);
        }
    }
}

impl Deliveries for Tally {
    fn delivered(&self, tag: usize, bytes: usize) {
        if tag & LETTER == 0 {
            self.health.records_out(1, bytes);
            self.status.records_out(1);
        }
        self.confirm(tag);
    }

    fn refused(&self, tag: usize, record: Refused<'_>, error: &KafkaError) {
        if tag & LETTER == 0 && is_too_large(error) {
            let (key, payload) = (record.key.map(<[u8]>::to_vec), record.payload.to_vec());
            let rejected = Rejected::record(Record { key, payload });
            // Its letter finishes it.
            drop(self.troubles.send(Trouble::TooLarge { tag, rejected }));
            return;
        }
        self.lose(tag, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_core::wire::Component;
    use proptest::prelude::*;
    use rdkafka::error::RDKafkaErrorCode;

    fn tally() -> (Tally, watch::Receiver<u64>) {
        let health = Arc::new(Health::new(Component::Producer));
        let status = Arc::new(SourceStatus::new("test"));
        let tally = Tally::new(health, status, mpsc::unbounded_channel().0);
        let durable = tally.durable();
        (tally, durable)
    }

    impl Tally {
        /// Sends and confirms a record at once.
        fn finish_one(&self, tag: usize) {
            self.sending();
            self.confirm(tag);
        }
    }

    #[test]
    fn a_batch_is_durable_when_all_its_records_and_those_of_all_before_are() {
        let (tally, durable) = tally();
        let [first, second] = [tally.begin(), tally.begin()];
        tally.finish_one(second);
        tally.end(second, 1, 20);
        tally.finish_one(first);
        assert_eq!(*durable.borrow(), 0, "the first one may have more records");
        tally.end(first, 2, 10);
        assert_eq!(*durable.borrow(), 0);
        // Also when it was a dead letter.
        tally.finish_one(first | LETTER);
        assert_eq!(*durable.borrow(), 20);
        let third = tally.begin();
        tally.end(third, 0, 30);
        assert_eq!(*durable.borrow(), 30, "nothing to wait for");
        assert!(tally.progress().batches.is_empty());
    }

    #[test]
    fn nothing_after_a_loss_is_durable_together_with_all_before() {
        let (tally, durable) = tally();
        let [first, second, third] = [tally.begin(), tally.begin(), tally.begin()];
        for (tag, number) in [(first, 10), (second, 20), (third, 30)] {
            tally.end(tag, 1, number);
            tally.sending();
        }
        tally.confirm(first);
        tally.confirm(third);
        assert_eq!(tally.undelivered(), 1);
        tally.lose(
            second,
            &KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed),
        );
        assert_eq!((*durable.borrow(), tally.undelivered()), (10, 1));
        assert_eq!(*tally.finished().borrow(), 3, "nobody will hear more of them");
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
                tally.finish_one(tag);
                let expected = left.iter().take_while(|left| **left == 0).count() as u64;
                prop_assert_eq!(*durable.borrow(), expected);
            }
        }
    }
}
