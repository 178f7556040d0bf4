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
mod retries;
mod sample;
mod selection;
mod spool;
mod takeover;
mod tally;
mod task;
mod transactions;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use clap::Parser;
use freshet_core::config::{Config, ConfigError, Written};
use freshet_core::wire::{Component, State};
use freshet_runtime::clock::{epoch_ms, host_name};
use freshet_runtime::endpoints::Endpoints;
use freshet_runtime::{Failure, Health, Shutdown, readiness, service};
use freshet_service::reporter::{self, Reporting};
use freshet_service::topics;
use freshet_sources::{SourceConfig, SourceStatus, SpoolSettings};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::spool::Spool;
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

    /// Ask the producer that runs with this configuration on this machine whether it is ready, and exit: 0 if so
    #[arg(long, conflicts_with = "check")]
    health: bool,

    /// Create the topics that are missing, as soon as Kafka can be reached, and exit
    #[arg(long, conflicts_with_all = ["check", "health"])]
    create_topics: bool,

    /// Print the newest records of a topic, one JSON object a line, and exit: what `./freshet infer` looks at
    #[arg(long, value_name = "TOPIC", hide = true, conflicts_with_all = ["check", "health", "create_topics"])]
    sample: Option<String>,

    /// How many records of the topic
    #[arg(long, value_name = "N", default_value_t = 1_000, hide = true, requires = "sample")]
    records: u32,

    /// The exit code for when all sources have ended by themselves, so that a supervisor can tell it from a stop
    #[arg(long, value_name = "CODE", default_value_t = 0)]
    code_when_ended: u8,
}

const EXAMPLES: &str = "\
Examples:
  freshet-producer -c freshet.toml
  freshet-producer -c freshet.toml --source synthetic
  freshet-producer -c freshet.toml --check
  freshet-producer -c freshet.toml --health
  FRESHET_KAFKA__BOOTSTRAP_SERVERS=broker:9092 freshet-producer -c freshet.toml --source host synthetic
  FRESHET_LOG=debug FRESHET_LOG_FORMAT=json freshet-producer -c freshet.toml

Exit codes: 0 stopped cleanly, or all sources have ended (see --code-when-ended), 1 failed, left records undelivered,
did not reach what --check tried, or is not ready (--health), 2 wrong usage or configuration, or refused by Kafka";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { config, source, check, health, create_topics, code_when_ended, .. } = arguments;
    let file = config.as_path();
    if let Some(topic) = arguments.sample {
        return service::run(file, |config, _shutdown| async move {
            sample::print(&config.kafka, &topic, arguments.records as usize)
                .map_err(Failure::runtime)
        });
    }
    if health {
        return service::run(file, |config, _shutdown| async move {
            readiness::ask(config.producer.metrics_address.as_deref())
        });
    }
    if create_topics {
        return topics::create(file, COMPONENT);
    }
    let load = || freshet_sources::load(file);
    service::run_with(load, |loaded, shutdown| async move {
        let selected =
            selection::select(loaded.source_settings, &source).map_err(Failure::usage)?;
        let written = Written::new(file, loaded.settings);
        if check {
            let checked = check::run(&loaded.config, &written, selected, &shutdown).await;
            return checked.map(|()| ExitCode::SUCCESS);
        }
        let end = run(Arc::new(loaded.config), &written, selected, shutdown).await?;
        Ok(ExitCode::from(if end == End::Sources { code_when_ended } else { 0 }))
    })
}

/// What has ended the producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Somebody has told it to stop.
    Stop,
    /// All sources have ended by themselves.
    Sources,
}

