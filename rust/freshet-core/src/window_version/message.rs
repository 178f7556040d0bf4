//! Window messages: one version of one window, in the `windows.<stream>` topic.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::fields::{FIELDS, Kind, Value, WindowVersion, index_of};
use crate::window::WindowSpec;

const MICROS_PER_MILLI: i64 = 1_000;

/// Appends the Kafka key of a window: all its versions share it.
pub fn write_key(version: &WindowVersion<'_>, output: &mut Vec<u8>) {
    for name in version.names_in_stream() {
        output.extend(name.as_bytes());
        output.push(b'|');
    }
    push_json(&version.start_us().div_euclid(MICROS_PER_MILLI), output);
}

/// Appends the message of a window: a JSON object with its fields. What is not known is left out, and flags that are
/// not set.
pub fn write_message(version: &WindowVersion<'_>, output: &mut Vec<u8>) {
    let mut separator = b'{';
    for field in FIELDS {
        let value = match version.value(field) {
            None | Some(Value::Flag(false)) => continue,
            Some(value) => value,
        };
        output.push(separator);
        separator = b',';
        // The names need no escapes.
        output.push(b'"');
        output.extend(field.name.as_bytes());
        output.extend(b"\":");
        push_value(&value, output);
    }
    output.push(b'}');
}

fn push_value(value: &Value<'_>, output: &mut Vec<u8>) {
    match value {
        Value::Text(text) => push_json(text, output),
        Value::Time(micros) => push_json(&micros.div_euclid(MICROS_PER_MILLI), output),
        Value::Count(count) => push_json(count, output),
        Value::Number(number) => push_json(number, output),
        Value::Flag(flag) => push_json(flag, output),
    }
}

fn push_json<T: serde::Serialize + ?Sized>(value: &T, output: &mut Vec<u8>) {
    serde_json::to_writer(output.by_ref(), value)
        .unwrap_or_else(|error| unreachable!("a text or a number goes into memory: {error}"));
}

/// One version of one window of one series, as a message tells it. Fields that this build does not know are passed
/// over, and those that came after the first version may be missing: builds before and after this one understand each
/// other.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowMessage {
    /// In the order of [`FIELDS`].
    values: Vec<Option<Value<'static>>>,
}

/// The bytes are not a window message that can be stored.
#[derive(Debug, Error)]
pub enum InvalidWindowMessage {
    /// No JSON of the right shape.
    #[error("not a window message: {0}")]
    Shape(#[from] serde_json::Error),
    /// Fields that contradict each other.
    #[error("not a window: {0}")]
    Content(String),
}

const STREAM: usize = index_of("stream");
const SERIES: usize = index_of("series");
const METRIC: usize = index_of("metric");
const WINDOW: usize = index_of("window");
const START: usize = index_of("start");
const END: usize = index_of("end");
const COUNT: usize = index_of("count");
const LAST_EVENT: usize = index_of("last_event");
const GENERATION: usize = index_of("generation");
const REVISION: usize = index_of("revision");

/// Bits of the write timestamp below the generation: more readings than a window of one series holds.
const REVISION_BITS: u32 = 30;

impl WindowMessage {
    /// Reads a message and checks that its fields agree.
    ///
    /// # Errors
    ///
    /// [`InvalidWindowMessage`] when it cannot be a version of a window.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidWindowMessage> {
        let message: Self = serde_json::from_slice(bytes)?;
        message.check().map_err(InvalidWindowMessage::Content)?;
        Ok(message)
    }

    fn check(&self) -> Result<(), String> {
        let spec: WindowSpec = self
            .window()
            .parse()
            .map_err(|error: crate::window::InvalidWindow| error.to_string())?;
        let (start, end) = (self.start(), self.end());
        if !spec.may_start(start) {
            return Err(format!("{start} is not aligned to {}", self.window()));
        }
        if !end.checked_sub(start).is_some_and(|length| spec.may_last(length)) {
            return Err(format!("{start}..{end} is not {} long", self.window()));
        }
        if self.count(COUNT) == 0 || self.revision() == 0 {
            return Err("it has no readings".to_owned());
        }
        for index in [STREAM, SERIES, METRIC] {
            if self.text(index).is_empty() {
                return Err(format!("'{}' is empty", FIELDS[index].name));
            }
        }
        if u32::try_from(self.count(GENERATION)).is_err() {
            return Err(format!("there is no generation {}", self.count(GENERATION)));
        }
        Ok(())
    }

