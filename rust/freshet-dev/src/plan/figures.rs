//! The figures that a plan is made of: what was measured, and what is assumed where that is a matter of choice. Each
//! stands in docs/performance.md, and tests compare the two (`tests/generated/figures.rs`).

/// CPU-seconds of the Spark job for a record of [`RECORD_BYTES`] with one metric in one kind of tumbling window: table
/// "Throughput", `tumbling_10s`, native.
pub const JOB_CPU_PER_RECORD: f64 = 0.373e-6;
/// Bytes of the records of that benchmark.
pub const RECORD_BYTES: f64 = 125.0;
/// The share of that time which grows with the bytes of a record: Kafka's client, and finding the fields ("Where the
/// time goes").
pub const SHARE_OF_BYTES: f64 = 0.25 + 0.15;
/// The share that each further metric takes once more: finding its field, numbers and times, summing up.
pub const SHARE_OF_A_METRIC: f64 = 0.15 + 0.06 + 0.06;
/// The share that each further kind of window takes once more for every metric: summing up.
pub const SHARE_OF_A_KIND: f64 = 0.06;
/// CPU-seconds of the job for a version of a window: state, merging, message ("Figures of the plan").
pub const JOB_CPU_PER_VERSION: f64 = 6e-6;
/// CPU-seconds of the job for a micro-batch, however few records it has: key `spark.trigger`.
pub const JOB_CPU_PER_BATCH: f64 = 0.1;
/// Seconds that the shortest micro-batches take: table "Latency", p50.
pub const MICRO_BATCH_SECONDS: f64 = 0.09;
/// Native memory in which one task sums up records: `spark.freshet.task.memory`.
pub const TASK_MEMORY: f64 = 128.0 * MIB;

/// CPU-seconds of the producer for a record: table "Producer".
pub const PRODUCER_CPU_PER_RECORD: f64 = 2.167e-6;
/// Records per second of one producer: table "Producer".
pub const PRODUCER_RATE: f64 = 608_992.0;
/// Memory of one producer: its limit in docker/kubernetes.
pub const PRODUCER_MEMORY: f64 = 256.0 * MIB;

/// Bytes in Kafka of a byte of a record, compressed with lz4, with its key ("Figures of the plan").
pub const KAFKA_BYTES_PER_BYTE: f64 = 0.4;
/// Bytes in Kafka of a version of a window, compressed with lz4 ("Figures of the plan").
pub const MESSAGE_BYTES: f64 = 190.0;
/// CPU-seconds of the broker for a record that comes in and is read once ("Figures of the plan").
pub const BROKER_CPU_PER_RECORD: f64 = 2.3e-6;
/// Heap of a broker: an assumption.
pub const BROKER_HEAP: f64 = 4.0 * GIB;
/// For how long a broker should hold in memory what came in, so that those who read it need no disk: an assumption.
pub const CACHED_SECONDS: f64 = 30.0;

/// Bytes of Spark's state for a series, metric and kind of window, beside its panes: an assumption.
pub const STATE_ROW_BYTES: f64 = 500.0;
/// Bytes of a pane without its readings: the layout in `freshet-core/src/aggregate/stats_encoding.rs`.
pub const PANE_BYTES: f64 = 98.0;
/// Bytes of a reading in a pane, as long as there are few.
pub const READING_BYTES: f64 = 8.0;
/// Bytes of the sketch that is kept instead of many readings ("Figures of the plan").
pub const SKETCH_BYTES: f64 = 256.0;

/// Bytes of a row in Cassandra, compacted, of one replica ("Figures of the plan").
pub const ROW_BYTES: f64 = 120.0;
/// CPU-seconds of a Cassandra node for a row ("Figures of the plan").
pub const CASSANDRA_CPU_PER_ROW: f64 = 45e-6;
/// CPU-seconds of the writer for a row ("Figures of the plan").
pub const WRITER_CPU_PER_ROW: f64 = 9.5e-6;
/// Rows per second that one writer is given to do: an assumption.
pub const WRITER_RATE: f64 = 40_000.0;
/// Memory of one writer: its limit in docker/kubernetes.
pub const WRITER_MEMORY: f64 = 384.0 * MIB;
/// Heap of a Cassandra node: an assumption.
pub const CASSANDRA_HEAP: f64 = 8.0 * GIB;
/// Memory of a Cassandra node beside its heap, for the pages of its files: an assumption.
pub const CASSANDRA_BESIDE_HEAP: f64 = 8.0 * GIB;

