package io.freshet.spark.engine;

import com.codahale.metrics.MetricRegistry;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructType;

/**
 * All that Freshet needs of Spark beyond what Spark promises to keep: plans, rows in Spark's own format, checkpoints,
 * the late watermark, expressions. Each supported line of Spark has one implementation, in a package of its own, named
 * in {@code META-INF/services}; nothing outside of that package imports what Spark keeps to itself.
 */
public interface SparkEngine {
    /** The one for the version of Spark in this process. */
    static SparkEngine current() {
        return LoadedEngine.ENGINE;
    }

    /** The line of Spark that it is written for: major and minor version, such as {@code 4.2}. */
    String sparkLine();

    /**
     * The rows that a step makes of records with the columns of Kafka's source. Where they are those of a micro-batch
     * of that source, the step's tasks read Kafka themselves if they can; the records are the same.
     *
     * @param rows batch or streaming
     * @param columns the columns that the step reads, by the names of Kafka's source: partition, offset, timestamp, key
     *     and value, and topic or headers
     * @param schema of the rows that the step makes
     * @param topic asked after a micro-batch is planned, in tasks that get nothing, and by each task after its last
     *     record; {@link TopicCheck#NONE} for records that may be from any topic
     */
    Dataset<Row> step(Dataset<Row> rows, List<String> columns, RecordStep step, StructType schema, TopicCheck topic);

    /**
     * The rows that are made of each row.
     *
     * @param rows batch or streaming
     * @param columns names of the columns that are read, strings or binary
     * @param schema of the rows that are made
     */
    Dataset<Row> expand(Dataset<Row> rows, List<String> columns, RowExpansion expansion, StructType schema);

    /** Whether a session's queries read Kafka directly, as far as settings and this process allow it. */
    boolean readsKafkaDirectly(SparkSession session);

    /**
     * The watermark by which the running task's micro-batch calls records late, epoch milliseconds: that of the
     * micro-batch before. Known where a task's state is updated.
     *
     * @throws IllegalStateException when it is not known
     */
    long lateWatermarkMillis();

    /**
     * Offsets that the running task has passed over so far, because Kafka had deleted them before it came there. Known
     * in a {@link RecordStep} above a micro-batch of Kafka's source that is held to its topics; null elsewhere.
     */
    Long deletedOffsets();

    /**
     * Metadata that make a column the one by which rows are late and state times out, as {@code withWatermark} does.
     */
    Metadata watermark(long delayMillis);

    /**
     * The checkpoint of a query that reads topics of Kafka, and is not running.
     *
     * @param location a folder, or the URI of one; it need not exist
     */
    Checkpoint checkpoint(SparkSession session, String location);

    /** What a task may use of memory outside of the heap, as Spark's memory manager sees it. */
    TaskMemory taskMemory(TaskContext task);

    /** Accounts for Arrow columns of one task, which closes it: a child of Spark's own allocator. */
    BufferAllocator taskAllocator();

    /** Registers Freshet's functions for SQL, and tells the planner of every session of the steps. */
    void extend(SparkSessionExtensions extensions);

    /**
     * Calls a handler at a signal to this process, before what the process would do else.
     *
     * @param signal its name without SIG
     * @param handler whether it has handled the signal; if not, the Java machine does
     */
    void onSignal(String signal, BooleanSupplier handler);

    /** Names of the main classes of Spark that run a program in a process of its own, on its first thread. */
    List<String> launchers();

    /**
     * Shows metrics in Spark's metrics system, as those of a plugin are, in a context that was started without it.
     *
     * @param plugin the name of the plugin's class
     * @return ends it
     */
    Runnable showMetrics(String plugin, MetricRegistry metrics);

    /** Hadoop's configuration as these settings of Spark make it. */
    Configuration hadoopConfiguration(SparkConf settings);

    /** Class of the manager of checkpoint files that suits a local folder. */
    String localCheckpointFileManager();

    /** Class of the state store that keeps its state in RocksDB. */
    String rocksdbStateStore();
}
