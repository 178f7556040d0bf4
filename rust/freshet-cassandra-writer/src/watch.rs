//! Whether the writer still gets what the topics hold: a look at the cluster every few seconds, past what the consumer
//! believes.
//!
//! A consumer may hold partitions that a topic no longer has, or fetch nothing from one that it has, for minutes, with
//! a lag of 0 by its own account: it happens when a topic is made anew. So the lag is counted from the ends that the
//! brokers tell, and a consumer that does not get on is replaced.
//!
//! So is one that has lost its way to the brokers. librdkafka forgets those that an answer does not list, and where it
//! lists none, all of them, for good (confluentinc/librdkafka#5301). A broker lists itself no more for a moment when it
//! goes on after a pause: it is fenced until the controller hears of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::{JoinError, JoinSet};

use crate::consumer::WindowsConsumer;

/// How often the cluster is looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long one request of a look may take. A stop may have to wait for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a partition may hold more than was fetched, with nothing fetched.
const STALL_LIMIT: Duration = Duration::from_secs(10);
/// How long nobody answers before it is asked whether others are answered. Longer than a session of the group, so that
/// the consumer has given its partitions back.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);
/// How often a consumer is replaced at most.
const REPLACEMENT_INTERVAL: Duration = Duration::from_secs(20);

/// A topic's partition.
pub(crate) type TopicPartition = (String, i32);

/// An assigned partition, as the brokers and the consumer see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The first offset that it holds.
    pub(crate) first: Option<i64>,
    /// The offset after the last committed message.
    pub(crate) end: Option<i64>,
    /// The next offset to fetch.
    pub(crate) fetched: Option<i64>,
    /// The next offset to receive: everything before it is in Cassandra or under way.
    pub(crate) received: Option<i64>,
    /// The next offset to write: everything before it is in Cassandra.
    pub(crate) written: Option<i64>,
    /// Whether there is something in the consumer's queue, or under way to Cassandra.
    pub(crate) is_busy: bool,
}

/// What one look has found.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// How many partitions each topic has; those that do not exist are not there.
    pub(crate) partitions: HashMap<String, usize>,
    pub(crate) assigned: HashMap<TopicPartition, Seen>,
}

impl View {
    /// Assigned partitions that their topics do not have. A topic that does not exist says nothing: it may come back.
    pub(crate) fn assigned_but_gone(&self) -> impl Iterator<Item = &TopicPartition> {
        let known = self.assigned.keys().filter(|(topic, _)| self.partitions.contains_key(topic));
        known.filter(|(topic, partition)| !self.has(topic, *partition))
    }

    /// Whether the topic exists and has that partition.
    pub(crate) fn has(&self, topic: &str, partition: i32) -> bool {
        let partitions = self.partitions.get(topic).copied().unwrap_or(0);
        usize::try_from(partition).is_ok_and(|number| number < partitions)
    }
}

