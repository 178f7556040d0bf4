//! `[cassandra]`: the store of the windows.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::secret::Secret;
use super::section::Section;

const DAY: u64 = 86_400;
const LONGEST_TTL_DAYS: u64 = 3_650;

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
        let text = |key, default: &str| -> Result<String, ConfigError> {
            Ok(section.text(key)?.map_or_else(|| default.to_owned(), |found| found.value))
        };
        let cassandra = Self {
            contact_points: read_contact_points(section)?,
            local_datacenter: text("local_datacenter", "datacenter1")?,
            keyspace: read_keyspace(section)?,
            replication: text(
                "replication",
                "{'class': 'SimpleStrategy', 'replication_factor': 1}",
            )?,
            consistency: section
                .choice("consistency", &Consistency::ALL, Consistency::name)?
                .unwrap_or(Consistency::LocalOne),
            username: section.text("username")?.map(|found| found.value),
            password: section.text("password")?.map(|found| Secret::new(found.value)),
            ca_file: section.text("ca_file")?.map(|found| found.value.into()),
            ttl: read_ttl(section)?,
        };
        if cassandra.username.is_some() != cassandra.password.is_some() {
            return Err(section.error("username", "username and password go together"));
        }
        section.finish()?;
        Ok(cassandra)
    }
}

fn read_contact_points(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let Some(found) = section.texts("contact_points")? else {
        return Ok(vec!["127.0.0.1:9042".to_owned()]);
    };
    let complete = |point: &String| {
        point
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if found.value.is_empty() || !found.value.iter().all(complete) {
        return Err(found.error("name at least one node as 'host:port', such as '127.0.0.1:9042'"));
    }
    Ok(found.value)
}

fn read_keyspace(section: &Section<'_>) -> Result<String, ConfigError> {
    let Some(found) = section.text("keyspace")? else {
        return Ok("freshet".to_owned());
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_well = found.value.starts_with(|c: char| c.is_ascii_lowercase());
    if starts_well && found.value.len() <= 48 && found.value.chars().all(legal) {
        Ok(found.value)
    } else {
        Err(found
            .error("a keyspace is a lower-case letter followed by up to 47 letters, digits or '_'"))
    }
}

fn read_ttl(section: &Section<'_>) -> Result<Duration, ConfigError> {
    let Some(found) = section.duration("ttl")? else {
        return Ok(Duration::from_secs(30 * DAY));
    };
    // Unless it was set up otherwise, Cassandra refuses rows that would expire after January 2038.
    if found.value > Duration::from_secs(LONGEST_TTL_DAYS * DAY) {
        return Err(found
            .error("Cassandra keeps a row for 7300d at the most; write '0s' to keep it for ever"));
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

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
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
