//! A demand from the command line and the configuration at hand.

use freshet_core::config::{Config, StateStore, Stream};

use super::demand::{Demand, Nonsense};
use super::replication;
use crate::cli::PlanArgs;

impl Demand {
    /// What was asked for; what was not said is taken from the configuration.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn of(arguments: &PlanArgs, config: &Config) -> Result<Self, Nonsense> {
        let stream = find_stream(arguments, config)?;
        let metrics = u32::try_from(stream.values.len()).unwrap_or(u32::MAX);
        let state_store = match arguments.state_store.as_deref() {
            None => config.spark.state_store,
            Some("rocksdb") => StateStore::Rocksdb,
            Some(_) => StateStore::Memory,
        };
        let datacenter = &config.cassandra.local_datacenter;
        let map = match arguments.replication {
            None => config.cassandra.replication.clone(),
            Some(replicas) => replication::in_one(datacenter, replicas),
        };
        Ok(Self {
            rate: arguments.rate,
            record_bytes: arguments.record_bytes,
            series: arguments.series,
            metrics: arguments.metrics.unwrap_or(metrics),
            windows: arguments.windows.clone().unwrap_or_else(|| stream.windows.clone()),
            lateness: arguments.lateness.unwrap_or(stream.lateness),
            trigger: arguments.trigger.unwrap_or(config.spark.trigger),
            raw_retention: arguments.raw_retention,
            retention: arguments.retention.unwrap_or(config.cassandra.ttl),
            kafka_replication: arguments
                .replication
                .unwrap_or_else(|| u32::try_from(config.kafka.replication_factor).unwrap_or(1)),
            cassandra_replication: replication::replicas(&map),
            cassandra_replication_map: map,
            datacenter: datacenter.clone(),
            safety_factor: arguments.safety_factor,
            state_store,
            executor_cores: arguments.executor_cores,
            node_cores: arguments.node_cores,
            node_disk: arguments.node_disk * 1e9,
        })
    }
}

fn find_stream<'a>(arguments: &PlanArgs, config: &'a Config) -> Result<&'a Stream, Nonsense> {
    let found = match &arguments.stream {
        Some(name) => config.stream(name),
        None => config.streams.first(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = config.streams.iter().map(|stream| stream.name.as_str()).collect();
        let message = match &arguments.stream {
            Some(name) => format!("there is no stream '{name}'; there are: {}", names.join(", ")),
            None => {
                "the configuration has no stream: name a file that has one with --config".to_owned()
            }
        };
        Nonsense { flag: "--stream", message }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::plan::{Plan, settings};

    const CONFIG: &str = r#"
        [kafka]
        replication_factor = 2

        [cassandra]
        replication = "{'class': 'NetworkTopologyStrategy', 'eu': 3, 'us': '2'}"
        local_datacenter = "eu"
        ttl = "90d"

        [spark]
        trigger = "5s"
        state_store = "rocksdb"

        [[stream]]
        name = "one"
        series = ["id"]
        values = { a = "a", b = "b" }
        windows = ["10s", "5m/1m"]
        lateness = "20s"

        [[stream]]
        name = "two"
        series = ["id"]
        values = { a = "a" }
        windows = ["1h"]
    "#;

    fn asked(flags: &[&str]) -> Result<Demand, Nonsense> {
        let line = ["freshet", "plan", "--rate", "1k", "--series", "10"];
        let cli = Cli::try_parse_from(line.iter().chain(flags)).unwrap();
        let Command::Plan(arguments) = cli.command else { panic!("it is another command") };
        let config = Config::parse(CONFIG, Path::new("freshet.toml"), BTreeMap::new()).unwrap();
        Demand::of(&arguments, &config)
    }

    #[test]
    fn what_is_not_said_comes_from_the_configuration() {
        let demand = asked(&[]).unwrap();
        assert_eq!((demand.rate, demand.series, demand.metrics), (1_000.0, 10.0, 2));
        assert_eq!((demand.kafka_replication, demand.cassandra_replication), (2, 5));
        assert_eq!(
            demand.windows.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10s", "5m/1m"]
        );
        let times = [demand.lateness, demand.trigger, demand.retention, demand.raw_retention];
        assert_eq!(times.map(|time| time.as_secs()), [20, 5, 90 * 86_400, 7 * 86_400]);
        assert_eq!((demand.state_store, demand.datacenter.as_str()), (StateStore::Rocksdb, "eu"));
    }

    #[test]
    fn flags_come_before_the_configuration() {
        let demand = asked(&[
            "--stream",
            "two",
            "--metrics",
            "7",
            "--windows",
            "1m,2m/1m",
            "--lateness",
            "1s",
            "--trigger",
            "0s",
            "--retention",
            "1d",
            "--replication",
            "3",
            "--state-store",
            "memory",
            "--node-disk",
            "1k",
        ]);
        let demand = demand.unwrap();
        assert_eq!((demand.metrics, demand.windows.len()), (7, 2));
        assert_eq!((demand.kafka_replication, demand.cassandra_replication), (3, 3));
        let times = [demand.lateness, demand.trigger, demand.retention];
        assert_eq!(times.map(|time| time.as_secs()), [1, 0, 86_400]);
        assert_eq!((demand.state_store, demand.node_disk), (StateStore::Memory, 1e12));
        assert_eq!(asked(&["--stream", "two"]).unwrap().windows[0].to_string(), "1h");
    }

    #[test]
    fn a_stream_that_is_not_there_is_refused() {
        let error = asked(&["--stream", "three"]).unwrap_err();
        assert_eq!(error.to_string(), "--stream: there is no stream 'three'; there are: one, two");
    }

    #[test]
    fn a_map_of_several_datacenters_is_printed_as_it_is_configured() {
        let written =
            |flags: &[&str]| settings::freshet_toml(&Plan::of(&asked(flags).unwrap()).unwrap());
        let configured = written(&[]);
        let map = "{'class': 'NetworkTopologyStrategy', 'eu': 3, 'us': '2'}";
        assert!(configured.contains(&format!("\nreplication = \"{map}\"\n")), "{configured}");
        assert!(configured.contains("consistency = \"local_quorum\""), "{configured}");
        let asked_for = written(&["--replication", "2"]);
        assert!(asked_for.contains("'eu': 2}\"\nconsistency = \"local_one\""), "{asked_for}");
    }

    #[test]
    fn consistency_is_that_of_the_replicas_of_the_local_datacenter() {
        let plan = |map: &str| {
            let mut demand = asked(&[]).unwrap();
            demand.cassandra_replication = replication::replicas(map);
            demand.cassandra_replication_map = map.to_owned();
            Plan::of(&demand).unwrap()
        };
        let two_each = plan("{'class': 'NetworkTopologyStrategy', 'eu': 2, 'us': 2}");
        let written = settings::freshet_toml(&two_each);
        assert!(written.contains("consistency = \"local_one\""), "{written}");
        assert!(settings::notes(&two_each).is_empty());
        let elsewhere = settings::notes(&plan("{'class': 'NetworkTopologyStrategy', 'us': 3}"));
        assert!(elsewhere[0].contains("no replica in 'eu'"), "{elsewhere:?}");
    }
}
