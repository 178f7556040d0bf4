//! Between a source and its delivery: batches that wait, bounded in bytes, in memory and, with a spool, on disk.

mod spooling;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freshet_runtime::Shutdown;
use freshet_sources::{Batch, Cursor, SourceStatus, WhenFull};
use tokio::sync::Notify;

use self::spooling::Unconfirmed;
use crate::spool::Spool;

/// A queue of batches. Whoever reads the source puts them in, and waits, drops or spools when there is no room; whoever
/// delivers takes them out.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: usize,
    when_full: WhenFull,
    status: Arc<SourceStatus>,
    queue: Mutex<Queue>,
    /// Locked before the queue, where both are.
    spool: Option<Mutex<Spool>>,
    added: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Waiting>,
    bytes: usize,
    is_closed: bool,
    /// Whether the next batches are in the spool, and what comes has to go there, too.
    is_spooling: bool,
    /// Of a source with a spool: what was taken out and is not delivered.
    unconfirmed: Unconfirmed,
}

/// A batch that waits.
#[derive(Debug, Clone)]
struct Waiting {
    batch: Arc<Batch>,
    /// Its [`size`].
    bytes: usize,
    /// Where its copy in the spool ends, if it has one.
    copied: Option<u64>,
}

impl Buffer {
    pub(crate) fn new(
        bytes: usize,
        when_full: WhenFull,
        status: Arc<SourceStatus>,
        spool: Option<Spool>,
    ) -> Self {
        let is_spooling = spool.as_ref().is_some_and(Spool::has_unread);
        let queue = Mutex::new(Queue { is_spooling, ..Queue::default() });
        let (added, taken) = (Notify::new(), Notify::new());
        Self { bytes, when_full, status, queue, spool: spool.map(Mutex::new), added, taken }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch. A batch that is larger than the whole buffer has room when the buffer is empty; and once the
    /// shutdown is requested, the last one has room as well: it was read, and has to be sent or counted.
    pub(crate) async fn push(self: &Arc<Self>, batch: Batch, shutdown: &Shutdown) {
        let mut left = Some(batch);
        loop {
            let taken = self.taken.notified();
            let may_wait = !shutdown.is_requested();
            left = left.and_then(|batch| self.try_push(batch, may_wait));
            let Some(batch) = left.take() else { return };
            if self.spool.is_some() {
                return self.push_to_spool(batch).await;
            }
            left = Some(batch);
            tokio::select! {
                () = taken => {}
                () = shutdown.requested() => {}
            }
        }
    }

    /// Gives the batch back when it has to wait, or to go to the spool.
    fn try_push(&self, batch: Batch, may_wait: bool) -> Option<Batch> {
        let bytes = size(&batch);
        let mut queue = self.queue();
        if queue.is_spooling {
            return Some(batch);
        }
        while queue.bytes + bytes > self.bytes && !queue.batches.is_empty() {
            match self.when_full {
                WhenFull::Spool => return Some(batch),
                WhenFull::Wait if may_wait => return Some(batch),
                WhenFull::Wait => break,
                WhenFull::DropOldest => {
                    if let Some(oldest) = queue.take() {
                        self.dropped(&oldest.batch, FULL);
                    }
                }
                WhenFull::DropNewest => {
                    self.dropped(&batch, FULL);
                    return None;
                }
            }
        }
        queue.add(Waiting { batch: Arc::new(batch), bytes, copied: None });
        self.status.buffered(queue.bytes);
        drop(queue);
        self.added.notify_one();
        None
    }

    fn dropped(&self, batch: &Batch, reason: &str) {
        self.status.dropped(batch.messages.len() as u64, reason);
    }

    /// Takes the oldest batch, as soon as there is one; `None` when none will come any more. May be dropped unfinished.
    ///
    /// With a spool there is none as long as Kafka has not confirmed enough of those before: [`Buffer::confirmed`].
    pub(crate) async fn pop(self: &Arc<Self>) -> Option<Batch> {
        loop {
            let added = self.added.notified();
            let is_refilled = {
                let mut queue = self.queue();
                if !queue.unconfirmed.is_full() {
                    if let Some(batch) = self.take(&mut queue) {
                        return Some(batch);
                    }
                    if queue.is_closed && !queue.is_spooling {
                        return None;
                    }
                }
                !queue.unconfirmed.is_full() && queue.is_spooling
            };
            if is_refilled {
                self.refill().await;
            } else {
                added.await;
            }
        }
    }

    fn take(&self, queue: &mut Queue) -> Option<Batch> {
        let waiting = queue.take()?;
        self.status.buffered(queue.bytes);
        self.taken.notify_one();
        if self.spool.is_some() {
            queue.unconfirmed.add(waiting.clone());
        }
        Some(Arc::unwrap_or_clone(waiting.batch))
    }

    /// Says that no batch will come any more.
    pub(crate) fn close(&self) {
        self.queue().is_closed = true;
        self.added.notify_one();
    }
}

const FULL: &str = "Kafka does not take them as fast as they come, and the buffer is full";

impl Queue {
    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes;
        self.batches.push_back(waiting);
    }