/// How full disks may be: brokers need room for what is deleted late, and Cassandra for what it compacts.
pub const DISK_FILL: f64 = 0.6;
/// Bytes per second in one direction that a machine is given to do: half of 10 Gbit/s.
pub const NODE_BYTES_PER_SECOND: f64 = 10e9 / 8.0 / 2.0;
/// How many times the newest versions a compacted topic holds: Kafka compacts what is half superseded
/// (`min.cleanable.dirty.ratio`).
pub const UNCOMPACTED: f64 = 2.0;
/// How long Kafka keeps windows: topics.md.
pub const WINDOWS_RETENTION_SECONDS: f64 = 2.0 * 86_400.0;
/// Heap of an executor beside the state.
pub const EXECUTOR_HEAP: f64 = GIB;
/// The largest heap of an executor: over it, there are more executors.
pub const LARGEST_HEAP: f64 = 24.0 * GIB;
/// How many times the state its files take on the executors' disks: those not yet compacted, and those not yet
/// uploaded.
pub const ROCKSDB_COPIES: f64 = 2.0;
/// For how long the files of a shuffle stay at most: `spark.cleaner.periodicGC.interval`.
pub const SHUFFLE_SECONDS: f64 = 1_800.0;
/// Versions of the state in a checkpoint: `spark.sql.streaming.minBatchesToRetain`.
pub const STATE_VERSIONS: f64 = 100.0;
/// Snapshots of the whole state among them: one of each ten (`spark.sql.streaming.stateStore.minDeltasForSnapshot`),
/// and the one before.
pub const STATE_SNAPSHOTS: f64 = 11.0;
/// Memory of the driver beside its heap: Spark's least.
pub const DRIVER_OVERHEAD: f64 = 384.0 * MIB;
/// Cores of the driver.
pub const DRIVER_CORES: f64 = 1.0;
/// Heap of the driver.
pub const DRIVER_HEAP: f64 = 2.0 * GIB;
/// Spark's own overhead beside the heap.
pub const OVERHEAD_SHARE: f64 = 0.1;
/// What all `RocksDB` state stores of an executor take with `boundedMemoryUsage`: Spark's `maxMemoryUsageMB`.
pub const ROCKSDB_MEMORY: f64 = 500.0 * MIB;
/// A micro-batch after an outage has so many times the records of a usual one at most.
pub const CATCH_UP_BATCHES: f64 = 10.0;
/// Parts of a row's life into which time-window compaction divides it: `freshet-cassandra-writer/src/schema.rs`.
pub const COMPACTION_WINDOWS: f64 = 30.0;

/// 2^20 bytes.
pub const MIB: f64 = 1_048_576.0;
/// 2^30 bytes.
pub const GIB: f64 = 1_024.0 * MIB;

/// A figure as docs/performance.md prints it.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What it is of.
    pub what: &'static str,
    /// How much it is.
    pub value: f64,
    /// In which unit.
    pub unit: &'static str,
    /// How it was found.
    pub source: &'static str,
}

const fn figure(
    what: &'static str,
    value: f64,
    unit: &'static str,
    source: &'static str,
) -> Figure {
    Figure { what, value, unit, source }
}

const MICRO: f64 = 1e6;
const ON_A_STACK: &str = "measured on a whole stack, as said below";

/// What was measured beside the benchmarks above it on that page.
pub const MEASURED: &[Figure] = &[
    figure(
        "a byte of a record, in Kafka",
        KAFKA_BYTES_PER_BYTE,
        "B",
        "lz4, large batches: 46.7 B of 130; measured on a whole stack",
    ),
    figure(
        "a version of a window, in Kafka",
        MESSAGE_BYTES,
        "B",
        "lz4: 188 B in batches of a few, 66 in large ones of overlapping windows",
    ),
    figure(
        "the Spark job, for a version of a window",
        JOB_CPU_PER_VERSION * MICRO,
        "µs of a core",
        "\"What a window costs\", above: the more of 5 to 6",
    ),
    figure(
        "the Spark job, for a micro-batch",
        JOB_CPU_PER_BATCH * 1_000.0,
        "ms of a core",
        "the more of 60 to 100: README.md, `spark.trigger`",
    ),
    figure(
        "a pane of the state, without its readings",
        PANE_BYTES,
        "B",
        "its layout: `stats_encoding.rs` and `encoding.rs` in `freshet-core/src/aggregate`",
    ),
    figure("a reading of a pane, while they are few", READING_BYTES, "B", "the same"),
    figure(
        "many readings of a pane: their sketch",
        SKETCH_BYTES,
        "B",
        "of 10,000 readings within a factor of ten",
    ),
    figure(
        "a Kafka broker, for a message in and out",
        BROKER_CPU_PER_RECORD * MICRO,
        "µs of a core",
        ON_A_STACK,
    ),
    figure("a row in Cassandra, compacted", ROW_BYTES, "B", ON_A_STACK),
    figure(
        "a Cassandra node, for a row",
        CASSANDRA_CPU_PER_ROW * MICRO,
        "µs of a core",
        ON_A_STACK,
    ),
    figure("the writer, for a row", WRITER_CPU_PER_ROW * MICRO, "µs of a core", ON_A_STACK),
];

