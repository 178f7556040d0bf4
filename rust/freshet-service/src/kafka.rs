//! Kafka client settings, and a quieter voice for librdkafka.

use std::time::Duration;

use freshet_core::config::Kafka;
use freshet_runtime::log_limit::LogLimit;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// librdkafka repeats the same complaint per broker and attempt while a broker is away.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// The settings that every client needs: where the brokers are and how to be let in.
///
/// Secrets are in the result, but neither its `Debug` nor librdkafka's logs show them.
pub fn client_config(kafka: &Kafka, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in kafka.librdkafka_properties() {
        config.set(key, value);
    }
    config
        .set("client.id", client_id)
        // A broker that restarts is back within seconds; the default lets 10 s pass.
        .set("reconnect.backoff.max.ms", "1000");
    config
}

/// The settings of a producer that neither drops nor repeats nor reorders a record.
pub fn producer_config(kafka: &Kafka, client_id: &str) -> ClientConfig {
    let mut config = client_config(kafka, client_id);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // librdkafka gives a record up after five minutes unless told to keep it.
        .set("message.timeout.ms", "0")
        // Java's partitioner: whatever the programming language, a key has one partition.
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", "20");
    config
}

/// What librdkafka says, in the program's log: at most one complaint per client and ten seconds,
/// because it complains while it already retries.
#[derive(Debug)]
pub struct ClientLog {
    complaints: LogLimit,
}

impl Default for ClientLog {
    fn default() -> Self {
        Self { complaints: LogLimit::every(COMPLAINT_INTERVAL) }
    }
}

impl ClientLog {
    /// For [`ClientContext::log`].
    pub fn line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if is_complaint(level)
            && let Some(held_back) = self.complaints.permit()
        {
            tracing::warn!(target: "librdkafka", facility, held_back, "{message}");
        } else {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }

    /// For [`ClientContext::error`]: only what ends the client is worth a line of its own, the
    /// rest has been said in a log line.
    pub fn failure(error: &KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            tracing::error!(target: "librdkafka", %error, "{reason}");
        } else {
            tracing::debug!(target: "librdkafka", %error, "{reason}");
        }
    }
}

const fn is_complaint(level: RDKafkaLogLevel) -> bool {
    matches!(
        level,
        RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
    )
}

/// The context of a client that needs no callbacks but the log's.
#[derive(Debug, Default)]
pub struct LoggingContext(ClientLog);

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
    }
}

impl ConsumerContext for LoggingContext {}
