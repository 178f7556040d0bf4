//! `[dashboard]`: the web server.

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
    /// When set, the API asks for it.
    pub token: Option<Secret>,
}

impl Dashboard {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let dashboard = Self {
            host: section.text("host")?.map_or_else(|| "127.0.0.1".to_owned(), |found| found.value),
            port: section.integer_within("port", (1, 65_535))?.unwrap_or(3000),
            token: section.text("token")?.map(|found| Secret::new(found.value)),
        };
        section.finish()?;
        Ok(dashboard)
    }
}
