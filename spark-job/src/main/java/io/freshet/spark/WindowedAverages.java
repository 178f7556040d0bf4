package io.freshet.spark;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.health.HealthListener;
import io.freshet.spark.health.HealthReporter;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.job.Arguments;
import io.freshet.spark.job.Backoff;
import io.freshet.spark.job.JobEnd;
import io.freshet.spark.job.JobProcess;
import io.freshet.spark.job.JobSession;
import io.freshet.spark.job.KafkaStart;
import io.freshet.spark.job.QueryFailure;
import io.freshet.spark.job.QuerySupervisor;
import io.freshet.spark.job.StreamQuery;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.kafka.common.KafkaException;
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

    /**
     * Runs the job until it is told to stop. In a process that was started for it, the process ends with it: exit code
     * 0 after SIGTERM or SIGINT, 1 when it has failed, 2 for usage or configuration. In another one, such as that of a
     * notebook or of YARN's application master, it throws what has gone wrong, and an interrupt ends it.
     *
     * @param words see {@code --help}
     * @throws IllegalArgumentException when they cannot be understood
     * @throws ConfigurationException when something in the configuration is wrong
     * @throws ExecutionException when Spark has gone, or Kafka refuses a topic
     * @throws InterruptedException when the thread was interrupted; the queries are stopped then
     */
    public static void main(String... words)
        throws InterruptedException, ExecutionException, TimeoutException, IOException {
        if (JobProcess.isOwn(WindowedAverages.class)) {
            // Also when all is well: no thread of a library may keep a stopped job alive.
            System.exit(exitCode(words));
        }
        run(Arguments.parse(words), false);
    }

    private static int exitCode(String... words) {
        Arguments arguments;
        try {
            arguments = Arguments.parse(words);
        } catch (IllegalArgumentException e) {
            return fail(USAGE, e);
        }
        try {
            run(arguments, true);
            return 0;
        } catch (ConfigurationException e) {
            return fail(USAGE, e);
        } catch (NativeException e) {
            return fail(FAILED, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return FAILED;
        } catch (ExecutionException | TimeoutException | IOException | KafkaException e) {
            LOGGER.error("the job has failed", e);
            return FAILED;
        }
    }

    /** @param ownProcess whether the process was started for the job */
    private static void run(Arguments arguments, boolean ownProcess)
        throws InterruptedException, ExecutionException, TimeoutException, IOException {
        if (arguments.help()) {
            System.out.println(Arguments.HELP);
            return;
        }
        PipelineConfiguration configuration = PipelineConfiguration.load(arguments.configuration());
        runQueries(configuration, configuration.select(arguments.streams()), ownProcess);
    }

    private static int fail(int exitCode, RuntimeException reason) {
        System.err.println("error: " + reason.getMessage());
        return exitCode;
    }

    private static void runQueries(
        PipelineConfiguration configuration, List<PipelineConfiguration.Stream> streams, boolean ownProcess)
        throws InterruptedException, ExecutionException, TimeoutException, IOException {
        // First the session: YARN gives up on an application whose context does not come.
        try (JobSession opened = JobSession.open(configuration.spark())) {
            JobEnd end = new JobEnd();
            opened.session().sparkContext().addSparkListener(end);
            if (ownProcess) {
                end.onSignals();
            }
            try {
                if (new KafkaStart(configuration, end).createTopics()) {
                    runQueries(opened.session(), configuration, streams, end);
                }
                opened.endsInOrder();
            } finally {
                opened.session().sparkContext().removeSparkListener(end);
            }
        }
    }

    /** Until the end. */
    private static void runQueries(
        SparkSession session,
        PipelineConfiguration configuration,
        List<PipelineConfiguration.Stream> streams,
        JobEnd end)
        throws InterruptedException, ExecutionException {
        HealthListener health = new HealthListener();
        try (HealthReporter reporter = new HealthReporter(configuration, health)) {
            session.streams().addListener(health);
            List<QuerySupervisor> queries =
                streams.stream().map(stream -> supervisor(session, configuration, stream, health, end)).toList();
            // Before Spark's own hook, which would pull the context away under running queries.
            Runnable stop = () -> stop(queries);
            ShutdownHookManager.get().addShutdownHook(stop, STOP_PRIORITY);
            try {
                queries.forEach(QuerySupervisor::start);
                reporter.start();
                end.await();
            } finally {
                stop.run();
                session.streams().removeListener(health);
                removeHook(stop);
            }
        }
    }

    /** It would keep the queries in memory for as long as a process lives that goes on without them. */
    private static void removeHook(Runnable hook) {
        if (!ShutdownHookManager.get().isShutdownInProgress()) {
            ShutdownHookManager.get().removeShutdownHook(hook);
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
}
