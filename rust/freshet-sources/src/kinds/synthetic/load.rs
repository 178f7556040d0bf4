//! The load generator: records at a rate, or as fast as they are taken.

use std::time::Duration;

use async_trait::async_trait;
use freshet_runtime::clock::epoch_ms;
use tokio::task::consume_budget;
use tokio::time::{Instant, sleep_until};

use super::records::Records;
use crate::source::{Batch, Message, Source, SourceError};

/// Records of a batch at most.
const BATCH: u64 = 1_000;
/// Time between two batches that are not full: a batch for each record would cost more than the records.
const PAUSE: Duration = Duration::from_millis(10);
const SECOND_NS: u128 = 1_000_000_000;

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speed {
    /// Records per second.
    Rate(u32),
    /// As fast as they are taken.
    Unlimited,
}

/// The source.
pub(super) struct Load {
    records: Records,
    speed: Speed,
    /// How many records have been yielded: the number of the next one.
    yielded: u64,
    /// After how many the source ends.
    limit: u64,
    /// When it was first asked, and when last; `None` before that.
    clock: Option<Clock>,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
    /// The same moment as epoch milliseconds.
    start_ms: i64,
    last: Instant,
}

impl Load {
    pub(super) fn new(records: Records, speed: Speed, limit: u64) -> Self {
        Self { records, speed, yielded: 0, limit, clock: None }
    }

    fn clock(&mut self) -> &mut Clock {
        self.clock.get_or_insert_with(|| {
            let start = Instant::now();
            Clock { start, start_ms: epoch_ms(), last: start }
        })
    }

    /// Up to a batch of records as they are at the moment.
    async fn at_once(&mut self, room: u64) -> Vec<Message> {
        // Whoever takes them may never have to wait, and other tasks want to run as well.
        consume_budget().await;
        let time = epoch_ms();
        (self.yielded..self.yielded + room)
            .map(|number| self.records.message(number, time))
            .collect()
    }

    /// The records that are due, as soon as there are some.
    async fn in_time(&mut self, rate: u32, room: u64) -> Vec<Message> {
        let first = self.yielded;
        let Clock { start, start_ms, last } = *self.clock();
        if due_until(start.elapsed(), rate) < first + room {
            sleep_until((start + due_after(first, rate)).max(last + PAUSE)).await;
        }
        self.clock().last = Instant::now();
        let due = due_until(start.elapsed(), rate).clamp(first + 1, first + room);
        let time = |number| {
            let after = i64::try_from(due_after(number, rate).as_millis()).unwrap_or(i64::MAX);
            start_ms.saturating_add(after)
        };
        (first..due).map(|number| self.records.message(number, time(number))).collect()
    }
}

#[async_trait]
impl Source for Load {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        let room = (self.limit - self.yielded).min(BATCH);
        if room == 0 {
            return Ok(None);
        }
        let messages = match self.speed {
            Speed::Unlimited => self.at_once(room).await,
            Speed::Rate(rate) => self.in_time(rate, room).await,
        };
        self.yielded += messages.len() as u64;
        Ok(Some(Batch { messages, ..Batch::default() }))
    }
}

/// How long after the start the record of that number, from 0, is due.
fn due_after(number: u64, rate: u32) -> Duration {
    let nanoseconds = u128::from(number) * SECOND_NS / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// How many records are due by then: those of smaller numbers.
fn due_until(elapsed: Duration, rate: u32) -> u64 {
    let due = elapsed.as_nanos() * u128::from(rate) / SECOND_NS;
    u64::try_from(due).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::super::records::tests::shape;
    use super::*;

    async fn all(mut load: Load) -> Vec<Vec<Message>> {
        let mut batches = Vec::new();
        while let Some(batch) = load.next().await.unwrap() {
            batches.push(batch.messages);
        }
        batches
    }

    fn time(message: &Message) -> i64 {
        let record: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        record["time"].as_i64().unwrap()
    }

    #[tokio::test]
    async fn as_fast_as_they_are_taken_they_come_in_full_batches() {
        let before = epoch_ms();
        let batches = all(Load::new(Records::new(shape()), Speed::Unlimited, 2_500)).await;
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        let records = Records::new(shape());
        for (number, message) in (0..).zip(batches.iter().flatten()) {
            let time = time(message);
            assert!((before..=epoch_ms()).contains(&time));
            assert_eq!(*message, records.message(number, time));
        }
    }

    #[tokio::test]
    async fn at_a_rate_each_record_is_due_at_its_time() {
        let start = Instant::now();
        let batches = all(Load::new(Records::new(shape()), Speed::Rate(5_000), 1_501)).await;
        // The last one is due then, and was not sent before.
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
        // Not one batch per record.
        assert!(batches.len() <= 32, "{}", batches.len());
        let times: Vec<i64> = batches.iter().flatten().map(time).collect();
        assert_eq!(times.len(), 1_501);
        for (number, time) in (0..).zip(&times) {
            assert_eq!(time - times[0], number * 1_000 / 5_000, "{number}");
        }
    }

    #[tokio::test]
    async fn what_could_not_be_sent_in_time_is_made_up_for() {
        let mut load = Load::new(Records::new(shape()), Speed::Rate(10_000), u64::MAX);
        load.next().await.unwrap();
        // As if nobody had asked for that long.
        load.clock().start -= Duration::from_secs(1);
        let mut yielded = 0;
        for _ in 0..10 {
            let batch = load.next().await.unwrap().unwrap();
            yielded += batch.messages.len();
        }
        assert_eq!(yielded, 10_000);
    }

    #[test]
    fn a_record_is_due_when_it_is_counted_as_due() {
        for rate in [1, 3, 7, 1_000, 10_000_000] {
            for number in [0, 1, 2, 999_999, 1 << 33] {
                let due = due_after(number, rate);
                assert!(due_until(due + Duration::from_nanos(1), rate) > number);
                assert!(due_until(due.saturating_sub(Duration::from_nanos(1)), rate) <= number + 1);
            }
        }
        assert_eq!(due_until(Duration::ZERO, 1_000), 1);
        assert_eq!(due_until(Duration::from_secs(2), 1_000), 2_001);
    }
}
