//! What a source is.
//!
//! A source yields batches of messages ([`Source::next`]). Whoever delivers them sees to it that they become durable in
//! Kafka, in order, and what that means for the source depends on how it resumes ([`Resume`]):
//!
//! - **None**: it knows nothing of delivery.
//! - **Cursor**: each batch carries where to go on after it. Records and cursor become durable in one transaction, and
//!   the source is opened at the cursor after a restart: exactly once.
//! - **Acknowledgement**: [`Acknowledge::acknowledged`] tells the source which batches are durable, so that it can tell
//!   the server: at least once.
//!
//! A failure is transient (the source is asked again, after a while, for ever) or permanent (it is not asked any more,
//! and the other sources go on).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::ConfigError;
use freshet_runtime::Shutdown;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::status::SourceStatus;

/// What a source sends, before it is transformed: bytes, which travel untouched where nothing transforms them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The bytes.
    pub payload: Vec<u8>,
    /// The series id, where the source knows it: records of one series stay in order.
    pub key: Option<String>,
    /// The topic of a broker, where it came by one.
    pub topic: Option<String>,
    /// Which one it is, for people: `line 17`, `event 42`.
    pub place: Option<String>,
    /// When it came, in epoch milliseconds; `None` until somebody has noted it.
    pub arrived: Option<i64>,
}

impl Message {
    /// A message that the source has made itself, as JSON.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    pub fn json(key: Option<String>, value: &impl Serialize) -> Result<Self, SourceError> {
        let payload = serde_json::to_vec(value).map_err(|error| {
            SourceError::transient(format!("cannot write a record as JSON: {error}"))
        })?;
        Ok(Self { payload, key, ..Self::default() })
    }
}

/// What came together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The messages, in their order; there may be none, when only the cursor has moved.
    pub messages: Vec<Message>,
    /// Where to go on after them, of a source that resumes by cursor.
    pub cursor: Option<Cursor>,
    /// The number by which [`Acknowledge::acknowledged`] knows the batch: larger than that of the batch before.
    pub number: u64,
}

/// Where a source goes on: its own business, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(Value);

impl Cursor {
    /// The cursor that says this.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    pub fn new(position: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(position).map(Self)
    }

    /// Roughly the memory that it takes, in bytes.
    pub fn size(&self) -> usize {
        fn size(value: &Value) -> usize {
            size_of::<Value>()
                + match value {
                    Value::String(text) => text.len(),
                    Value::Array(items) => items.iter().map(size).sum(),
                    Value::Object(fields) => {
                        fields.iter().map(|(name, value)| name.len() + size(value)).sum()
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) => 0,
                }
        }
        size(&self.0)
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// When it says something else, such as one of another kind of source that had the same name.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.0)
    }
}

/// How a source goes on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It does not: what is sent while nobody listens is gone.
    None,
    /// At a cursor that it gave with an earlier batch.
    Cursor,
    /// Whoever sends to it sends again what was not acknowledged.
    Acknowledgement,
}

/// The settings of a source, checked, from which it is opened.
#[async_trait]
pub trait Open: Debug + Send + Sync {
    /// How it resumes.
    fn resume(&self) -> Resume;

    /// Whether it may be made to wait while Kafka is slow; otherwise what it yields is buffered, within bounds.
    fn can_wait(&self) -> bool;

    /// How many lines at the beginning of what it reads are no messages.
    fn skip_lines(&self) -> u64 {
        0
    }

    /// Looks at what has to be right on this machine before anything starts.
    ///
    /// # Errors
    ///
    /// What is wrong, at the place where it was written.
    fn examine(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Tries whether the source can be reached, without taking anything from it: for `--check`.
    async fn check(&self, context: &Context) -> Result<(), SourceError>;

    /// Opens the source: at the cursor, or where it begins. What takes time, such as a connection, is for
    /// [`Source::next`].
    ///
    /// # Errors
    ///
    /// When it can never be opened so.
    fn open(&self, context: Context, cursor: Option<&Cursor>) -> Result<Opened, SourceError>;
}

/// A source that is open.
pub struct Opened {
    /// What yields the messages.
    pub source: Box<dyn Source>,
    /// What is told of their delivery, of a source that resumes by acknowledgement.
    pub acknowledge: Option<Box<dyn Acknowledge>>,
}

impl Opened {
    /// A source that need not be told of delivery.
    pub fn new(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source), acknowledge: None }
    }
}

/// Something that yields messages.
#[async_trait]
pub trait Source: Send {
    /// Waits for messages and returns those that came together; `None` when there will be no more.
    ///
    /// The source connects, and connects again, in here. It should read no further ahead than it needs, and bounds what
    /// it takes into memory. The future is dropped unfinished only when the source is closed.
    ///
    /// # Errors
    ///
    /// After a transient failure it is called again, later.
    async fn next(&mut self) -> Result<Option<Batch>, SourceError>;

    /// What was read ahead and cannot be asked for again, when nobody asks for more. Called at a stop, as the last.
    fn leave(&mut self) -> Option<Batch> {
        None
    }
}

/// Where a source hears of delivery, while it waits for its next messages.
#[async_trait]
pub trait Acknowledge: Send {
    /// The batch of this number and all before it are durable in Kafka. Called in order.
    ///
    /// # Errors
    ///
    /// When it cannot be told to the server; the messages will come again.
    async fn acknowledged(&mut self, number: u64) -> Result<(), SourceError>;
}

/// What a source has from its surroundings.
#[derive(Debug, Clone)]
pub struct Context {
    /// What the source is called.
    pub name: String,
    /// Where it says how it is.
    pub status: Arc<SourceStatus>,
    /// When to stop waiting.
    pub shutdown: Shutdown,
}

/// Why a source has nothing to hand over. The texts are for people: one line, without secrets, with what would help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// It may pass: asked again after a while.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// How long the server wants to be left alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// The other side refuses. It may be mended there, so it is asked again, but not soon; more likely somebody has to
    /// change the configuration.
    #[error("{reason}")]
    Refused {
        /// What happened.
        reason: String,
        /// How long to wait before it is asked again.
        retry_after: Option<Duration>,
    },
    /// It stays until somebody changes something.
    #[error("{0}")]
    Permanent(String),
}

impl SourceError {
    /// A failure that may pass.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), retry_after: None }
    }

    /// A refusal; nobody is asked again before `patience` has passed.
    pub fn refused(reason: impl Into<String>, patience: Duration) -> Self {
        Self::Refused { reason: reason.into(), retry_after: Some(patience) }
    }

    /// A failure that stays.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent(reason.into())
    }
}
