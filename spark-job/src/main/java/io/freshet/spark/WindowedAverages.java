package io.freshet.spark;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.health.HealthListener;
import io.freshet.spark.health.HealthReporter;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.job.Arguments;
import io.freshet.spark.job.Backoff;
import io.freshet.spark.job.JobEnd;
import io.freshet.spark.job.QueryFailure;
import io.freshet.spark.job.QuerySupervisor;
import io.freshet.spark.job.SparkSettings;
import io.freshet.spark.job.StreamQuery;
import io.freshet.spark.kafka.KafkaTopics;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The job's main class: reads the configuration, keeps one query per stream running, and ends when it is told to or
 * when Spark itself has gone.
 */
public final class WindowedAverages {
    private static final Logger LOGGER = LoggerFactory.getLogger(WindowedAverages.class);
    private static final int FAILED = 1;
    private static final int USAGE = 2;
    /** Spark stops its context with priority 50 or less. */
    private static final int STOP_PRIORITY = 100;
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
        SparkConf settings = SparkSettings
            .defaults(spark.shufflePartitions(), spark.checkpointLocation(), spark.rocksdb())
            .setIfMissing("spark.app.name", "freshet")
            .setIfMissing("spark.master", "local[*]");
        if (SparkSettings.isLocalFolder(spark.checkpointLocation(), settings)
            && !settings.get("spark.master").startsWith("local")) {
            LOGGER.warn("spark.checkpoint_location {} is a folder of the local file system, and the master is {}: "
                + "every executor must see the same folder under that path", spark.checkpointLocation(),
                settings.get("spark.master"));
        }
        return SparkSession.builder().config(settings).getOrCreate();
    }
}
