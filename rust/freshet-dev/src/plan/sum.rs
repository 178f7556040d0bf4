//! The sum: from a demand to cores, memory, disk and network of each part. Pure arithmetic; everything grows, or stays,
//! when a demand grows.

use freshet_core::window::WindowSpec;
use serde::Serialize;

use super::demand::{Demand, Nonsense};
use super::figures as figure;
use super::job::{Spark, spark};
use super::whole::whole;

/// What a demand takes. Rates are the demand's own; cores, instances and machines have the safety factor in them.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// What it was asked for.
    pub demand: Demand,
    /// What passes.
    pub load: Load,
    /// The producers.
    pub producer: Instances,
    /// The brokers.
    pub kafka: Kafka,
    /// The Spark job.
    pub spark: Spark,
    /// The writers.
    pub writer: Instances,
    /// The store.
    pub cassandra: Cassandra,
    /// The part that takes most machines.
    pub bottleneck: Bottleneck,
}

/// What passes, per second.
#[derive(Clone, Debug, Serialize)]
pub struct Load {
    /// Readings: one for each metric of a record.
    pub readings: f64,
    /// Versions of windows: messages for Kafka and rows for Cassandra.
    pub versions: f64,
    /// Windows that begin.
    pub windows: f64,
    /// Bytes of records.
    pub bytes: f64,
}

/// Programs of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Instances {
    /// How many.
    #[serde(serialize_with = "whole")]
    pub instances: f64,
    /// Cores of all of them.
    #[serde(serialize_with = "whole")]
    pub cores: f64,
    /// Bytes of memory of all of them.
    #[serde(serialize_with = "whole")]
    pub memory: f64,
}

/// What the brokers need, all together.
#[derive(Clone, Debug, Serialize)]
pub struct Kafka {
    /// Partitions of each topic of the stream.
    #[serde(serialize_with = "whole")]
    pub partitions: f64,
    /// Cores.
    #[serde(serialize_with = "whole")]
    pub cores: f64,
    /// Bytes of disk of the records.
    #[serde(serialize_with = "whole")]
    pub raw_disk: f64,
    /// Bytes of disk of the windows.
    #[serde(serialize_with = "whole")]
    pub windows_disk: f64,
    /// Bytes of disk of both, with the room that has to stay free.
    #[serde(serialize_with = "whole")]
    pub disk: f64,
    /// Bytes that come in per second, those from other brokers included.
    pub network_in: f64,
    /// Bytes that go out per second, those to other brokers included.
    pub network_out: f64,
    /// Machines.
    #[serde(serialize_with = "whole")]
    pub nodes: f64,
    /// Bytes of memory of one of them.
    #[serde(serialize_with = "whole")]
    pub node_memory: f64,
    /// Bytes of memory of all of them.
    #[serde(serialize_with = "whole")]
    pub memory: f64,
}

/// What the store needs.
#[derive(Clone, Debug, Serialize)]
pub struct Cassandra {
    /// Rows that are written per second, in all replicas together.
    pub writes: f64,
    /// Rows that are kept, of one replica.
    #[serde(serialize_with = "whole")]
    pub rows: f64,
    /// Cores of all nodes.
    #[serde(serialize_with = "whole")]
    pub cores: f64,
    /// Bytes of disk of all nodes, with the room that has to stay free.
    #[serde(serialize_with = "whole")]
    pub disk: f64,
    /// Machines.
    #[serde(serialize_with = "whole")]
    pub nodes: f64,
    /// Bytes of memory of one of them.
    #[serde(serialize_with = "whole")]
    pub node_memory: f64,
    /// Bytes of memory of all of them.
    #[serde(serialize_with = "whole")]
    pub memory: f64,
}

/// The part that takes most machines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bottleneck {
    /// Which one.
    pub part: &'static str,
    /// What of it.
    pub resource: &'static str,
    /// How many machines that takes, if nothing else did.
    pub machines: f64,
    /// What takes less of it.
    pub relief: &'static str,
}