/// What a plan takes for granted.
pub const ASSUMED: &[Figure] = &[
    figure(
        "how full disks may be",
        DISK_FILL * 100.0,
        "%",
        "room for what is deleted late, and for what is being compacted",
    ),
    figure(
        "network of a machine, each way",
        NODE_BYTES_PER_SECOND / 1e6,
        "MB/s",
        "half of 10 Gbit/s",
    ),
    figure(
        "versions in a compacted topic, for each newest one",
        UNCOMPACTED,
        "at most",
        "Kafka's `min.cleanable.dirty.ratio` of 0.5",
    ),
    figure(
        "heap of an executor beside the state",
        EXECUTOR_HEAP / GIB,
        "GiB",
        "Spark itself, and Kafka's clients",
    ),
    figure(
        "the largest heap of an executor",
        LARGEST_HEAP / GIB,
        "GiB",
        "larger ones pause longer",
    ),
    figure(
        "Spark's overhead, of the heap",
        OVERHEAD_SHARE * 100.0,
        "%",
        "`spark.executor.memoryOverheadFactor`",
    ),
    figure(
        "RocksDB's memory of an executor",
        ROCKSDB_MEMORY / MIB,
        "MiB",
        "`spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB`",
    ),
    figure("a row of the state, beside its panes", STATE_ROW_BYTES, "B", "key, and Spark's row"),
    figure("rows of one writer", WRITER_RATE, "rows/s", "fewer than two cores would do"),
    figure(
        "memory of one producer",
        PRODUCER_MEMORY / MIB,
        "MiB",
        "its limit in `docker/kubernetes`",
    ),
    figure("memory of one writer", WRITER_MEMORY / MIB, "MiB", "its limit in `docker/kubernetes`"),
    figure("heap of a broker", BROKER_HEAP / GIB, "GiB", "Kafka keeps little on its heap"),
    figure(
        "what a broker holds in memory of what came in",
        CACHED_SECONDS,
        "s",
        "job, writer and replicas read it without the disk",
    ),
    figure(
        "heap of a Cassandra node",
        CASSANDRA_HEAP / GIB,
        "GiB",
        "Cassandra's own default at most",
    ),
    figure(
        "memory of a Cassandra node beside it",
        CASSANDRA_BESIDE_HEAP / GIB,
        "GiB",
        "as much again, for pages of its files",
    ),
    figure(
        "RocksDB's files, of the state",
        ROCKSDB_COPIES,
        "times",
        "some are not compacted yet, some not uploaded",
    ),
    figure(
        "files of a shuffle stay",
        SHUFFLE_SECONDS / 60.0,
        "min at most",
        "`spark.cleaner.periodicGC.interval`",
    ),
    figure(
        "versions of the state in a checkpoint",
        STATE_VERSIONS,
        "versions",
        "`spark.sql.streaming.minBatchesToRetain`",
    ),
    figure(
        "snapshots of the state in a checkpoint",
        STATE_SNAPSHOTS,
        "snapshots",
        "one of ten versions, and the one before: `spark.sql.streaming.stateStore.minDeltasForSnapshot`",
    ),
    figure("memory of the driver beside its heap", DRIVER_OVERHEAD / MIB, "MiB", "Spark's least"),
    figure("cores of the driver", DRIVER_CORES, "core", "Spark's default"),
    figure("heap of the driver", DRIVER_HEAP / GIB, "GiB", "plans, and the metrics of the tasks"),
    figure(
        "records of a micro-batch after an outage, in usual ones",
        CATCH_UP_BATCHES,
        "at most",
        "`spark.max_offsets_per_trigger`",
    ),
];
