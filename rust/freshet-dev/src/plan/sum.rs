//! The sum: from a demand to cores, memory, disk and network of each part. Pure arithmetic; everything grows, or stays,
//! when a demand grows.

use freshet_core::config::StateStore;
use freshet_core::window::{WindowSpec, pane_ms};
use serde::Serialize;

use super::demand::{Demand, Nonsense};
use super::figures as figure;

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
    pub instances: f64,
    /// Cores of all of them.
    pub cores: f64,
}

/// What the brokers need, all together.
#[derive(Clone, Debug, Serialize)]
pub struct Kafka {
    /// Partitions of each topic of the stream.
    pub partitions: f64,
    /// Cores.
    pub cores: f64,
    /// Bytes of disk of the records.
    pub raw_disk: f64,
    /// Bytes of disk of the windows.
    pub windows_disk: f64,
    /// Bytes of disk of both, with the room that has to stay free.
    pub disk: f64,
    /// Bytes that come in per second, those from other brokers included.
    pub network_in: f64,
    /// Bytes that go out per second, those to other brokers included.
    pub network_out: f64,
    /// Machines.
    pub nodes: f64,
}

/// What the job needs.
#[derive(Clone, Debug, Serialize)]
pub struct Spark {
    /// Executors that the processors ask for.
    pub by_cores: f64,
    /// Executors that the state on their heaps asks for; zero where it is on disk.
    pub by_heap: f64,
    /// Executors.
    pub executors: f64,
    /// Cores of all executors.
    pub cores: f64,
    /// Series, metrics and kinds of windows in the state.
    pub state_rows: f64,
    /// Bytes of the state.
    pub state: f64,
    /// Bytes of the heap of one executor.
    pub heap: f64,
    /// Bytes beside the heap of one executor.
    pub native: f64,
    /// Bytes of all executors.
    pub memory: f64,
}

/// What the store needs.
#[derive(Clone, Debug, Serialize)]
pub struct Cassandra {
    /// Rows that are written per second, in all replicas together.
    pub writes: f64,
    /// Rows that are kept, of one replica.
    pub rows: f64,
    /// Cores of all nodes.
    pub cores: f64,
    /// Bytes of disk of all nodes, with the room that has to stay free.
    pub disk: f64,
    /// Machines.
    pub nodes: f64,
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
        );
        let writer = instances(
            load.versions * demand.safety_factor,
            figure::WRITER_RATE,
            figure::WRITER_CPU_PER_ROW,
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
    pub(super) fn of(window: WindowSpec) -> Self {
        let seconds = |milliseconds: i64| milliseconds as f64 / 1_000.0;
        let (size, slide) = (window.size_ms(), window.slide_ms());
        Self {
            size: seconds(size),
            slide: seconds(slide),
            pane: seconds(pane_ms(&[window]).unwrap_or(slide)),
        }
    }

    /// Windows that contain one instant.
    pub(super) fn overlapping(&self) -> f64 {
        self.size / self.slide
    }
}

fn load(demand: &Demand) -> Load {
    let metrics = f64::from(demand.metrics);
    let kinds = || demand.windows.iter().map(|&window| Lengths::of(window));
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

fn instances(rate: f64, of_one: f64, cpu: f64) -> Instances {
    Instances { instances: (rate / of_one).ceil().max(1.0), cores: (rate * cpu).ceil().max(1.0) }
}

/// CPU-seconds of the job for one record of this demand.
pub(super) fn job_cpu_per_record(demand: &Demand) -> f64 {
    let metrics = f64::from(demand.metrics);
    let further_kinds = demand.windows.len() as f64 - 1.0;
    let times = 1.0
        + figure::SHARE_OF_BYTES * (demand.record_bytes / figure::RECORD_BYTES - 1.0)
        + figure::SHARE_OF_A_METRIC * (metrics - 1.0)
        + figure::SHARE_OF_A_KIND * metrics * further_kinds;
    figure::JOB_CPU_PER_RECORD * times
}

fn spark(demand: &Demand, load: &Load) -> Spark {
    let busy = demand.rate * job_cpu_per_record(demand)
        + load.versions * figure::JOB_CPU_PER_VERSION
        + figure::JOB_CPU_PER_BATCH / demand.batch_seconds();
    let of_executor = f64::from(demand.executor_cores);
    let state = state_bytes(demand);
    let (state_on_heap, state_beside) = match demand.state_store {
        StateStore::Memory => (state * demand.safety_factor, 0.0),
        StateStore::Rocksdb => (0.0, figure::ROCKSDB_MEMORY),
    };
    let by_cores = (busy * demand.safety_factor / of_executor).ceil().max(1.0);
    let by_heap = (state_on_heap / (figure::LARGEST_HEAP - figure::EXECUTOR_HEAP)).ceil();
    let executors = by_cores.max(by_heap);
    let heap = figure::EXECUTOR_HEAP + state_on_heap / executors;
    let native = of_executor * figure::TASK_MEMORY + state_beside + heap * figure::OVERHEAD_SHARE;
    Spark {
        by_cores,
        by_heap,
        executors,
        cores: executors * of_executor,
        state_rows: state_rows(demand),
        state,
        heap,
        native,
        memory: executors * (heap + native),
    }
}

fn state_rows(demand: &Demand) -> f64 {
    demand.series * f64::from(demand.metrics) * demand.windows.len() as f64
}

/// Bytes of Spark's state: its rows, and their panes.
fn state_bytes(demand: &Demand) -> f64 {
    let rows_of_a_kind = demand.series * f64::from(demand.metrics);
    let kinds = demand.windows.iter().map(|&window| Lengths::of(window));
    let bytes = kinds
        .map(|kind| figure::STATE_ROW_BYTES + panes(demand, &kind) * pane_bytes(demand, &kind));
    rows_of_a_kind * bytes.sum::<f64>()
}

/// Panes of one row that hold a reading: those of the windows that are open, unless there are fewer readings.
pub(super) fn panes(demand: &Demand, kind: &Lengths) -> f64 {
    let open = kind.size + demand.lateness.as_secs_f64() + demand.batch_seconds();
    let readings = demand.rate / demand.series * open;
    (open / kind.pane).min(readings) + 1.0
}

/// Bytes of a pane with its readings.
pub(super) fn pane_bytes(demand: &Demand, kind: &Lengths) -> f64 {
    let readings = (demand.rate / demand.series * kind.pane).max(1.0);
    figure::PANE_BYTES + (readings * figure::READING_BYTES).min(figure::SKETCH_BYTES)
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
    Kafka {
        partitions: tasks.max(nodes),
        cores: busy.ceil().max(1.0),
        raw_disk,
        windows_disk,
        disk,
        network_in,
        network_out,
        nodes,
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
    let rows = load.windows * retention;
    // Older versions lie beside the newest one until their part of time is compacted.
    let superseded = (load.versions - load.windows) * retention / figure::COMPACTION_WINDOWS;
    let disk = (rows + superseded) * figure::ROW_BYTES * replicas / figure::DISK_FILL;
    let writes = load.versions * replicas;
    let busy = writes * figure::CASSANDRA_CPU_PER_ROW * demand.safety_factor;
    let [by_cores, by_disk, _] = of_machine(demand, busy, disk, 0.0);
    Cassandra {
        writes,
        rows,
        cores: busy.ceil().max(1.0),
        disk,
        nodes: by_cores.ceil().max(by_disk.ceil()).max(replicas),
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
