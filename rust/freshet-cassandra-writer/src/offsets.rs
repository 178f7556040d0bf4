//! Which offsets may be committed: everything before them is done.
//!
//! A message's way through the writer is a chain of values. [`Offsets::receive`] gives a
//! [`Receipt`]; the plan keeps it with the row it stands for; the store hands it back once
//! Cassandra (or the dead-letter topic) has confirmed; and [`Offsets::settle`] takes it. A receipt
//! can be neither made elsewhere nor copied, so that there is no way to an offset that leaves the
//! confirmation out.

use std::collections::HashMap;

use freshet_core::contiguous::Contiguous;

/// Stands for one message that has been received and is not done yet.
#[derive(Debug)]
#[must_use = "a receipt that is lost keeps its partition's offset from ever being committed"]
pub(crate) struct Receipt {
    assignment: u32,
    offset: i64,
    bytes: usize,
}

/// A partition's offset, to be stored: the next message to read after a restart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Storable {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
}

/// How far a partition's messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Everything before it is done.
    pub(crate) next_offset: i64,
    /// Everything before it was received; of a topic that was made anew meanwhile, in the old one.
    pub(crate) received: i64,
    /// Whether everything that was received is done.
    pub(crate) is_idle: bool,
}

/// The messages of all assigned partitions that are not done yet.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    /// One per partition and assignment. A partition that is taken away and comes back gets
    /// another number, so that a receipt of its first stay says nothing about its second.
    assignments: HashMap<u32, Partition>,
    current: HashMap<String, HashMap<i32, u32>>,
    next_assignment: u32,
    outstanding: Outstanding,
}

/// How much has been received and is not done: what bounds the writer's memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outstanding {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Outstanding {
    /// Whether there is more of one or the other.
    pub(crate) const fn exceeds(self, limit: Self) -> bool {
        self.messages > limit.messages || self.bytes > limit.bytes
    }

    pub(crate) const fn half(self) -> Self {
        Self { messages: self.messages / 2, bytes: self.bytes / 2 }
    }
}

/// What is known of a partition during one stay.
#[derive(Debug)]
struct Partition {
    topic: String,
    number: i32,
    /// Which messages are done. Offsets may have gaps: compaction and transactions leave some.
    messages: Contiguous,
    /// The last offset that was found storable.
    stored: i64,
    /// Where the stay before ended, when the offsets ran backwards since.
    former_end: i64,
}

impl Offsets {
    /// Notes a message that has come in.
    pub(crate) fn receive(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        bytes: usize,
    ) -> Receipt {
        let assignment = self.assignment(topic, partition, offset);
        if let Some(tracked) = self.assignments.get_mut(&assignment) {
            tracked.messages.receive(offset);
        }
        self.outstanding.messages += 1;
        self.outstanding.bytes += bytes;
        Receipt { assignment, offset, bytes }
    }

