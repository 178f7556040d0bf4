//! Freshet's producer: sends what live sources yield to Kafka.

mod buffer;
mod check;
mod client;
mod cursors;
mod direct;
mod letters;
mod metrics;
mod progress;
mod reader;
mod selection;
mod tally;
mod task;
mod transactions;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, anyhow};
use clap::Parser;
use freshet_core::config::Config;
use freshet_core::wire::{Component, State};
use freshet_runtime::clock::{epoch_ms, host_name};
use freshet_runtime::endpoints::Endpoints;
use freshet_runtime::{Failure, Health, Shutdown, service};
use freshet_service::{reporter, topics};
use freshet_sources::{SourceConfig, SourceStatus};
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::task::SourceTask;

const COMPONENT: Component = Component::Producer;

/// Sends records from the configured live sources to Kafka, until stopped.
///
/// Creates the pipeline's topics where they are missing. Sources that can resume are delivered exactly
/// once: their records and where they go on are one Kafka transaction. A source whose failure may pass
/// is asked again for ever; one that fails for good is named, and the others go on. SIGTERM and SIGINT
/// stop the sources and send what is queued.
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

    /// Run only the sources of these names, or of these kinds; all configured ones when left out
    #[arg(short, long, value_name = "NAME", num_args = 1..)]
    source: Vec<String>,

    /// Try the configuration, Kafka and every source, say what is wrong, and exit; nothing is sent or created
    #[arg(long)]
    check: bool,
}

const EXAMPLES: &str = "\
Examples:
  freshet-producer -c freshet.toml
  freshet-producer -c freshet.toml --source synthetic
  freshet-producer -c freshet.toml --check
  FRESHET_KAFKA__BOOTSTRAP_SERVERS=broker:9092 freshet-producer -c freshet.toml --source host synthetic
  FRESHET_LOG=debug FRESHET_LOG_FORMAT=json freshet-producer -c freshet.toml

Exit codes: 0 stopped cleanly, 1 failed, left records undelivered, or did not reach what --check tried,
2 wrong usage or configuration, or refused by Kafka";

fn main() -> ExitCode {
    let Arguments { config, source, check } = Arguments::parse();
    let load = || freshet_sources::load(&config);
    service::run_with(load, |loaded, shutdown| async move {
        let selected =
            selection::select(loaded.source_settings, &source).map_err(Failure::usage)?;
        if check {
            return check::run(&loaded.config, selected, &shutdown).await;
        }
        run(Arc::new(loaded.config), selected, shutdown).await
    })
}

async fn run(
    config: Arc<Config>,
    selected: Vec<SourceConfig>,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let health = Arc::new(Health::new(COMPONENT));
    health.set_state(State::Starting);
    let sources = selected.into_iter().map(Observed::new).collect::<Vec<_>>();
    let metrics = observe(&config, &sources, &health, &shutdown).await;
    // Before anything is sent: a broker that creates topics by itself would give them its own settings.
    topics::ensure(&config, &health, &shutdown).await.map_err(Failure::from)?;
    let reporter = reporter::spawn_watching(&health, &config, &shutdown)
        .context("cannot create a Kafka client; check the [kafka] section")
        .map_err(Failure::usage)?;
    let undelivered = Arc::new(AtomicU64::new(0));
    let statuses = sources.iter().map(|one| Arc::clone(&one.status)).collect();
    let progress = progress::spawn(statuses, &shutdown);
    health.set_state(State::Running);
    let running = Running { config, metrics, health, undelivered: Arc::clone(&undelivered) };
    let failed = run_all(&running, sources, &shutdown).await;
    // The sources may have ended by themselves.
    shutdown.trigger();
    reporter.await.map_err(Failure::runtime)?;
    progress.await.map_err(Failure::runtime)?;
    let undelivered = undelivered.load(Ordering::Relaxed);
    if undelivered > 0 {
        return Err(Failure::runtime(anyhow!("{undelivered} records were not delivered to Kafka")));
    }
    if !failed.is_empty() {
        return Err(Failure::runtime(anyhow!("{}", failed.join("; "))));
    }
    tracing::info!("every record is delivered");
    Ok(())
}

/// A source, and what is known of it.
struct Observed {
    source: SourceConfig,
    status: Arc<SourceStatus>,
}

impl Observed {
    fn new(source: SourceConfig) -> Self {
        let status = Arc::new(SourceStatus::new(source.source.name.as_str()));
        Self { source, status }
    }
}

/// Tells of the sources in health reports, and of all at `/metrics`.
async fn observe(
    config: &Config,
    sources: &[Observed],
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Metrics {
    let statuses: Vec<_> = sources.iter().map(|one| Arc::clone(&one.status)).collect();
    let metrics = Metrics::new();
    if let Some(address) = &config.producer.metrics_address {
        let registry = freshet_runtime::metrics::registry("producer", health, |registry| {
            metrics.register(registry, statuses.clone());
        });
        let (health, shutdown) = (Arc::clone(health), shutdown.clone());
        Endpoints { health, registry, shutdown }.serve(address).await;
    }
    health.tell_sources(move || metrics::reports(&statuses));
    metrics
}

/// What all sources share.
struct Running {
    config: Arc<Config>,
    metrics: Metrics,
    health: Arc<Health>,
    undelivered: Arc<AtomicU64>,
}

/// Runs every source until all have ended or failed for good; gives back which failed, and why.
async fn run_all(all: &Running, sources: Vec<Observed>, shutdown: &Shutdown) -> Vec<String> {
    let instance = format!("{}-{}-{}", host_name(), std::process::id(), epoch_ms());
    let mut running = JoinSet::new();
    for Observed { source, status } in sources {
        let name = source.source.name.clone();
        let task = SourceTask {
            config: Arc::clone(&all.config),
            topic: all.config.kafka.raw_topic(&source.source.stream),
            status,
            health: Arc::clone(&all.health),
            metrics: all.metrics.clone(),
            shutdown: shutdown.clone(),
            undelivered: Arc::clone(&all.undelivered),
            instance: instance.clone(),
            source,
        };
        running.spawn(async move {
            task.run().await.map_err(|error| format!("source {name} has failed for good: {error}"))
        });
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        if let Err(reason) = ended.unwrap_or_else(|panic| Err(panic.to_string())) {
            tracing::error!(others = running.len(), "{reason}");
            failed.push(reason);
        }
    }
    failed
}
