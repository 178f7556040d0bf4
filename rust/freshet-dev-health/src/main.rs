//! Tells the topic `health` once a second how the stack that `./freshet up` runs is doing.

mod condition;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use freshet_core::config::Config;
use freshet_dev::state::disk::MIB;
use freshet_dev::state::{Home, Snapshot};
use freshet_runtime::{Failure, Shutdown, service};
use freshet_service::reporter::Reporter;

use crate::condition::{COMPONENT, report};

/// Reports the condition of a running stack to the topic `health`, until stopped.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The pipeline's configuration file
    #[arg(short, long, value_name = "FILE", default_value = "freshet.toml")]
    config: PathBuf,

    /// Where the stack's state lives
    #[arg(long, value_name = "FOLDER")]
    home: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { config, home } = Arguments::parse();
    service::run(&config, |config, shutdown| run(config, Home::new(home), shutdown))
}

async fn run(config: Config, home: Home, shutdown: Shutdown) -> Result<(), Failure> {
    let reserve = config.dev.disk_reserve * MIB;
    let read = move || match Snapshot::read(&home.status_file()) {
        Ok(snapshot) => snapshot.map(|snapshot| report(&snapshot, home.folder(), reserve)),
        Err(error) => {
            tracing::debug!(%error, "there is no condition to report");
            None
        }
    };
    let reporter = Reporter::new(&config, COMPONENT, read)
        .context("cannot create a Kafka client; check the [kafka] section")
        .map_err(Failure::usage)?;
    reporter.run(shutdown).await;
    Ok(())
}