    /// The value of the field at that place of [`FIELDS`]; `None` where the message does not tell it.
    pub fn value(&self, index: usize) -> Option<&Value<'static>> {
        self.values.get(index)?.as_ref()
    }

    /// The stream.
    pub fn stream(&self) -> &str {
        self.text(STREAM)
    }

    /// The series id.
    pub fn series(&self) -> &str {
        self.text(SERIES)
    }

    /// The metric.
    pub fn metric(&self) -> &str {
        self.text(METRIC)
    }

    /// The kind of window.
    pub fn window(&self) -> &str {
        self.text(WINDOW)
    }

    /// First instant of the window, epoch milliseconds.
    pub fn start(&self) -> i64 {
        self.time(START)
    }

    /// First instant after it, epoch milliseconds.
    pub fn end(&self) -> i64 {
        self.time(END)
    }

    /// Event time of the newest reading, epoch milliseconds.
    pub fn last_event(&self) -> i64 {
        self.time(LAST_EVENT)
    }

    /// Version of the window within its generation.
    pub fn revision(&self) -> u64 {
        self.count(REVISION)
    }

    fn text(&self, index: usize) -> &str {
        match &self.values[index] {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn time(&self, index: usize) -> i64 {
        match self.values[index] {
            Some(Value::Time(micros)) => micros.div_euclid(MICROS_PER_MILLI),
            _ => 0,
        }
    }

    fn count(&self, index: usize) -> u64 {
        match self.values[index] {
            Some(Value::Count(count)) => count,
            _ => 0,
        }
    }

    /// The Cassandra write timestamp, in microseconds: near the end of the window, so that time-window compaction sees
    /// real times, and greater for every newer version, so that an older one never overwrites it.
    pub fn write_timestamp_micros(&self) -> i64 {
        let revision = i64::try_from(self.revision()).unwrap_or(i64::MAX);
        let generation = i64::try_from(self.count(GENERATION)).unwrap_or(i64::MAX);
        self.end()
            .saturating_mul(1_000)
            .saturating_add(generation << REVISION_BITS)
            .saturating_add(revision)
    }
}

impl<'de> Deserialize<'de> for WindowMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = WindowMessage;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the fields of a window")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WindowMessage, A::Error> {
        let mut values = vec![None; FIELDS.len()];
        let mut seen = [false; FIELDS.len()];
        // Messages have them in the order of the table.
        let mut expected = 0;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let Some(index) = find(&name.0, expected) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(&mut seen[index], true) {
                return Err(A::Error::custom(format_args!("duplicate field `{}`", name.0)));
            }
            expected = index + 1;
            values[index] = map.next_value_seed(OfKind(FIELDS[index].kind))?;
        }
        for (field, value) in FIELDS.iter().zip(&mut values) {
            if value.is_none() && field.kind == Kind::Flag {
                *value = Some(Value::Flag(false));
            } else if value.is_none() && !field.is_nullable() {
                return Err(A::Error::custom(format_args!("missing field `{}`", field.name)));
            }
        }
        Ok(WindowMessage { values })
    }
}

fn find(name: &str, expected: usize) -> Option<usize> {
    if FIELDS.get(expected).is_some_and(|field| field.name == name) {
        return Some(expected);
    }
    FIELDS.iter().position(|field| field.name == name)
}

/// The name of a field, borrowed when it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a value of that kind, or null.
struct OfKind(Kind);

impl<'de> DeserializeSeed<'de> for OfKind {
    type Value = Option<Value<'static>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Ok(match self.0 {
            Kind::Text => {
                Option::deserialize(deserializer)?.map(|text| Value::Text(Cow::Owned(text)))
            }
            Kind::Time => Option::deserialize(deserializer)?
                .map(|ms: i64| Value::Time(ms.saturating_mul(MICROS_PER_MILLI))),
            Kind::Count => Option::deserialize(deserializer)?.map(Value::Count),
            Kind::Number => Option::deserialize(deserializer)?.map(Value::Number),
            Kind::Flag => Option::deserialize(deserializer)?.map(Value::Flag),
        })
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