    fn take(&mut self) -> Option<Waiting> {
        let waiting = self.batches.pop_front()?;
        self.bytes -= waiting.bytes;
        Some(waiting)
    }
}

/// Roughly the memory that a batch takes.
fn size(batch: &Batch) -> usize {
    let of_text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let messages = batch.messages.iter().map(|message| {
        size_of_val(message)
            + message.payload.len()
            + of_text(&message.key)
            + of_text(&message.topic)
            + of_text(&message.place)
    });
    let cursor = batch.cursor.as_ref().map_or(0, Cursor::size);
    size_of::<Waiting>() + size_of::<Batch>() + messages.sum::<usize>() + cursor
}

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_sources::Message;

    fn batch(number: u64) -> Batch {
        let message = Message { payload: vec![0; 1_000], ..Message::default() };
        Batch { messages: vec![message], number, ..Batch::default() }
    }

    fn buffer(when_full: WhenFull) -> (Arc<Buffer>, Arc<SourceStatus>) {
        let status = Arc::new(SourceStatus::new("test"));
        // Room for three.
        (Arc::new(Buffer::new(4_000, when_full, Arc::clone(&status), None)), status)
    }

    async fn numbers(buffer: &Arc<Buffer>) -> Vec<u64> {
        buffer.close();
        let mut numbers = Vec::new();
        while let Some(batch) = buffer.pop().await {
            numbers.push(batch.number);
        }
        numbers
    }

    #[tokio::test]
    async fn the_oldest_make_room_and_are_counted() {
        let (buffer, status) = buffer(WhenFull::DropOldest);
        for number in 0..8 {
            buffer.push(batch(number), &Shutdown::new()).await;
        }
        assert!((3_000..4_000).contains(&status.buffered_bytes()));
        assert_eq!(numbers(&buffer).await, [5, 6, 7]);
        assert_eq!(status.buffered_bytes(), 0);
        assert_eq!(status.report().dropped, 5);
    }

    #[tokio::test]
    async fn the_newest_find_no_room_and_are_counted() {
        let (buffer, status) = buffer(WhenFull::DropNewest);
        for number in 0..8 {
            buffer.push(batch(number), &Shutdown::new()).await;
        }
        assert_eq!(numbers(&buffer).await, [0, 1, 2]);
        assert_eq!(status.report().dropped, 5);
    }

    #[tokio::test]
    async fn a_source_that_can_wait_loses_nothing() {
        let (buffer, status) = buffer(WhenFull::Wait);
        let writer = Arc::clone(&buffer);
        let written = tokio::spawn(async move {
            for number in 0..100 {
                writer.push(batch(number), &Shutdown::new()).await;
                assert!(writer.queue().bytes <= 4_000);
            }
            writer.close();
        });
        for number in 0..100 {
            assert_eq!(buffer.pop().await.unwrap().number, number);
        }
        assert_eq!(buffer.pop().await, None);
        written.await.unwrap();
        assert_eq!(status.report().dropped, 0);
    }

    #[tokio::test]
    async fn what_was_read_when_the_stop_came_is_not_dropped() {
        let (buffer, status) = buffer(WhenFull::Wait);
        let shutdown = Shutdown::new();
        for number in 0..3 {
            buffer.push(batch(number), &shutdown).await;
        }
        let pushing = buffer.push(batch(3), &shutdown);
        let stopping = async {
            tokio::task::yield_now().await;
            assert_eq!(buffer.queue().batches.len(), 3);
            shutdown.trigger();
        };
        tokio::join!(pushing, stopping);
        assert_eq!(numbers(&buffer).await, [0, 1, 2, 3]);
        assert_eq!(status.report().dropped, 0);
    }

    #[tokio::test]
    async fn what_is_larger_than_the_buffer_goes_through_alone() {
        let (buffer, _) = buffer(WhenFull::DropNewest);
        let large = Message { payload: vec![0; 10_000], ..Message::default() };
        buffer
            .push(Batch { messages: vec![large], number: 1, ..Batch::default() }, &Shutdown::new())
            .await;
        buffer.push(batch(2), &Shutdown::new()).await;
        assert_eq!(numbers(&buffer).await, [1]);
    }
}
