//! What a stack holds once it runs: the heaps that are configured, and what lies beside them.

use crate::parts::Context;
use crate::services::{cassandra, kafka, nodes, zookeeper};
use crate::state::Topology;

const MIB: u64 = 1 << 20;
/// Of a broker, beside its heap.
const BESIDE_KAFKA: u64 = 320 * MIB;
/// Of a Cassandra node, beside its heap: pages of its files, and memory tables.
const BESIDE_CASSANDRA: u64 = 768 * MIB;
/// Of the Spark job, beside its heap: the native library's tasks.
const BESIDE_SPARK: u64 = 320 * MIB;
/// `ZooKeeper`, beside its heap.
const BESIDE_ZOOKEEPER: u64 = 64 * MIB;
/// Producer, writer, dashboard and supervisor together.
const PROGRAMS: u64 = 256 * MIB;
/// Prometheus, with some days of a stack's metrics.
const PROMETHEUS: u64 = 256 * MIB;

/// Bytes that have to be free before a start.
pub(super) fn to_run(context: &Context) -> u64 {
    let nodes = nodes::hosts(context.topology).len() as u64;
    let broker = bytes(kafka::heap(context)) + BESIDE_KAFKA;
    let node = bytes(cassandra::heap(context)) + BESIDE_CASSANDRA;
    let spark = bytes(&context.config.dev.spark_heap) + BESIDE_SPARK;
    let coordination = match context.topology {
        Topology::Zookeeper => bytes(zookeeper::HEAP) + BESIDE_ZOOKEEPER,
        Topology::Kraft | Topology::Cluster => 0,
    };
    let prometheus = if context.observability { PROMETHEUS } else { 0 };
    nodes * (broker + node) + spark + coordination + PROGRAMS + prometheus
}

/// What takes less: of the heaps only those that the stack has from the configuration.
pub(super) fn repair(context: &Context) -> String {
    let mut ways = match context.topology {
        Topology::Kraft | Topology::Zookeeper => {
            "close other programs, lower kafka_heap, cassandra_heap and spark_heap in [dev]"
        }
        Topology::Cluster => {
            "close other programs, lower spark_heap in [dev], run one node (without --nodes 3)"
        }
    }
    .to_owned();
    if context.observability {
        ways.push_str(", or leave --observability out");
    }
    ways
}

/// A heap as the configuration has it, such as `512m`.
fn bytes(heap: &str) -> u64 {
    let unit = match heap.as_bytes().last() {
        Some(b'k') => 1 << 10,
        Some(b'm') => MIB,
        Some(b'g') => 1 << 30,
        _ => return 0,
    };
    heap[..heap.len() - 1].parse().map_or(0, |number: u64| number.saturating_mul(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    /// Topology, heaps of Kafka, Cassandra and Spark, observability, and what that needs in MiB.
    const CASES: [(Topology, [&str; 3], bool, u64); 7] = [
        (Topology::Kraft, ["384m", "1g", "1g"], false, 4_096),
        (Topology::Kraft, ["384m", "1g", "1g"], true, 4_352),
        (Topology::Kraft, ["512m", "2g", "4g"], false, 8_320),
        (Topology::Kraft, ["262144k", "512m", "512m"], false, 2_944),
        (Topology::Cluster, ["384m", "1g", "1g"], false, 7_168),
        // Heaps of brokers and nodes are fixed there; that of the job is not.
        (Topology::Cluster, ["8g", "8g", "512m"], false, 6_656),
        (Topology::Cluster, ["384m", "1g", "4g"], true, 10_496),
    ];

    #[test]
    fn memory_is_that_of_the_configured_heaps() {
        for (topology, [kafka, cassandra, spark], observability, mebibytes) in CASES {
            let mut context = context();
            context.topology = topology;
            context.observability = observability;
            context.config.dev.kafka_heap = kafka.to_owned();
            context.config.dev.cassandra_heap = cassandra.to_owned();
            context.config.dev.spark_heap = spark.to_owned();
            let found = to_run(&context) / MIB;
            assert_eq!(found, mebibytes, "{topology:?} {kafka} {cassandra} {spark}");
        }
    }

    #[test]
    fn zookeeper_is_counted() {
        let mut context = context();
        let without = to_run(&context);
        context.topology = Topology::Zookeeper;
        assert_eq!(to_run(&context), without + bytes(zookeeper::HEAP) + BESIDE_ZOOKEEPER);
        assert!(bytes(zookeeper::HEAP) > 0);
    }

    fn with_one_node(context: &mut Context) {
        if context.topology == Topology::Cluster {
            context.topology = Topology::Kraft;
        }
    }

    /// Each heap that the advice names takes less memory when it is lowered, and each that it does not name does not.
    #[test]
    fn the_advice_helps() {
        for topology in [Topology::Kraft, Topology::Zookeeper, Topology::Cluster] {
            let mut context = context();
            context.topology = topology;
            context.observability = true;
            let (before, advice) = (to_run(&context), repair(&context));
            let less = |change: fn(&mut Context)| {
                let mut lower = self::context();
                (lower.topology, lower.observability) = (topology, true);
                change(&mut lower);
                to_run(&lower) < before
            };
            let helps = [
                ("kafka_heap", less(|lower| lower.config.dev.kafka_heap = "64m".to_owned())),
                (
                    "cassandra_heap",
                    less(|lower| lower.config.dev.cassandra_heap = "64m".to_owned()),
                ),
                ("spark_heap", less(|lower| lower.config.dev.spark_heap = "64m".to_owned())),
                ("--observability", less(|lower| lower.observability = false)),
                ("--nodes 3", less(with_one_node)),
            ];
            for (way, helps) in helps {
                assert_eq!(advice.contains(way), helps, "{topology:?}: {way} in '{advice}'");
            }
        }
    }
}