    /// Takes back the receipts of messages that are done and tells which offsets became storable.
    pub(crate) fn settle(&mut self, receipts: impl IntoIterator<Item = Receipt>) -> Vec<Storable> {
        let mut touched: Vec<u32> = Vec::new();
        for receipt in receipts {
            self.outstanding.messages -= 1;
            self.outstanding.bytes -= receipt.bytes;
            if let Some(partition) = self.assignments.get_mut(&receipt.assignment) {
                partition.messages.finish(receipt.offset);
                touched.push(receipt.assignment);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
            .into_iter()
            .filter_map(|assignment| self.assignments.get_mut(&assignment)?.advance())
            .collect()
    }

    /// Forgets a partition that has been taken away. Its messages on their way are still written,
    /// which does no harm: whoever got the partition writes the same rows again.
    pub(crate) fn revoke(&mut self, topic: &str, partition: i32) {
        let assignment =
            self.current.get_mut(topic).and_then(|partitions| partitions.remove(&partition));
        if let Some(assignment) = assignment {
            self.assignments.remove(&assignment);
        }
    }

    /// How far the partition's messages are written; `None` when none has been received since it was assigned.
    pub(crate) fn progress(&self, topic: &str, partition: i32) -> Option<Progress> {
        let assignment = self.current.get(topic)?.get(&partition)?;
        let tracked = self.assignments.get(assignment)?;
        Some(Progress {
            next_offset: tracked.stored,
            received: tracked.messages.end().max(tracked.former_end),
            is_idle: tracked.messages.is_idle(),
        })
    }

    /// What is received and not done, revoked partitions included.
    pub(crate) const fn outstanding(&self) -> Outstanding {
        self.outstanding
    }

    /// The number of the partition's current stay. Offsets that run backwards (the topic was made
    /// anew) begin another one.
    fn assignment(&mut self, topic: &str, partition: i32, offset: i64) -> u32 {
        let known = self.current.get(topic).and_then(|partitions| partitions.get(&partition));
        if let Some(assignment) = known.copied()
            && self.assignments.get(&assignment).is_some_and(|tracked| tracked.precedes(offset))
        {
            return assignment;
        }
        let former_end = self.progress(topic, partition).map_or(offset, |before| before.received);
        self.revoke(topic, partition);
        let assignment = self.next_assignment;
        self.next_assignment = self.next_assignment.wrapping_add(1);
        self.current.entry(topic.to_owned()).or_default().insert(partition, assignment);
        let tracked = Partition::new(topic, partition, offset, former_end);
        self.assignments.insert(assignment, tracked);
        assignment
    }
}

impl Partition {
    fn new(topic: &str, number: i32, first: i64, former_end: i64) -> Self {
        Self {
            topic: topic.to_owned(),
            number,
            messages: Contiguous::starting_at(first),
            stored: first,
            former_end,
        }
    }

    const fn precedes(&self, offset: i64) -> bool {
        self.messages.end() <= offset
    }

    /// The offset after the last message before which, itself included, everything is done; `None` when that is no
    /// news.
    fn advance(&mut self) -> Option<Storable> {
        let next_offset = self.messages.done();
        (next_offset > self.stored).then(|| {
            self.stored = next_offset;
            Storable { topic: self.topic.clone(), partition: self.number, next_offset }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn storable(next_offset: i64) -> Vec<Storable> {
        vec![Storable { topic: "windows.host".to_owned(), partition: 0, next_offset }]
    }

    #[test]
    fn an_offset_is_storable_when_everything_before_it_is_done() {
        let mut offsets = Offsets::default();
        let [first, second, third] =
            [10, 11, 15].map(|offset| offsets.receive("windows.host", 0, offset, 100));
        let progress = |offsets: &Offsets| offsets.progress("windows.host", 0);
        assert_eq!(offsets.settle([second]), []);
        assert_eq!(
            progress(&offsets),
            Some(Progress { next_offset: 10, received: 16, is_idle: false })
        );
        assert_eq!(offsets.settle([first]), storable(12));
        assert_eq!(
            progress(&offsets),
            Some(Progress { next_offset: 12, received: 16, is_idle: false })
        );
        assert_eq!(offsets.settle([third]), storable(16));
        assert_eq!(
            progress(&offsets),
            Some(Progress { next_offset: 16, received: 16, is_idle: true })
        );
        assert_eq!(offsets.progress("windows.host", 1), None);
        assert_eq!(offsets.outstanding(), Outstanding::default());
    }

    #[test]
    fn partitions_do_not_wait_for_each_other() {
        let mut offsets = Offsets::default();
        let slow = offsets.receive("windows.host", 1, 0, 1);
        let fast = offsets.receive("windows.host", 0, 0, 1);
        assert_eq!(offsets.settle([fast]), storable(1));
        assert_eq!(offsets.outstanding().messages, 1);
        drop(slow);
    }

    #[test]
    fn a_receipt_from_before_a_rebalance_stores_nothing_after_it() {
        let mut offsets = Offsets::default();
        let before = offsets.receive("windows.host", 0, 5, 1);
        offsets.revoke("windows.host", 0);
        let after = offsets.receive("windows.host", 0, 5, 1);
        assert_eq!(offsets.settle([before]), []);
        assert_eq!(offsets.outstanding().messages, 1);
        assert_eq!(offsets.settle([after]), storable(6));
    }

    #[test]
    fn offsets_that_run_backwards_start_over() {
        let mut offsets = Offsets::default();
        let before = offsets.receive("windows.host", 0, 500, 1);
        let after = offsets.receive("windows.host", 0, 0, 1);
        assert_eq!(offsets.settle([before]), []);
        assert_eq!(offsets.settle([after]), storable(1));
        // What was received of the old topic stays known until the partition starts over.
        let received = |offsets: &Offsets| offsets.progress("windows.host", 0).unwrap().received;
        assert_eq!(received(&offsets), 501);
        let again = offsets.receive("windows.host", 0, 0, 1);
        assert_eq!(received(&offsets), 501);
        offsets.revoke("windows.host", 0);
        let anew = offsets.receive("windows.host", 0, 0, 1);
        assert_eq!(received(&offsets), 1);
        assert_eq!(offsets.settle([again, anew]), storable(1));
    }

    #[test]
    fn messages_that_are_done_behind_a_stuck_one_take_no_memory() {
        let mut offsets = Offsets::default();
        let stuck = offsets.receive("windows.host", 0, 0, 1);
        for offset in 1..100_000 {
            let done = offsets.receive("windows.host", 0, offset, 1);
            assert_eq!(offsets.settle([done]), []);
            assert_eq!(offsets.entries(), 1);
        }
        assert_eq!(offsets.settle([stuck]), storable(100_000));
        assert_eq!(offsets.entries(), 0);
    }

    impl Offsets {
        /// What is kept of single messages: what could grow.
        fn entries(&self) -> usize {
            self.assignments.values().map(|partition| partition.messages.unfinished()).sum()
        }
    }

    proptest! {
        /// Whatever is received and settled in whatever order, with rebalances in between.
        #[test]
        fn there_are_never_more_entries_than_unfinished_messages(
            steps in proptest::collection::vec((0_u8..20, 0_i32..3, any::<proptest::sample::Index>()), 1..600),
        ) {
            let mut offsets = Offsets::default();
            let mut receipts: Vec<Receipt> = Vec::new();
            let mut next = [0_i64; 3];
            for (step, partition, which) in steps {
                match step {
                    0 => offsets.revoke("windows.host", partition),
                    1..11 => {
                        let at = &mut next[usize::try_from(partition).unwrap()];
                        *at += i64::from(step);
                        receipts.push(offsets.receive("windows.host", partition, *at, 1));
                    }
                    _ if receipts.is_empty() => (),
                    _ => {
                        let receipt = receipts.swap_remove(which.index(receipts.len()));
                        offsets.settle([receipt]);
                    }
                }
                prop_assert!(offsets.entries() <= receipts.len());
                prop_assert_eq!(offsets.outstanding().messages, receipts.len());
            }
        }

        #[test]
        fn the_stored_offset_is_the_highest_contiguous_one(
            order in Just((0_usize..60).collect::<Vec<_>>()).prop_shuffle(),
            gaps in proptest::collection::vec(1_i64..4, 60),
        ) {
            let mut offsets = Offsets::default();
            let numbers: Vec<i64> = gaps
                .iter()
                .scan(0, |at, gap| { *at += gap; Some(*at) })
                .collect();
            let mut receipts: Vec<Option<Receipt>> = numbers
                .iter()
                .map(|offset| Some(offsets.receive("windows.host", 0, *offset, 1)))
                .collect();
            let mut done = [false; 60];
            let mut stored = None;
            for index in order {
                done[index] = true;
                for storable in offsets.settle(receipts[index].take()) {
                    prop_assert!(Some(storable.next_offset) > stored);
                    stored = Some(storable.next_offset);
                }
                let contiguous = done.iter().take_while(|done| **done).count();
                let expected = contiguous.checked_sub(1).map(|last| numbers[last] + 1);
                prop_assert_eq!(stored, expected);
            }
            prop_assert_eq!(offsets.outstanding(), Outstanding::default());
        }
    }
}
