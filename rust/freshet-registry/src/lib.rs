//! Asks a schema registry for the schemas of records by their ids, by the interface of Confluent's Schema Registry,
//! which Apicurio, Karapace and Redpanda have as well.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.
//!
//! A schema never changes under its id, so that a process asks once for each, however many parsers it has. Whether a
//! registry does not know an id, or has not answered, are two things: the first is an answer about the records, which
//! are rejected; after the second nothing is known of them, and whoever parses them has to come back later.

mod client;
mod references;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use freshet_core::record::{AvroSchema, ProtobufSchema, RecordSchema, SchemaRegistry};
use serde::Deserialize;
use thiserror::Error;

use client::{Client, Reply};
use references::Reference;

/// What is known of an id: its schema; or why there is none that records can be read with, in words for people.
pub type Found = Result<Arc<RecordSchema>, String>;

/// Nobody has answered: nothing is known of the records, and none of them may be lost for it.
#[derive(Debug, Clone, Error)]
#[error("the schema registry has not said what schema {id} is: {reason}")]
pub struct NoAnswer {
    /// The schema that was asked for.
    pub id: u32,
    /// What each address has said in place of an answer, for people.
    pub reason: String,
}

/// An id that the registry did not know may be known later: so long that is not asked again.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// More ids of one kind are not kept: damaged records may have any.
const MOST_IDS: usize = 100_000;

/// The registries of this process.
static REGISTRIES: LazyLock<Mutex<Vec<Arc<Registry>>>> = LazyLock::new(Mutex::default);

/// What the registry of a stream knows of an id; it is asked at most once at the same time, and once for all where it
/// has a schema.
///
/// # Errors
///
/// [`NoAnswer`] where none of its addresses has answered, or the stream has no registry.
pub fn find(registry: Option<&SchemaRegistry>, id: u32) -> Result<Found, NoAnswer> {
    let no_answer = |reason| NoAnswer { id, reason };
    let settings = registry.ok_or_else(|| no_answer("the stream has none".to_owned()))?;
    shared(settings).map_err(no_answer)?.find(id)
}

fn shared(settings: &SchemaRegistry) -> Result<Arc<Registry>, String> {
    let mut registries = lock(&REGISTRIES);
    if let Some(known) = registries.iter().find(|known| known.settings == *settings) {
        return Ok(Arc::clone(known));
    }
    let registry = Arc::new(Registry::new(settings)?);
    registries.push(Arc::clone(&registry));
    Ok(registry)
}

/// One registry, and what it has said.
struct Registry {
    settings: SchemaRegistry,
    client: Client,
    answers: Mutex<HashMap<u32, Arc<OnceLock<Answer>>>>,
}

struct Answer {
    found: Result<Found, NoAnswer>,
    /// From when on it is asked again; `None` for what never changes.
    until: Option<Instant>,
}

impl Registry {
    fn new(settings: &SchemaRegistry) -> Result<Self, String> {
        let client = Client::new(settings)?;
        Ok(Self { settings: settings.clone(), client, answers: Mutex::default() })
    }

    fn find(&self, id: u32) -> Result<Found, NoAnswer> {
        let answer = self.answer_of(id);
        // Whoever comes while it is asked waits, and gets the same answer.
        answer.get_or_init(|| self.ask(id)).found.clone()
    }

    /// The place of the answer, which may still have to come.
    fn answer_of(&self, id: u32) -> Arc<OnceLock<Answer>> {
        let mut answers = lock(&self.answers);
        let is_old = |answer: &Arc<OnceLock<Answer>>| {
            let until = answer.get().and_then(|answer| answer.until);
            until.is_some_and(|until| until <= Instant::now())
        };
        if answers.get(&id).is_some_and(is_old) {
            answers.remove(&id);
        }
        if answers.len() >= MOST_IDS {
            answers.retain(|_, answer| answer.get().is_none_or(|answer| answer.until.is_none()));
        }
        Arc::clone(answers.entry(id).or_default())
    }

    fn ask(&self, id: u32) -> Answer {
        let now = Instant::now();
        match self.schema(id) {
            Ok(schema) => Answer { found: Ok(Ok(Arc::new(schema))), until: None },
            Err(Missing::Unknown(why)) => {
                Answer { found: Ok(Err(why)), until: Some(now + UNKNOWN_FOR) }
            }
            Err(Missing::Unreadable(why)) => Answer { found: Ok(Err(why)), until: None },
            Err(Missing::NoAnswer(reason)) => {
                Answer { found: Err(NoAnswer { id, reason }), until: Some(now) }
            }
        }
    }

    fn schema(&self, id: u32) -> Result<RecordSchema, Missing> {
        let reply = self.client.get::<Registered>(&["schemas", "ids", &id.to_string()], None);
        let Registered { schema, schema_type, references } = match reply? {
            Reply::Found(registered) => registered,
            Reply::Unknown => {
                return Err(Missing::Unknown("the schema registry does not know it".to_owned()));
            }
        };
        let references = references::texts(&self.client, references)?;
        let found = match schema_type.as_deref() {
            None | Some("AVRO") => {
                let texts: Vec<String> = references.into_iter().map(|(_, text)| text).collect();
                AvroSchema::with_references(&schema, &texts).map(RecordSchema::Avro)
            }
            Some("PROTOBUF") => {
                ProtobufSchema::of_source(&schema, &references).map(RecordSchema::Protobuf)
            }
            Some(other) => Err(format!("is a schema of {other}, and none of Avro or Protobuf")),
        };
        found.map_err(Missing::Unreadable)
    }
}

/// Why there is no schema.
enum Missing {
    /// The registry does not know it, now.
    Unknown(String),
    /// It knows one that records are not read with, and will never be.
    Unreadable(String),
    /// It has not answered.
    NoAnswer(String),
}

/// A schema as the registry tells it; one of Avro may go without its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    schema: String,
    schema_type: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

/// What a panic has left is whole: each change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
