//! The settings that a plan comes to: keys of `freshet.toml`, options of `spark-submit`, and what Kafka has to be told.

use freshet_core::config::StateStore;
use freshet_core::duration;
use freshet_core::topics::Topic;

use super::figures::{CATCH_UP_BATCHES, DRIVER_OVERHEAD, GIB, MIB};
use super::sum::Plan;

/// The most partitions that `kafka.partitions` takes.
const MOST_PARTITIONS: f64 = 10_000.0;
/// The most that `spark.shuffle_partitions` takes.
const MOST_SHUFFLE_PARTITIONS: f64 = 100_000.0;

/// The keys of `freshet.toml`, as lines of it.
pub fn freshet_toml(plan: &Plan) -> String {
    let demand = &plan.demand;
    let consistency = if demand.local_replicas() >= 3 { "local_quorum" } else { "local_one" };
    let state_store = match demand.state_store {
        StateStore::Memory => "memory",
        StateStore::Rocksdb => "rocksdb",
    };
    format!(
        "[kafka]\n\
         partitions = {partitions:.0}\n\
         replication_factor = {kafka_replicas}\n\
         \n\
         [cassandra]\n\
         replication = {replication}\n\
         consistency = \"{consistency}\"\n\
         ttl = \"{ttl}\"\n\
         \n\
         [spark]\n\
         trigger = \"{trigger}\"\n\
         shuffle_partitions = {shuffle_partitions:.0}\n\
         max_offsets_per_trigger = {records:.0}\n\
         state_store = \"{state_store}\"\n",
        partitions = plan.kafka.partitions.min(MOST_PARTITIONS),
        kafka_replicas = demand.kafka_replication,
        replication = quoted(&demand.cassandra_replication_map),
        ttl = duration::format(demand.retention),
        trigger = duration::format(demand.trigger),
        shuffle_partitions = plan.spark.cores.min(MOST_SHUFFLE_PARTITIONS),
        records = records_of_a_batch(plan),
    )
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// A micro-batch after an outage: larger than a usual one, so that it catches up, but no more than that.
fn records_of_a_batch(plan: &Plan) -> f64 {
    (plan.demand.rate * plan.demand.batch_seconds() * CATCH_UP_BATCHES).ceil().max(1_000.0)
}

/// The options of `spark-submit`, one per line of its command.
pub fn spark_submit(plan: &Plan) -> Vec<(&'static str, String)> {
    let spark = &plan.spark;
    let mut options = vec![
        ("spark.driver.memory", mebibytes(spark.driver_heap)),
        ("spark.driver.memoryOverhead", mebibytes(DRIVER_OVERHEAD)),
        ("spark.executor.instances", format!("{:.0}", spark.executors)),
        ("spark.executor.cores", plan.demand.executor_cores.to_string()),
        ("spark.cores.max", format!("{:.0}", spark.cores)),
        ("spark.executor.memory", mebibytes(spark.heap)),
        ("spark.executor.memoryOverhead", mebibytes(spark.native)),
    ];
    if plan.demand.state_store == StateStore::Rocksdb {
        let name = "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage";
        options.push((name, "true".to_owned()));
    }
    options
}

/// Spark takes whole numbers: as MiB, or as GiB where that is one.
fn mebibytes(bytes: f64) -> String {
    if bytes % GIB == 0.0 {
        return format!("{:.0}g", bytes / GIB);
    }
    format!("{:.0}m", (bytes / MIB).ceil())
}

/// The setting of the raw topic that differs from how Freshet creates it.
pub fn raw_topic(plan: &Plan) -> Option<String> {
    let milliseconds = u64::try_from(plan.demand.raw_retention.as_millis()).unwrap_or(u64::MAX);
    (Topic::Raw.retention_ms() != Some(milliseconds))
        .then(|| format!("retention.ms={milliseconds}"))
}

/// What the settings cannot hold, and people should know.
pub fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if plan.kafka.partitions > MOST_PARTITIONS {
        notes.push(format!(
            "kafka.partitions is at most {MOST_PARTITIONS:.0}, and {:.0} tasks want one each: divide the stream",
            plan.kafka.partitions
        ));
    }
    if plan.demand.local_replicas() == 0 {
        notes.push(format!(
            "cassandra.replication keeps no replica in '{}', cassandra.local_datacenter: name it in the map",
            plan.demand.datacenter
        ));
    }
    let state_of_executor = plan.spark.state / plan.spark.executors;
    if plan.demand.state_store == StateStore::Memory && state_of_executor > 4.0 * GIB {
        notes.push(
            "each executor has more than 4 GiB of state on its heap: try --state-store rocksdb"
                .to_owned(),
        );
    }
    notes
}
