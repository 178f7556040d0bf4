package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.health.HealthListener;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.testing.LocalSpark;
import io.freshet.spark.testing.Waiting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.streaming.runtime.MemoryStream;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.jdk.javaapi.CollectionConverters;

/** Real streaming queries that fail, side by side with one that does not. */
class QuerySupervisorTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static SparkSession spark;

    private final CompletableFuture<Throwable> unrecoverable = new CompletableFuture<>();
    private final HealthListener listener = new HealthListener();
    private final List<QuerySupervisor> supervisors = new ArrayList<>();

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() {
        spark = LocalSpark.start();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @AfterEach
    void stopQueries() {
        supervisors.forEach(QuerySupervisor::stop);
        spark.streams().removeListener(listener);
    }

    @Test
    void aQueryThatFailsIsStartedAgainWhileTheOthersGoOnAndMissesNothing() throws Exception {
        spark.streams().addListener(listener);
        Stream failing = new Stream("failing");
        Stream other = new Stream("other");
        failing.broken.set(true);
        failing.supervisor.start();
        other.supervisor.start();
        failing.add(0, 100);
        failing.awaitReport(report -> report.path("restarts").asInt() >= 3
            && report.path("state").asText().equals("restarting"));
        assertEquals("IllegalStateException: the sink is broken", failing.report().path("last_error").asText());
        assertTrue(failing.report().at("/errors/query_failed").asInt() >= 3);

        other.add(0, 50);
        other.awaitSum(50);
        failing.add(100, 200);
        failing.broken.set(false);
        failing.awaitSum(200);
        failing.awaitReport(report -> report.path("state").asText().equals("running"));
        // What has failed last stays, with the time when it did.
        JsonNode recovered = failing.report();
        assertEquals("IllegalStateException: the sink is broken", recovered.path("last_error").asText());
        assertTrue(recovered.path("last_error_time").asLong() >= recovered.path("since").asLong()
            && recovered.path("last_error_time").asLong() < recovered.path("time").asLong(), recovered::toString);
        assertTrue(other.report().path("last_error_time").isNull());
        assertEquals(0, other.report().path("restarts").asLong());
        assertTrue(other.report().path("last_error").isNull());

        failing.supervisor.stop();
        other.supervisor.stop();
        assertEquals(0, spark.streams().active().length);
        assertFalse(unrecoverable.isDone());
    }

    @Test
    void aDamagedCheckpointIsNamedWithWhatToDoAndTheQueryGoesOnOnceItIsMended() throws Exception {
        spark.streams().addListener(listener);
        Stream stream = new Stream("damaged");
        stream.add(0, 10);
        StreamingQuery first = stream.startQuery();
        stream.awaitSum(10);
        first.processAllAvailable();
        first.stop();
        Path offsets = stream.checkpoint().resolve("offsets/0");
        String good = Files.readString(offsets);
        overwrite(offsets, "no offsets");

        stream.supervisor.start();
        stream.awaitReport(report -> report.path("state").asText().equals("restarting"));
        String error = stream.report().path("last_error").asText();
        assertTrue(error.contains("its checkpoint " + stream.checkpoint()), error);
        assertTrue(error.contains("move the folder away"), error);

        overwrite(offsets, good);
        stream.add(10, 20);
        stream.awaitSum(20);
    }

    @Test
    void anErrorOfTheJavaMachineIsPassedOnInsteadOfTryingAgain() throws Exception {
        StreamHealth health = new StreamHealth("s");
        InternalError error = new InternalError("the machine is broken");
        var supervisor = new QuerySupervisor(() -> {
            throw new IllegalStateException("the query has failed", error);
        }, health, backoff(), QuerySupervisorTest::describe, unrecoverable::complete);
        supervisor.start();
        assertEquals(error, unrecoverable.get().getCause());
        supervisor.stop();
    }

    private static void overwrite(Path file, String text) throws IOException {
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
        Files.writeString(file, text);
    }

    private static Backoff backoff() {
        return new Backoff(Duration.ofMillis(10), Duration.ofMillis(200));
    }

    private static QueryFailure describe(Throwable failure) {
        return QueryFailure.of(failure, "", List.of());
    }

    /** A stream of numbers, and a sink that can be broken. */
    private final class Stream {
        private final AtomicBoolean broken = new AtomicBoolean();
        private final String name;
        private final MemoryStream<Long> source = MemoryStream.apply(Encoders.LONG(), spark);
        /** By micro-batch: a repeated one overwrites what it wrote before, as an idempotent sink does. */
        private final Map<Long, List<Long>> written = new ConcurrentHashMap<>();
        private final StreamHealth health;
        private final QuerySupervisor supervisor;

        Stream(String name) {
            this.name = name;
            health = new StreamHealth(name);
            listener.watch(health);
            supervisor = new QuerySupervisor(this::startQuery, health, backoff(),
                failure -> QueryFailure.of(failure, checkpoint().toString(), List.of()), unrecoverable::complete);
            supervisors.add(supervisor);
        }

        Path checkpoint() {
            return folder.resolve(name);
        }

        void add(long from, long to) {
            source.addData(CollectionConverters.asScala(LongStream.range(from, to).boxed().toList()));
        }

        StreamingQuery startQuery() throws TimeoutException {
            VoidFunction2<Dataset<Long>, Long> write = (rows, batch) -> {
                if (broken.get()) {
                    throw new IllegalStateException("the sink is broken");
                }
                written.put(batch, rows.collectAsList());
            };
            return source.toDS().writeStream().queryName(name).foreachBatch(write)
                .option("checkpointLocation", checkpoint().toString()).start();
        }

        /** Waits until all numbers below this one have been written, each once. */
        void awaitSum(long end) throws InterruptedException {
            List<Long> expected = LongStream.range(0, end).boxed().toList();
            Waiting.until(() -> numbers().equals(expected), () -> numbers() + " of " + name + ", " + report());
        }

        private List<Long> numbers() {
            return written.values().stream().flatMap(List::stream).sorted().toList();
        }

        void awaitReport(Predicate<JsonNode> condition) throws InterruptedException {
            Waiting.until(() -> condition.test(report()), () -> report().toString());
        }

        JsonNode report() {
            try {
                return JSON.readTree(health.report());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
