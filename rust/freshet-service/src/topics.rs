//! Creates the topics that are missing.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use freshet_core::config::{Config, Kafka, Written};
use freshet_core::topics::{self, TopicSpec};
use freshet_core::wire::Component;
use freshet_runtime::{Backoff, Failure, Health, Shutdown, service};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use thiserror::Error;

use crate::brokers::{Brokers, BrokersError};
use crate::kafka::{LoggingContext, client_config};

const CLIENT_ID: &str = "freshet-topics";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(10);

/// What [`Health::wait_for`] says of Kafka.
const KAFKA: &str = "kafka";

/// Why the topics cannot be had, however long one waits.
#[derive(Debug, Error)]
pub enum TopicsError {
    /// The Kafka settings are wrong, or the brokers refuse the login.
    #[error(transparent)]
    Brokers(#[from] BrokersError),
    /// The brokers refuse to create a topic.
    #[error(
        "Kafka refuses to create topic {topic} ({code}); create it yourself or grant the right, \
         and check partitions, replication_factor and topic_prefix in the [kafka] section"
    )]
    Refused {
        /// The topic.
        topic: String,
        /// The brokers' answer.
        code: RDKafkaErrorCode,
    },
}

/// Why one attempt was in vain.
enum Attempt {
    Refused(TopicsError),
    Retry(String),
}

impl TopicsError {
    /// The error with the place in the configuration that has to be changed, if one has to.
    pub fn located(self, written: &Written) -> Failure {
        match self {
            Self::Brokers(error) => error.located(written),
            Self::Refused { .. } => Failure::runtime(self),
        }
    }
}

impl From<BrokersError> for Attempt {
    fn from(error: BrokersError) -> Self {
        if error.is_permanent() {
            Self::Refused(error.into())
        } else {
            Self::Retry(error.to_string())
        }
    }
}

/// A program's run that creates the topics of its configuration file, and nothing else: for whoever wants them there
/// before the first program starts.
pub fn create(file: &Path, component: Component) -> ExitCode {
    let load = || Config::load_with_settings(file);
    service::run_with(load, |loaded, shutdown| async move {
        let (config, written) = (loaded.config, Written::new(file, loaded.settings));
        let health = Health::new(component);
        ensure(&config, &health, &shutdown).await.map_err(|error| error.located(&written))?;
        if shutdown.is_requested() {
            return Err(Failure::runtime("stopped before the topics were there"));
        }
        tracing::info!("the topics are there");
        Ok(())
    })
}

/// Creates those of the pipeline's topics that are missing, and waits for the brokers as long as
/// it takes, which it tells `health`. Topics that exist are left as they are. Returns early when the
/// shutdown is requested.
///
/// # Errors
///
/// When the client settings are wrong, the brokers refuse the login or to create a topic.
pub async fn ensure(
    config: &Config,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<(), TopicsError> {
    let brokers = Brokers::new(&config.kafka, CLIENT_ID)?;
    let client = client_config(&config.kafka, CLIENT_ID);
    let admin = AdminClient::from_config_and_context(&client, LoggingContext::default())
        .map_err(BrokersError::Client)?;
    let wanted = topics::all(config);
    let mut backoff = Backoff::new(FIRST_DELAY, MAX_DELAY);
    while !shutdown.is_requested() {
        let attempt = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            attempt = attempt(&brokers, &admin, &wanted) => attempt,
        };
        match attempt {
            Ok(()) => break,
            Err(Attempt::Refused(error)) => return Err(error),
            Err(Attempt::Retry(reason)) => {
                tracing::warn!(reason, "the topics are not there yet; trying again");
                health.wait_for(KAFKA, &format!("Kafka: {reason}"));
                shutdown.sleep(backoff.next_delay()).await;
            }
        }
    }
    health.no_longer_waits_for(KAFKA);
    Ok(())
}

/// How many bytes a topic takes at once (`max.message.bytes`); `None` when nobody can or may say so.
pub async fn largest_batch(kafka: &Kafka, topic: &str) -> Option<u64> {
    let client = client_config(kafka, CLIENT_ID);
    let admin = AdminClient::from_config_and_context(&client, LoggingContext::default()).ok()?;
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let asked = [ResourceSpecifier::Topic(topic)];
    let described = admin.describe_configs(&asked, &options).await.ok()?;
    let resource = described.into_iter().next()?.ok()?;
    resource.get("max.message.bytes")?.value.as_ref()?.parse().ok()
}

async fn attempt(
    brokers: &Brokers,
    admin: &AdminClient<LoggingContext>,
    wanted: &[TopicSpec],
) -> Result<(), Attempt> {
    // Asked first, because a client without the right to create topics may well be allowed to use those that somebody
    // else has made.
    let existing = brokers.topics(REQUEST_TIMEOUT).await.map_err(Attempt::from)?;
    let missing: Vec<NewTopic<'_>> =
        wanted.iter().filter(|topic| !existing.contains(&topic.name)).map(new_topic).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT));
    let results = admin
        .create_topics(&missing, &options)
        .await
        .map_err(|error| Attempt::Retry(error.to_string()))?;
    for result in results {
        match result {
            Ok(topic) => tracing::info!(topic, "topic created"),
            // Another part of the pipeline was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => (),
            Err((topic, code)) if is_refusal(code) => {
                return Err(Attempt::Refused(TopicsError::Refused { topic, code }));
            }
            Err((topic, code)) => return Err(Attempt::Retry(format!("{topic}: {code}"))),
        }
    }
    Ok(())
}

fn new_topic(topic: &TopicSpec) -> NewTopic<'_> {
    let replication = TopicReplication::Fixed(topic.replication_factor);
    let new = NewTopic::new(&topic.name, topic.partitions, replication);
    topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value))
}

/// Whether waiting is no help. Everything else (no controller yet, too few brokers yet, a lost
/// connection) may pass.
const fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::InvalidPartitions
            | RDKafkaErrorCode::InvalidConfig
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorization_failure_is_final_and_a_missing_broker_is_not() {
        assert!(is_refusal(RDKafkaErrorCode::TopicAuthorizationFailed));
        assert!(!is_refusal(RDKafkaErrorCode::InvalidReplicationFactor));
        assert!(!is_refusal(RDKafkaErrorCode::RequestTimedOut));
    }
}