/// Looks at the cluster, one look at a time, and remembers what it must.
#[derive(Debug)]
pub(crate) struct Watch {
    due: Instant,
    looking: JoinSet<KafkaResult<View>>,
    /// Since when each partition that has more to give gives nothing, and at which offset.
    still: HashMap<TopicPartition, (Option<i64>, Instant)>,
    /// What the last look has found.
    last: HashMap<TopicPartition, Seen>,
    /// Since when no look was answered.
    unanswered: Option<Instant>,
    replaced: Option<Instant>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            due: Instant::now() + INTERVAL,
            looking: JoinSet::new(),
            still: HashMap::new(),
            last: HashMap::new(),
            unanswered: None,
            replaced: None,
        }
    }

    /// The next look, when it is time for it. May be cancelled and called again.
    pub(crate) async fn next(
        &mut self,
        consumer: &Arc<WindowsConsumer>,
    ) -> Result<KafkaResult<View>, JoinError> {
        loop {
            if let Some(looked) = self.looking.join_next().await {
                self.due = Instant::now() + INTERVAL;
                return looked;
            }
            tokio::time::sleep_until(self.due.into()).await;
            let consumer = Arc::clone(consumer);
            self.looking.spawn_blocking(move || look(&consumer));
        }
    }

    /// A look was not answered. Whether none was for so long that it may be the consumer's own fault: that is said once
    /// in that time.
    pub(crate) fn not_answered(&mut self, now: Instant) -> bool {
        let since = *self.unanswered.get_or_insert(now);
        let is_long = now.duration_since(since) >= ANSWER_LIMIT;
        if is_long {
            self.unanswered = Some(now);
        }
        is_long
    }

    /// A look was answered.
    pub(crate) fn answered(&mut self) {
        self.unanswered = None;
    }

    /// How many messages are not written yet; `None` as long as one partition does not tell, or there is none.
    pub(crate) fn lag(&mut self, view: &View) -> Option<u64> {
        self.remember(view);
        let lags = view.assigned.values().map(|seen| before_end(seen, seen.written));
        let sum = lags.reduce(|sum, lag| Some(sum?.saturating_add(lag?)));
        sum.flatten()
    }

    fn remember(&mut self, view: &View) {
        let before = std::mem::take(&mut self.last);
        for (at, seen) in &view.assigned {
            // An end that runs backwards is that of another topic; what was seen of the old one stays known.
            let of_old =
                before.get(at).filter(|last| seen.end.is_none_or(|now| Some(now) < last.end));
            self.last.insert(at.clone(), of_old.unwrap_or(seen).clone());
        }
    }

    /// How many messages a partition held, when it was looked at last, that are not received `now`. It is forgotten by
    /// this.
    pub(crate) fn take_unread(&mut self, at: &TopicPartition, now: &Seen) -> u64 {
        let Some(last) = self.last.remove(at) else { return 0 };
        let received = now.received.max(last.received);
        let of_last = Seen { first: last.first, end: last.end, ..now.clone() };
        before_end(&of_last, received).unwrap_or(0)
    }

    /// Why the consumer has to be replaced, if it has to.
    pub(crate) fn complaint(
        &mut self,
        view: &View,
        is_paused: bool,
        now: Instant,
    ) -> Option<String> {
        let stalled = self.stalled(view, is_paused, now);
        let complaint = gone(view).or(stalled)?;
        if self.replaced.is_some_and(|at| now.duration_since(at) < REPLACEMENT_INTERVAL) {
            return None;
        }
        self.replaced = Some(now);
        self.still.clear();
        Some(complaint)
    }

    fn stalled(&mut self, view: &View, is_paused: bool, now: Instant) -> Option<String> {
        let before = std::mem::take(&mut self.still);
        let waits = |seen: &Seen| !is_paused && !seen.is_busy && has_more(seen);
        for (at, seen) in view.assigned.iter().filter(|(_, seen)| waits(seen)) {
            let same = before.get(at).filter(|(fetched, _)| *fetched == seen.fetched);
            let since = same.map_or(now, |(_, since)| *since);
            self.still.insert(at.clone(), (seen.fetched, since));
        }
        let ((topic, partition), _) =
            self.still.iter().find(|(_, (_, since))| now.duration_since(*since) >= STALL_LIMIT)?;
        Some(format!("nothing comes from partition {partition} of topic {topic}, which holds more"))
    }
}

fn gone(view: &View) -> Option<String> {
    let (topic, partition) = view.assigned_but_gone().next()?;
    let partitions = view.partitions.get(topic)?;
    Some(format!("topic {topic} has {partitions} partitions, and no {partition}"))
}

fn has_more(seen: &Seen) -> bool {
    let from = seen.fetched.or(seen.written).max(seen.first);
    seen.end.zip(from).is_some_and(|(end, from)| end > from)
}

/// How many messages lie between an offset and the end.
fn before_end(seen: &Seen, offset: Option<i64>) -> Option<u64> {
    let end = seen.end?;
    // What was fetched up to the end and left nothing to do held no messages, such as a transaction's last marker.
    let fetched = seen.fetched.filter(|fetched| !seen.is_busy && *fetched >= end);
    let from = fetched.or(offset).max(seen.first)?;
    Some(u64::try_from(end.saturating_sub(from)).unwrap_or(0))
}

