//! Dead letters as Kafka records: the headers that whoever writes one gives it.

use freshet_core::wire::{Header as HeaderName, LetterRecord, ReasonCode, cut_detail};
use rdkafka::message::{Header, OwnedHeaders};

/// What a dead letter says beside the rejected bytes.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Why it was rejected.
    pub reason: ReasonCode,
    /// The same for people; cut where it is long.
    pub detail: &'a str,
    /// The topic that the record was in, or was meant for.
    pub topic: &'a str,
    /// Where it came from.
    pub origin: Origin<'a>,
    /// Its bytes, as far as Kafka takes them.
    pub record: LetterRecord<'a>,
}

/// Where a rejected record came from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// It was read in the topic.
    Topic {
        /// The partition.
        partition: i32,
        /// Its offset there.
        offset: i64,
    },
    /// A source has sent it, and it never got into the topic.
    Source(&'a str),
}

impl Letter<'_> {
    /// The headers of the letter; those that have nothing to say are left out.
    pub fn headers(&self) -> OwnedHeaders {
        let text = |number: Option<usize>| number.map(|bytes| bytes.to_string());
        let truncated = text(self.record.truncated);
        let key_truncated = text(self.record.key_truncated);
        let (partition, offset, source) = match self.origin {
            Origin::Topic { partition, offset } => {
                (Some(partition.to_string()), Some(offset.to_string()), None)
            }
            Origin::Source(name) => (None, None, Some(name)),
        };
        let all = [
            (HeaderName::Stage, Some(self.reason.stage().name().as_bytes())),
            (HeaderName::Reason, Some(self.reason.code().as_bytes())),
            (HeaderName::Detail, Some(cut_detail(self.detail).as_bytes())),
            (HeaderName::Topic, Some(self.topic.as_bytes())),
            (HeaderName::Partition, partition.as_deref().map(str::as_bytes)),
            (HeaderName::Offset, offset.as_deref().map(str::as_bytes)),
            (HeaderName::Source, source.map(str::as_bytes)),
            (HeaderName::Key, self.record.key),
            (HeaderName::Truncated, truncated.as_deref().map(str::as_bytes)),
            (HeaderName::KeyTruncated, key_truncated.as_deref().map(str::as_bytes)),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some(Header { key: name.name(), value: Some(value?) }))
            .fold(OwnedHeaders::new_with_capacity(all.len()), OwnedHeaders::insert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Headers as _;

    fn told(letter: &Letter<'_>) -> Vec<(String, String)> {
        let headers = letter.headers();
        let pair = |header: Header<'_, &[u8]>| {
            (header.key.to_owned(), String::from_utf8(header.value.unwrap().to_vec()).unwrap())
        };
        headers.iter().map(pair).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_letter_says_where_its_record_was_or_who_has_sent_it() {
        let read = Letter {
            reason: ReasonCode::Unwritable,
            detail: "no window",
            topic: "windows.s",
            origin: Origin::Topic { partition: 3, offset: 70 },
            record: LetterRecord::whole(Some(b"k"), b"v"),
        };
        let expected = pairs(&[
            ("freshet-stage", "write"),
            ("freshet-reason", "unwritable"),
            ("freshet-detail", "no window"),
            ("freshet-topic", "windows.s"),
            ("freshet-partition", "3"),
            ("freshet-offset", "70"),
            ("freshet-key", "k"),
        ]);
        assert_eq!(told(&read), expected);
        let sent = Letter {
            reason: ReasonCode::Unsendable,
            topic: "raw.s",
            origin: Origin::Source("ticker"),
            record: read.record.shortened().unwrap(),
            ..read
        };
        let expected = pairs(&[
            ("freshet-stage", "send"),
            ("freshet-reason", "unsendable"),
            ("freshet-detail", "no window"),
            ("freshet-topic", "raw.s"),
            ("freshet-source", "ticker"),
            ("freshet-key", "k"),
            ("freshet-truncated", "1"),
        ]);
        assert_eq!(told(&sent), expected);
    }
}
