package io.freshet.spark;

import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The job's main class: reads the configuration, starts one query per stream, and runs until one fails. */
public final class WindowedAverages {
    private static final Logger LOGGER = LoggerFactory.getLogger(WindowedAverages.class);
    private static final int FAILED = 1;
    private static final int USAGE = 2;
    /** Spark stops its context with priority 50 or less. */
    private static final int STOP_PRIORITY = 100;

    private WindowedAverages() {}

    /** @param words see {@code --help} */
    public static void main(String... words) {
        int exitCode = run(words);
        if (exitCode != 0) {
            System.exit(exitCode);
        }
    }

    private static int run(String... words) {
        Arguments arguments;
        try {
            arguments = Arguments.parse(words);
        } catch (IllegalArgumentException e) {
            return fail(USAGE, e);
        }
        if (arguments.help()) {
            System.out.println(Arguments.HELP);
            return 0;
        }
        try {
            PipelineConfiguration configuration = PipelineConfiguration.load(arguments.configuration());
            runQueries(configuration, configuration.select(arguments.streams()));
            return 0;
        } catch (ConfigurationException e) {
            return fail(USAGE, e);
        } catch (NativeException e) {
            return fail(FAILED, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return FAILED;
        } catch (StreamingQueryException | ExecutionException | TimeoutException | IOException e) {
            LOGGER.error("the job has failed", e);
            return FAILED;
        }
    }

    private static int fail(int exitCode, RuntimeException reason) {
        System.err.println("error: " + reason.getMessage());
        return exitCode;
    }

    private static void runQueries(PipelineConfiguration configuration, List<PipelineConfiguration.Stream> streams)
        throws InterruptedException, ExecutionException, TimeoutException, StreamingQueryException, IOException {
        KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
        try (SparkSession session = session(configuration);
            HealthReporter health = new HealthReporter(configuration)) {
            session.streams().addListener(health);
            for (PipelineConfiguration.Stream stream : streams) {
                StreamCounters counters = StreamCounters.register(session.sparkContext(), stream.name());
                health.watch(stream, counters);
                new StreamQuery(session, configuration, stream, counters).start();
            }
            // Before Spark's own hook, which would pull the context away under running queries.
            CountDownLatch stopped = new CountDownLatch(1);
            ShutdownHookManager.get().addShutdownHook(() -> {
                stop(session);
                stopped.countDown();
            }, STOP_PRIORITY);
            session.streams().awaitAnyTermination();
            if (ShutdownHookManager.get().isShutdownInProgress()) {
                stopped.await(); // one query has stopped; the others still need the context
            }
        }
    }

    /** Stops all queries side by side: each waits for its running batch, up to Spark's {@code stopTimeout}. */
    private static void stop(SparkSession session) {
        Arrays.stream(session.streams().active()).parallel().forEach(query -> {
            try {
                query.stop();
            } catch (TimeoutException e) {
                LOGGER.warn("query {} did not stop in time; its batch will be repeated", query.name());
            }
        });
    }

    private static SparkSession session(PipelineConfiguration configuration) {
        PipelineConfiguration.Spark spark = configuration.spark();
        SparkConf settings = defaults(spark.shufflePartitions(), spark.checkpointLocation(), spark.rocksdb())
            .setIfMissing("spark.app.name", "freshet")
            .setIfMissing("spark.master", "local[*]");
        if (isLocalFolder(spark.checkpointLocation()) && !settings.get("spark.master").startsWith("local")) {
            LOGGER.warn("spark.checkpoint_location is a folder without a scheme, and the master is {}: every executor "
                + "must see the same folder under that path", settings.get("spark.master"));
        }
        return SparkSession.builder().config(settings).getOrCreate();
    }

    /** The settings of Spark that suit these queries; what spark-submit was told takes precedence. */
    static SparkConf defaults(int shufflePartitions, String checkpointLocation, boolean rocksdb) {
        SparkConf defaults = new SparkConf()
            // Streams share the cores: a large batch of one must not hold up the others.
            .setIfMissing("spark.scheduler.mode", "FAIR")
            .setIfMissing("spark.sql.shuffle.partitions", Integer.toString(shufflePartitions))
            .setIfMissing("spark.sql.session.timeZone", "UTC")
            .setIfMissing("spark.sql.streaming.stopTimeout", "4s")
            // A batch has one key per series, metric and window: far more than the 128 after which Spark sorts instead.
            .setIfMissing("spark.sql.objectHashAggregate.sortBased.fallbackThreshold", "100000");
        if (isLocalFolder(checkpointLocation)) {
            // On a local folder the default manager forks some dozens of processes per batch to set permissions.
            defaults.setIfMissing("spark.sql.streaming.checkpointFileManagerClass",
                "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager");
        }
        if (rocksdb) {
            defaults.setIfMissing("spark.sql.streaming.stateStore.providerClass",
                "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider");
            defaults.setIfMissing("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true");
        }
        return defaults;
    }

    private static boolean isLocalFolder(String location) {
        return !location.contains("://");
    }
}
