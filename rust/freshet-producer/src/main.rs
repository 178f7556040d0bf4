//! Freshet's producer: sends what live sources yield to Kafka.

mod pump;
mod selection;
mod sink;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Parser;
use freshet_core::config::{Config, Source};
use freshet_core::stopping::PRODUCER_FLUSH;
use freshet_core::wire::Component;
use freshet_service::{Failure, Health, Shutdown, service, topics};
use tokio::task::JoinSet;

use crate::pump::Pump;
use crate::sink::{Destination, Sink};

const COMPONENT: Component = Component::Producer;

/// Sends records from the configured live sources to Kafka, until stopped.
///
/// Creates the pipeline's topics where they are missing. A record is never given up because Kafka
/// is away: sources wait instead. SIGTERM and SIGINT stop the sources and send what is queued.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// The pipeline's configuration file
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "freshet.toml",
        env = "FRESHET_CONFIG"
    )]
    config: PathBuf,

    /// Run only sources of these kinds; all configured ones when left out
    #[arg(short, long, value_name = "KIND", num_args = 1..)]
    source: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  freshet-producer -c freshet.toml
  freshet-producer -c freshet.toml --source synthetic
  FRESHET_KAFKA__BOOTSTRAP_SERVERS=broker:9092 freshet-producer -c freshet.toml --source host synthetic
  FRESHET_LOG=debug FRESHET_LOG_FORMAT=json freshet-producer -c freshet.toml

Exit codes: 0 stopped cleanly, 1 failed or left records undelivered, 2 wrong usage or configuration";

fn main() -> ExitCode {
    let Arguments { config, source } = Arguments::parse();
    service::run(&config, |config, shutdown| run(config, source, shutdown))
}

async fn run(config: Config, kinds: Vec<String>, shutdown: Shutdown) -> Result<(), Failure> {
    let selected = selection::select(&config.sources, &kinds).map_err(Failure::usage)?;
    // Before anything is sent: a broker that creates topics by itself would give them its own settings.
    topics::ensure(&config, &shutdown).await.map_err(Failure::runtime)?;
    let health = Arc::new(Health::new(COMPONENT));
    let check_kafka = "cannot create a Kafka client; check the [kafka] section";
    let reporter =
        health.spawn_reporter(&config, &shutdown).context(check_kafka).map_err(Failure::usage)?;
    let sink = Sink::open(&config.kafka, Arc::clone(&health))
        .context(check_kafka)
        .map_err(Failure::usage)?;

    let sink = Arc::new(sink);
    let pumped = pump_all(&config, &selected, &sink, &health, &shutdown).await;
    // The sources may have ended by themselves.
    shutdown.trigger();
    let undelivered = tokio::task::block_in_place(|| sink.close(PRODUCER_FLUSH));
    reporter.await.map_err(Failure::runtime)?;
    pumped.map_err(Failure::runtime)?;
    if undelivered > 0 {
        return Err(Failure::runtime(anyhow!("{undelivered} records were not delivered to Kafka")));
    }
    tracing::info!("every record is delivered");
    Ok(())
}

/// Runs every source until all have ended; the first that fails for good stops the others.
async fn pump_all(
    config: &Config,
    selected: &[Source],
    sink: &Arc<Sink>,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for source in selected {
        let topic = config.kafka.raw_topic(&source.stream);
        tracing::info!(source = source.kind.name(), topic, "source started");
        let pump = Pump {
            sink: Arc::clone(sink),
            destination: Destination { topic, source: source.kind.name() },
            health: Arc::clone(health),
            shutdown: shutdown.clone(),
        };
        let kind = source.kind.clone();
        running.spawn(async move {
            sources::run(&kind, pump).await.with_context(|| format!("source {}", kind.name()))
        });
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended.unwrap_or_else(|panic| Err(panic.into())) {
            shutdown.trigger();
            outcome = outcome.and(Err(error));
        }
    }
    outcome
}
