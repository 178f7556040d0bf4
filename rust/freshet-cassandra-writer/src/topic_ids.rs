//! Whether a partition's offsets still count in the topic that has its name.
//!
//! Kafka gives every topic an id. A topic that is deleted and made anew keeps its name and gets another id, and the
//! offsets of the old one mean nothing in it: reading on from them would pass over its first windows. So each committed
//! offset carries the id of its topic, and a partition whose offsets come from another topic is read from its
//! beginning.

use std::collections::HashMap;

/// What librdkafka says, in its debug context `topic`, of each id that is new to it. It tells the ids nowhere else; the
/// system tests fail should another version say it in other words.
const LINE: (&str, &str, &str) = ("Topic ", " changed id from ", " to ");
/// The id of a topic that librdkafka knows nothing of yet, or whose broker is older than Kafka 2.8.
const NONE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
/// What stands before an id in the metadata of a committed offset.
const METADATA: &str = "freshet-topic-id=";

/// The ids of topics, and of the topics that the assigned partitions' offsets were counted in.
#[derive(Debug, Default)]
pub(crate) struct TopicIds {
    current: HashMap<String, String>,
    counted_in: HashMap<(String, i32), String>,
}

impl TopicIds {
    /// Takes in a line of librdkafka's log.
    pub(crate) fn learn(&mut self, line: &str) {
        let Some((topic, before, now)) = parse(line) else { return };
        // An assignment may have been heard of before the id of its topic.
        let first = if before == NONE { now } else { before };
        for ((of, _), id) in &mut self.counted_in {
            if of == topic && id == NONE {
                first.clone_into(id);
            }
        }
        self.current.insert(topic.to_owned(), now.to_owned());
    }

    /// Notes a partition that was assigned, with the metadata of the offset that was committed for it, if one was.
    pub(crate) fn assigned(&mut self, topic: &str, partition: i32, metadata: &str) {
        let id = match metadata.strip_prefix(METADATA) {
            Some(committed) => committed,
            None => self.current.get(topic).map_or(NONE, String::as_str),
        };
        self.counted_in.insert((topic.to_owned(), partition), id.to_owned());
    }

    /// Forgets a partition that was taken away.
    pub(crate) fn revoked(&mut self, topic: &str, partition: i32) {
        self.counted_in.remove(&(topic.to_owned(), partition));
    }

    /// Whether the partition's offsets were counted in another topic of this name. False when that is not known.
    pub(crate) fn is_foreign(&self, topic: &str, partition: i32) -> bool {
        let counted_in = self.counted_in.get(&(topic.to_owned(), partition));
        let Some((counted_in, current)) = counted_in.zip(self.current.get(topic)) else {
            return false;
        };
        counted_in != NONE && counted_in != current
    }

    /// The assigned partitions whose offsets were counted in another topic.
    pub(crate) fn foreign(&self) -> Vec<(String, i32)> {
        let assigned = self.counted_in.keys();
        let mut foreign: Vec<_> =
            assigned.filter(|(topic, number)| self.is_foreign(topic, *number)).cloned().collect();
        foreign.sort_unstable();
        foreign
    }

    /// From now on the partition's offsets count in the topic that there is.
    pub(crate) fn counts_anew(&mut self, topic: &str, partition: i32) {
        if let Some(current) = self.current.get(topic) {
            self.counted_in.insert((topic.to_owned(), partition), current.clone());
        }
    }

    /// The metadata to commit with an offset of the topic.
    pub(crate) fn metadata(&self, topic: &str) -> String {
        self.current.get(topic).map(|id| format!("{METADATA}{id}")).unwrap_or_default()
    }
}

/// Topic, earlier id and id of now.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (_, said) = line.split_once(LINE.0)?;
    let (topic, ids) = said.split_once(LINE.1)?;
    let (before, now) = ids.split_once(LINE.2)?;
    (now != NONE).then_some((topic, before, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "aaaaaaaaaaaaaaaaaaaaaQ";
    const NEW: &str = "bbbbbbbbbbbbbbbbbbbbbQ";

    fn learn(ids: &mut TopicIds, before: &str, now: &str) {
        ids.learn(&format!("[thrd:main]: Topic windows.host changed id from {before} to {now}"));
    }

    #[test]
    fn a_topic_that_changes_its_id_makes_the_offsets_of_its_partitions_foreign() {
        let mut ids = TopicIds::default();
        learn(&mut ids, NONE, OLD);
        ids.assigned("windows.host", 0, "");
        ids.assigned("windows.host", 1, &format!("{METADATA}{OLD}"));
        ids.assigned("windows.fleet", 0, "");
        assert_eq!(ids.foreign(), []);
        learn(&mut ids, OLD, NEW);
        let host = |partition| ("windows.host".to_owned(), partition);
        assert_eq!(ids.foreign(), [host(0), host(1)]);
        ids.counts_anew("windows.host", 0);
        ids.revoked("windows.host", 1);
        assert_eq!(ids.foreign(), []);
        assert_eq!(ids.metadata("windows.host"), format!("{METADATA}{NEW}"));
        assert_eq!(ids.metadata("windows.fleet"), "");
    }

    #[test]
    fn an_offset_that_was_committed_for_an_earlier_topic_is_foreign() {
        let mut ids = TopicIds::default();
        learn(&mut ids, NONE, NEW);
        ids.assigned("windows.host", 0, &format!("{METADATA}{OLD}"));
        assert!(ids.is_foreign("windows.host", 0));
        ids.assigned("windows.host", 0, "of another program");
        assert!(!ids.is_foreign("windows.host", 0));
    }

    #[test]
    fn the_id_may_come_after_the_assignment() {
        let mut ids = TopicIds::default();
        ids.assigned("windows.host", 0, "");
        ids.assigned("windows.host", 1, &format!("{METADATA}{OLD}"));
        assert_eq!(ids.foreign(), []);
        learn(&mut ids, NONE, NEW);
        assert_eq!(ids.foreign(), [("windows.host".to_owned(), 1)]);
        let mut ids = TopicIds::default();
        ids.assigned("windows.host", 0, "");
        learn(&mut ids, OLD, NEW);
        assert!(ids.is_foreign("windows.host", 0));
    }

    #[test]
    fn other_lines_and_brokers_without_ids_say_nothing() {
        let mut ids = TopicIds::default();
        ids.assigned("windows.host", 0, &format!("{METADATA}{OLD}"));
        ids.learn("[thrd:main]: Topic windows.host [0] Leader 1 Epoch 0");
        learn(&mut ids, OLD, NONE);
        assert_eq!(ids.foreign(), []);
        assert_eq!(ids.metadata("windows.host"), "");
    }
}
