//! From what a source sends to what Kafka gets.

mod filter;
mod json;

use std::sync::Arc;

use freshet_core::config::{ConfigError, Key, Kind, Presence, Section};
use freshet_runtime::clock::epoch_ms;
use jaq_json::Val;
use thiserror::Error;

pub(crate) use self::filter::Filter;
use crate::source::Message;

/// The keys of a source that say what becomes of what it sends.
pub(crate) const KEYS: [Key; 3] = [
    Key {
        name: "transform",
        presence: Presence::Optional("what the source sends goes through untouched"),
        meaning: "a jq filter that makes zero or more records of each message; an output that is a text is sent as it \
                  is, any other as JSON. It knows the variables `$source`, `$topic` and `$now`",
        example: r#"".features[] | {time: .properties.time, magnitude: .properties.mag}""#,
        ..Key::NEW
    },
    Key {
        name: "key",
        presence: Presence::Optional("the series, where the source knows it"),
        meaning: "a jq filter that gives the Kafka key of each record: records with the same key stay in order",
        example: r#"".sensor""#,
        ..Key::NEW
    },
    Key {
        name: "transform_input",
        kind: Kind::Choice(&["json", "text"]),
        presence: Presence::Default("json"),
        meaning: "what the filters are given: the message as JSON, or as one text",
        example: r#""text""#,
        ..Key::NEW
    },
];

/// The most records of a message, and the most bytes of all of them.
const MOST_RECORDS: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;
/// The most characters of a value that a message shows.
const MOST_SHOWN: usize = 200;
const VARIABLES: [&str; 3] = ["$source", "$topic", "$now"];

/// A record for the raw topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The key, where there is one: the series id, so that records of one series stay in order.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub payload: Vec<u8>,
}

/// A message that could not be transformed, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TransformError(pub String);

/// What becomes of the messages of a source: each one zero or more records.
#[derive(Debug, Clone, Default)]
pub struct Transform {
    source: String,
    filter: Option<Arc<Filter>>,
    key: Option<Arc<Filter>>,
    is_text: bool,
}

impl Transform {
    /// Reads the filters of a source.
    pub(crate) fn read(source: &str, section: &Section<'_>) -> Result<Self, ConfigError> {
        let filter = |name| -> Result<Option<Arc<Filter>>, ConfigError> {
            let Some(code) = section.optional_text(name)? else { return Ok(None) };
            match Filter::compile(&code.value, &VARIABLES) {
                Ok(filter) => Ok(Some(Arc::new(filter))),
                Err(error) => Err(code.error_in_line(error.line, error.message)),
            }
        };
        Ok(Self {
            source: source.to_owned(),
            filter: filter("transform")?,
            key: filter("key")?,
            is_text: section.choice("transform_input")? == 1,
        })
    }

    /// The record of a message that nothing transforms, with the message's own bytes.
    ///
    /// # Errors
    ///
    /// The message, where there is a filter: it is for [`Transform::apply`].
    pub fn pass(&self, message: Message) -> Result<Record, Message> {
        if self.filter.is_some() || self.key.is_some() {
            return Err(message);
        }
        let key = message.key.map(String::into_bytes);
        Ok(Record { key, payload: message.payload })
    }

    /// The records of one message; without a filter its own bytes.
    ///
    /// # Errors
    ///
    /// When a filter fails on it, or makes more than 10,000 records or 16 MiB of it: the message is to become a dead
    /// letter.
    pub fn apply(&self, message: &Message) -> Result<Vec<Record>, TransformError> {
        self.try_apply(message).map_err(TransformError)
    }

    fn try_apply(&self, message: &Message) -> Result<Vec<Record>, String> {
        let own_key = message.key.clone().map(String::into_bytes);
        if self.filter.is_none() && self.key.is_none() {
            return Ok(vec![Record { key: own_key, payload: message.payload.clone() }]);
        }
        let input = filter_input(&message.payload, self.is_text)
            .map_err(|error| format!("transform: {error}"))?;
        let shown = input.clone();
        self.records(message, input, own_key.as_deref())
            .map_err(|error| format!("{error}; the message: {}", cut(&shown.to_string())))
    }

    fn records(
        &self,
        message: &Message,
        input: Val,
        own_key: Option<&[u8]>,
    ) -> Result<Vec<Record>, String> {
        let variables = self.variables(message);
        let or_own = |key: Option<Vec<u8>>| key.or_else(|| own_key.map(<[u8]>::to_vec));
        let Some(filter) = &self.filter else {
            let key = or_own(self.key_of(input, variables)?);
            return Ok(vec![Record { key, payload: message.payload.clone() }]);
        };
        let mut records = Vec::new();
        let mut bytes = 0;
        for output in filter.outputs(input, variables.clone()) {
            let output = output.map_err(|error| format!("transform: {}", cut(&error)))?;
            let payload = written(&output).map_err(|error| format!("transform: {error}"))?;
            bytes += payload.len();
            if records.len() == MOST_RECORDS || bytes > MOST_BYTES {
                return Err(format!(
                    "transform: it makes more than {MOST_RECORDS} records or 16 MiB of one message"
                ));
            }
            let key = or_own(self.key_of(output, variables.clone())?);
            records.push(Record { key, payload });
        }
        Ok(records)
    }

    fn variables(&self, message: &Message) -> Vec<Val> {
        let topic = message.topic.clone().map_or(Val::Null, Val::from);
        let now = message.arrived.unwrap_or_else(epoch_ms);
        let now = isize::try_from(now).unwrap_or_default();
        vec![self.source.clone().into(), topic, now.into()]
    }

    /// The first output of the key's filter; none and an empty one are no key.
    fn key_of(&self, record: Val, variables: Vec<Val>) -> Result<Option<Vec<u8>>, String> {
        let Some(filter) = &self.key else { return Ok(None) };
        let Some(first) = filter.outputs(record, variables).next() else { return Ok(None) };
        let first = first.map_err(|error| format!("key: {}", cut(&error)))?;
        if first == Val::Null {
            return Ok(None);
        }
        let key = written(&first).map_err(|error| format!("key: {error}"))?;
        Ok((!key.is_empty()).then_some(key))
    }
}

/// What a filter is given of a message: one text, or what it says as JSON.
///
/// # Errors
///
/// When it is no text, or no JSON.
pub(crate) fn filter_input(payload: &[u8], is_text: bool) -> Result<Val, String> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        format!("the message is not UTF-8, from byte {} on", error.valid_up_to() + 1)
    })?;
    if is_text {
        return Ok(text.to_owned().into());
    }
    json::parse(text.as_bytes()).map_err(|error| {
        format!(
            "the message is not JSON: {error}; for other text write transform_input = \"text\"; the message: {}",
            cut(text)
        )
    })
}

/// A text is its own bytes; anything else is written as JSON.
fn written(value: &Val) -> Result<Vec<u8>, String> {
    let (Val::TStr(text) | Val::BStr(text)) = value else {
        let text = value.to_string();
        // Filters know more than JSON does, such as infinite numbers and keys that are no texts.
        json::check(text.as_bytes())
            .map_err(|error| format!("its output {} is not JSON: {error}", cut(&text)))?;
        return Ok(text.into_bytes());
    };
    Ok(text.to_vec())
}

fn cut(text: &str) -> String {
    let cut: String = text.chars().take(MOST_SHOWN).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

#[cfg(test)]
mod tests;
