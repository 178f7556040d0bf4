//! `--check`: tries everything that the sources need, sends nothing and creates nothing.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use freshet_core::config::{Config, Written};
use freshet_core::topics;
use freshet_runtime::{Failure, Shutdown};
use freshet_service::brokers::{Brokers, BrokersError};
use freshet_sources::{Context, SourceConfig, SourceError, SourceStatus};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::spool::Spool;

/// How long Kafka and each source may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a check has found, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Fine,
    /// It may answer later.
    Unreachable,
    /// Somebody has to change the configuration.
    Wrong,
}

impl Found {
    const fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Unreachable => "unreachable",
            Self::Wrong => "wrong",
        }
    }
}

/// Prints a line for each thing that was tried.
///
/// # Errors
///
/// A failure of usage when the configuration has to change, of the run when something did not answer.
pub(crate) async fn run(
    config: &Config,
    written: &Written,
    sources: Vec<SourceConfig>,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let mut output = io::stdout();
    let checks = check_all(config, written, sources, shutdown, &mut output);
    let found = tokio::select! {
        found = checks => found.map_err(Failure::runtime)?,
        () = shutdown.requested() => return Err(Failure::runtime(anyhow!("stopped before all was checked"))),
    };
    match found {
        Found::Fine => Ok(()),
        Found::Unreachable => Err(Failure::runtime(anyhow!(
            "not everything can be reached; the lines above say what to do"
        ))),
        Found::Wrong => Err(Failure::usage(anyhow!(
            "the configuration has to be changed; the lines above say where"
        ))),
    }
}

async fn check_all(
    config: &Config,
    written: &Written,
    sources: Vec<SourceConfig>,
    shutdown: &Shutdown,
    output: &mut impl Write,
) -> io::Result<Found> {
    let mut say = |found: Found, what: &str, text: &dyn Display| {
        writeln!(output, "{:<11}  {what}: {text}", found.word()).map(|()| found)
    };
    let mut worst =
        say(Found::Fine, "configuration", &"valid, with everything that the sources have in it")?;
    let running: Vec<_> = sources
        .into_iter()
        .map(|source| {
            let source_config = &source.source;
            let what = format!("source {} ({})", source_config.name, source_config.kind);
            (what, spawn(source, shutdown))
        })
        .collect();
    worst = worst.max(match check_kafka(config).await {
        Ok(text) => say(Found::Fine, "Kafka", &text)?,
        Err(error) => match error.located(written) {
            Failure::Usage(error) => say(Found::Wrong, "Kafka", &error)?,
            Failure::Runtime(error) => say(Found::Unreachable, "Kafka", &error)?,
        },
    });
    for (what, check) in running {
        worst = worst.max(match check.await {
            Ok(Ok(())) => say(Found::Fine, &what, &"can be reached")?,
            Ok(Err(error @ (SourceError::Refused { .. } | SourceError::Permanent(_)))) => {
                say(Found::Wrong, &what, &error)?
            }
            Ok(Err(error @ SourceError::Transient { .. })) => {
                say(Found::Unreachable, &what, &error)?
            }
            Err(error) => say(Found::Wrong, &what, &format!("a fault in its check: {error}"))?,
        });
    }
    Ok(worst)
}

/// Asks for the topics, which needs no more rights than the producer needs anyway.
async fn check_kafka(config: &Config) -> Result<String, BrokersError> {
    let brokers = Brokers::new(&config.kafka, "freshet-producer-check")?;
    let existing = brokers.topics(PATIENCE).await?;
    let wanted = topics::all(config).into_iter().map(|topic| topic.name);
    let missing: Vec<String> = wanted.filter(|name| !existing.contains(name)).collect();
    let servers = &config.kafka.bootstrap_servers;
    Ok(if missing.is_empty() {
        format!("{servers} answers, and all topics exist")
    } else {
        format!("{servers} answers; the start will create what is missing: {}", missing.join(", "))
    })
}

/// Tries one source, beside the others.
fn spawn(source: SourceConfig, shutdown: &Shutdown) -> JoinHandle<Result<(), SourceError>> {
    let name = source.source.name.clone();
    let status = Arc::new(SourceStatus::new(name.as_str()));
    let context = Context { name, status, shutdown: shutdown.clone() };
    tokio::spawn(async move {
        let examined = source.open.examine();
        examined.map_err(|error| SourceError::permanent(error.to_string()))?;
        if let Some(spool) = &source.delivery.spool {
            Spool::check(&spool.directory).map_err(|error| {
                SourceError::permanent(spool.error(error.to_string()).to_string())
            })?;
        }
        let checked = timeout(PATIENCE, source.open.check(&context)).await;
        checked.unwrap_or_else(|_| {
            Err(SourceError::transient(format!("no answer within {} s", PATIENCE.as_secs())))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpListener;
    use std::path::Path;

    use super::*;

    /// What is printed, and the outcome, with Kafka at this address.
    async fn check(servers: &str, security: &str) -> (String, Found) {
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{servers}\"\n{security}[[stream]]\nname = \"s\"\n\
             values = {{ usage = \"usage\" }}\nwindows = [\"10s\"]\n[[source]]\nkind = \"host\"\nstream = \"s\"\n\
             [[source]]\nkind = \"synthetic\"\nstream = \"s\"\n"
        );
        let loaded =
            freshet_sources::parse(&text, Path::new("freshet.toml"), BTreeMap::new()).unwrap();
        let mut output = Vec::new();
        let shutdown = Shutdown::new();
        let written = Written::new("freshet.toml", loaded.settings);
        let sources = loaded.source_settings;
        let found =
            check_all(&loaded.config, &written, sources, &shutdown, &mut output).await.unwrap();
        (String::from_utf8(output).unwrap(), found)
    }

    #[tokio::test]
    async fn each_thing_has_a_line_and_what_does_not_answer_says_what_to_do() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (said, found) = check(&free, "").await;
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((lines.len(), found), (4, Found::Unreachable), "{said}");
        assert!(lines[0].starts_with("ok           configuration: "), "{said}");
        assert!(lines[1].starts_with("unreachable  Kafka: no broker answers at "), "{said}");
        assert!(lines[1].contains("check that Kafka runs"), "{said}");
        assert_eq!(lines[2], "ok           source host (host): can be reached");
        assert_eq!(lines[3], "ok           source synthetic (synthetic): can be reached");
    }

    #[tokio::test]
    async fn settings_that_the_client_does_not_take_are_wrong() {
        let security = "[kafka.security]\nprotocol = \"ssl\"\nca_file = \"/nowhere/ca.pem\"\n";
        let (said, found) = check("127.0.0.1:9", security).await;
        assert_eq!(found, Found::Wrong, "{said}");
        let wrong = "wrong        Kafka: freshet.toml:5: kafka.security.ca_file: cannot create a Kafka client";
        assert!(said.contains(wrong), "{said}");
    }
}
