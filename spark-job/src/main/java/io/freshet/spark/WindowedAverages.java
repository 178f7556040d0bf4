package io.freshet.spark;

import io.freshet.spark.nativelib.ConfigurationException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
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
        try {
            Arguments arguments = Arguments.parse(words);
            if (arguments.help()) {
                System.out.println(Arguments.HELP);
                return 0;
            }
            PipelineConfiguration configuration = PipelineConfiguration.load(arguments.configuration());
            runQueries(configuration, configuration.select(arguments.streams()));
            return 0;
        } catch (IllegalArgumentException | ConfigurationException e) {
            System.err.println("error: " + e.getMessage());
            return USAGE;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return FAILED;
        } catch (StreamingQueryException | ExecutionException | TimeoutException | IOException e) {
            LOGGER.error("the job has failed", e);
            return FAILED;
        }
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
            ShutdownHookManager.get().addShutdownHook(() -> stop(session), STOP_PRIORITY);
            session.streams().awaitAnyTermination();
        }
    }

    private static void stop(SparkSession session) {
        for (StreamingQuery query : session.streams().active()) {
            try {
                query.stop();
            } catch (TimeoutException e) {
                LOGGER.warn("query {} did not stop in time; its batch will be repeated", query.name());
            }
        }
    }

    private static SparkSession session(PipelineConfiguration configuration) {
        SparkConf defaults = new SparkConf()
            .setIfMissing("spark.app.name", "freshet")
            .setIfMissing("spark.master", "local[*]")
            // Streams share the cores: a large batch of one must not hold up the others.
            .setIfMissing("spark.scheduler.mode", "FAIR")
            .setIfMissing("spark.sql.shuffle.partitions",
                Integer.toString(configuration.spark().shufflePartitions()))
            .setIfMissing("spark.sql.session.timeZone", "UTC")
            .setIfMissing("spark.sql.streaming.stopTimeout", "4s");
        if (!configuration.spark().checkpointLocation().contains("://")) {
            // On a local folder the default manager forks some dozens of processes per batch to set permissions.
            defaults.setIfMissing("spark.sql.streaming.checkpointFileManagerClass",
                "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager");
        }
        if (configuration.spark().rocksdb()) {
            defaults.setIfMissing("spark.sql.streaming.stateStore.providerClass",
                "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider");
            defaults.setIfMissing("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true");
        }
        return SparkSession.builder().config(defaults).getOrCreate();
    }
}
