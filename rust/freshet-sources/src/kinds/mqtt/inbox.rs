//! Between the connection and whoever asks for messages: bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::client::Acknowledgement;
use crate::kinds::{BATCH_BYTES, BATCH_MESSAGES};
use crate::source::Message;

/// So many bytes wait; what is larger waits alone.
const ROOM: usize = 4 << 20;

/// What is left to do once a message is durable.
pub(super) struct Receipt {
    /// Tells the broker.
    pub(super) acknowledge: Acknowledgement,
    /// Acknowledgements of the same connection that are queued, and not sent.
    pub(super) unsent: Arc<watch::Sender<usize>>,
}

impl Receipt {
    /// Queues the acknowledgement. One of a connection that is gone is none: the message comes again.
    pub(super) fn give(self) -> Arc<watch::Sender<usize>> {
        self.unsent.send_modify(|unsent| *unsent += 1);
        if !(self.acknowledge)() {
            self.unsent.send_modify(|unsent| *unsent = unsent.saturating_sub(1));
        }
        self.unsent
    }
}

/// What has come.
pub(super) struct Received {
    /// None, of something that is passed over, and acknowledged in its turn.
    pub(super) message: Option<Message>,
    /// None, of `QoS` 0.
    pub(super) receipt: Option<Receipt>,
}

impl Received {
    fn bytes(&self) -> usize {
        let of_text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let of_message = |message: &Message| {
            message.payload.len() + of_text(&message.topic) + of_text(&message.place)
        };
        size_of::<Self>() + self.message.as_ref().map_or(0, of_message)
    }
}

#[derive(Default)]
struct Queue {
    received: VecDeque<Received>,
    bytes: usize,
    is_closed: bool,
}

impl Queue {
    fn pop(&mut self) -> Option<Received> {
        let received = self.received.pop_front()?;
        self.bytes -= received.bytes();
        Some(received)
    }
}

/// What waits.
#[derive(Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Notify,
    taken: Notify,
}

impl Inbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts it in, or gives it back when there is no room.
    pub(super) fn offer(&self, received: Received) -> Option<Received> {
        let mut queue = self.queue();
        if queue.is_closed {
            return None;
        }
        let bytes = received.bytes();
        if queue.bytes + bytes > ROOM && !queue.received.is_empty() {
            return Some(received);
        }
        queue.bytes += bytes;
        queue.received.push_back(received);
        drop(queue);
        self.arrived.notify_one();
        None
    }

    /// Puts it in as soon as there is room.
    pub(super) async fn put(&self, received: Received) {
        let mut left = received;
        loop {
            let taken = self.taken.notified();
            match self.offer(left) {
                None => return,
                Some(received) => left = received,
            }
            taken.await;
        }
    }

    /// Takes what is there, as much as a batch has; `None` when there is nothing.
    pub(super) fn take(&self) -> Option<Vec<Received>> {
        let mut queue = self.queue();
        let before = queue.bytes;
        let mut batch = Vec::new();
        while batch.len() < BATCH_MESSAGES
            && before - queue.bytes < BATCH_BYTES
            && let Some(received) = queue.pop()
        {
            batch.push(received);
        }
        drop(queue);
        self.taken.notify_one();
        (!batch.is_empty()).then_some(batch)
    }

    /// Waits until something may be there.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Says that nobody will ask any more: nothing waits any more either.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        queue.received.clear();
        queue.bytes = 0;
        drop(queue);
        self.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: usize) -> Received {
        let message = Message { payload: vec![0; bytes], ..Message::default() };
        Received { message: Some(message), receipt: None }
    }

    #[tokio::test]
    async fn what_has_no_room_waits_or_is_given_back() {
        let inbox = Arc::new(Inbox::default());
        for _ in 0..7 {
            assert!(inbox.offer(received(ROOM / 8)).is_none());
        }
        assert!(inbox.offer(received(ROOM / 8)).is_some());
        let waiting = Arc::clone(&inbox);
        let waiting = tokio::spawn(async move { waiting.put(received(ROOM / 8)).await });
        assert_eq!(inbox.take().unwrap().len(), 2);
        waiting.await.unwrap();
        assert_eq!(inbox.queue().received.len(), 6);
        inbox.close();
        assert!(inbox.offer(received(1)).is_none());
        assert!(inbox.take().is_none());
    }

    #[test]
    fn what_is_larger_than_the_room_waits_alone() {
        let inbox = Inbox::default();
        assert!(inbox.offer(received(2 * ROOM)).is_none());
        assert!(inbox.offer(received(1)).is_some());
        assert_eq!(inbox.take().unwrap().len(), 1);
        assert!(inbox.offer(received(1)).is_none());
    }
}
