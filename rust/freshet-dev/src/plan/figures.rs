//! The figures that a plan is made of: what was measured, and what is assumed where that is a matter of choice. Each
//! stands in docs/performance.md, and a test compares the two.

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

/// Bytes in Kafka of a byte of a record, compressed with lz4, with its key ("Figures of the plan").
pub const KAFKA_BYTES_PER_BYTE: f64 = 0.6;
/// Bytes in Kafka of a version of a window, compressed with lz4 ("Figures of the plan").
pub const MESSAGE_BYTES: f64 = 200.0;
/// CPU-seconds of the broker for a record that comes in and is read once ("Figures of the plan").
pub const BROKER_CPU_PER_RECORD: f64 = 1e-6;

/// Bytes of Spark's state for a series, metric and kind of window, beside its panes ("Figures of the plan").
pub const STATE_ROW_BYTES: f64 = 500.0;
/// Bytes of a pane without its readings: the layout in `freshet-core/src/aggregate/stats_encoding.rs`.
pub const PANE_BYTES: f64 = 98.0;
/// Bytes of a reading in a pane, as long as there are few.
pub const READING_BYTES: f64 = 8.0;
/// Bytes of the sketch that is kept instead of many readings ("Figures of the plan").
pub const SKETCH_BYTES: f64 = 512.0;

/// Bytes of a row in Cassandra, compacted, of one replica ("Figures of the plan").
pub const ROW_BYTES: f64 = 120.0;
/// CPU-seconds of a Cassandra node for a row ("Figures of the plan").
pub const CASSANDRA_CPU_PER_ROW: f64 = 20e-6;
/// CPU-seconds of the writer for a row ("Figures of the plan").
pub const WRITER_CPU_PER_ROW: f64 = 10e-6;
/// Rows per second of one writer ("Figures of the plan").
pub const WRITER_RATE: f64 = 40_000.0;

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
