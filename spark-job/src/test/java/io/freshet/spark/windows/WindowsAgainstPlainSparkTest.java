package io.freshet.spark.windows;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.date_trunc;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.from_utc_timestamp;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.stddev_pop;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.timestamp_millis;
import static org.apache.spark.sql.functions.to_utc_timestamp;
import static org.apache.spark.sql.functions.unix_micros;
import static org.apache.spark.sql.functions.window;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.Freshet;
import io.freshet.spark.StreamSpec;
import io.freshet.spark.testing.LocalSpark;
import java.nio.charset.StandardCharsets;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A batch query's windows, over several tasks, against {@code from_json} and {@code window} on the same records. */
class WindowsAgainstPlainSparkTest {
    private static final StructType KAFKA = new StructType()
        .add("partition", DataTypes.IntegerType)
        .add("offset", DataTypes.LongType)
        .add("timestamp", DataTypes.TimestampType)
        .add("key", DataTypes.BinaryType)
        .add("value", DataTypes.BinaryType);
    private static final long START = 1_700_000_000_000L;
    private static final Column TIME = timestamp_millis(col("r.at"));
    private static final Map<String, Column> KINDS = Map.of("10s", window(TIME, "10 seconds"),
        "1m", window(TIME, "1 minute"), "30s/10s", window(TIME, "30 seconds", "10 seconds"));

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
    void everyWindowEqualsPlainSparks() {
        compare(records(20_000, START, 600_000), KINDS);
    }

    /** Half a year in which clocks are set back in Berlin, and forward and back in Sao Paulo, there at midnight. */
    @Test
    void windowsOfDaysAndThoseThatBeginLaterEqualPlainSparks() {
        long begin = Instant.parse("2017-09-20T00:00:00Z").toEpochMilli();
        compare(records(20_000, begin, 200L * 86_400_000), Map.of(
            "1h@15m", window(TIME, "1 hour", "1 hour", "15 minutes"),
            "20h/10h@3h", window(TIME, "20 hours", "10 hours", "3 hours"),
            "7d@Mon", window(TIME, "7 days", "7 days", "4 days"),
            "1d@Europe/Berlin", localStart("DAY", "Europe/Berlin"),
            "1d@America/Sao_Paulo", localStart("DAY", "America/Sao_Paulo"),
            "1d@Asia/Kathmandu", localStart("DAY", "Asia/Kathmandu"),
            "7d@Mon@Europe/Berlin", localStart("WEEK", "Europe/Berlin")));
    }

    /** What has no name in {@code window}: the start of a day or week by the clocks of a zone. */
    private static Column localStart(String unit, String zone) {
        Column shown = from_utc_timestamp(TIME, zone);
        return struct(to_utc_timestamp(date_trunc(unit, shown), zone).as("start"));
    }

    /** Of 1 to 200 readings, some of them far out: the reading of the same rank, exactly while they are few. */
    @Test
    void percentilesOfEveryNumberOfReadingsHaveSparksRank() {
        List<Row> rows = new ArrayList<>();
        Random random = new Random(43);
        for (int size = 1; size <= 200; size++) {
            for (int i = 0; i < size; i++) {
                boolean large = random.nextInt(20) == 0 || i == 1;
                double value = large ? 1_000 * (1 + random.nextDouble()) : 10 + random.nextInt(20);
                long time = START + random.nextInt(60_000);
                rows.add(row(rows.size(), "of-" + size, time, random.nextInt(30) == 0 ? -value : value));
            }
        }
        compare(spark.createDataFrame(rows, KAFKA).cache(), KINDS);
    }

    /** @param kinds the name of each kind of window, and plain Spark's column of it, with a field {@code start} */
    private static void compare(Dataset<Row> records, Map<String, Column> kinds) {
        Map<String, Row> ours = nativeWindows(records, kinds.keySet());
        Map<String, Row> plain = new HashMap<>();
        kinds.forEach((kind, windows) -> plain.putAll(plainWindows(records, kind, windows)));
        assertEquals(plain.keySet(), ours.keySet());
        assertTrue(plain.size() > 1_000, () -> plain.size() + " windows");
        plain.forEach((key, row) -> assertSame(key, row, ours.get(key)));
    }

