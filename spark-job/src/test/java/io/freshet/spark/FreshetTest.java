package io.freshet.spark;

import static org.apache.spark.sql.functions.col;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.testing.LocalSpark;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.streaming.runtime.StreamingQueryWrapper;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java interface, and that it and the SQL functions agree. */
class FreshetTest {
    private static final StructType KAFKA = new StructType()
        .add("key", DataTypes.BinaryType)
        .add("value", DataTypes.BinaryType)
        .add("topic", DataTypes.StringType)
        .add("partition", DataTypes.IntegerType)
        .add("offset", DataTypes.LongType)
        .add("timestamp", DataTypes.TimestampType)
        .add("timestampType", DataTypes.IntegerType);
    private static final long START = 1_700_000_000_000L;
    private static final String FIELDS =
        "series = [\"site\"], time = { field = \"at\", unit = \"ms\" }, values = { a = \"a\", b = \"in.b\" }";
    private static final int RECORDS = 3_000;
    private static final int REJECTED = RECORDS / 50;

    private static SparkSession spark;

    @BeforeAll
    static void start() {
        spark = LocalSpark.startWithExtensions();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    /** Seeded: out of order, of several series, some with one metric, every fiftieth malformed. */
    private static Dataset<Row> records() {
        return records(START);
    }

    private static Dataset<Row> records(long start) {
        Random random = new Random(11);
        List<Row> rows = new ArrayList<>();
        for (int index = 0; index < RECORDS; index++) {
            String record = "{\"site\":\"s" + random.nextInt(5) + "\",\"at\":" + (start + random.nextInt(120_000))
                + (random.nextInt(4) == 0 ? "" : ",\"a\":" + random.nextGaussian() * 100)
                + ",\"in\":{\"b\":" + random.nextInt(1_000) + "}}";
            String value = index % 50 == 0 ? "{\"site\":" + index : record;
            rows.add(RowFactory.create(null, value.getBytes(StandardCharsets.UTF_8), "raw", index % 3, (long) index,
                new Timestamp(start + 120_000), 0));
        }
        return spark.createDataFrame(rows, KAFKA).repartition(4).cache();
    }

    /** Without the column, the records are those of nobody knows which topic. */
    @Test
    void theTopicIsReadWhereTheRecordsHaveItAndRequiredWhereItNamesTheSeries() {
        StreamSpec named = StreamSpec.parse("series = [\"$topic\", \"site\"], "
            + "time = { field = \"at\", unit = \"ms\" }, values = { a = \"a\" }, windows = [\"1h\"]");
        List<String> series = Freshet.windows(records(), named).select("series").distinct().orderBy("series")
            .collectAsList().stream().map(row -> row.getString(0)).toList();
        assertEquals(List.of("raw/s0", "raw/s1", "raw/s2", "raw/s3", "raw/s4"), series);
        Dataset<Row> without = records().drop("topic");
        var thrown = assertThrows(IllegalArgumentException.class, () -> Freshet.windows(without, named));
        assertTrue(thrown.getMessage().startsWith("the rows have no column 'topic'"), thrown.getMessage());
        StreamSpec plain = StreamSpec.parse(FIELDS + ", windows = [\"1h\"]");
        Dataset<Row> unknown = records().withColumn("topic", functions.lit(null).cast("string"));
        long windows = Freshet.windows(records(), plain).count();
        assertEquals(windows, Freshet.windows(without, plain).count());
        assertEquals(windows, Freshet.windows(unknown, plain).count());
        LongAccumulator rejected = spark.sparkContext().longAccumulator();
        Freshet.windows(unknown, named, RejectedRecords.dropped(rejected), OutputMode.Update()).collectAsList();
        assertEquals(RECORDS, rejected.value());
    }

    @Test
    void theWindowsEqualThoseOfTheSqlFunctions() {
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [\"10s\", \"1m\", \"30s/10s\"]");
        LongAccumulator rejected = spark.sparkContext().longAccumulator();
        Dataset<Row> records = records();
        Map<String, Row> ours = new HashMap<>();
        Freshet.windows(records, spec, RejectedRecords.dropped(rejected), OutputMode.Update())
            .collectAsList()
            .forEach(row -> ours.put(key(row, row.getString(2)), row));
        assertEquals(REJECTED, rejected.value());

        records.createOrReplaceTempView("records");
        Map<String, Row> sql = new HashMap<>();
        Map<String, String> kinds =
            Map.of("10s", "'10 seconds'", "1m", "'1 minute'", "30s/10s", "'30 seconds', '10 seconds'");
        kinds.forEach((kind, window) -> spark.sql("""
            SELECT series, metric, '%s' AS window, w.start, w.end, s.*, s.count AS revision FROM (
              SELECT series, metric, window(time, %s) AS w, freshet_stats(value, time) AS s
              FROM (SELECT inline(freshet_parse(value, '%s', key, timestamp)) FROM records)
              GROUP BY series, metric, window(time, %s))
            """.formatted(kind, window, FIELDS, window)).collectAsList()
            .forEach(row -> sql.put(key(row, kind), row)));

        assertEquals(sql.keySet(), ours.keySet());
        assertTrue(ours.size() > 200, () -> ours.size() + " windows");
        sql.forEach((key, row) -> assertSame(key, row, ours.get(key)));
    }

    private static String key(Row window, String kind) {
        return window.getString(0) + "|" + window.getString(1) + "|" + kind + "|" + window.get(3);
    }

    private static void assertSame(String key, Row expected, Row found) {
        assertEquals(expected.size(), found.size());
        for (String name : found.schema().fieldNames()) {
            String where = key + ", " + name;
            if (expected.getAs(name) instanceof Double number) {
                double tolerance = 1e-9 * Math.max(1, Math.abs(number));
                assertEquals(number, found.<Double>getAs(name), tolerance, where);
            } else {
                assertEquals(expected.<Object>getAs(name), found.<Object>getAs(name), where);
            }
        }
    }

    @Test
    void rowsOfOtherTypesAreCastAndMissingColumnsNamed() {
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = \"1m\"");
        Dataset<Row> texts =
            records().selectExpr("string(key)", "string(value)", "smallint(partition)", "int(offset)", "timestamp");
        assertEquals(Freshet.windows(records(), spec).count(), Freshet.windows(texts, spec).count());
        var thrown = assertThrows(IllegalArgumentException.class, () -> Freshet.windows(texts.drop("timestamp"), spec));
        assertEquals("the rows have no column 'timestamp'; windows are made of rows with the columns of Spark's Kafka "
            + "source: partition, offset, timestamp, key, value; these have: key, value, partition, offset",
            thrown.getMessage());
    }

