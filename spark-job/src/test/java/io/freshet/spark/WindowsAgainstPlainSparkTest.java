package io.freshet.spark;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.stddev_pop;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.timestamp_millis;
import static org.apache.spark.sql.functions.unix_micros;
import static org.apache.spark.sql.functions.window;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.nativelib.StreamJson;
import io.freshet.spark.plan.Step;
import java.nio.charset.StandardCharsets;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The native step and the merge, over several tasks, against {@code from_json} and {@code window} on the same records. */
class WindowsAgainstPlainSparkTest {
    private static final StructType KAFKA = new StructType()
        .add("partition", DataTypes.IntegerType)
        .add("offset", DataTypes.LongType)
        .add("timestamp", DataTypes.TimestampType)
        .add("key", DataTypes.BinaryType)
        .add("value", DataTypes.BinaryType);
    private static final long START = 1_700_000_000_000L;
    private static final String[] KINDS = {"10s", "1m", "30s/10s"};

    private static SparkSession spark;

    @BeforeAll
    static void start() {
        spark = LocalSpark.start();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @Test
    void everyWindowEqualsPlainSparks() throws Exception {
        Dataset<Row> records = records(20_000);
        Map<String, WindowStats> ours = nativeWindows(records);
        Map<String, Row> plain = new HashMap<>();
        for (String kind : KINDS) {
            plain.putAll(plainWindows(records, kind));
        }
        assertEquals(plain.keySet(), ours.keySet());
        assertTrue(plain.size() > 1_000);
        plain.forEach((key, row) -> assertSame(key, row, ours.get(key)));
    }

    private static void assertSame(String key, Row plain, WindowStats ours) {
        assertEquals(plain.<Long>getAs("count"), ours.count(), key);
        assertEquals(plain.<Double>getAs("min"), ours.min(), key);
        assertEquals(plain.<Double>getAs("max"), ours.max(), key);
        assertClose(key, plain.getAs("sum"), ours.sum(), 1e-12);
        assertClose(key, plain.getAs("avg"), ours.average(), 1e-12);
        assertClose(key, plain.getAs("stddev"), ours.standardDeviation(), 1e-9);
        double median = plain.getAs("median");
        assertTrue(Math.abs(ours.quantile(0.5) - median) <= Math.abs(median) * 0.011, key);
    }

    private static void assertClose(String key, double expected, double found, double tolerance) {
        assertTrue(Math.abs(expected - found) <= Math.max(Math.abs(expected), 1) * tolerance,
            () -> key + ": " + expected + " and " + found);
    }

    private static Map<String, WindowStats> nativeWindows(Dataset<Row> records) throws Exception {
        String json = StreamJson.of("series = [\"id\"]", "time = { field = \"at\", unit = \"ms\" }",
            "values = { v = \"v\" }", "windows = [\"10s\", \"1m\", \"30s/10s\"]");
        var stream = new PipelineConfiguration.Stream("s", "raw.s", "windows.s", List.of(KINDS), 0, 0, json);
        LongAccumulator rejected = spark.sparkContext().longAccumulator();
        LongAccumulator bytes = spark.sparkContext().longAccumulator();
        // No record is rejected here, so that nothing connects to a cluster.
        DeadLetters deadLetters = new DeadLetters(Map.of("bootstrap.servers", "127.0.0.1:1"), "dead-letters", "raw.s");
        WindowPartials partials = new WindowPartials(stream, deadLetters, rejected, bytes);
        List<Row> rows =
            Step.apply(records.repartition(5), WindowPartials.INPUT, partials, WindowPartials.OUTPUT)
            .groupBy("series", "window_name", "start")
            .agg(MergeWindowStats.of(col("stats")).as("stats"))
            .select(col("series"), col("window_name"), unix_micros(col("start")), col("stats"))
            .collectAsList();
        assertEquals(0, rejected.value());
        Map<String, WindowStats> windows = new HashMap<>();
        for (Row row : rows) {
            windows.put(row.getString(0) + "|" + row.getString(1) + "|" + row.getLong(2),
                WindowStats.decode((byte[]) row.get(3)));
        }
        return windows;
    }

    private static Map<String, Row> plainWindows(Dataset<Row> records, String kind) {
        StructType schema = new StructType()
            .add("id", DataTypes.StringType).add("at", DataTypes.LongType).add("v", DataTypes.DoubleType);
        Column time = timestamp_millis(col("r.at"));
        Column windows = switch (kind) {
            case "10s" -> window(time, "10 seconds");
            case "1m" -> window(time, "1 minute");
            default -> window(time, "30 seconds", "10 seconds");
        };
        Column value = col("r.v");
        Map<String, Row> found = new HashMap<>();
        records.select(from_json(col("value").cast("string"), schema).as("r"))
            .groupBy(col("r.id").as("series"), windows.as("w"))
            .agg(count(value).as("count"), sum(value).as("sum"), avg(value).as("avg"), min(value).as("min"),
                max(value).as("max"), stddev_pop(value).as("stddev"),
                functions.expr("percentile_disc(0.5) within group (order by r.v)").as("median"))
            .withColumn("start", unix_micros(col("w.start")))
            .collectAsList()
            .forEach(row -> found.put(row.getAs("series") + "|" + kind + "|" + row.getAs("start"), row));
        return found;
    }

    private static Dataset<Row> records(int count) {
        Random random = new Random(42);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long at = START + random.nextInt(600_000);
            double value = random.nextGaussian() * 10 + (i % 7 == 0 ? 1e6 : 50);
            String json = "{\"id\":\"sensor-" + random.nextInt(20) + "\",\"at\":" + at + ",\"v\":" + value + "}";
            rows.add(RowFactory.create(i % 3, (long) i, new Timestamp(START + 600_000), null,
                json.getBytes(StandardCharsets.UTF_8)));
        }
        return spark.createDataFrame(rows, KAFKA).cache();
    }
}
