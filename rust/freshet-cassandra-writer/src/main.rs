//! Freshet's writer: takes window updates from Kafka and keeps the newest version of each window
//! in Cassandra.

mod connection;
mod consumer;
mod dead_letters;
mod job;
mod keyspace;
mod metrics;
mod offsets;
mod pipeline;
mod plan;
mod print_schema;
mod received;
mod schema;
mod seen;
mod store;
mod topic_ids;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use freshet_core::config::{Config, Written};
use freshet_core::wire::{Component, State};
use freshet_runtime::endpoints::Endpoints;
use freshet_runtime::log_limit::LogLimit;
use freshet_runtime::{Failure, Health, Shutdown, readiness, service};
use freshet_service::{reporter, topics};

use crate::dead_letters::DeadLetters;
use crate::job::Outputs;
use crate::metrics::WriterMetrics;
use crate::pipeline::Pipeline;
use crate::store::Store;

const COMPONENT: Component = Component::CassandraWriter;
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);
const CHECK_KAFKA: &str = "cannot create a Kafka client; check the [kafka] section";

/// Writes Freshet's windows from Kafka to Cassandra, until stopped.
///
/// Start as many as there are partitions: they share the work. A window is never given up because
/// Cassandra or Kafka is away, and an older version of a window never replaces a newer one.
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

    /// Print the statements that create keyspace and tables, and those that the cluster lacks, and change nothing
    #[arg(long)]
    print_schema: bool,

    /// Create the keyspace, tables and columns that are missing, as soon as Cassandra can be reached, and exit
    #[arg(long, conflicts_with = "print_schema")]
    create_schema: bool,

    /// Ask the writer that runs with this configuration on this machine whether it is ready, and exit: 0 if so
    #[arg(long, conflicts_with_all = ["print_schema", "create_schema"])]
    health: bool,
}

const EXAMPLES: &str = "\
Examples:
  freshet-cassandra-writer -c freshet.toml
  FRESHET_CASSANDRA__CONTACT_POINTS=10.0.0.5:9042 freshet-cassandra-writer -c freshet.toml
  FRESHET_LOG=debug FRESHET_LOG_FORMAT=json freshet-cassandra-writer -c freshet.toml
  freshet-cassandra-writer -c freshet.toml --print-schema | cqlsh
  freshet-cassandra-writer -c freshet.toml --health

Exit codes: 0 stopped cleanly, 1 failed, or is not ready (--health), 2 wrong usage or configuration";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.print_schema {
        return service::run(&arguments.config, |config, _shutdown| async move {
            print_schema::print(&config.cassandra).await
        });
    }
    if arguments.health {
        return service::run(&arguments.config, |config, _shutdown| async move {
            readiness::ask(config.writer.metrics_address.as_deref())
        });
    }
    if arguments.create_schema {
        return service::run(&arguments.config, |config, shutdown| async move {
            create_schema(&config, &shutdown).await
        });
    }
    let load = || Config::load_with_settings(&arguments.config);
    service::run_with(load, |loaded, shutdown| {
        run(loaded.config, Written::new(&arguments.config, loaded.settings), shutdown)
    })
}

async fn run(config: Config, written: Written, shutdown: Shutdown) -> Result<(), Failure> {
    let health = Arc::new(Health::new(COMPONENT));
    health.set_state(State::Starting);
    health.lost_offsets(0);
    if let Some(address) = &config.writer.metrics_address {
        let registry = freshet_runtime::metrics::registry("writer", &health, |registry| {
            registry.register_collector(Box::new(WriterMetrics(Arc::clone(&health))));
        });
        let (health, shutdown) = (Arc::clone(&health), shutdown.clone());
        Endpoints { health, registry, shutdown }.serve(address).await;
    }
    // Before anything is sent: a broker that creates topics by itself would give them its own settings.
    topics::ensure(&config, &health, &shutdown).await.map_err(|error| error.located(&written))?;
    let reporting =
        reporter::spawn(&health, &config).context(CHECK_KAFKA).map_err(Failure::usage)?;
    let opened =
        Store::open(&config.cassandra, &health, &shutdown).await.map_err(Failure::usage)?;
    let mut outcome = Ok(());
    if let Some(store) = opened {
        tracing::info!(keyspace = config.cassandra.keyspace, "connected to Cassandra");
        outcome = write(&config, store, health, &shutdown).await;
    }
    // It tells what became of the last windows.
    reporting.finish().await.map_err(Failure::runtime)?;
    outcome.map_err(Failure::runtime)
}

/// Waits for Cassandra, however long it takes, and gives it the schema.
async fn create_schema(config: &Config, shutdown: &Shutdown) -> Result<(), Failure> {
    let health = Health::new(COMPONENT);
    let store = Store::open(&config.cassandra, &health, shutdown).await.map_err(Failure::usage)?;
    if store.is_none() {
        return Err(Failure::runtime(anyhow!("stopped before the schema was there")));
    }
    tracing::info!(keyspace = config.cassandra.keyspace, "the schema is there");
    Ok(())
}

async fn write(
    config: &Config,
    store: Store,
    health: Arc<Health>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let outputs = Outputs {
        store,
        dead_letters: DeadLetters::open(config, &health, shutdown).context(CHECK_KAFKA)?,
        health: Arc::clone(&health),
        complaints: LogLimit::every(COMPLAINT_INTERVAL),
        rejections: LogLimit::every(COMPLAINT_INTERVAL),
    };
    let pipeline = Pipeline::new(config, outputs, Arc::clone(&health)).context(CHECK_KAFKA)?;
    health.set_state(State::Running);
    Ok(pipeline.run(shutdown).await?)
}
