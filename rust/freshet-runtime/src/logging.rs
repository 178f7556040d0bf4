//! Logs on standard error: text for people, JSON for collectors.

use std::env;
use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;
use tracing_subscriber::{fmt, prelude::*};

/// What is logged when neither `FRESHET_LOG` nor `RUST_LOG` says otherwise. The Cassandra driver
/// tells of every connection it opens.
const DEFAULT_FILTER: &str = "info,scylla=warn";

/// Why logging could not be set up.
#[derive(Debug, Error)]
pub enum LoggingError {
    /// `FRESHET_LOG` or `RUST_LOG` is not a filter.
    #[error("{variable} is not a log filter: {reason}; write for example info,librdkafka=debug")]
    Filter {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// `FRESHET_LOG_FORMAT` names no known format.
    #[error("FRESHET_LOG_FORMAT is {0:?}, which is no log format; use text or json")]
    Format(String),
    /// Something else has set up logging in this process.
    #[error("logging is set up already: {0}")]
    AlreadySet(#[from] TryInitError),
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

impl Format {
    fn parse(value: Option<&str>) -> Result<Self, LoggingError> {
        match value {
            None | Some("" | "text") => Ok(Self::Text),
            Some("json") => Ok(Self::Json),
            Some(other) => Err(LoggingError::Format(other.to_owned())),
        }
    }
}

/// Sets up the process's logging from `FRESHET_LOG` (or `RUST_LOG`) and `FRESHET_LOG_FORMAT`.
///
/// # Errors
///
/// When one of the variables makes no sense, or logging is set up already.
pub fn init() -> Result<(), LoggingError> {
    let format = Format::parse(env::var("FRESHET_LOG_FORMAT").ok().as_deref())?;
    let registry = tracing_subscriber::registry().with(filter_from_environment()?);
    let lines = fmt::layer().with_writer(io::stderr);
    match format {
        Format::Text => registry.with(lines.with_ansi(io::stderr().is_terminal())).try_init()?,
        Format::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

fn filter_from_environment() -> Result<EnvFilter, LoggingError> {
    for variable in ["FRESHET_LOG", "RUST_LOG"] {
        if let Ok(value) = env::var(variable)
            && !value.is_empty()
        {
            return filter(variable, &value);
        }
    }
    filter("FRESHET_LOG", DEFAULT_FILTER)
}

fn filter(variable: &'static str, value: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::builder()
        .parse(value)
        .map_err(|error| LoggingError::Filter { variable, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_text_unless_json_is_asked_for() {
        assert_eq!(Format::parse(None).unwrap(), Format::Text);
        assert_eq!(Format::parse(Some("")).unwrap(), Format::Text);
        assert_eq!(Format::parse(Some("json")).unwrap(), Format::Json);
    }

    #[test]
    fn an_unknown_format_says_which_there_are() {
        let message = Format::parse(Some("xml")).unwrap_err().to_string();
        assert_eq!(
            message,
            r#"FRESHET_LOG_FORMAT is "xml", which is no log format; use text or json"#
        );
    }

    #[test]
    fn a_wrong_filter_names_its_variable() {
        let message = filter("RUST_LOG", "freshet=loud").unwrap_err().to_string();
        assert!(message.starts_with("RUST_LOG is not a log filter"), "{message}");
    }
}
