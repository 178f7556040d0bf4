package io.freshet.spark.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.stddev_pop;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.timestamp_millis;
import static org.apache.spark.sql.functions.unix_millis;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.window;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.health.HealthListener;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.kafka.KafkaTopics;
import io.freshet.spark.testing.KafkaAndSpark;
import io.freshet.spark.testing.RandomRecords;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The streaming query of a stream, as it runs in production, against streaming queries with {@code from_json} and
 * {@code window} that read the same micro-batches from the same topic of a real broker.
 */
class StreamsAgainstPlainSparkTest extends KafkaAndSpark {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long LATENESS_MILLIS = 20_000;
    /** All records are in the topic before the queries start: this alone decides what a micro-batch reads. */
    private static final int BATCH_RECORDS = 2_000;
    private static final int BATCHES = 2;
    private static final Map<String, String> PERCENTILES = Map.of("p50", "0.50", "p95", "0.95", "p99", "0.99");
    private static final StructType RECORD = new StructType()
        .add("id", DataTypes.StringType)
        .add("at", DataTypes.LongType)
        .add("v", DataTypes.DoubleType)
        .add("w", DataTypes.DoubleType);

    @Execution(ExecutionMode.CONCURRENT)
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "tumbling; 1; 10s; true",
        "sliding; 3; 30s/10s; true",
        "uneven-slide; 5; 25s/10s; true",
        "small-slide; 7; 20s/2s; true",
        "several; 9; 10s,1m,30s/10s; true",
        "without-common-divisor; 11; 7s,10s; true",
        "read-by-spark; 13; 10s; false",
        "later; 15; 10s@3s,30s/10s@7s; true",
    })
    void everyWindowAndEveryLateRecordIsTheSame(String stream, long seed, String windows, boolean direct)
        throws Exception {
        Case both = new Case(stream, List.of(windows.split(",")), direct);
        RandomRecords records = new RandomRecords(seed);
        both.send(records.next(BATCHES * BATCH_RECORDS, 120_000));
        both.run();
        both.compare(records);
        // The queries were stopped in between: from here on they go on from their checkpoints.
        records.seed(seed + 1);
        both.send(records.next(BATCHES * BATCH_RECORDS, 120_000));
        both.run();
        both.compare(records);
    }

    /** A stream, read by the native query and by a plain one for each kind of window. */
    private static final class Case {
        private final SparkSession session = spark.newSession();
        private final PipelineConfiguration configuration;
        private final PipelineConfiguration.Stream stream;
        private final StreamHealth health;
        private final HealthListener listener = new HealthListener();
        private final List<PlainQuery> plain;
        private long sent;

        Case(String name, List<String> windows, boolean direct) throws Exception {
            session.conf().set("spark.freshet.kafka.direct", direct);
            Path file = folder.resolve(name + ".toml");
            Files.writeString(file, String.join("\n", "[kafka]", "bootstrap_servers = '" + broker.address() + "'",
                "partitions = 3", "[spark]", "trigger = '0s'", "max_offsets_per_trigger = " + BATCH_RECORDS,
                "checkpoint_location = '" + folder.resolve("checkpoints") + "'", "[[stream]]", "name = '" + name + "'",
                "format = 'json'", "series = ['id']", "time = { field = 'at', unit = 'ms' }",
                "values = { v = 'v', w = 'w' }", "windows = " + JSON.writeValueAsString(windows),
                "lateness = '" + LATENESS_MILLIS + "ms'"));
            configuration = PipelineConfiguration.load(file.toString());
            KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
            stream = configuration.streams().get(0);
            health = new StreamHealth(name);
            listener.watch(health);
            plain = windows.stream().map(kind -> new PlainQuery(stream, kind)).toList();
        }

        void send(List<byte[]> values) {
            try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", broker.address()),
                new ByteArraySerializer(), new ByteArraySerializer())) {
                // Partitions in turn: what a micro-batch reads must not depend on how the producer batches.
                Sending.all(producer, values.stream()
                    .map(value -> new ProducerRecord<>(stream.rawTopics().get(0), (int) (sent++ % 3), null, value)));
            }
        }

        /** Runs all queries side by side until they have read everything. */
        void run() throws Exception {
            session.streams().addListener(listener);
            List<StreamingQuery> queries = new ArrayList<>();
            try {
                queries.add(new StreamQuery(session, configuration, stream).start());
                for (PlainQuery query : plain) {
                    queries.add(query.start());
                }
                for (StreamingQuery query : queries) {
                    query.processAllAvailable();
                }
                Waiting.until(() -> report().path("records_in").asLong() == sent, () -> report().toString());
            } finally {
                for (StreamingQuery query : queries) {
                    query.stop();
                }
                session.streams().removeListener(listener);
            }
        }

        void compare(RandomRecords records) throws IOException {
            Map<String, JsonNode> ours = nativeWindows();
            Map<String, Row> theirs = new HashMap<>();
            JsonNode report = report();
            assertEquals(records.malformed(), letters());
            assertEquals(records.malformed(), report.path("rejected").asLong());
            assertEquals(0, report.path("skipped_offsets").asLong());
            assertEquals(0, report.path("deleted_offsets").asLong(-1));
            assertEquals(0, report.path("lag").asLong());
            // Its own numbers, of which none is made of the others.
            assertEquals(sent, Stream.of("counted", "late", "rejected")
                .mapToLong(outcome -> report.path(outcome).asLong()).sum(), report::toString);
            for (PlainQuery query : plain) {
                theirs.putAll(query.windows);
                long late = sent - records.malformed() - query.counted();
                assertTrue(late > 0, "no record came late");
                assertEquals(late, report.at("/late_by_window").path(query.kind).asLong(), query.kind);
            }
            assertEquals(theirs.keySet(), ours.keySet());
            assertTrue(theirs.size() > 1_000);
            theirs.forEach((key, row) -> assertSame(key, row, ours.get(key)));
        }

        private long letters() {
            return broker.read("dead-letters").stream()
                .map(letter -> new String(letter.headers().lastHeader("freshet-topic").value(), UTF_8))
                .filter(stream.rawTopics().get(0)::equals).count();
        }

        /** The newest version of every window, from the topic; a version never comes after a newer one. */
        private Map<String, JsonNode> nativeWindows() throws IOException {
            Map<String, JsonNode> windows = new HashMap<>();
            for (var message : broker.read(stream.windowsTopic())) {
                JsonNode version = JSON.readTree(message.value());
                JsonNode before = windows.put(new String(message.key(), UTF_8), version);
                assertTrue(before == null || before.get("revision").asLong() <= version.get("revision").asLong());
            }
            return windows;
        }

        private JsonNode report() {
            try {
                return JSON.readTree(health.report());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static void assertSame(String key, Row plain, JsonNode ours) {
        assertEquals(plain.<Long>getAs("count"), ours.get("count").asLong(), key);
        // Spark reads -0 as 0.0, we as -0.0: equal as numbers, which is what counts.
        assertClose(key, plain.getAs("min"), ours.get("min").asDouble(), 0);
        assertClose(key, plain.getAs("max"), ours.get("max").asDouble(), 0);
        assertEquals(plain.<Long>getAs("last_event"), ours.get("last_event").asLong(), key);
        assertClose(key, plain.getAs("first"), ours.get("first").asDouble(), 0);
        assertClose(key, plain.getAs("last"), ours.get("last").asDouble(), 0);
        // Near zero a sum has lost the same digits whoever computes it: what counts is the size of what was added.
        double size = plain.getAs("size");
        assertClose(key, plain.getAs("sum"), ours.get("sum").asDouble(), size * 1e-12);
        assertClose(key, plain.getAs("avg"), ours.get("avg").asDouble(), size * 1e-12 / ours.get("count").asLong());
        assertClose(key, plain.getAs("stddev"), ours.get("stddev").asDouble(), size * 1e-9);
        double relativeError = ours.get("count").asLong() <= 32 ? 0 : 0.010_001;
        for (String percentile : PERCENTILES.keySet()) {
            double expected = plain.getAs(percentile);
            assertClose(key, expected, ours.get(percentile).asDouble(), Math.abs(expected) * relativeError);
        }
    }

    private static void assertClose(String key, double expected, double found, double tolerance) {
        assertTrue(Math.abs(expected - found) <= tolerance, () -> key + ": " + expected + " and " + found);
    }

    /** What one would write by hand: one query per kind of window, keeping the newest version of every window. */
    private static final class PlainQuery {
        private final Map<String, Row> windows = new ConcurrentHashMap<>();
        private final PipelineConfiguration.Stream stream;
        private final String kind;
        private final String size;
        private final String slide;
        private final String begin;

        PlainQuery(PipelineConfiguration.Stream stream, String kind) {
            this.stream = stream;
            this.kind = kind;
            String[] places = kind.split("@");
            String[] parts = places[0].split("/");
            size = interval(parts[0]);
            slide = interval(parts[parts.length - 1]);
            begin = interval(places.length == 1 ? "0s" : places[1]);
        }

        private static String interval(String duration) {
            return duration.replace("s", " seconds").replace("m", " minutes");
        }

        StreamingQuery start() throws TimeoutException {
            VoidFunction2<Dataset<Row>, Long> keep = (rows, batch) ->
                rows.collectAsList().forEach(row -> windows.put(key(row), row));
            return windows(readings(spark.readStream().format("kafka")
                    .option("kafka.bootstrap.servers", broker.address())
                    .option("subscribe", stream.rawTopics().get(0))
                    .option("startingOffsets", "earliest")
                    .option("maxOffsetsPerTrigger", BATCH_RECORDS)
                    .load()))
                .writeStream().outputMode("update").foreachBatch(keep).trigger(Trigger.ProcessingTime(0))
                .option("checkpointLocation",
                    folder.resolve("plain").resolve(stream.name()).resolve(kind.replace('/', '-')).toString())
                .start();
        }

        private static Dataset<Row> readings(Dataset<Row> records) {
            Column present = functions.filter(
                array(struct(lit("v").as("metric"), col("r.v").as("value")),
                    struct(lit("w").as("metric"), col("r.w").as("value"))),
                reading -> reading.getField("value").isNotNull());
            return records.select(from_json(col("value").cast("string"), RECORD).as("r"))
                .where("r.id is not null and r.at is not null")
                .select(
                    col("r.id"), col("r.at"), timestamp_millis(col("r.at")).as("time"), functions.posexplode(present))
                .withWatermark("time", LATENESS_MILLIS + " milliseconds");
        }

        private Dataset<Row> windows(Dataset<Row> readings) {
            Column value = col("col.value");
            Column windowed = window(col("time"), size, slide, begin);
            // A record with several metrics, or in several overlapping windows, is counted in one of them.
            Column newest = col("pos").equalTo(0)
                .and(windowed.getField("start").plus(functions.expr("interval " + slide)).gt(col("time")));
            return readings.groupBy(col("id"), col("col.metric").as("metric"), windowed.as("w"))
                .agg(count(value).as("count"), sum(value).as("sum"), avg(value).as("avg"), min(value).as("min"),
                    max(value).as("max"), stddev_pop(value).as("stddev"), sum(functions.abs(value)).as("size"),
                    max("at").as("last_event"), functions.expr("min(struct(at, col.value)).value").as("first"),
                    functions.expr("max(struct(at, col.value)).value").as("last"),
                    sum(when(newest, 1L).otherwise(0L)).as("records"),
                    percentile("p50"), percentile("p95"), percentile("p99"))
                .withColumn("start", unix_millis(col("w.start")));
        }

        private static Column percentile(String name) {
            return functions.expr("percentile_disc(" + PERCENTILES.get(name) + ") within group (order by col.value)")
                .as(name);
        }

        private String key(Row row) {
            return row.getAs("id") + "|" + row.getAs("metric") + "|" + kind + "|" + row.getAs("start");
        }

        /** Records that are in one window at least. */
        long counted() {
            return windows.values().stream().mapToLong(row -> row.<Long>getAs("records")).sum();
        }
    }
}