impl Plan {
    /// Does the sum.
    ///
    /// # Errors
    /// When the demand makes no sense.
    pub fn of(demand: &Demand) -> Result<Self, Nonsense> {
        demand.check()?;
        let load = load(demand);
        let producer = instances(
            demand.rate * demand.safety_factor,
            figure::PRODUCER_RATE,
            figure::PRODUCER_CPU_PER_RECORD,
            figure::PRODUCER_MEMORY,
        );
        let writer = instances(
            load.versions * demand.safety_factor,
            figure::WRITER_RATE,
            figure::WRITER_CPU_PER_ROW,
            figure::WRITER_MEMORY,
        );
        let spark = spark(demand, &load);
        let kafka = kafka(demand, &load, spark.cores.max(writer.instances));
        let cassandra = cassandra(demand, &load);
        let bottleneck = bottleneck(demand, &producer, &kafka, &spark, &writer, &cassandra);
        Ok(Self {
            demand: demand.clone(),
            load,
            producer,
            kafka,
            spark,
            writer,
            cassandra,
            bottleneck,
        })
    }
}

/// Size, slide and pane of a kind of window, in seconds.
pub(super) struct Lengths {
    pub(super) size: f64,
    pub(super) slide: f64,
    pub(super) pane: f64,
}

impl Lengths {
    pub(super) fn of(window: &WindowSpec) -> Self {
        let seconds = |milliseconds: i64| milliseconds as f64 / 1_000.0;
        let (size, slide) = (window.size_ms(), window.slide_ms());
        Self { size: seconds(size), slide: seconds(slide), pane: seconds(window.pane_ms()) }
    }

    /// Windows that contain one instant.
    pub(super) fn overlapping(&self) -> f64 {
        self.size / self.slide
    }
}

fn load(demand: &Demand) -> Load {
    let metrics = f64::from(demand.metrics);
    let kinds = || demand.windows.iter().map(Lengths::of);
    Load {
        readings: demand.rate * metrics,
        versions: kinds().map(|kind| metrics * versions(demand, &kind)).sum(),
        windows: kinds().map(|kind| metrics * begun(demand, &kind)).sum(),
        bytes: demand.rate * demand.record_bytes,
    }
}

/// Versions per second of one metric and kind of window. A series with a record in each micro-batch changes in it the
/// windows that are open, and those that begin meanwhile; one with fewer records, the windows that contain them.
fn versions(demand: &Demand, kind: &Lengths) -> f64 {
    let of_busy_ones = kind.overlapping() / demand.batch_seconds() + 1.0 / kind.slide;
    (demand.rate * kind.overlapping()).min(demand.series * of_busy_ones)
}

/// Windows that begin per second, of one metric and kind of window: those that get no reading do not exist.
fn begun(demand: &Demand, kind: &Lengths) -> f64 {
    (demand.rate * kind.overlapping()).min(demand.series / kind.slide)
}

fn instances(rate: f64, of_one: f64, cpu: f64, memory: f64) -> Instances {
    let instances = (rate / of_one).ceil().max(1.0);
    Instances { instances, cores: (rate * cpu).ceil().max(1.0), memory: instances * memory }
}

fn kafka(demand: &Demand, load: &Load, tasks: f64) -> Kafka {
    let replicas = f64::from(demand.kafka_replication);
    let raw = load.bytes * figure::KAFKA_BYTES_PER_BYTE;
    let windows = load.versions * figure::MESSAGE_BYTES;
    let raw_disk = raw * demand.raw_retention.as_secs_f64() * replicas;
    let kept = load.versions.min(figure::UNCOMPACTED * load.windows);
    let windows_disk = kept * figure::MESSAGE_BYTES * figure::WINDOWS_RETENTION_SECONDS * replicas;
    let disk = (raw_disk + windows_disk) / figure::DISK_FILL;
    // In: from producer and job, and from the leader to each other replica. Out: to those, to the job, and from the
    // windows topic to writer and dashboard.
    let network_in = (raw + windows) * replicas;
    let network_out = (raw + windows) * (replicas - 1.0) + raw + 2.0 * windows;
    let messages = demand.rate + load.versions;
    let busy = messages * figure::BROKER_CPU_PER_RECORD * replicas * demand.safety_factor;
    let needs = of_machine(demand, busy, disk, network_out.max(network_in));
    let nodes = needs.iter().fold(replicas, |most, need| most.max(need.ceil()));
    // What has come in last is read from memory by job, writer and the other replicas.
    let cached = network_in * demand.safety_factor * figure::CACHED_SECONDS / nodes;
    let node_memory = figure::BROKER_HEAP + cached;
    Kafka {
        partitions: tasks.max(nodes),
        cores: busy.ceil().max(1.0),
        raw_disk,
        windows_disk,
        disk,
        network_in,
        network_out,
        nodes,
        node_memory,
        memory: nodes * node_memory,
    }
}

