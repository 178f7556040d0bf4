package io.freshet.spark.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.freshet.spark.Freshet;
import io.freshet.spark.StreamSpec;
import io.freshet.spark.testing.HangingTasks;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.MetricsPage;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.spark.SparkConf;
import org.apache.spark.executor.InputMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.streaming.runtime.StreamingQueryWrapper;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.jupiter.api.io.TempDir;

/** A running stream as Spark shows it: gauges of its servlet for Prometheus, the input of stages, plans. */
class StreamMetricsTest {
    private static final long EVENT_TIME = 1_700_000_000_000L;
    private static final long TWO_HOURS = 7_200_000;

    @TempDir
    private static Path folder;
    private static KafkaBroker broker;
    private static SparkSession spark;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")));
        SparkConf settings = MetricsPage.serve(SparkSettings.defaults(2, folder.toString(), false))
            .setMaster("local[2]").setAppName("metrics").set("spark.driver.bindAddress", "127.0.0.1")
            .set("spark.driver.host", "127.0.0.1");
        spark = SparkSession.builder().config(settings).getOrCreate();
    }

    @AfterAll
    static void stop() throws Exception {
        spark.stop();
        broker.stop();
    }

    @Test
    void theGaugesSayWhatTheBooksSayAndGoWithTheStream() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "measured", "trigger = '0s'")) {
            stream.start();
            stream.send("a", 2, 200);
            stream.awaitCounted("a", 200);
            // Too late for its window, and no record at all.
            send(stream, 10, "{\"id\":\"a\",\"at\":" + (EVENT_TIME - TWO_HOURS) + ",\"v\":1}");
            send(stream, 7, "{\"id\":");
            stream.awaitReport(report -> report.path("records_in").asLong() == 217
                && report.path("late").asLong() == 10 && report.path("rejected").asLong() == 7);

            Waiting.until(() -> lag("measured") == 0, () -> gauges("measured").toString());
            Map<String, Double> gauges = gauges("measured");
            assertEquals(Set.of("running", "records_read", "records_counted", "records_late", "records_rejected",
                "records_skipped", "offsets_skipped", "offsets_deleted", "consumer_lag_records",
                "watermark_delay_seconds", "batch_duration_seconds", "progress_age_seconds", "trigger_interval_seconds",
                "state_rows", "state_bytes", "batches", "restarts"), gauges.keySet());
            JsonNode report = stream.report();
            assertEquals(217, gauges.get("records_read"));
            assertEquals(200, gauges.get("records_counted"));
            assertEquals(10, gauges.get("records_late"));
            assertEquals(7, gauges.get("records_rejected"));
            assertEquals(report.path("skipped_offsets").asLong(), gauges.get("offsets_skipped").longValue());
            assertEquals(report.path("state_rows").asLong(), gauges.get("state_rows").longValue());
            assertEquals(report.path("state_bytes").asLong(), gauges.get("state_bytes").longValue());
            assertTrue(gauges.get("batches") >= 2 && gauges.get("batch_duration_seconds") > 0, gauges::toString);
            double delay = (System.currentTimeMillis() - report.path("watermark").asLong()) / 1_000.0;
            assertEquals(delay, gauges.get("watermark_delay_seconds"), 10);
            assertEquals(0, gauges.get("restarts"));
            // The buffers that are kept from task to task.
            assertTrue(MetricsPage.read(spark).get("native_memory_bytes") > 0);
        }
        assertEquals(new TreeSet<>(), new TreeSet<>(gauges("measured").keySet()));
    }

    /** Skipped records, bad rows and bad values: the books still add up by record. */
    @Test
    void whatTheStreamLeavesOutIsInTheBooks() throws Exception {
        List<String> ofStream = List.of("where = { foreign = { exists = false } }", "on_bad_value = 'skip_value'",
            "on_bad_row = 'skip_row'");
        try (var stream = new SupervisedStream(spark, broker, folder, "lenient", 2, ofStream, "trigger = '0s'")) {
            stream.start();
            String good = "{\"id\":\"a\",\"at\":" + EVENT_TIME + ",\"v\":1";
            send(stream, 100, good + "}");
            send(stream, 5, "{\"foreign\":true}");
            send(stream, 4, good + ",\"w\":\"none\"}");
            send(stream, 3, "[" + good + "},{\"v\":1}]");
            send(stream, 2, "{\"id\":");
            stream.awaitReport(told -> told.path("records_in").asLong() == 114);
            JsonNode report = stream.report();
            assertEquals(5, report.path("skipped").asLong(), report::toString);
            assertEquals(2, report.path("rejected").asLong(), report::toString);
            assertEquals(3, report.path("rejected_rows").asLong(), report::toString);
            assertEquals("{\"w\":4}", report.path("skipped_values").toString());
            Map<String, Double> gauges = gauges("lenient");
            assertEquals(107, gauges.get("records_counted"), gauges::toString);
            assertEquals(gauges.get("records_read"), gauges.get("records_counted") + gauges.get("records_late")
                + gauges.get("records_rejected") + gauges.get("records_skipped"), gauges::toString);
        }
    }

    /** Its micro-batch was planned when all was in the topic that it reads, and no other one ends meanwhile. */
    @Test
    void whatWaitsBehindAMicroBatchThatHangsIsLagAndTheQueryGrowsOld() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "stuck", "trigger = '1s'")) {
            stream.start();
            stream.send("a", 2, 200);
            stream.awaitCounted("a", 200);
            Waiting.until(() -> lag("stuck") == 0, () -> gauges("stuck").toString());
            assertEquals(1, gauges("stuck").get("trigger_interval_seconds"));
            try (var tasks = new HangingTasks(spark, 2)) {
                tasks.awaitRunning();
                stream.send("a", 2, 100);
                Waiting.until(() -> lag("stuck") == 100 && age("stuck") > 3, () -> gauges("stuck").toString());
                assertEquals(100, stream.report().path("lag").asLong());
                // A process that comes after it knows by the checkpoint how far the finished ones have come.
                stream.stop();
                stream.start();
                Waiting.until(() -> lag("stuck") == 100, () -> gauges("stuck").toString());
                assertEquals(0, gauges("stuck").get("batches"));
            }
            stream.awaitCounted("a", 300);
            Waiting.until(() -> lag("stuck") == 0 && age("stuck") < 3, () -> gauges("stuck").toString());
            // Idle for longer than that, it goes on to say that there is nothing to do.
            double batches = gauges("stuck").get("batches");
            Waiting.until(() -> age("stuck") > 5, () -> gauges("stuck").toString());
            Waiting.until(() -> age("stuck") < 3, () -> gauges("stuck").toString());
            assertEquals(batches, gauges("stuck").get("batches"));
        }
    }

    /** The Stage page shows what the books say, which have the offsets that had no record. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void sparkIsToldWhatIsReadAndWhatIsPassedOver(boolean raw) throws Exception {
        Input input = new Input();
        Set<String> observed = ConcurrentHashMap.newKeySet();
        try (var stream = new SupervisedStream(spark, broker, folder, "input" + raw, 1, "trigger = '0s'")) {
            stream.session().conf().set("spark.freshet.kafka.raw", raw);
            stream.session().streams().addListener(observations(observed));
            spark.sparkContext().addSparkListener(input);
            stream.start();
            stream.send("a", 1, 100);
            stream.awaitCounted("a", 100);
            stream.awaitReport(report -> report.path("records_in").asLong() == 100);
            long bytes = stream.report().path("bytes_in").asLong();
            // Of whole batches Spark is told what was sent, which is more than keys and values.
            Waiting.until(() -> input.records.get() == 100 && (raw ? input.bytes.get() > bytes
                : input.bytes.get() == bytes), () -> input + ", " + bytes);
            stream.stop();
            stream.send("a", 1, 100);
            stream.deleteRawRecords(0, 150);
            stream.start();
            stream.awaitCounted("a", 150);
            stream.awaitReport(report -> report.path("skipped_offsets").asLong() == 50);
            Waiting.until(() -> input.records.get() == 150 && (raw ? input.bytes.get() > bytes / 2 * 3
                : input.bytes.get() == bytes / 2 * 3), input::toString);
            assertEquals(50, gauges("input" + raw).get("offsets_skipped"));
            assertEquals(50, gauges("input" + raw).get("offsets_deleted"));
            assertEquals(Set.of("records_read", "bytes_read", "rejected", "rejected_rows", "skipped",
                "skipped_values|v", "skipped_values|w", "offsets_deleted", "ahead_micros", "ahead_series"), observed);
        } finally {
            spark.sparkContext().removeSparkListener(input);
        }
    }

    /** The names of what each micro-batch observes of its records. */
    private static StreamingQueryListener observations(Set<String> names) {
        return new StreamingQueryListener() {
            @Override
            public void onQueryStarted(QueryStartedEvent event) { }

            @Override
            public void onQueryProgress(QueryProgressEvent event) {
                names.addAll(List.of(event.progress().observedMetrics().get("read").schema().fieldNames()));
            }

            @Override
            public void onQueryTerminated(QueryTerminatedEvent event) { }
        };
    }

    /** The input of all stages. */
    private static final class Input extends SparkListener {
        private final AtomicLong records = new AtomicLong();
        private final AtomicLong bytes = new AtomicLong();

        @Override
        public void onStageCompleted(SparkListenerStageCompleted event) {
            InputMetrics input = event.stageInfo().taskMetrics().inputMetrics();
            records.addAndGet(input.recordsRead());
            bytes.addAndGet(input.bytesRead());
        }

        @Override
        public String toString() {
            return records + " records, " + bytes + " bytes";
        }
    }

    @Test
    void explainHasALineForEachStepThatSaysWhatItDoes() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "explained", "trigger = '0s'")) {
            // Spark explains the newest micro-batch, and one without records reads nothing.
            stream.session().conf().set("spark.sql.streaming.noDataMicroBatches.enabled", "false");
            stream.start();
            stream.send("a", 2, 10);
            stream.awaitCounted("a", 10);
            StreamingQuery query = Stream.of(stream.session().streams().active())
                .filter(active -> active.name().equals("explained")).findFirst().orElseThrow();
            String columns = "input=[partition, offset, timestamp, key, value, topic]";
            String partials = "FreshetPartials stream=explained, windows=[10s], "
                + "rejected=sent to topic dead-letters, ";
            Waiting.until(() -> lines(query, false).contains(partials + "kafka=read in whole batches, " + columns),
                () -> lines(query, false).toString());
            String messages = "FreshetMessages rows=one message per window, input=[windows]";
            assertTrue(lines(query, false).contains(messages), () -> lines(query, false).toString());
            String state =
                "FlatMapGroupsWithState FreshetState stream=explained, windows=[10s], gives=changed windows, ";
            assertTrue(lines(query, false).stream().anyMatch(line -> line.startsWith(state)),
                () -> lines(query, false).toString());
            // The logical plans of an extended one, too.
            assertTrue(lines(query, true).contains(partials + columns), () -> lines(query, true).toString());
        }
    }

    /** Of a program's own, which reads no Kafka. */
    @Test
    void explainSaysSoOfWindowsOfOtherRowsToo() {
        Dataset<Row> rows = spark.range(1).selectExpr("'' AS key", "'' AS value", "0 AS partition", "id AS offset",
            "timestamp_millis(0) AS timestamp");
        Dataset<Row> windows = Freshet.windows(rows, StreamSpec.parse("name = \"mine\", series = [\"id\"], "
            + "time = { field = \"at\" }, values = { v = \"v\" }, windows = [\"10s\", \"1m\"]"));
        String plan = ((org.apache.spark.sql.classic.Dataset<Row>) windows).queryExecution().executedPlan().toString();
        List<String> lines = plan.lines().map(StreamMetricsTest::plain).toList();
        assertTrue(lines.contains("FreshetWindows rows=one per window, input=[windows]"), lines::toString);
        assertTrue(lines.contains("FreshetPartials stream=mine, windows=[10s, 1m], rejected=dropped, "
            + "input=[partition, offset, timestamp, key, value]"), lines::toString);
    }

    private static List<String> lines(StreamingQuery query, boolean extended) {
        String plan = ((StreamingQueryWrapper) query).streamingQuery().explainInternal(extended);
        return plan.lines().map(StreamMetricsTest::plain).toList();
    }

    /** Without the marks of the tree and the numbers of columns. */
    private static String plain(String line) {
        return line.replaceFirst("^[^A-Za-z]*(\\(\\d+\\) )?", "").replaceAll("#\\d+L?", "");
    }

    private static double lag(String stream) {
        return gauges(stream).get("consumer_lag_records");
    }

    private static double age(String stream) {
        return gauges(stream).get("progress_age_seconds");
    }

    private static void send(SupervisedStream stream, int records, String value) {
        try (var producer = stream.producer(Map.of())) {
            Sending.all(producer, IntStream.range(0, records).mapToObj(
                index -> new ProducerRecord<>(stream.rawTopic(), index % 2, null, value.getBytes(UTF_8))));
        }
    }

    private static Map<String, Double> gauges(String stream) {
        String prefix = "streams_" + stream + "_";
        return MetricsPage.read(spark).entrySet().stream().filter(gauge -> gauge.getKey().startsWith(prefix))
            .collect(Collectors.toMap(gauge -> gauge.getKey().substring(prefix.length()), Map.Entry::getValue,
                (one, other) -> one, TreeMap::new));
    }
}