    @Test
    void aSpecificationComesFromATextOrAFile(@TempDir Path folder) throws Exception {
        StreamSpec parsed = StreamSpec.parse("name = \"fleet\", lateness = \"1m\", windows = [\"10s\"], " + FIELDS);
        assertEquals(List.of("fleet", List.of("10s"), 60_000L),
            List.of(parsed.name(), parsed.windows(), parsed.latenessMillis()));
        Path file = folder.resolve("freshet.toml");
        Files.writeString(file, "[[stream]]\nname = \"fleet\"\nlateness = \"1m\"\nwindows = [\"10s\"]\n"
            + FIELDS.replace("], ", "]\n").replace("}, ", "}\n"));
        assertEquals(parsed.toString(), StreamSpec.load(file.toString(), "fleet").toString());
        assertThrows(ConfigurationException.class, () -> StreamSpec.load(file.toString(), "flet"));
        var thrown = assertThrows(ConfigurationException.class, () -> StreamSpec.parse(FIELDS));
        assertEquals("stream specification:1: windows: is missing", thrown.getMessage());
    }

    @Test
    void allWindowsAgainAndAgainAreRefused() {
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = \"1m\"");
        var thrown = assertThrows(IllegalArgumentException.class,
            () -> Freshet.windows(records(), spec, RejectedRecords.dropped(), OutputMode.Complete()));
        assertEquals("windows are given as they change (update) or when they are final (append); no output mode gives "
            + "all of them again and again (complete)", thrown.getMessage());
    }

    @Test
    void aStreamGivesTheWindowsOfTheBatchInBothModes(@TempDir Path folder) throws Exception {
        Path input = folder.resolve("input");
        records().write().parquet(input.toString());
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [\"10s\", \"30s/10s\"], lateness = \"5m\"");
        Map<Object, Row> batch = byWindow(Freshet.windows(records(), spec));
        Dataset<Row> rows = spark.readStream().schema(KAFKA).option("maxFilesPerTrigger", 1).parquet(input.toString());
        Map<Object, Row> updated = byWindow(run(Freshet.windows(rows, spec), "update", folder));
        assertEquals(batch.keySet(), updated.keySet());
        batch.forEach((key, row) -> assertSame(key.toString(), row, updated.get(key)));
        // No window has ended by the watermark, five minutes behind the newest event.
        assertEquals(0, run(appended(rows, spec), "append", folder).count());
        StreamSpec impatient = StreamSpec.parse(FIELDS + ", windows = [\"10s\"], lateness = \"0s\"");
        assertTrue(run(appended(rows, impatient), "append", folder).count() > 0);
    }

    @Test
    void aBatchGivesAllWindowsInEitherMode() {
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [\"10s\", \"30s/10s\"]");
        assertEquals(Freshet.windows(records(), spec).count(), appended(records(), spec).count());
    }

    /** State of a kind of window that the stream has no longer is dropped when its time has come. */
    @Test
    void aKindOfWindowMayBeTakenAway(@TempDir Path folder) throws Exception {
        Path input = Files.createDirectory(folder.resolve("input"));
        Dataset<Row> rows = spark.readStream().schema(KAFKA).option("maxFilesPerTrigger", 1).parquet(input.toString());
        // The second start has the same events, the third later ones: five series of two metrics, and one or two kinds.
        assertEquals(20, stateRows(rows, "\"10s\", \"30s/10s\"", START, folder));
        assertEquals(20, stateRows(rows, "\"10s\"", START, folder));
        assertEquals(10, stateRows(rows, "\"10s\"", START + 600_000, folder));
    }

    /** How many rows of state there are when the query has read records from that time on. */
    private static long stateRows(Dataset<Row> rows, String windows, long start, Path folder) throws Exception {
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [" + windows + "], lateness = \"1m\"");
        records(start).coalesce(1).write().mode("append").parquet(folder.resolve("input").toString());
        StreamingQuery query = Freshet.windows(rows, spec).writeStream().outputMode("update").format("noop")
            .option("checkpointLocation", folder.resolve("kinds").toString()).trigger(Trigger.AvailableNow()).start();
        query.awaitTermination();
        return query.lastProgress().stateOperators()[0].numRowsTotal();
    }

    /**
     * What is counted on the way must be counted in the stage that ends the query, and there is no reason for a second
     * one.
     */
    @Test
    void theWholeQueryShufflesOnceThoughTheNumberOfPartitionsHasChanged(@TempDir Path folder) throws Exception {
        Path input = folder.resolve("input");
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [\"10s\", \"30s/10s\"]");
        String before = spark.conf().get("spark.sql.shuffle.partitions");
        try {
            for (String partitions : new String[] {"2", "5"}) {
                spark.conf().set("spark.sql.shuffle.partitions", partitions);
                records().write().mode("append").parquet(input.toString());
                Dataset<Row> rows = spark.readStream().schema(KAFKA).parquet(input.toString());
                StreamingQuery query = Freshet.windows(rows, spec).writeStream().outputMode("update").format("noop")
                    .option("checkpointLocation", folder.resolve("plan").toString())
                    .trigger(Trigger.AvailableNow()).start();
                query.awaitTermination();
                String plan = ((StreamingQueryWrapper) query).streamingQuery().explainInternal(false);
                assertEquals(1, plan.lines().filter(line -> line.contains("Exchange ")).count(), plan);
            }
        } finally {
            spark.conf().set("spark.sql.shuffle.partitions", before);
        }
    }

    /** Spark gives the columns of one side other ids then. */
    @Test
    void windowsCanBeJoinedWithThemselves() {
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [\"10s\", \"1m\"]");
        Dataset<Row> windows = Freshet.windows(records(), spec);
        Dataset<Row> tens = windows.where("window = '10s'").as("tens");
        Dataset<Row> minutes = windows.where("window = '1m'").as("minutes");
        Dataset<Row> sums = tens.join(minutes, functions.expr("tens.series = minutes.series"
                + " AND tens.metric = minutes.metric AND date_trunc('minute', tens.start) = minutes.start"))
            .groupBy("minutes.series", "minutes.metric", "minutes.start")
            .agg(functions.sum("tens.count").as("parts"), functions.first("minutes.count").as("whole"));
        assertEquals(windows.where("window = '1m'").count(), sums.where("parts = whole").count());
    }

    private static Dataset<Row> appended(Dataset<Row> rows, StreamSpec spec) {
        return Freshet.windows(rows, spec, RejectedRecords.dropped(), OutputMode.Append());
    }

    private static Dataset<Row> run(Dataset<Row> windows, String mode, Path folder) throws Exception {
        String name = "windows_" + System.nanoTime();
        StreamingQuery query = windows.writeStream().outputMode(mode).format("memory").queryName(name)
            .option("checkpointLocation", folder.resolve(name).toString()).trigger(Trigger.AvailableNow()).start();
        query.awaitTermination();
        return spark.table(name);
    }

    /** Of every window the newest revision. */
    private static Map<Object, Row> byWindow(Dataset<Row> windows) {
        Map<Object, Row> newest = new HashMap<>();
        windows.orderBy(col("revision")).collectAsList().forEach(row -> newest.put(
            List.of(row.get(0), row.get(1), row.get(2), row.get(3)), row));
        return newest;
    }

    /** What {@code --packages spark-sql-kafka} beside the jar comes to: the same source in two jars. */
    @Test
    void aSecondKafkaConnectorDoesNotConfuseSpark() throws Exception {
        Path jar = Path.of(System.getProperty("freshet.test.jar"));
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        try (URLClassLoader both = new URLClassLoader(new URL[] {jar.toUri().toURL()}, before)) {
            String service = "META-INF/services/org.apache.spark.sql.sources.DataSourceRegister";
            assertEquals(2, both.resources(service).filter(url -> url.toString().contains("kafka")
                || url.toString().contains("freshet")).count());
            Thread.currentThread().setContextClassLoader(both);
            Dataset<Row> rows = spark.readStream().format("kafka").option("kafka.bootstrap.servers", "127.0.0.1:1")
                .option("subscribe", "t").load();
            assertEquals(List.of(KAFKA.fieldNames()), List.of(rows.columns()));
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }
}
