//! Whether the brokers answer, and whether they let us in.
//!
//! librdkafka tries again for ever, whatever is wrong. What it tells of its errors on the way says whether waiting can
//! help: a broker that is away may come back, one that refuses the login will refuse it again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use freshet_core::config::{Kafka, Written};
use freshet_runtime::Failure;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use thiserror::Error;
use tokio::sync::watch;

use crate::kafka::{ClientLog, client_config};

/// Why the brokers cannot be asked.
#[derive(Debug, Error)]
pub enum BrokersError {
    /// The Kafka settings are wrong.
    #[error("cannot create a Kafka client; check the [kafka] section: {0}")]
    Client(#[source] KafkaError),
    /// They do not let us in.
    #[error(
        "Kafka at {servers} refuses the login ({reason}); check protocol, sasl_mechanism, username and password in \
         the [kafka.security] section"
    )]
    Refused {
        /// Where they are.
        servers: String,
        /// What was said.
        reason: String,
    },
    /// We do not trust them.
    #[error(
        "the certificate of Kafka at {servers} is not trusted ({reason}); check ca_file in the [kafka.security] \
         section, and that the certificate is for the host in bootstrap_servers"
    )]
    Untrusted {
        /// Where they are.
        servers: String,
        /// What was said.
        reason: String,
    },
    /// None has answered in time.
    #[error(
        "no broker answers at {servers} ({reason}); check that Kafka runs, and bootstrap_servers in the [kafka] section"
    )]
    Unreachable {
        /// Where they are.
        servers: String,
        /// What was tried last.
        reason: String,
    },
}

impl BrokersError {
    /// Whether it stays until somebody changes the configuration.
    pub const fn is_permanent(&self) -> bool {
        !matches!(self, Self::Unreachable { .. })
    }

    /// The error with the place in the configuration that has to be changed first, if one has to.
    pub fn located(self, written: &Written) -> Failure {
        let key = match &self {
            Self::Client(error) if error.to_string().contains("ssl.ca.location") => {
                "kafka.security.ca_file"
            }
            Self::Client(_) => "kafka",
            Self::Refused { .. } => "kafka.security.password",
            Self::Untrusted { .. } => "kafka.security.ca_file",
            Self::Unreachable { .. } => return Failure::runtime(self),
        };
        Failure::usage(written.error(key, &self))
    }
}

/// A client that asks the brokers, and tells why they do not answer.
pub struct Brokers {
    servers: String,
    client: Arc<ThreadedProducer<Listener>>,
}

impl Brokers {
    /// A client with the settings of the configuration; it connects by itself.
    ///
    /// # Errors
    ///
    /// When librdkafka does not take the settings.
    pub fn new(kafka: &Kafka, client_id: &str) -> Result<Self, BrokersError> {
        let settings = client_config(kafka, client_id);
        let client = ThreadedProducer::from_config_and_context(&settings, Listener::default())
            .map(Arc::new)
            .map_err(BrokersError::Client)?;
        Ok(Self { servers: kafka.bootstrap_servers.clone(), client })
    }

    /// The names of the topics that exist.
    ///
    /// # Errors
    ///
    /// When no broker answers in this time, or one refuses the login.
    pub async fn topics(&self, patience: Duration) -> Result<HashSet<String>, BrokersError> {
        let client = Arc::clone(&self.client);
        let asking =
            tokio::task::spawn_blocking(move || client.client().fetch_metadata(None, patience));
        let mut said = self.client.context().said.subscribe();
        let answer = tokio::select! {
            answer = asking => answer.unwrap_or(Err(KafkaError::Canceled)),
            Ok(said) = said.wait_for(|said| said.refusal.is_some()) => {
                let (servers, reason) = (self.servers.clone(), said.reason.clone());
                return Err(match said.refusal {
                    Some(Refusal::Ours) => BrokersError::Untrusted { servers, reason },
                    _ => BrokersError::Refused { servers, reason },
                });
            }
        };
        match answer {
            Ok(metadata) => {
                Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
            }
            Err(error) => {
                let said = self.client.context().said.borrow().reason.clone();
                let reason = if said.is_empty() { error.to_string() } else { said };
                Err(BrokersError::Unreachable { servers: self.servers.clone(), reason })
            }
        }
    }
}

