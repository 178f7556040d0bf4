//! Between a source and its delivery: batches that wait, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freshet_sources::{Batch, Cursor, SourceStatus, WhenFull};
use tokio::sync::Notify;

/// A queue of batches. Whoever reads the source puts them in, and waits or drops when there is no room; whoever
/// delivers takes them out.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: usize,
    when_full: WhenFull,
    status: Arc<SourceStatus>,
    queue: Mutex<Queue>,
    added: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Batch>,
    bytes: usize,
    is_closed: bool,
}

impl Buffer {
    pub(crate) fn new(bytes: usize, when_full: WhenFull, status: Arc<SourceStatus>) -> Self {
        let (queue, added, taken) = (Mutex::default(), Notify::new(), Notify::new());
        Self { bytes, when_full, status, queue, added, taken }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch. A batch that is larger than the whole buffer has room when the buffer is empty.
    pub(crate) async fn push(&self, batch: Batch) {
        let mut left = Some(batch);
        loop {
            let taken = self.taken.notified();
            left = left.and_then(|batch| self.try_push(batch));
            if left.is_none() {
                return;
            }
            taken.await;
        }
    }

    /// Gives the batch back when it has to wait.
    fn try_push(&self, batch: Batch) -> Option<Batch> {
        let bytes = size(&batch);
        let mut queue = self.queue();
        while queue.bytes + bytes > self.bytes && !queue.batches.is_empty() {
            match self.when_full {
                WhenFull::Wait => return Some(batch),
                WhenFull::DropOldest => {
                    if let Some(oldest) = queue.take() {
                        self.dropped(&oldest);
                    }
                }
                WhenFull::DropNewest => {
                    self.dropped(&batch);
                    return None;
                }
            }
        }
        queue.bytes += bytes;
        queue.batches.push_back(batch);
        self.status.buffered(queue.bytes);
        drop(queue);
        self.added.notify_one();
        None
    }

    fn dropped(&self, batch: &Batch) {
        let reason = "Kafka does not take them as fast as they come, and the buffer is full";
        self.status.dropped(batch.messages.len() as u64, reason);
    }

    /// Takes the oldest batch, as soon as there is one; `None` when none will come any more. May be dropped unfinished.
    pub(crate) async fn pop(&self) -> Option<Batch> {
        loop {
            let added = self.added.notified();
            let (batch, is_closed) = {
                let mut queue = self.queue();
                let batch = queue.take();
                self.status.buffered(queue.bytes);
                (batch, queue.is_closed)
            };
            if batch.is_some() {
                self.taken.notify_one();
                return batch;
            }
            if is_closed {
                return None;
            }
            added.await;
        }
    }

    /// Says that no batch will come any more.
    pub(crate) fn close(&self) {
        self.queue().is_closed = true;
        self.added.notify_one();
    }
}

impl Queue {
    fn take(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.bytes -= size(&batch);
        Some(batch)
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
    size_of::<Batch>() + messages.sum::<usize>() + cursor
}

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_sources::Message;

    fn batch(number: u64) -> Batch {
        let message = Message { payload: vec![0; 1_000], ..Message::default() };
        Batch { messages: vec![message], number, ..Batch::default() }
    }

    fn buffer(when_full: WhenFull) -> (Buffer, Arc<SourceStatus>) {
        let status = Arc::new(SourceStatus::new("test"));
        // Room for three.
        (Buffer::new(4_000, when_full, Arc::clone(&status)), status)
    }

    async fn numbers(buffer: &Buffer) -> Vec<u64> {
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
            buffer.push(batch(number)).await;
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
            buffer.push(batch(number)).await;
        }
        assert_eq!(numbers(&buffer).await, [0, 1, 2]);
        assert_eq!(status.report().dropped, 5);
    }

    #[tokio::test]
    async fn a_source_that_can_wait_loses_nothing() {
        let (buffer, status) = buffer(WhenFull::Wait);
        let buffer = Arc::new(buffer);
        let writer = Arc::clone(&buffer);
        let written = tokio::spawn(async move {
            for number in 0..100 {
                writer.push(batch(number)).await;
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
    async fn what_is_larger_than_the_buffer_goes_through_alone() {
        let (buffer, _) = buffer(WhenFull::DropNewest);
        let large = Message { payload: vec![0; 10_000], ..Message::default() };
        buffer.push(Batch { messages: vec![large], number: 1, ..Batch::default() }).await;
        buffer.push(batch(2)).await;
        assert_eq!(numbers(&buffer).await, [1]);
    }
}
