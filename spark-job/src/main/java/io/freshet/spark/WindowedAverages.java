package io.freshet.spark;

import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeContract;
import io.freshet.spark.nativelib.NativeException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The job's main class: reads the configuration, keeps one query per stream running, and ends when it is told to or when
 * Spark itself has gone.
 */
public final class WindowedAverages {
    private static final Logger LOGGER = LoggerFactory.getLogger(WindowedAverages.class);
    private static final int FAILED = 1;
    private static final int USAGE = 2;
    /** Spark stops its context with priority 50 or less. */
    private static final int STOP_PRIORITY = 100;
    /** The options that Spark leaves out of the plans that it shows: its default, and all that has to do with getting in. */
    private static final String REDACTED_OPTIONS = "(?i)url|\\.ssl\\.|\\.sasl\\.";
    private static final Duration FIRST_RESTART = Duration.ofSeconds(1);
    private static final Duration SLOWEST_RESTART = Duration.ofMinutes(1);

    private WindowedAverages() {}

    /** @param words see {@code --help} */
    public static void main(String... words) {
        // Also when all is well: no thread of a library may keep a stopped job alive.
        System.exit(run(words));
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
        } catch (ExecutionException | TimeoutException | IOException e) {
            LOGGER.error("the job has failed", e);
            return FAILED;
        }
    }

    private static int fail(int exitCode, RuntimeException reason) {
        System.err.println("error: " + reason.getMessage());
        return exitCode;
    }

    private static void runQueries(PipelineConfiguration configuration, List<PipelineConfiguration.Stream> streams)
        throws InterruptedException, ExecutionException, TimeoutException, IOException {
        KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
        HealthListener health = new HealthListener();
        try (SparkSession session = session(configuration);
            HealthReporter reporter = new HealthReporter(configuration, health)) {
            JobEnd end = new JobEnd();
            session.sparkContext().addSparkListener(end);
            end.onSignals();
            session.streams().addListener(health);
            List<QuerySupervisor> queries =
                streams.stream().map(stream -> supervisor(session, configuration, stream, health, end)).toList();
            // Before Spark's own hook, which would pull the context away under running queries.
            ShutdownHookManager.get().addShutdownHook(() -> stop(queries), STOP_PRIORITY);
            queries.forEach(QuerySupervisor::start);
            reporter.start();
            try {
                end.await();
            } finally {
                stop(queries);
            }
        }
    }

    private static QuerySupervisor supervisor(
        SparkSession session,
        PipelineConfiguration configuration,
        PipelineConfiguration.Stream stream,
        HealthListener listener,
        JobEnd end) {
        StreamQuery query = new StreamQuery(session, configuration, stream);
        StreamHealth health = query.health();
        listener.watch(health);
        return new QuerySupervisor(query, health, new Backoff(FIRST_RESTART, SLOWEST_RESTART),
            failure -> QueryFailure.of(failure, query.checkpointLocation(), configuration.secrets()), end::fail);
    }

    /** Stops all queries side by side: each waits for its running batch, up to Spark's {@code stopTimeout}. */
    private static void stop(List<QuerySupervisor> queries) {
        CompletableFuture.allOf(queries.stream()
            .map(query -> CompletableFuture.runAsync(query::stop, task -> new Thread(task, "freshet-stop").start()))
            .toArray(CompletableFuture[]::new)).join();
    }

    private static SparkSession session(PipelineConfiguration configuration) {
        PipelineConfiguration.Spark spark = configuration.spark();
        SparkConf settings = defaults(spark.shufflePartitions(), spark.checkpointLocation(), spark.rocksdb())
            .setIfMissing("spark.app.name", "freshet")
            .setIfMissing("spark.master", "local[*]");
        if (isLocalFolder(spark.checkpointLocation(), settings) && !settings.get("spark.master").startsWith("local")) {
            LOGGER.warn("spark.checkpoint_location {} is a folder of the local file system, and the master is {}: "
                + "every executor must see the same folder under that path", spark.checkpointLocation(),
                settings.get("spark.master"));
        }
        return SparkSession.builder().config(settings).getOrCreate();
    }

    /** The settings of Spark that suit these queries; what spark-submit was told takes precedence. */
    static SparkConf defaults(int shufflePartitions, String checkpointLocation, boolean rocksdb) {
        SparkConf defaults = new SparkConf()
            // Streams share the cores, each in a pool of its own: a large batch of one must not hold up the others.
            .setIfMissing("spark.scheduler.mode", "FAIR")
            .setIfMissing("spark.sql.shuffle.partitions", Integer.toString(shufflePartitions))
            .setIfMissing("spark.sql.session.timeZone", "UTC")
            .setIfMissing("spark.sql.redaction.options.regex", REDACTED_OPTIONS)
            .setIfMissing("spark.sql.streaming.stopTimeout", NativeContract.get().stopTimeoutMillis() + "ms");
        if (isLocalFolder(checkpointLocation, defaults)) {
            // On a local folder the default manager forks some dozens of processes per batch to set permissions.
            defaults.setIfMissing("spark.sql.streaming.checkpointFileManagerClass",
                "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager");
            writeWithoutProcesses(defaults);
        }
        if (rocksdb) {
            defaults.setIfMissing("spark.sql.streaming.stateStore.providerClass",
                "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider");
            defaults.setIfMissing("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true");
        }
        return defaults;
    }

    /** Where the executors are in this process, they are sure to find the class. */
    private static void writeWithoutProcesses(SparkConf defaults) {
        if (defaults.get("spark.master", "local[*]").startsWith("local")) {
            defaults.setIfMissing("spark.hadoop.fs.file.impl", LocalCheckpoints.class.getName());
            // spark-submit has used Hadoop's own one before: from the cache it would be given out for ever.
            defaults.setIfMissing("spark.hadoop.fs.file.impl.disable.cache", "true");
        }
    }

    /** Whether Hadoop would find the location in the local file system; no other system is asked. */
    static boolean isLocalFolder(String location, SparkConf settings) {
        String scheme = new Path(location).toUri().getScheme();
        Configuration hadoop = SparkHadoopUtil.get().newConfiguration(settings);
        return "file".equals(scheme == null ? FileSystem.getDefaultUri(hadoop).getScheme() : scheme);
    }
}