/// What librdkafka has told last.
#[derive(Debug, Default)]
struct Said {
    reason: String,
    refusal: Option<Refusal>,
}

/// Who does not want the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The brokers, because of the login.
    Theirs,
    /// This client, because of their certificate.
    Ours,
}

/// Hears what librdkafka tells.
#[derive(Debug, Default)]
struct Listener {
    log: ClientLog,
    said: watch::Sender<Said>,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ClientLog::failure(&error, reason);
        let code = error.rdkafka_error_code();
        // It says no more than that there was an error before.
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        let refusal = refusal(code, reason);
        self.said.send_modify(|said| {
            if said.refusal.is_none() {
                *said = Said { reason: without_instance(reason).to_owned(), refusal };
            }
        });
    }
}

impl ProducerContext for Listener {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Whether the same will be said again, until somebody changes settings. A connection that breaks in the middle of a
/// login is no refusal, though librdkafka has the same code for it.
fn refusal(code: Option<RDKafkaErrorCode>, reason: &str) -> Option<Refusal> {
    let reason = reason.to_ascii_lowercase();
    match code {
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
            let has_broken =
                ["transport", "timed out", "disconnected"].iter().any(|what| reason.contains(what));
            (!has_broken).then_some(Refusal::Theirs)
        }
        Some(RDKafkaErrorCode::SSL) => {
            reason.contains("certificate verify failed").then_some(Refusal::Ours)
        }
        _ => None,
    }
}

/// Without what only tells of librdkafka itself: the thread before it, and how long it took after it.
fn without_instance(reason: &str) -> &str {
    let said = match reason.split_once("]: ") {
        Some((before, rest)) if before.starts_with('[') => rest,
        _ => reason,
    };
    said.split_once(" (after ").map_or(said, |(said, _)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_is_a_refusal() {
        let login = Some(RDKafkaErrorCode::Authentication);
        let said = "SASL authentication error: Authentication failed: Invalid username or password";
        assert_eq!(refusal(login, said), Some(Refusal::Theirs));
        assert_eq!(refusal(login, "SASL handshake failed: Local: Broker transport failure"), None);
        let tls = Some(RDKafkaErrorCode::SSL);
        let said =
            "SSL handshake failed: error:0A000086: certificate verify failed: broker certificate";
        assert_eq!(refusal(tls, said), Some(Refusal::Ours));
        assert_eq!(refusal(tls, "SSL handshake failed: Disconnected"), None);
        let gone = Some(RDKafkaErrorCode::BrokerTransportFailure);
        assert_eq!(refusal(gone, "Connection refused"), None);
    }

    #[test]
    fn what_only_librdkafka_understands_is_left_out() {
        let said = "[thrd:127.0.0.1:9/bootstrap]: 127.0.0.1:9/bootstrap: Connection refused (after 0ms in \
                    state CONNECT)";
        assert_eq!(without_instance(said), "127.0.0.1:9/bootstrap: Connection refused");
        assert_eq!(without_instance("nothing else"), "nothing else");
    }

    #[tokio::test]
    async fn who_does_not_answer_is_named_with_what_was_tried() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{free}\"\n\
             [[stream]]\nname = \"s\"\nvalues = {{ v = \"v\" }}\nwindows = [\"1s\"]\n"
        );
        let config = freshet_core::config::Config::parse(
            &text,
            std::path::Path::new("freshet.toml"),
            std::collections::BTreeMap::new(),
        );
        let brokers = Brokers::new(&config.unwrap().kafka, "test").unwrap();
        let error = brokers.topics(Duration::from_secs(2)).await.unwrap_err();
        assert!(!error.is_permanent());
        let said = error.to_string();
        assert!(said.starts_with(&format!("no broker answers at {free} (")), "{said}");
        assert!(said.contains("refused"), "{said}");
    }
}