/// Machines by cores, disk and network.
fn of_machine(demand: &Demand, cores: f64, disk: f64, network: f64) -> [f64; 3] {
    [
        cores / f64::from(demand.node_cores),
        disk / demand.node_disk,
        network * demand.safety_factor / figure::NODE_BYTES_PER_SECOND,
    ]
}

fn cassandra(demand: &Demand, load: &Load) -> Cassandra {
    let replicas = f64::from(demand.cassandra_replication);
    let retention = demand.retention.as_secs_f64();
    let rows = (load.windows * retention).ceil();
    // Older versions lie beside the newest one until their part of time is compacted.
    let superseded = (load.versions - load.windows) * retention / figure::COMPACTION_WINDOWS;
    let disk = (rows + superseded) * figure::ROW_BYTES * replicas / figure::DISK_FILL;
    let writes = load.versions * replicas;
    let busy = writes * figure::CASSANDRA_CPU_PER_ROW * demand.safety_factor;
    let [by_cores, by_disk, _] = of_machine(demand, busy, disk, 0.0);
    let nodes = by_cores.ceil().max(by_disk.ceil()).max(replicas);
    let node_memory = figure::CASSANDRA_HEAP + figure::CASSANDRA_BESIDE_HEAP;
    Cassandra {
        writes,
        rows,
        cores: busy.ceil().max(1.0),
        disk,
        nodes,
        node_memory,
        memory: nodes * node_memory,
    }
}

fn bottleneck(
    demand: &Demand,
    producer: &Instances,
    kafka: &Kafka,
    spark: &Spark,
    writer: &Instances,
    cassandra: &Cassandra,
) -> Bottleneck {
    const PROCESSORS: &str = "processors";
    const MORE_CORES: &str = "more machines, or fewer records";
    const LONGER_TRIGGER: &str = "a longer spark.trigger, longer windows or slides, fewer series";
    const LESS_STATE: &str = "spark.state_store = \"rocksdb\", a shorter lateness, fewer series";
    let network = kafka.network_in.max(kafka.network_out);
    let [kafka_cores, kafka_disk, kafka_network] =
        of_machine(demand, kafka.cores, kafka.disk, network);
    let [store_cores, store_disk, _] = of_machine(demand, cassandra.cores, cassandra.disk, 0.0);
    let by_cores = |cores: f64| cores / f64::from(demand.node_cores);
    // An executor has its cores whatever it is there for.
    let by_executors = |executors: f64| by_cores(executors * f64::from(demand.executor_cores));
    let needs = [
        ("the producer", PROCESSORS, by_cores(producer.cores), MORE_CORES),
        ("Kafka", PROCESSORS, kafka_cores, MORE_CORES),
        ("Kafka", "disk", kafka_disk, "a shorter retention of the raw topic, smaller records"),
        ("Kafka", "network", kafka_network, "smaller records, or faster networks"),
        ("the Spark job", PROCESSORS, by_executors(spark.by_cores), LONGER_TRIGGER),
        ("the Spark job", "memory", by_executors(spark.by_heap), LESS_STATE),
        ("the writer", PROCESSORS, by_cores(writer.cores), LONGER_TRIGGER),
        ("Cassandra", PROCESSORS, store_cores, LONGER_TRIGGER),
        ("Cassandra", "disk", store_disk, "a shorter cassandra.ttl, longer windows or slides"),
    ];
    let largest = needs.into_iter().fold(
        needs[0],
        |largest, need| {
            if need.2 > largest.2 { need } else { largest }
        },
    );
    let (part, resource, machines, relief) = largest;
    Bottleneck { part, resource, machines, relief }
}
