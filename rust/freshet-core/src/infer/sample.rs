//! The records of a sample, and what they are written in.

use serde::{Deserialize, Serialize};

use super::Unclear;
use super::binary::Binary;
use super::csv::Csv;
use super::lines::is_line_protocol;
use super::node::Node;
use crate::record::{MAX_RECORD_BYTES, decompressed, looks_like};

/// A record of a sample. It travels as JSON, from the program that reads a topic to the one that looks at its records.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SampleRecord {
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Kafka's timestamp, epoch milliseconds; `None` takes now.
    pub timestamp_ms: Option<i64>,
}

/// What is looked at for a proposal.
#[derive(Debug, Clone)]
pub struct Sample {
    records: Vec<SampleRecord>,
    content: Content,
    is_cut: bool,
    /// Whether senders have compressed values.
    is_compressed: bool,
    topic: Option<String>,
}

/// What the records are written in.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// The documents of each record.
    Json(Vec<Vec<Node>>),
    Csv(Box<Csv>),
    /// The map that each record is.
    Binary(Binary, Vec<Vec<Node>>),
    Lines(String),
}

/// The key of records in a file, which have none.
const KEY: &[u8] = b"key";

impl Sample {
    /// The records of a file: one in each line, or one in all of it if its lines are no records by themselves, such as
    /// those of a table with a header. Of more than `most` records the first ones are taken. A file that is compressed
    /// is one record.
    ///
    /// # Errors
    ///
    /// [`Unclear`] when it is in no known format, or compressed with several records in it.
    pub fn of_file(bytes: &[u8], most: usize) -> Result<Self, Unclear> {
        let Some(plain) = decompressed(&[bytes]) else {
            return Self::of_plain_file(bytes, most);
        };
        let Some(plain) = plain.first() else {
            // A text may begin like something that is compressed.
            let is_text = std::str::from_utf8(bytes).is_ok();
            return if is_text {
                Self::of_plain_file(bytes, most)
            } else {
                Err(Unclear::Compressed)
            };
        };
        let sample = Self::of_plain_file(plain, most)?;
        let is_one = sample.is_whole() || matches!(sample.content, Content::Lines(_));
        if !is_one || sample.is_cut {
            return Err(Unclear::Compressed);
        }
        Ok(Self { is_compressed: true, ..Self::new(vec![bytes], sample.content, false)? })
    }

    fn of_plain_file(bytes: &[u8], most: usize) -> Result<Self, Unclear> {
        if let Some(content) = binary(&[bytes]) {
            return Self::new(vec![bytes], content, false);
        }
        let text = text_of(bytes)?;
        if text.trim().is_empty() {
            return Err(Unclear::Empty);
        }
        check_beginning(text)?;
        if let Some(documents) = Node::documents(text)
            && !is_one_by_line(text)
        {
            return Self::new(vec![text], Content::Json(vec![documents]), false);
        }
        let lines = || text.lines().filter(|line| !line.trim().is_empty());
        let of_line = |line: &str| Node::documents(line);
        let documents: Vec<Vec<Node>> = lines().take(most).filter_map(of_line).collect();
        if documents.len() * 2 > lines().take(most).count() {
            let is_cut = lines().nth(most).is_some();
            return Self::new(lines().take(most).collect(), Content::Json(documents), is_cut);
        }
        if is_line_protocol(text) {
            let is_cut = lines().nth(most).is_some();
            return Self::new(
                lines().take(most).collect(),
                Content::Lines(text.to_owned()),
                is_cut,
            );
        }
        let beginning = beginning(text);
        let csv = Csv::of(beginning).ok_or_else(|| unknown(bytes, text))?;
        let is_one = csv.is_one_record();
        let is_cut = beginning.len() < text.len() || (!is_one && lines().nth(most).is_some());
        let records = if is_one { vec![beginning] } else { lines().take(most).collect() };
        Self::new(records, Content::Csv(Box::new(csv)), is_cut)
    }

    /// Records as they come from a topic.
    ///
    /// # Errors
    ///
    /// [`Unclear`] when they are in no known format.
    pub fn of_records(records: Vec<SampleRecord>) -> Result<Self, Unclear> {
        let values: Vec<&[u8]> =
            records.iter().filter_map(|record| record.value.as_deref()).collect();
        let plain = decompressed(&values);
        let content = match &plain {
            Some(plain) if plain.is_empty() => return Err(Unclear::Compressed),
            Some(plain) => content(&plain.iter().map(Vec::as_slice).collect::<Vec<_>>())?,
            None => content(&values)?,
        };
        Ok(Self { content, is_cut: false, is_compressed: plain.is_some(), topic: None, records })
    }