    private static void assertSame(String key, Row plain, Row ours) {
        assertEquals(plain.<Long>getAs("count"), ours.<Long>getAs("count"), key);
        assertEquals(plain.<Double>getAs("min"), ours.<Double>getAs("min"), key);
        assertEquals(plain.<Double>getAs("max"), ours.<Double>getAs("max"), key);
        assertEquals(plain.<Double>getAs("first"), ours.<Double>getAs("first"), key);
        assertEquals(plain.<Double>getAs("last"), ours.<Double>getAs("last"), key);
        assertClose(key, plain.getAs("sum"), ours.<Double>getAs("sum"), 1e-12);
        assertClose(key, plain.getAs("avg"), ours.<Double>getAs("avg"), 1e-12);
        assertClose(key, plain.getAs("stddev"), ours.<Double>getAs("stddev"), 1e-9);
        double tolerance = plain.<Long>getAs("count") <= 32 ? 0 : 0.010_001;
        for (String percentile : List.of("p50", "p95", "p99")) {
            double expected = plain.getAs(percentile);
            double found = ours.<Double>getAs(percentile);
            assertTrue(Math.abs(found - expected) <= Math.abs(expected) * tolerance,
                () -> key + ": " + percentile + " is " + found + ", not " + expected);
        }
    }

    private static void assertClose(String key, double expected, double found, double tolerance) {
        assertTrue(Math.abs(expected - found) <= Math.max(Math.abs(expected), 1) * tolerance,
            () -> key + ": " + expected + " and " + found);
    }

    private static Map<String, Row> nativeWindows(Dataset<Row> records, Set<String> kinds) {
        StreamSpec spec = StreamSpec.parse("series = [\"id\"], time = { field = \"at\", unit = \"ms\" }, "
            + "values = { v = \"v\" }, windows = [\"" + String.join("\", \"", kinds) + "\"]");
        Map<String, Row> windows = new HashMap<>();
        Freshet.windows(records.repartition(5), spec).withColumn("start", unix_micros(col("start"))).collectAsList()
            .forEach(row -> windows.put(
                row.getAs("series") + "|" + row.getAs("window") + "|" + row.getAs("start"), row));
        return windows;
    }

    private static Map<String, Row> plainWindows(Dataset<Row> records, String kind, Column windows) {
        StructType schema = new StructType()
            .add("id", DataTypes.StringType).add("at", DataTypes.LongType).add("v", DataTypes.DoubleType);
        Column value = col("r.v");
        Map<String, Row> found = new HashMap<>();
        records.select(from_json(col("value").cast("string"), schema).as("r"))
            .groupBy(col("r.id").as("series"), windows.as("w"))
            .agg(count(value).as("count"), sum(value).as("sum"), avg(value).as("avg"), min(value).as("min"),
                max(value).as("max"), stddev_pop(value).as("stddev"),
                functions.expr("min(struct(r.at, r.v)).v").as("first"),
                functions.expr("max(struct(r.at, r.v)).v").as("last"),
                percentile("0.50").as("p50"), percentile("0.95").as("p95"), percentile("0.99").as("p99"))
            .withColumn("start", unix_micros(col("w.start")))
            .collectAsList()
            .forEach(row -> found.put(row.getAs("series") + "|" + kind + "|" + row.getAs("start"), row));
        return found;
    }

    private static Column percentile(String share) {
        return functions.expr("percentile_disc(" + share + ") within group (order by r.v)");
    }

    private static Dataset<Row> records(int count, long begin, long span) {
        Random random = new Random(42);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long at = begin + random.nextLong(span);
            double value = random.nextGaussian() * 10 + (i % 7 == 0 ? 1e6 : 50);
            rows.add(row(i, "sensor-" + random.nextInt(20), at, value));
        }
        return spark.createDataFrame(rows, KAFKA).cache();
    }

    private static Row row(int number, String series, long at, double value) {
        String json = "{\"id\":\"" + series + "\",\"at\":" + at + ",\"v\":" + value + "}";
        return RowFactory.create(number % 3, (long) number, new Timestamp(START + 600_000), null,
            json.getBytes(StandardCharsets.UTF_8));
    }
}
