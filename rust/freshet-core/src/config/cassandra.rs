//! `[cassandra]`: the store of the windows.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::Section;
use crate::secret::Secret;

/// Unless it was set up otherwise, Cassandra refuses rows that would expire after January 2038.
const LONGEST_TTL: Duration = Duration::from_hours(3_650 * 24);

/// `[cassandra]`.
pub(super) const TABLE: Table = Table {
    path: "cassandra",
    is_repeated: false,
    is_list: false,
    meaning: "the store of the windows",
    keys: &[
        Key {
            name: "contact_points",
            kind: Kind::Texts,
            presence: Presence::Default("127.0.0.1:9042"),
            meaning: "some nodes, `host:port`",
            example: r#"["10.0.0.5:9042", "10.0.0.6:9042"]"#,
            ..Key::NEW
        },
        Key {
            name: "local_datacenter",
            presence: Presence::Default("datacenter1"),
            meaning: "the datacenter whose nodes are asked",
            example: r#""eu-west""#,
            ..Key::NEW
        },
        Key {
            name: "keyspace",
            kind: Kind::Text(Some("^[a-z][a-z0-9_]{0,47}$")),
            presence: Presence::Default("freshet"),
            meaning: "the keyspace; the writer creates it",
            example: r#""plant_7""#,
            form: "a keyspace is a lower-case letter followed by up to 47 letters, digits or '_'",
            ..Key::NEW
        },
        Key {
            name: "replication",
            presence: Presence::Default("{'class': 'SimpleStrategy', 'replication_factor': 1}"),
            meaning: "a CQL map, used when the keyspace is created",
            example: r#""{'class': 'NetworkTopologyStrategy', 'eu-west': 3}""#,
            ..Key::NEW
        },
        Key {
            name: "consistency",
            kind: Kind::Choice(&Consistency::NAMES),
            presence: Presence::Default("local_one"),
            meaning: "consistency level of reads and writes",
            example: r#""local_quorum""#,
            ..Key::NEW
        },
        Key {
            name: "username",
            presence: Presence::Optional("none"),
            meaning: "the user, together with `password`",
            example: r#""freshet""#,
            ..Key::NEW
        },
        Key {
            name: "password",
            presence: Presence::Optional("none"),
            meaning: "the user's password; better in the environment, or in a file",
            example: r#""secret""#,
            is_secret: true,
            ..Key::NEW
        },
        Key {
            name: "ca_file",
            kind: Kind::Path,
            presence: Presence::Optional("no encryption"),
            meaning: "PEM file of the authority that signed the nodes' certificates; with it the connection is \
                      encrypted",
            example: r#""/etc/freshet/cassandra-ca.pem""#,
            ..Key::NEW
        },
        Key {
            name: "server_name",
            kind: Kind::Text(Some(r"^[A-Za-z0-9_]([A-Za-z0-9_-]|\.[A-Za-z0-9_])*$")),
            form: "a host name, without a port",
            presence: Presence::Optional("none: certificates have each node's IP address"),
            meaning: "with `ca_file`: a DNS name that the nodes' certificates have to the letter, not by a \
                      wildcard, which counts in place of each node's IP address, for clusters whose addresses \
                      change, as on Kubernetes",
            example: r#""cassandra.example.com""#,
            ..Key::NEW
        },
        Key {
            name: "request_timeout",
            kind: Kind::Duration(Duration::from_mins(10)),
            presence: Presence::Default("10s"),
            meaning: "how long the writer waits for the answer to a request before it tries again",
            example: r#""30s""#,
            refuses_zero: true,
            ..Key::NEW
        },
        Key {
            name: "ttl",
            kind: Kind::Duration(LONGEST_TTL),
            presence: Presence::Default("30d"),
            meaning: "how long a window is kept; `0s` for ever",
            example: r#""365d""#,
            ..Key::NEW
        },
    ],
};

/// The Cassandra cluster and how the windows are kept there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cassandra {
    /// `host:port` of some nodes.
    pub contact_points: Vec<String>,
    /// The datacenter whose nodes are asked.
    pub local_datacenter: String,
    /// The keyspace; created when missing.
    pub keyspace: String,
    /// The keyspace's replication, a CQL map.
    pub replication: String,
    /// Consistency level of reads and writes.
    pub consistency: Consistency,
    /// The user, where the cluster asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// PEM file of the authority that signed the nodes' certificates; with it the connection is encrypted.
    pub ca_file: Option<PathBuf>,
    /// A name in the nodes' certificates that counts in place of each node's IP address; only with `ca_file`.
    pub server_name: Option<String>,
    /// How long the writer waits for an answer; longer than zero.
    #[serde(serialize_with = "crate::duration::serialize_milliseconds")]
    pub request_timeout: Duration,
    /// How long a window is kept; zero keeps it for ever.
    #[serde(serialize_with = "crate::duration::serialize_milliseconds")]
    pub ttl: Duration,
}

/// Cassandra's consistency levels for ordinary reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are Cassandra's own")]
pub enum Consistency {
    One,
    LocalOne,
    Two,
    Three,
    Quorum,
    LocalQuorum,
    EachQuorum,
    All,
}

impl Cassandra {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let cassandra = Self {
            contact_points: read_contact_points(section)?,
            local_datacenter: section.text("local_datacenter")?.value,
            keyspace: section.text("keyspace")?.value,
            replication: section.text("replication")?.value,
            consistency: Consistency::ALL[section.choice("consistency")?],
            username: section.optional_text("username")?.map(|found| found.value),
            password: section.optional_text("password")?.map(|found| Secret::new(found.value)),
            ca_file: section.optional_file_path("ca_file")?.map(|found| found.value),
            server_name: section.optional_text("server_name")?.map(|found| found.value),
            request_timeout: section.duration("request_timeout")?.value,
            ttl: section.duration("ttl")?.value,
        };
        if cassandra.username.is_some() != cassandra.password.is_some() {
            return Err(section.error("username", "username and password go together"));
        }
        if cassandra.server_name.is_some() && cassandra.ca_file.is_none() {
            return Err(section.error(
                "server_name",
                "has no effect without ca_file, which encrypts the connection: set both, or neither",
            ));
        }
        section.finish()?;
        Ok(cassandra)
    }
}

fn read_contact_points(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let found = section.texts("contact_points")?;
    // A number of Rust's may begin with a plus; a port has digits only.
    let is_port = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<NonZeroU16>().is_ok()
    };
    let complete = |point: &String| {
        point.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && is_port(port))
    };
    if found.value.is_empty() || !found.value.iter().all(complete) {
        return Err(found.error("name at least one node as 'host:port', such as '127.0.0.1:9042'"));
    }
    Ok(found.value)
}

impl Consistency {
    const ALL: [Self; 8] = [
        Self::One,
        Self::LocalOne,
        Self::Two,
        Self::Three,
        Self::Quorum,
        Self::LocalQuorum,
        Self::EachQuorum,
        Self::All,
    ];
    const NAMES: [&str; 8] = names!(Self::ALL);

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::LocalOne => "local_one",
            Self::Two => "two",
            Self::Three => "three",
            Self::Quorum => "quorum",
            Self::LocalQuorum => "local_quorum",
            Self::EachQuorum => "each_quorum",
            Self::All => "all",
        }
    }
}
