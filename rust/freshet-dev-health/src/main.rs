//! Tells the topic `health` once a second how the stack that `./freshet up` runs is doing.

mod condition;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use freshet_core::config::Config;
use freshet_core::stopping::LAST_REPORT;
use freshet_dev::state::disk::MIB;
use freshet_dev::state::{Home, Snapshot};
use freshet_service::kafka::{LoggingContext, client_config};
use freshet_service::{Failure, Shutdown, service};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use tokio::time::{MissedTickBehavior, interval};

use crate::condition::{COMPONENT, report};

const INTERVAL: Duration = Duration::from_secs(1);

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
    let reporter = Reporter::open(config, home).map_err(Failure::usage)?;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => reporter.send(),
            () = shutdown.requested() => break,
        }
    }
    reporter.send();
    let flushed = tokio::task::block_in_place(|| reporter.producer.flush(LAST_REPORT));
    if let Err(error) = flushed {
        tracing::debug!(%error, "the last health report was not delivered");
    }
    Ok(())
}

struct Reporter {
    config: Config,
    home: Home,
    producer: ThreadedProducer<LoggingContext>,
    topic: String,
}

impl Reporter {
    fn open(config: Config, home: Home) -> anyhow::Result<Self> {
        let mut client = client_config(&config.kafka, COMPONENT);
        // A report that cannot be delivered soon is worth nothing: the next one is on its way.
        client.set("message.timeout.ms", "10000").set("queue.buffering.max.messages", "100");
        let producer =
            ThreadedProducer::from_config_and_context(&client, LoggingContext::default())
                .context("cannot create a Kafka client; check the [kafka] section")?;
        let topic = config.kafka.health_topic();
        Ok(Self { config, home, producer, topic })
    }

    fn send(&self) {
        if let Err(error) = self.try_send() {
            tracing::debug!(%error, "a health report was not queued");
        }
    }

    fn try_send(&self) -> anyhow::Result<()> {
        let Some(snapshot) = Snapshot::read(&self.home.status_file())? else {
            return Ok(()); // there is no condition to report
        };
        let reserve = self.config.dev.disk_reserve * MIB;
        let payload = serde_json::to_vec(&report(&snapshot, self.home.folder(), reserve))?;
        let record = BaseRecord::to(&self.topic).key(COMPONENT).payload(&payload);
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(())
    }
}