async fn run(
    config: Arc<Config>,
    written: &Written,
    selected: Vec<SourceConfig>,
    shutdown: Shutdown,
) -> Result<End, Failure> {
    let health = Arc::new(Health::new(COMPONENT));
    health.set_state(State::Starting);
    let sources = selected
        .into_iter()
        .map(Observed::new)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::usage)?;
    let statuses: Vec<_> = sources.iter().map(|one| Arc::clone(&one.status)).collect();
    let metrics = observe(&config, statuses.clone(), &health, &shutdown).await;
    let undelivered = Arc::new(AtomicU64::new(0));
    let progress = progress::spawn(statuses.clone(), &shutdown);
    let (made, topics) = watch::channel(false);
    let running =
        Running { config, metrics, health, topics, undelivered: Arc::clone(&undelivered) };
    // Sources with a spool need not wait for Kafka.
    let preparing = prepare(&running, written, made, &shutdown);
    let (reporting, failed) = tokio::join!(preparing, run_all(&running, sources, &shutdown));
    let end = if shutdown.is_requested() { End::Stop } else { End::Sources };
    if end == End::Sources && failed.is_empty() {
        running.health.set_state(State::Ended);
    }
    shutdown.trigger();
    // It tells what became of the last records.
    reporting?.finish().await.map_err(Failure::runtime)?;
    progress.await.map_err(Failure::runtime)?;
    let undelivered = undelivered.load(Ordering::Relaxed);
    if undelivered > 0 {
        return Err(Failure::runtime(anyhow!("{undelivered} records were not delivered to Kafka")));
    }
    if !failed.is_empty() {
        return Err(Failure::runtime(anyhow!("{}", failed.join("; "))));
    }
    if statuses.iter().any(|status| status.spooled_bytes().is_some_and(|bytes| bytes > 0)) {
        tracing::info!("what is not delivered is in a spool, and comes after the next start");
    } else {
        tracing::info!("every record is delivered");
    }
    Ok(end)
}

/// Creates the topics, says so, and begins to report; when that cannot be, all is stopped.
async fn prepare(
    all: &Running,
    written: &Written,
    made: watch::Sender<bool>,
    shutdown: &Shutdown,
) -> Result<Reporting, Failure> {
    let prepared = try_prepare(all, written, shutdown).await;
    if prepared.is_err() {
        shutdown.trigger();
    }
    // A stop ends the waiting for topics, whether there are any or not.
    if !shutdown.is_requested() {
        made.send_replace(true);
        all.health.set_state(State::Running);
    }
    prepared
}

async fn try_prepare(
    all: &Running,
    written: &Written,
    shutdown: &Shutdown,
) -> Result<Reporting, Failure> {
    // Before anything is sent: a broker that creates topics by itself would give them its own settings.
    let ensured = topics::ensure(&all.config, &all.health, shutdown).await;
    ensured.map_err(|error| error.located(written))?;
    reporter::spawn_watching(&all.health, &all.config)
        .context("cannot create a Kafka client; check the [kafka] section")
        .map_err(Failure::usage)
}

/// A source, and what is known of it.
struct Observed {
    source: SourceConfig,
    status: Arc<SourceStatus>,
    spool: Option<Spool>,
}

impl Observed {
    /// Opens the spool of a source that has one: whether that can be used is to be known before anything is sent, as
    /// what else the source needs of this machine.
    fn new(source: SourceConfig) -> Result<Self, ConfigError> {
        source.open.examine()?;
        let status = Arc::new(SourceStatus::new(source.source.name.as_str()));
        let settings = source.delivery.spool.as_ref();
        let open = |settings: &SpoolSettings| {
            Spool::open(&settings.directory, settings.bytes, Arc::clone(&status))
                .map_err(|error| settings.error(error.to_string()))
        };
        let spool = settings.map(open).transpose()?;
        Ok(Self { source, status, spool })
    }
}

/// Tells of the sources in health reports, and of all at `/metrics`.
async fn observe(
    config: &Config,
    statuses: Vec<Arc<SourceStatus>>,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Metrics {
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
    /// Whether the topics are there.
    topics: watch::Receiver<bool>,
    undelivered: Arc<AtomicU64>,
}

/// Runs every source until all have ended or failed for good; gives back which failed, and why.
async fn run_all(all: &Running, sources: Vec<Observed>, shutdown: &Shutdown) -> Vec<String> {
    let instance = format!("{}-{}-{}", host_name(), std::process::id(), epoch_ms());
    let mut running = JoinSet::new();
    for Observed { source, status, spool } in sources {
        let name = source.source.name.clone();
        let task = SourceTask {
            config: Arc::clone(&all.config),
            topic: all.config.raw_topic(&source.source.stream),
            status,
            health: Arc::clone(&all.health),
            metrics: all.metrics.clone(),
            shutdown: shutdown.clone(),
            topics: all.topics.clone(),
            undelivered: Arc::clone(&all.undelivered),
            instance: instance.clone(),
            spool: Mutex::new(spool),
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