    fn new<T: AsRef<[u8]>>(texts: Vec<T>, content: Content, is_cut: bool) -> Result<Self, Unclear> {
        if let Some(at) = texts.iter().position(|text| text.as_ref().len() > MAX_RECORD_BYTES) {
            return Err(Unclear::TooLarge(at + 1));
        }
        let record = |text: T| SampleRecord {
            key: Some(KEY.to_owned()),
            value: Some(text.as_ref().to_owned()),
            timestamp_ms: None,
        };
        let records = texts.into_iter().map(record).collect();
        Ok(Self { records, content, is_cut, is_compressed: false, topic: None })
    }

    /// The same records, with that key and that timestamp of Kafka's, epoch milliseconds.
    #[must_use]
    pub fn with(mut self, key: &[u8], timestamp_ms: i64) -> Self {
        for record in &mut self.records {
            record.key = Some(key.to_owned());
            record.timestamp_ms = Some(timestamp_ms);
        }
        self
    }

    /// The same records, of that topic, which the stream has to name.
    #[must_use]
    pub fn of_topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    pub(super) fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The records.
    pub fn records(&self) -> &[SampleRecord] {
        &self.records
    }

    /// Whether all of the file is one record.
    pub fn is_whole(&self) -> bool {
        match &self.content {
            Content::Json(records) => self.records.len() == 1 && records.len() == 1,
            Content::Csv(csv) => csv.is_one_record(),
            Content::Binary(..) => true,
            Content::Lines(_) => self.is_compressed,
        }
    }

    /// Whether there was more than what is looked at.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether senders have compressed values.
    pub(super) fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }
}

/// What values that come from a topic are written in.
fn content(values: &[&[u8]]) -> Result<Content, Unclear> {
    if let Some(content) = binary(values) {
        return Ok(content);
    }
    let texts: Vec<&str> = values.iter().map(|value| text_of(value)).collect::<Result<_, _>>()?;
    if texts.iter().all(|text| text.trim().is_empty()) {
        return Err(Unclear::Empty);
    }
    let documents: Vec<Vec<Node>> = texts.iter().filter_map(|text| Node::documents(text)).collect();
    if documents.len() * 2 > texts.len() {
        return Ok(Content::Json(documents));
    }
    if texts.iter().all(|text| is_line_protocol(text)) {
        return Ok(Content::Lines(texts.join("\n")));
    }
    let first = texts.first().copied().unwrap_or_default();
    let of_first = Csv::of(first).filter(Csv::is_one_record);
    let csv = of_first.or_else(|| Csv::of(&texts.join("\n")));
    Ok(Content::Csv(Box::new(csv.ok_or_else(|| unknown(first.as_bytes(), first))?)))
}

/// Records of which most are maps of a binary format: their first byte begins no text of ours.
fn binary(values: &[&[u8]]) -> Option<Content> {
    let of = |binary: Binary| {
        let records: Vec<Vec<Node>> =
            values.iter().filter_map(|value| Some(vec![binary.record(value)?])).collect();
        (records.len() * 2 > values.len()).then_some(Content::Binary(binary, records))
    };
    [Binary::MessagePack, Binary::Cbor].into_iter().find_map(of)
}

/// Whether each line of a text is a document of its own.
fn is_one_by_line(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.clone().count() > 1 && lines.all(|line| Node::documents(line).is_some())
}

fn text_of(bytes: &[u8]) -> Result<&str, Unclear> {
    std::str::from_utf8(bytes).map_err(|error| {
        let what = looks_like(bytes).map(|kind| format!("it looks like {kind}"));
        Unclear::Format(what.unwrap_or_else(|| format!("not UTF-8 ({error})")))
    })
}

/// # Errors
///
/// [`Unclear::Format`] for a byte order mark before records that may have none: the parser refuses them.
fn check_beginning(text: &str) -> Result<(), Unclear> {
    match text.strip_prefix('\u{feff}') {
        Some(rest) if rest.trim_start().starts_with(['{', '[']) || is_line_protocol(rest) => {
            let what = "it begins with a byte order mark, which only CSV may have; let the sender leave it out";
            Err(Unclear::Format(what.to_owned()))
        }
        _ => Ok(()),
    }
}

fn unknown(bytes: &[u8], text: &str) -> Unclear {
    let what = looks_like(bytes).map(|kind| format!("it looks like {kind}"));
    let first: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    Unclear::Format(what.unwrap_or_else(|| format!("the first line is '{first}'")))
}

/// As many whole lines as fit into a record.
fn beginning(text: &str) -> &str {
    if text.len() <= MAX_RECORD_BYTES {
        return text;
    }
    let bytes = &text.as_bytes()[..MAX_RECORD_BYTES];
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &text[..end]
}
