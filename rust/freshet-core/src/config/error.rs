//! The one error of the configuration: where, which key, and what would be right.

use std::fmt;
use std::path::PathBuf;

/// Something in the configuration is wrong. Displays as `freshet.toml:12: stream.lateness: <what would be right>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where the value was written.
    pub origin: Origin,
    /// The key, dotted from its section: `stream.lateness`. Empty where the file as a whole is meant.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ConfigError {
    /// Another message at the same place, for what turns out to be wrong only when the value is used.
    #[must_use]
    pub fn with_message(&self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self.clone() }
    }
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line (from 1) of the configuration file.
    Line(PathBuf, usize),
    /// The file as a whole.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Line(path, line) => write!(f, "{}:{line}: ", path.display())?,
            Origin::File(path) => write!(f, "{}: ", path.display())?,
            Origin::Environment(variable) => write!(f, "environment variable {variable}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}