fn look(consumer: &WindowsConsumer) -> KafkaResult<View> {
    let mut view = View::default();
    for element in consumer.subscription()?.elements() {
        let metadata = consumer.fetch_metadata(Some(element.topic()), REQUEST_TIMEOUT)?;
        for topic in metadata.topics().iter().filter(|topic| topic.error().is_none()) {
            view.partitions.insert(topic.name().to_owned(), topic.partitions().len());
        }
    }
    let assigned = consumer.assignment()?;
    let mut existing = TopicPartitionList::new();
    for element in assigned.elements() {
        // One that does not exist would leave all of them without an answer.
        if view.has(element.topic(), element.partition()) {
            existing.add_partition(element.topic(), element.partition());
        }
    }
    let firsts = offsets(consumer, &existing, Offset::Beginning)?;
    let ends = offsets(consumer, &existing, Offset::End)?;
    for element in assigned.elements() {
        let at = (element.topic().to_owned(), element.partition());
        let seen = Seen {
            first: firsts.get(&at).copied(),
            end: ends.get(&at).copied(),
            ..consumer.context().seen(&at)
        };
        view.assigned.insert(at, seen);
    }
    Ok(view)
}

/// What the brokers say of all these partitions; those whose broker says nothing are left out.
fn offsets(
    consumer: &WindowsConsumer,
    partitions: &TopicPartitionList,
    which: Offset,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    if partitions.count() == 0 {
        return Ok(HashMap::new());
    }
    let mut wanted = partitions.clone();
    wanted.set_all_offsets(which)?;
    let answers = consumer.offsets_for_times(wanted, REQUEST_TIMEOUT)?;
    let known = answers.elements().into_iter().filter_map(|element| {
        let Offset::Offset(offset) = element.offset() else { return None };
        element.error().ok()?;
        Some(((element.topic().to_owned(), element.partition()), offset))
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32) -> TopicPartition {
        ("windows.host".to_owned(), partition)
    }

    fn view(assigned: &[(i32, Seen)]) -> View {
        View {
            partitions: [("windows.host".to_owned(), 2)].into(),
            assigned: assigned.iter().map(|(number, seen)| (at(*number), seen.clone())).collect(),
        }
    }

    fn seen(end: i64, fetched: i64, written: i64) -> Seen {
        let [end, fetched, written] = [end, fetched, written].map(Some);
        Seen { first: Some(0), end, fetched, received: written, written, is_busy: false }
    }

    #[test]
    fn the_lag_is_what_is_not_written_and_not_known_as_long_as_one_partition_is_not() {
        let mut watch = Watch::new();
        assert_eq!(watch.lag(&view(&[])), None);
        let busy = Seen { is_busy: true, ..seen(20, 20, 14) };
        assert_eq!(watch.lag(&view(&[(0, seen(10, 9, 7)), (1, busy)])), Some(9));
        let silent = Seen { end: None, ..seen(0, 5, 5) };
        assert_eq!(watch.lag(&view(&[(0, seen(10, 9, 7)), (1, silent)])), None);
        // Nothing is written yet, and the first ones are deleted already.
        let untouched = Seen { first: Some(4), end: Some(10), ..Seen::default() };
        assert_eq!(watch.lag(&view(&[(0, untouched)])), Some(6));
        // The last offset is a transaction's marker.
        assert_eq!(watch.lag(&view(&[(0, seen(10, 10, 9))])), Some(0));
    }

    #[test]
    fn what_was_not_read_of_a_topic_is_known_when_another_one_has_taken_its_place() {
        let received = |received| Seen { received, is_busy: true, ..Seen::default() };
        let mut watch = Watch::new();
        watch.lag(&view(&[(0, seen(20, 14, 14)), (1, seen(20, 20, 20))]));
        watch.lag(&view(&[(0, Seen::default()), (1, seen(3, 20, 20))]));
        watch.lag(&view(&[(0, seen(5, 14, 14)), (1, seen(4, 20, 20))]));
        // What has been received since is written yet, whatever becomes of its topic.
        assert_eq!(watch.take_unread(&at(0), &received(Some(17))), 3);
        assert_eq!(watch.take_unread(&at(0), &received(Some(17))), 0);
        assert_eq!(watch.take_unread(&at(1), &received(Some(20))), 0);
        // Nothing was ever received.
        let untouched = Seen { first: Some(4), end: Some(10), ..Seen::default() };
        watch.lag(&view(&[(0, untouched)]));
        assert_eq!(watch.take_unread(&at(0), &received(None)), 6);
    }

    #[test]
    fn a_partition_that_its_topic_does_not_have_is_a_reason_to_start_over() {
        let now = Instant::now();
        let mut watch = Watch::new();
        assert_eq!(watch.complaint(&view(&[(1, Seen::default())]), false, now), None);
        let gone = view(&[(0, Seen::default()), (2, Seen::default())]);
        assert!(gone.assigned_but_gone().eq([&at(2)]));
        let complaint = watch.complaint(&gone, true, now).unwrap();
        assert_eq!(complaint, "topic windows.host has 2 partitions, and no 2");
        // Not again and again.
        assert_eq!(watch.complaint(&gone, true, now + INTERVAL), None);
        assert!(watch.complaint(&gone, true, now + REPLACEMENT_INTERVAL).is_some());
        let unknown = View { partitions: HashMap::new(), ..gone };
        assert_eq!(unknown.assigned_but_gone().count(), 0);
        assert_eq!(Watch::new().complaint(&unknown, false, now), None);
    }

    #[test]
    fn a_partition_from_which_nothing_comes_though_it_holds_more_is_a_reason_to_start_over() {
        let begun = Instant::now();
        let later = begun + STALL_LIMIT;
        let never_fetched = Seen { first: Some(0), end: Some(3), ..Seen::default() };
        for stalled in [seen(10, 7, 7), never_fetched] {
            let mut watch = Watch::new();
            assert_eq!(watch.complaint(&view(&[(0, stalled.clone())]), false, begun), None);
            let complaint = watch.complaint(&view(&[(0, stalled)]), false, later).unwrap();
            assert!(complaint.contains("partition 0 of topic windows.host"), "{complaint}");
        }
    }

    #[test]
    fn looks_without_an_answer_raise_a_doubt_once_in_a_while() {
        let begun = Instant::now();
        let mut watch = Watch::new();
        assert!(!watch.not_answered(begun));
        assert!(!watch.not_answered(begun + ANSWER_LIMIT / 2));
        assert!(watch.not_answered(begun + ANSWER_LIMIT));
        assert!(!watch.not_answered(begun + ANSWER_LIMIT + INTERVAL));
        assert!(watch.not_answered(begun + 2 * ANSWER_LIMIT));
        watch.answered();
        assert!(!watch.not_answered(begun + 3 * ANSWER_LIMIT));
    }

    #[test]
    fn a_partition_that_is_read_paused_busy_or_at_its_end_is_no_reason() {
        let begun = Instant::now();
        let later = begun + STALL_LIMIT;
        let busy = Seen { is_busy: true, ..seen(10, 7, 7) };
        let silent = Seen { end: None, ..seen(10, 7, 7) };
        for (first, second, is_paused) in [
            (seen(10, 7, 7), seen(10, 8, 7), false),
            (seen(10, 7, 7), seen(10, 7, 7), true),
            (seen(10, 10, 9), seen(10, 10, 9), false),
            (busy.clone(), busy, false),
            (silent.clone(), silent, false),
        ] {
            let mut watch = Watch::new();
            assert_eq!(watch.complaint(&view(&[(0, first)]), is_paused, begun), None);
            assert_eq!(
                watch.complaint(&view(&[(0, second.clone())]), is_paused, later),
                None,
                "{second:?}"
            );
        }
    }
}
