//! `[kafka]`: the cluster that carries the records, the windows, the dead letters and the health reports.

use std::path::PathBuf;

use serde::Serialize;

use super::error::ConfigError;
use super::secret::Secret;
use super::section::Section;

/// The Kafka cluster and how to reach it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kafka {
    /// `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// Put before every topic name; empty by default.
    pub topic_prefix: String,
    /// Partitions of the topics that Freshet creates.
    pub partitions: i32,
    /// Replicas of the topics that Freshet creates.
    pub replication_factor: i32,
    /// Encryption and authentication.
    pub security: Security,
}

/// Encryption and authentication towards Kafka.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Security {
    /// How the connection is protected.
    pub protocol: SecurityProtocol,
    /// How the client proves who it is; only with a SASL protocol.
    pub sasl_mechanism: Option<SaslMechanism>,
    /// The SASL user.
    pub username: Option<String>,
    /// The SASL password.
    pub password: Option<Secret>,
    /// PEM file of the authority that signed the brokers' certificates; the system's by default.
    pub ca_file: Option<PathBuf>,
}

/// Kafka's `security.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are Kafka's own")]
pub enum SecurityProtocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// Kafka's `sasl.mechanism`, as far as all three clients of Freshet speak it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are Kafka's own")]
pub enum SaslMechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Kafka {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let kafka = Self {
            bootstrap_servers: section
                .text("bootstrap_servers")?
                .map_or_else(|| "127.0.0.1:9092".to_owned(), |found| found.value),
            topic_prefix: read_prefix(section)?,
            partitions: section.integer_within("partitions", (1, 10_000))?.unwrap_or(2),
            replication_factor: section
                .integer_within("replication_factor", (1, 100))?
                .unwrap_or(1),
            security: Security::read(&section.table("security")?)?,
        };
        section.finish()?;
        Ok(kafka)
    }

    /// Address and security in librdkafka's property names. The values hold secrets: do not log them.
    pub fn librdkafka_properties(&self) -> Vec<(&'static str, String)> {
        let security = &self.security;
        let mut properties = vec![
            ("bootstrap.servers", self.bootstrap_servers.clone()),
            ("security.protocol", security.protocol.name().to_owned()),
        ];
        let optional = [
            ("sasl.mechanism", security.sasl_mechanism.map(|m| m.name().to_owned())),
            ("sasl.username", security.username.clone()),
            ("sasl.password", security.password.as_ref().map(|p| p.expose().to_owned())),
            ("ssl.ca.location", security.ca_file.as_ref().map(|f| f.display().to_string())),
        ];
        properties.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value?))));
        properties
    }
}

fn read_prefix(section: &Section<'_>) -> Result<String, ConfigError> {
    let Some(prefix) = section.text("topic_prefix")? else {
        return Ok(String::new());
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if prefix.value.chars().all(legal) && prefix.value.len() <= 100 {
        Ok(prefix.value)
    } else {
        Err(prefix.error("a topic name takes letters, digits, '.', '_' and '-' only"))
    }
}

impl Security {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let security = Self {
            protocol: section
                .choice("protocol", &SecurityProtocol::ALL, SecurityProtocol::name)?
                .unwrap_or(SecurityProtocol::Plaintext),
            sasl_mechanism: section.choice(
                "sasl_mechanism",
                &SaslMechanism::ALL,
                SaslMechanism::name,
            )?,
            username: section.text("username")?.map(|found| found.value),
            password: section.text("password")?.map(|found| Secret::new(found.value)),
            ca_file: section.text("ca_file")?.map(|found| found.value.into()),
        };
        security.check(section)?;
        section.finish()?;
        Ok(security)
    }

    fn check(&self, section: &Section<'_>) -> Result<(), ConfigError> {
        let needs_sasl =
            matches!(self.protocol, SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl);
        let given = [
            ("sasl_mechanism", self.sasl_mechanism.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
        ];
        for (key, present) in given {
            if needs_sasl && !present {
                let protocol = self.protocol.name();
                return Err(
                    section.error(key, format!("is missing: protocol '{protocol}' needs it"))
                );
            }
            if !needs_sasl && present {
                let message = "has no effect without protocol = 'sasl_ssl' or 'sasl_plaintext'";
                return Err(section.error(key, message));
            }
        }
        Ok(())
    }
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The name in the configuration and for librdkafka.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

impl SaslMechanism {
    const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// The name in the configuration and for Kafka.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}
