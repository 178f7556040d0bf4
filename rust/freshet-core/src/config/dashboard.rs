//! `[dashboard]`: the web server.

use std::net::IpAddr;

use serde::Serialize;

use super::error::ConfigError;
use super::secret::Secret;
use super::section::Section;

/// Where the dashboard listens and who may ask.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dashboard {
    /// The address it binds to; this machine only by default.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host names and addresses that it answers to, besides loopback names and its own address.
    pub allowed_hosts: Vec<String>,
    /// When set, the API asks for it.
    pub token: Option<Secret>,
}

impl Dashboard {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let dashboard = Self {
            host: section.text("host")?.map_or_else(|| "127.0.0.1".to_owned(), |found| found.value),
            port: section.integer_within("port", (1, 65_535))?.unwrap_or(3000),
            allowed_hosts: read_allowed_hosts(section)?,
            token: read_token(section)?,
        };
        section.finish()?;
        Ok(dashboard)
    }
}

/// An empty token would let everybody in while looking like protection.
fn read_token(section: &Section<'_>) -> Result<Option<Secret>, ConfigError> {
    match section.text("token")? {
        Some(found) if found.value.is_empty() => {
            Err(found.error("is empty: write a token, or leave the key out"))
        }
        found => Ok(found.map(|found| Secret::new(found.value))),
    }
}

fn read_allowed_hosts(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let Some(found) = section.texts("allowed_hosts")? else { return Ok(Vec::new()) };
    match found.value.iter().find(|host| !is_host(host)) {
        Some(host) => Err(found.error(format!(
            "'{host}' is not a host: write a name or an address, without scheme, port or wildcard"
        ))),
        None => Ok(found.value),
    }
}

/// Whether the text is a host name or an IP address, and nothing more.
fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().is_ok() || is_name(text.strip_suffix('.').unwrap_or(text))
}

/// Labels of letters, digits, hyphens and underscores, joined by dots; a hyphen stands at neither end of a label.
fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(legal)
    })
}
