//! `[kafka]`: the cluster that carries the records, the windows, the dead letters and the health reports.

use std::path::PathBuf;

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::Section;
use crate::secret::Secret;

/// `[kafka]`.
pub(super) const TABLE: Table = Table {
    path: "kafka",
    is_repeated: false,
    is_list: false,
    meaning: "the cluster that carries records, windows, dead letters and health reports",
    keys: &[
        Key {
            name: "bootstrap_servers",
            presence: Presence::Default("127.0.0.1:9092"),
            meaning: "some brokers, `host:port`, separated by commas",
            example: r#""kafka-1:9092,kafka-2:9092""#,
            ..Key::NEW
        },
        Key {
            name: "topic_prefix",
            kind: Kind::Text(Some("^[a-zA-Z0-9._-]{0,100}$")),
            presence: Presence::Default(""),
            meaning: "put before every topic name",
            example: r#""plant-7.""#,
            form: "a topic name takes letters, digits, '.', '_' and '-' only, and a prefix up to 100 of them",
            ..Key::NEW
        },
        Key {
            name: "partitions",
            kind: Kind::Integer(1, 10_000),
            presence: Presence::Default("2"),
            meaning: "partitions of the topics that Freshet creates",
            example: "12",
            ..Key::NEW
        },
        Key {
            name: "replication_factor",
            kind: Kind::Integer(1, 100),
            presence: Presence::Default("1"),
            meaning: "replicas of the topics that Freshet creates",
            example: "3",
            ..Key::NEW
        },
    ],
};

/// `[kafka.security]`.
pub(super) const SECURITY: Table = Table {
    path: "kafka.security",
    is_repeated: false,
    is_list: false,
    meaning: "encryption and authentication towards Kafka",
    keys: &[
        Key {
            name: "protocol",
            kind: Kind::Choice(&SecurityProtocol::NAMES),
            presence: Presence::Default("plaintext"),
            meaning: "Kafka's `security.protocol`; those with `sasl` need mechanism, user and password",
            example: r#""sasl_ssl""#,
            ..Key::NEW
        },
        Key {
            name: "sasl_mechanism",
            kind: Kind::Choice(&SaslMechanism::NAMES),
            presence: Presence::Optional("none"),
            meaning: "how the client proves who it is",
            example: r#""SCRAM-SHA-512""#,
            ..Key::NEW
        },
        Key {
            name: "username",
            presence: Presence::Optional("none"),
            meaning: "the SASL user",
            example: r#""freshet""#,
            ..Key::NEW
        },
        Key {
            name: "password",
            presence: Presence::Optional("none"),
            meaning: "the SASL password; better in the environment, or in a file",
            example: r#""secret""#,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "ca_file",
            kind: Kind::Path,
            presence: Presence::Optional("the system's"),
            meaning: "PEM file of the authority that signed the brokers' certificates",
            example: r#""/etc/freshet/kafka-ca.pem""#,
            ..Key::NEW
        },
    ],
};

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
            bootstrap_servers: section.text("bootstrap_servers")?.value,
            topic_prefix: section.text("topic_prefix")?.value,
            partitions: section.integer("partitions")?,
            replication_factor: section.integer("replication_factor")?,
            security: Security::read(&section.table(&SECURITY)?)?,
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

impl Security {
    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let security = Self {
            protocol: SecurityProtocol::ALL[section.choice("protocol")?],
            sasl_mechanism: section
                .optional_choice("sasl_mechanism")?
                .map(|index| SaslMechanism::ALL[index]),
            username: section.optional_text("username")?.map(|found| found.value),
            password: section.optional_text("password")?.map(|found| Secret::new(found.value)),
            ca_file: section.optional_file_path("ca_file")?.map(|found| found.value),
        };
        security.check(section)?;
        security.check_authority(section)?;
        section.finish()?;
        Ok(security)
    }

    fn check_authority(&self, section: &Section<'_>) -> Result<(), ConfigError> {
        match self.protocol {
            SecurityProtocol::Ssl | SecurityProtocol::SaslSsl => Ok(()),
            SecurityProtocol::Plaintext | SecurityProtocol::SaslPlaintext => {
                section.refuse("ca_file", "has no effect without protocol = 'ssl' or 'sasl_ssl'")
            }
        }
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
    const NAMES: [&str; 4] = names!(Self::ALL);

    /// The name in the configuration and for librdkafka.
    pub const fn name(self) -> &'static str {
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
    const NAMES: [&str; 3] = names!(Self::ALL);

    /// The name in the configuration and for Kafka.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}
