//! The buffer of a source with a spool.
//!
//! What comes waits in memory as long as there is room, and in the spool from then on until all of it was read back:
//! so the order stays. When the first batch finds no room, Kafka does not take records. Then what is in memory is
//! copied to the spool before that batch, what Kafka's client has and has not delivered first: from then on a process
//! that is killed has lost nothing. Batches are in memory, with a copy or without, as long as they are not delivered,
//! and the client gets no more of them at once than [`MOST_UNCONFIRMED`].

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};

use freshet_sources::Batch;

use super::{Buffer, Waiting, size};
use crate::spool::{AppendError, Spool};

/// Bytes of what Kafka's client has at once, unless a single batch has more.
const MOST_UNCONFIRMED: usize = 4 << 20;
/// What is read from the spool at once.
const REFILL: usize = 1 << 20;

/// What was taken out and is not delivered, in its order.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    batches: VecDeque<Waiting>,
    bytes: usize,
    /// How many are delivered.
    confirmed: usize,
}

impl Unconfirmed {
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MOST_UNCONFIRMED
    }

    pub(super) fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes;
        self.batches.push_back(waiting);
    }

    /// So many of all that were added are delivered; gives where in the spool the last of them ends that has a copy.
    fn confirm(&mut self, batches: usize) -> Option<u64> {
        let mut copied = None;
        while self.confirmed < batches
            && let Some(waiting) = self.batches.pop_front()
        {
            self.bytes -= waiting.bytes;
            self.confirmed += 1;
            copied = waiting.copied.or(copied);
        }
        copied
    }
}

impl Buffer {
    fn spool(&self) -> Option<MutexGuard<'_, Spool>> {
        Some(self.spool.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes a batch to the spool.
    pub(super) async fn push_to_spool(self: &Arc<Self>, batch: Batch) {
        self.blocking(|buffer, spool| buffer.spool_batch(spool, batch)).await;
    }

    fn spool_batch(&self, spool: &mut Spool, batch: Batch) {
        self.queue().is_spooling = spool.has_unread();
        // All may have been read meanwhile.
        let Some(batch) = self.try_push(batch, true) else { return };
        let written = self.copy_waiting(spool).and_then(|()| spool.append(&batch.messages));
        match written {
            Ok(_) => self.queue().is_spooling = spool.has_unread(),
            Err(error) => self.dropped(&batch, &error.to_string()),
        }
        self.added.notify_one();
    }

    /// Copies what is in memory alone to the spool. There is something only when nothing in the spool is unread.
    fn copy_waiting(&self, spool: &mut Spool) -> Result<(), AppendError> {
        let (first, waiting) = self.not_copied();
        let mut ends = Vec::with_capacity(waiting.len());
        let mut copy = |batch: Arc<Batch>| spool.append(&batch.messages).map(|end| ends.push(end));
        let copied = waiting.into_iter().try_for_each(&mut copy);
        if !ends.is_empty() {
            spool.pass_over_unread();
        }
        if let Some(delivered) = self.mark_copied(first, &ends) {
            spool.delivered_up_to(delivered);
        }
        copied
    }

    /// The batches that are in memory alone, and which one the first of them is among all that there ever were.
    fn not_copied(&self) -> (usize, Vec<Arc<Batch>>) {
        let queue = self.queue();
        let all = queue.unconfirmed.batches.iter().chain(&queue.batches);
        let copied = all.clone().take_while(|waiting| waiting.copied.is_some()).count();
        let batches = all.skip(copied).map(|waiting| Arc::clone(&waiting.batch)).collect();
        (queue.unconfirmed.confirmed + copied, batches)
    }

    /// Notes where the copies of batches end; gives where the last one ends that was delivered meanwhile.
    fn mark_copied(&self, first: usize, ends: &[u64]) -> Option<u64> {
        let mut queue = self.queue();
        let queue = &mut *queue;
        let delivered = queue.unconfirmed.confirmed.saturating_sub(first).min(ends.len());
        let skipped = first.saturating_sub(queue.unconfirmed.confirmed);
        let all = queue.unconfirmed.batches.iter_mut().chain(&mut queue.batches);
        for (waiting, end) in all.skip(skipped).zip(&ends[delivered..]) {
            waiting.copied = Some(*end);
        }
        ends[..delivered].last().copied()
    }

    /// Reads from the spool into memory.
    pub(super) async fn refill(self: &Arc<Self>) {
        self.blocking(|buffer, spool| {
            let mut read = 0;
            while read < REFILL
                && let Some((messages, end)) = spool.read()
            {
                let batch = Arc::new(Batch { messages, ..Batch::default() });
                let bytes = size(&batch);
                read += bytes;
                buffer.queue().add(Waiting { batch, bytes, copied: Some(end) });
            }
            let mut queue = buffer.queue();
            queue.is_spooling = spool.has_unread();
            buffer.status.buffered(queue.bytes);
        })
        .await;
    }

    /// Says how many of all batches that were taken out are delivered, or counted as lost.
    pub(crate) async fn confirmed(self: &Arc<Self>, batches: usize) {
        let copied = self.queue().unconfirmed.confirm(batches);
        self.added.notify_one();
        if let Some(end) = copied {
            self.blocking(move |_, spool| spool.delivered_up_to(end)).await;
        }
    }

    /// Leaves what is not delivered in the spool, for the next start; gives how many messages have found no place
    /// there. `None` without a spool.
    pub(crate) async fn keep(self: &Arc<Self>) -> Option<u64> {
        self.blocking(|buffer, spool| {
            let written = buffer.copy_waiting(spool);
            if let Err(error) = written.and_then(|()| Ok(spool.sync()?)) {
                tracing::error!(source = buffer.status.source(), %error, "not all is in the spool");
            }
            let (_, left) = buffer.not_copied();
            left.iter().map(|batch| batch.messages.len() as u64).sum()
        })
        .await
    }

    /// Does something with the spool where it may take its time.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &mut Spool) -> T + Send + 'static,
    ) -> Option<T> {
        let buffer = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || {
            let mut spool = buffer.spool()?;
            Some(work(&buffer, &mut spool))
        });
        match working.await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(source = self.status.source(), %error, "a fault in the spool");
                None
            }
        }
    }
}
