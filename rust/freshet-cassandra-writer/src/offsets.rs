//! Which offsets may be committed: everything before them is done.
//!
//! A message's way through the writer is a chain of values. [`Offsets::receive`] gives a
//! [`Receipt`]; the plan keeps it with the row it stands for; the store hands it back once
//! Cassandra (or the dead-letter topic) has confirmed; and [`Offsets::settle`] takes it. A receipt
//! can be neither made elsewhere nor copied, so that there is no way to an offset that leaves the
//! confirmation out.

use std::collections::{HashMap, VecDeque};

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

#[derive(Debug)]
struct Partition {
    topic: String,
    number: i32,
    /// In the order of the offsets, which may have gaps: compaction leaves some.
    pending: VecDeque<Pending>,
}

#[derive(Debug)]
struct Pending {
    offset: i64,
    done: bool,
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
            tracked.pending.push_back(Pending { offset, done: false });
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
                partition.mark_done(receipt.offset);
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

    /// What is received and not done, revoked partitions included.
    pub(crate) const fn outstanding(&self) -> Outstanding {
        self.outstanding
    }

    /// The number of the partition's current stay. Offsets that run backwards (the topic was made
    /// anew) begin another one.
    fn assignment(&mut self, topic: &str, partition: i32, offset: i64) -> u32 {
        let known = self.current.get(topic).and_then(|partitions| partitions.get(&partition));
        if let Some(assignment) = known.copied() {
            if self.assignments.get(&assignment).is_some_and(|tracked| tracked.precedes(offset)) {
                return assignment;
            }
            self.revoke(topic, partition);
        }
        let assignment = self.next_assignment;
        self.next_assignment = self.next_assignment.wrapping_add(1);
        self.current.entry(topic.to_owned()).or_default().insert(partition, assignment);
        let tracked =
            Partition { topic: topic.to_owned(), number: partition, pending: VecDeque::new() };
        self.assignments.insert(assignment, tracked);
        assignment
    }
}

impl Partition {
    fn precedes(&self, offset: i64) -> bool {
        self.pending.back().is_none_or(|last| last.offset < offset)
    }

    fn mark_done(&mut self, offset: i64) {
        if let Ok(index) = self.pending.binary_search_by_key(&offset, |pending| pending.offset) {
            self.pending[index].done = true;
        }
    }

    /// Drops the done messages at the front; the offset after the last of them is storable.
    fn advance(&mut self) -> Option<Storable> {
        let mut last_done = None;
        while self.pending.front().is_some_and(|pending| pending.done) {
            last_done = self.pending.pop_front();
        }
        last_done.map(|pending| Storable {
            topic: self.topic.clone(),
            partition: self.number,
            next_offset: pending.offset + 1,
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
        assert_eq!(offsets.settle([second]), []);
        assert_eq!(offsets.settle([first]), storable(12));
        assert_eq!(offsets.settle([third]), storable(16));
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
    }

    proptest! {
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
