//! The services of the stack, one file each: its command line, environment, and how to see that it answers. They are
//! data, so that the supervisor and the system tests run the very same things.

pub mod benchmark;
pub(crate) mod cassandra;
mod commit_log;
mod dashboard;
mod java;
pub(crate) mod kafka;
pub(crate) mod nodes;
pub mod producer;
mod prometheus;
mod spark_job;
mod stack_health;
mod writer;
pub(crate) mod zookeeper;

pub use prometheus::{
    NAME as PROMETHEUS, check as check_prometheus, program as prometheus_program,
};

use std::ffi::OsString;
use std::time::Duration;

use crate::parts::{Context, Part, Plan};
use crate::probe::Readiness;
use crate::state::Topology;
use crate::supervise::CommandLine;

/// Everything that listens does so here and nowhere else.
pub(crate) const HOST: &str = "127.0.0.1";

/// So that the loss of any one node of three changes nothing: topics and tables have a copy on each, and what two of
/// them have is neither lost nor overlooked.
const COPIES_OF_CLUSTER: &[(&str, &str)] = &[
    ("KAFKA__REPLICATION_FACTOR", "3"),
    ("CASSANDRA__REPLICATION", "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}"),
    ("CASSANDRA__CONSISTENCY", "local_quorum"),
];

/// How long a store may take to end. A broker that is killed checks its logs at the next start, and Cassandra replays
/// its own.
const STORE_GRACE: Duration = Duration::from_secs(20);
/// What a guard needs to collect a part that has ended, with its last output.
const GUARD: Duration = Duration::from_secs(2);

/// By this exit code our programs refuse their command line or configuration.
const REFUSAL: Option<i32> = Some(2);

/// Order of ending: what brings data in goes first, what keeps it goes last.
mod tier {
    pub(super) const SOURCES: u8 = 0;
    pub(super) const COMPUTING: u8 = 1;
    pub(super) const READERS: u8 = 2;
    pub(super) const STORES: u8 = 3;
    pub(super) const COORDINATION: u8 = 4;
}

/// The services of a topology in the order in which people think of them.
pub fn all(topology: Topology) -> Vec<Part> {
    let zookeeper = (topology == Topology::Zookeeper).then_some(zookeeper::PART);
    let (brokers, stores): (&[Part], &[Part]) = match topology {
        Topology::Kraft | Topology::Zookeeper => (&[kafka::PART], &[cassandra::PART]),
        Topology::Cluster => (&kafka::PARTS_OF_CLUSTER, &cassandra::PARTS_OF_CLUSTER),
    };
    zookeeper
        .into_iter()
        .chain(brokers.iter().chain(stores).cloned())
        .chain([spark_job::PART, writer::PART, producer::PART, dashboard::PART, stack_health::PART])
        .collect()
}

/// The services of a stack: those of its topology, and what watches them.
pub fn of(context: &Context) -> Vec<Part> {
    let watching = context.observability.then_some(prometheus::PART);
    all(context.topology).into_iter().chain(watching).collect()
}

/// All that a stack of a topology can have: what one has that runs does not matter for a limit.
fn possible(topology: Topology) -> Vec<Part> {
    all(topology).into_iter().chain([prometheus::PART]).collect()
}

/// How long any part of a stack may take to end.
pub fn longest_grace(topology: Topology) -> Duration {
    possible(topology).iter().map(|part| part.grace() + GUARD).max().unwrap_or_default()
}

/// How long a whole stack may take to end: its parts end tier by tier, those of one tier side by side.
pub fn longest_stop(topology: Topology) -> Duration {
    let parts = possible(topology);
    let last = parts.iter().map(Part::tier).max().unwrap_or(0);
    let longest_of = |tier| {
        let of_tier = parts.iter().filter(|part| part.tier() == tier);
        of_tier.map(|part| part.grace() + GUARD).max().unwrap_or_default()
    };
    (0..=last).map(longest_of).sum()
}

/// The services of the benchmark.
pub fn of_benchmark() -> Vec<Part> {
    vec![kafka::PART]
}

/// The endpoints of this stack, for our own programs: they override what the configuration says about a cluster.
fn endpoints(context: &Context) -> Vec<(String, OsString)> {
    let dev = &context.config.dev;
    let all = |port| OsString::from(nodes::addresses(context.topology, port, ","));
    let overrides: [(&str, OsString); 3] = [
        ("KAFKA__BOOTSTRAP_SERVERS", all(dev.kafka_port)),
        ("CASSANDRA__CONTACT_POINTS", all(dev.cassandra_port)),
        ("SPARK__CHECKPOINT_LOCATION", context.home.checkpoints(context.topology).into()),
    ];
    let copies = match context.topology {
        Topology::Kraft | Topology::Zookeeper => &[][..],
        Topology::Cluster => COPIES_OF_CLUSTER,
    };
    let copies = copies.iter().map(|(name, value)| (*name, OsString::from(value)));
    // Without this glibc keeps up to eight arenas per core, which shows in what the whole stack holds.
    let arenas = ("MALLOC_ARENA_MAX".to_owned(), "2".into());
    overrides
        .into_iter()
        .chain(copies)
        .map(|(name, value)| (format!("FRESHET_{name}"), value))
        .chain([arenas])
        .collect()
}

/// A program of ours. It answers on no port: what it does shows in the first window.
fn native(context: &Context, program: &str) -> Plan {
    let command = CommandLine::new(context.program(program), &context.root)
        .arg("-c")
        .arg(&context.config_file)
        .envs(endpoints(context));
    Plan {
        before: Vec::new(),
        command,
        readiness: Readiness::Started,
        address: None,
        refusal: REFUSAL,
        done: None,
        notices: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use freshet_core::stopping;

    use super::*;

    #[test]
    fn zookeeper_is_there_only_when_asked_for_and_ends_last() {
        let kraft = all(Topology::Kraft);
        assert!(kraft.iter().all(|part| part.name != "zookeeper"));
        let classic = all(Topology::Zookeeper);
        let last = classic.iter().max_by_key(|part| part.tier()).map(|part| part.name);
        assert_eq!(last, Some("zookeeper"));
    }

    #[test]
    fn every_program_has_the_time_that_it_waits_for_its_own_work() {
        let grace = |name| {
            let services = all(Topology::Kraft);
            services.iter().find(|part| part.name == name).map(Part::grace).unwrap()
        };
        let ends = stopping::LAST_REPORT + stopping::BLOCKING_CALLS;
        let sends = stopping::PRODUCER_LAST_RECORDS + stopping::PRODUCER_FLUSH;
        assert!(grace("producer") > sends + stopping::PRODUCER_ACKNOWLEDGEMENTS + ends);
        assert!(grace("writer") > stopping::WRITER_DRAIN + ends);
        assert!(grace("spark-job") > stopping::SPARK_BATCH);
        assert!(grace("dashboard") > stopping::DASHBOARD_CLOSE);
    }

    #[test]
    fn a_whole_stack_has_the_time_of_all_its_tiers() {
        let kraft = longest_stop(Topology::Kraft);
        let sum: Duration =
            [stopping::PRODUCER, stopping::SPARK_JOB, stopping::WRITER, STORE_GRACE].iter().sum();
        assert!(kraft > sum, "{kraft:?}");
        assert!(longest_stop(Topology::Zookeeper) > kraft + STORE_GRACE);
        assert!(longest_grace(Topology::Kraft) < kraft);
    }

    #[test]
    fn sources_end_before_anything_else() {
        let services = all(Topology::Kraft);
        let first = services.iter().min_by_key(|part| part.tier()).map(|part| part.name);
        assert_eq!(first, Some("producer"));
    }
}
