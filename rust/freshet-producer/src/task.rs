//! One source, from its opening to its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use freshet_core::config::Config;
use freshet_core::wire::ErrorKind;
use freshet_runtime::{Health, Shutdown};
use freshet_service::topics;
use freshet_sources::{Context, Cursor, Opened, Resume, Source, SourceConfig, SourceStatus};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::buffer::Buffer;
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::spool::Spool;
use crate::{client, direct, transactions};

/// librdkafka's own `batch.size`.
const MOST_BATCH_BYTES: u64 = 1_000_000;

/// A source and what it is connected to.
pub(crate) struct SourceTask {
    pub(crate) config: Arc<Config>,
    pub(crate) source: SourceConfig,
    /// The raw topic that it feeds.
    pub(crate) topic: String,
    pub(crate) status: Arc<SourceStatus>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
    /// Whether the topics are there; closed when they will not be.
    pub(crate) topics: watch::Receiver<bool>,
    /// Records of all sources that will not arrive.
    pub(crate) undelivered: Arc<AtomicU64>,
    /// This process among all that there ever were.
    pub(crate) instance: String,
    /// Its queue on disk, until it is read.
    pub(crate) spool: Mutex<Option<Spool>>,
}

/// Why a source is given up, while the others go on.
#[derive(Debug, Error)]
pub(crate) enum TaskError {
    #[error("{0}")]
    Source(String),
    #[error("Kafka's client failed for good: {0}; start the producer again")]
    Kafka(#[from] KafkaError),
    #[error("Kafka refuses a record: {0}; what was not acknowledged comes again")]
    Refused(KafkaError),
    #[error(
        "producer {0} has taken the source over: two that run the same source would send it twice; give one of them \
         other sources with --source"
    )]
    Fenced(String),
    #[error("a fault in the producer: {0}")]
    Panicked(String),
}

impl TaskError {
    pub(crate) fn panicked(error: &JoinError) -> Self {
        Self::Panicked(error.to_string())
    }
}

impl SourceTask {
    /// Runs the source until it ends, fails for good, or the shutdown is requested.
    ///
    /// A source with a spool is read at once, any other when there are topics for what it sends.
    pub(crate) async fn run(self) -> Result<(), TaskError> {
        if self.source.delivery.spool.is_none() && !self.topics_are_there().await {
            return Ok(());
        }
        tracing::info!(
            source = self.name(),
            kind = self.source.source.kind,
            topic = self.topic,
            "source started"
        );
        let ended = match self.source.open.resume() {
            Resume::Cursor => transactions::run(&self).await,
            Resume::None | Resume::Acknowledgement => direct::run(&self).await,
        };
        if let Err(error) = &ended {
            self.status.failed(&error.to_string());
            self.health.failed(ErrorKind::Source, &format!("source {}: {error}", self.name()));
        }
        ended
    }

    /// Waits for the topics; whether there are any.
    pub(crate) async fn topics_are_there(&self) -> bool {
        self.topics.clone().wait_for(|made| *made).await.is_ok()
    }

    /// The settings of its client. Kafka refuses a batch as a whole: one that is larger than what the topic takes would
    /// make dead letters of records that it does take.
    pub(crate) async fn client_settings(&self) -> ClientConfig {
        let mut settings = client::settings(&self.config.kafka);
        let largest = tokio::select! {
            largest = topics::largest_batch(&self.config.kafka, &self.topic) => largest,
            () = self.shutdown.requested() => None,
        };
        if let Some(bytes) = largest {
            settings.set("batch.size", bytes.min(MOST_BATCH_BYTES).to_string());
        }
        settings
    }

    pub(crate) fn name(&self) -> &str {
        &self.source.source.name
    }

    fn context(&self) -> Context {
        Context {
            name: self.name().to_owned(),
            status: Arc::clone(&self.status),
            shutdown: self.shutdown.clone(),
        }
    }

    pub(crate) fn open(&self, cursor: Option<&Cursor>) -> Result<Opened, TaskError> {
        let opened = self.source.open.open(self.context(), cursor);
        opened.map_err(|error| TaskError::Source(error.to_string()))
    }

    /// Reads the source, which was opened at that cursor, into a buffer, in a task of its own.
    pub(crate) fn read(
        &self,
        source: Box<dyn Source>,
        cursor: Option<Cursor>,
    ) -> (Arc<Buffer>, JoinHandle<Result<(), String>>) {
        let delivery = &self.source.delivery;
        let status = Arc::clone(&self.status);
        let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner).take();
        let buffer = Buffer::new(delivery.buffer_bytes, delivery.when_full, status, spool);
        let buffer = Arc::new(buffer);
        let reader = Reader {
            source,
            settings: Arc::clone(&self.source.open),
            context: self.context(),
            cursor,
            buffer: Arc::clone(&buffer),
            status: Arc::clone(&self.status),
            health: Arc::clone(&self.health),
            shutdown: self.shutdown.clone(),
        };
        (buffer, tokio::spawn(reader.run()))
    }

    /// The key of a dead letter: `topic-source-number`, where others have partition and offset.
    pub(crate) fn letter_key(&self, number: &str) -> String {
        format!("{}-{}-{}-{number}", self.topic, self.name(), self.instance)
    }

    /// Counts records that will not arrive.
    pub(crate) fn undelivered(&self, records: u64) {
        self.undelivered.fetch_add(records, Ordering::Relaxed);
    }
}
