package io.freshet.spark.engine.spark42.sql;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.testing.LocalSpark;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The SQL functions, in a session as users configure it. */
class SqlFunctionsTest {
    private static final String SPECIFICATION = "series = [\"site\", \"id\"], "
        + "time = { field = \"at\", unit = \"ms\" }, values = { t = \"temp\", h = \"air.h\" }";
    private static final String RECORD =
        "{\"site\":\"a/b\",\"id\":7,\"at\":1700000000123,\"temp\":1.5,\"air\":{\"h\":2}}";
    private static final String[] ENGINES = {"CODEGEN_ONLY", "NO_CODEGEN"};

    private static SparkSession spark;

    @BeforeAll
    static void start() {
        spark = LocalSpark.startWithExtensions();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    /** Values of these texts, in both types. */
    private static Dataset<Row> records(String... texts) {
        return spark.createDataset(Arrays.asList(texts), Encoders.STRING())
            .selectExpr("value AS text", "CAST(value AS BINARY) AS bytes");
    }

    private static String call(String function, String value, String... more) {
        return function + "(" + value + ", '" + SPECIFICATION + "'" + String.join("", more) + ")";
    }

    /** Runs a query in generated code and in Spark's interpreter: both have to say the same. */
    private static List<Row> collect(Dataset<Row> query) {
        List<List<Row>> answers = new ArrayList<>();
        for (String engine : ENGINES) {
            spark.conf().set("spark.sql.codegen.factoryMode", engine);
            spark.conf().set("spark.sql.codegen.wholeStage", Boolean.toString(engine.equals(ENGINES[0])));
            // A plan that was made once keeps its engine.
            answers.add(query.select("*").collectAsList());
        }
        spark.conf().unset("spark.sql.codegen.factoryMode");
        spark.conf().unset("spark.sql.codegen.wholeStage");
        answers.forEach(answer -> assertEquals(answers.get(0), answer));
        return answers.get(0);
    }

    private static Row reading(String series, String metric, long micros, double value) {
        Timestamp time = new Timestamp(Math.floorDiv(micros, 1_000));
        time.setNanos(Math.floorMod(micros, 1_000_000) * 1_000);
        return RowFactory.create(series, metric, time, value);
    }

    @Test
    void readingsComeOutOfStringsAndBytes() {
        for (String column : List.of("text", "bytes")) {
            List<Row> rows = collect(records(RECORD).selectExpr("inline(" + call("freshet_parse", column) + ")"));
            assertEquals(List.of(reading("a%2Fb/7", "t", 1_700_000_000_123_000L, 1.5),
                reading("a%2Fb/7", "h", 1_700_000_000_123_000L, 2)), rows, column);
        }
        assertEquals("array<struct<series:string,metric:string,time:timestamp,value:double>>",
            records(RECORD).select(expr(call("freshet_parse", "text"))).schema().apply(0).dataType().simpleString());
    }

    @Test
    void aRejectedRecordIsNullAndTheReasonIsThere() {
        List<Row> rows = collect(records("{", RECORD.replace("1.5", "true"), RECORD).selectExpr(
            call("freshet_parse", "text") + " IS NULL AS n", call("freshet_rejection", "text") + " AS r")
            .select("n", "r.reason", "r.detail"));
        assertEquals(List.of(true, "invalid_json"), List.of(rows.get(0).get(0), rows.get(0).get(1)));
        String detail = "'temp' is true and is not a number up to 1e150";
        assertEquals(RowFactory.create(true, "invalid_value", detail), rows.get(1));
        assertEquals(RowFactory.create(false, null, null), rows.get(2));
    }

    @Test
    void nullGivesNull() {
        for (String value : List.of("CAST(NULL AS STRING)", "CAST(NULL AS BINARY)", "NULL")) {
            List<Row> rows = collect(records(RECORD)
                .selectExpr(call("freshet_parse", value), call("freshet_rejection", value)));
            assertEquals(List.of(RowFactory.create(null, null)), rows, value);
        }
    }

    @Test
    void keyAndTimestampTakePartWhereTheyAreGiven() {
        String specification = "'values = { v = \"v\" }, max_future = \"1s\"'";
        String timed = "'values = { v = \"v\" }, max_future = \"1s\", time = { field = \"at\" }'";
        List<Row> rows = collect(records("{\"v\":1,\"at\":5000}").selectExpr(
            "freshet_parse(text, " + specification + ", 'k', timestamp_micros(1234567))[0]",
            "freshet_parse(text, " + specification + ", X'6B', timestamp_micros(1234567))[0].series",
            "freshet_rejection(text, " + specification + ", NULL, timestamp_micros(0)).reason",
            "freshet_rejection(text, " + specification + ", 'k', NULL).reason",
            "freshet_rejection(text, " + timed + ", 'k', timestamp_millis(3999)).reason",
            "freshet_parse(text, " + timed + ", 'k', timestamp_millis(4000))[0].time",
            "freshet_parse(text, " + timed + ", 'k', NULL)[0].time",
            "freshet_parse(text, " + timed + ", 'k')[0].time"));
        Timestamp five = new Timestamp(5_000);
        assertEquals(List.of(RowFactory.create(reading("k", "v", 1_234_000, 1), "k", "missing_series", "missing_time",
            "in_future", five, five, five)), rows);
    }

    @Test
    void topicAndHeadersNameTheSeriesWhereTheyAreGiven() {
        String specification = "'values = { v = \"v\" }, series = [\"$topic\", \"$header.site\"]'";
        String site = "named_struct('key', 'site', 'value', CAST('b' AS BINARY))";
        String none = "named_struct('key', 'site', 'value', CAST(NULL AS BINARY))";
        List<Row> rows = collect(records("{\"v\":1}").selectExpr(
            "freshet_parse(text, " + specification + ", NULL, now(), 'eu', array(" + none + ", " + site
                + ", NULL))[0].series",
            "freshet_rejection(text, " + specification + ", NULL, now(), 'eu', array(" + site + ", " + none
                + ")).detail",
            "freshet_rejection(text, " + specification + ", NULL, now(), 'eu', NULL).detail",
            "freshet_rejection(text, " + specification + ", NULL, now(), NULL, array(" + site + ")).detail"));
        String header = "the record has no header 'site', which is a part of the series";
        assertEquals(List.of(RowFactory.create("eu/b", header, header,
            "the record has no topic, which is a part of the series")), rows);
    }

    @Test
    void constantsAreFolded() {
        Dataset<Row> folded = spark.sql("SELECT " + call("freshet_parse", "'" + RECORD + "'") + "[1].value AS v");
        assertEquals(2.0, folded.head().getDouble(0));
        assertTrue(!folded.queryExecution().optimizedPlan().toString().contains("freshet_parse"),
            () -> folded.queryExecution().optimizedPlan().toString());
    }

    @Test
    void aLongRecordAndALongResultFit() {
        String padding = "x".repeat(100_000);
        StringBuilder values = new StringBuilder();
        StringBuilder record =
            new StringBuilder("{\"pad\":\"" + padding + "\",\"id\":\"" + "s".repeat(900) + "\",\"at\":1");
        for (int metric = 0; metric < 50; metric++) {
            values.append(metric == 0 ? "" : ", ").append("m" + metric + " = \"m" + metric + "\"");
            record.append(",\"m").append(metric).append("\":").append(metric);
        }
        String call =
            "freshet_parse(text, 'series = [\"id\"], time = { field = \"at\" }, values = { " + values + " }')";
        List<Row> rows =
            collect(records("{}", record + "}", "{}").selectExpr("size(" + call + ")", call + "[49].value"));
        assertEquals(RowFactory.create(50, 49.0), rows.get(1));
    }

    @Test
    void manyTasksParseAtOnce() {
        Dataset<Row> counted = spark.range(0, 40_000, 1, 16)
            .selectExpr("concat('{\"site\":\"s\",\"id\":', id % 10, ',\"at\":', id, ',\"temp\":', id, '}') AS text")
            .selectExpr("inline(" + call("freshet_parse", "text") + ")")
            .groupBy("series").agg(expr("count(*)"), expr("sum(value)")).orderBy("series");
        List<Row> rows = counted.collectAsList();
        assertEquals(10, rows.size());
        for (int id = 0; id < 10; id++) {
            assertEquals(RowFactory.create("s/" + id, 4_000L, 4_000.0 * id + 10.0 * 4_000 * 3_999 / 2), rows.get(id));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "freshet_parse(text) | freshet_parse takes a value, a stream specification, and if need be a key, a "
            + "timestamp, a topic and headers; there are 1 arguments",
        "freshet_parse(text, 'values = { v = \"v\" }, series = [\"$topic\"]', NULL, now()) "
            + "| freshet_parse: the record's topic is a part of the series, $topic, and there is none; pass it as",
        "freshet_parse(text, 'values = { v = \"v\" }, series = [\"$header.h\"]', NULL, now(), 'raw') "
            + "| freshet_parse: a header of the record is a part of the series, $header.h, and there are none; pass",
        "freshet_parse(text, 'values = { v = \"v\" }', '', now(), 7) "
            + "| freshet_parse: the topic has to be STRING, and is INT",
        "freshet_parse(text, 'values = { v = \"v\" }', '', now(), 'raw', array('h')) "
            + "| freshet_parse: the headers have to be ARRAY<STRUCT<key: STRING, value: BINARY>>, the column of",
        "freshet_parse(text, text) | freshet_parse: the stream specification has to be a string literal, such as",
        "freshet_parse(text, 7) | freshet_parse: the stream specification has to be a string literal, such as",
        "freshet_parse(text, NULL) | freshet_parse: the stream specification has to be a string literal, such as",
        "freshet_parse(text, 'values = { v = \"v\" }, colour = 1') "
            + "| freshet_parse: stream specification:1: colour: unknown key; known here: ",
        "freshet_rejection(text, 'time = { field = \"t\", unit = \"fortnight\" }') "
            + "| freshet_rejection: stream specification:1: time.unit: 'fortnight' is not a unit of time: "
            + "write one of s,",
        "freshet_parse(text, 'values = { v = \"v\" }, series = [\"a\"]') "
            + "| freshet_parse: the stream specification names no time, and there is no timestamp to take its place",
        "freshet_parse(text, 'values = { v = \"v\" }') "
            + "| freshet_parse: the stream specification names no series, and there is no key to take its place",
        "freshet_parse(text, 'values = { v = \"v\" }, series = [\"a\", \"$key\"]') "
            + "| freshet_parse: the record's key is a part of the series, $key, and there is none; pass it as third",
        "freshet_parse(7, 'values = { v = \"v\" }', '', now()) "
            + "| freshet_parse: the value has to be STRING or BINARY, and is INT",
        "freshet_parse(text, 'values = { v = \"v\" }', 7, now()) "
            + "| freshet_parse: the key has to be STRING or BINARY, and is INT",
        "freshet_parse(text, 'values = { v = \"v\" }', '', 'now') "
            + "| freshet_parse: the timestamp has to be TIMESTAMP, and is STRING",
        "freshet_parse(text, 'values = { v = \"v\" }', '', CAST(now() AS TIMESTAMP_NTZ)) "
            + "| freshet_parse: the timestamp has to be TIMESTAMP, and is TIMESTAMP_NTZ; say CAST(... AS TIMESTAMP)",
        "freshet_stats(text) | freshet_stats: the value has to be a number, and is STRING",
        "freshet_stats(1, now(), 2) | freshet_stats takes a number, and its time if you like; there are 3 arguments",
        "freshet_stats(1, 2) | freshet_stats: the time has to be a TIMESTAMP, and is INT",
    })
    void whatIsWrongIsSaidBeforeAnythingRuns(String call, String message) {
        var thrown = assertThrows(AnalysisException.class, () -> records(RECORD).selectExpr(call));
        assertTrue(thrown.getMessage().startsWith(message), thrown.getMessage());
    }

    @Test
    void theFunctionsDescribeThemselves() {
        for (String function : List.of("freshet_parse", "freshet_rejection", "freshet_stats")) {
            String description = spark.sql("DESCRIBE FUNCTION " + function).collectAsList().toString();
            assertTrue(description.contains(function + "(value"), description);
        }
        assertEquals("freshet_stats(v)", spark.sql("SELECT freshet_stats(v) FROM VALUES (1) AS t(v)").columns()[0]);
    }

    /** Sorted runs that are merged, and hash maps that fit: both ways that Spark aggregates. */
    @ParameterizedTest
    @ValueSource(ints = {1, 100_000})
    void statsEqualSparksOwnAggregates(int groupsInMemory) {
        spark.conf().set("spark.sql.objectHashAggregate.sortBased.fallbackThreshold", Integer.toString(groupsInMemory));
        Dataset<Row> values = values(200_000);
        List<Row> rows = values.groupBy("g").agg(expr("freshet_stats(v)").as("f"), expr("count(v)"), expr("sum(v)"),
            expr("avg(v)"), expr("min(v)"), expr("max(v)"), expr("stddev_pop(v)"),
            expr("percentile_disc(0.5) within group (order by v)"),
            expr("percentile_disc(0.95) within group (order by v)"),
            expr("percentile_disc(0.99) within group (order by v)")).collectAsList();
        spark.conf().unset("spark.sql.objectHashAggregate.sortBased.fallbackThreshold");
        assertEquals(20, rows.size());
        for (Row row : rows) {
            Row ours = row.getStruct(1);
            assertEquals(row.getLong(2), ours.getLong(0));
            assertEquals(row.getDouble(5), ours.getDouble(3));
            assertEquals(row.getDouble(6), ours.getDouble(4));
            assertClose(row.getDouble(3), ours.getDouble(1), 1e-12);
            assertClose(row.getDouble(4), ours.getDouble(2), 1e-12);
            assertClose(row.getDouble(7), ours.getDouble(5), 1e-9);
            for (int percentile = 0; percentile < 3; percentile++) {
                assertClose(row.getDouble(8 + percentile), ours.getDouble(6 + percentile), 0.02);
            }
        }
    }

    @Test
    void statsCountWhatWindowsCount() {
        Row nothing = RowFactory.create(0L, null, null, null, null, null, null, null, null);
        assertEquals(nothing, stats("v", "VALUES (1D) AS t(v) WHERE v > 1"));
        assertEquals(nothing, stats("NULL", "VALUES (1) AS t(v)"));
        assertEquals(nothing, stats("v", "VALUES (double('NaN')), (double('Infinity')), "
            + "(double('-Infinity')), (2e150), (CAST(NULL AS DOUBLE)) AS t(v)"));
        for (String type : List.of("INT", "BIGINT", "DECIMAL(10, 2)", "FLOAT", "DOUBLE")) {
            Row row = stats("CAST(v AS " + type + ")", "VALUES (1), (3), (NULL) AS t(v)");
            assertEquals(List.of(2L, 4.0, 2.0, 1.0, 3.0, 1.0),
                List.of(row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)), type);
        }
        assertEquals(2L, stats("DISTINCT v", "VALUES (1), (3), (3) AS t(v)").get(0));
    }

    /** With times, what takes them is known as well. */
    @Test
    void statsWithTimesKnowTheTimes() {
        Row row = stats("v, timestamp_micros(t)", "VALUES (1D, 5000001), (3D, 7), (9D, NULL) AS t(v, t)");
        assertEquals(2L, row.getLong(row.fieldIndex("count")));
        assertEquals(Timestamp.from(Instant.parse("1970-01-01T00:00:05.000001Z")),
            row.getTimestamp(row.fieldIndex("last_event")));
        assertEquals(List.of(3.0, 1.0), List.of(row.<Double>getAs("first"), row.<Double>getAs("last")));
        Row without = stats("v", "VALUES (1D) AS t(v)");
        assertFalse(Arrays.asList(without.schema().fieldNames()).contains("last_event"));
    }

    /** The usual sentinel for "never" is in the year 10000 of UTC where the session's zone is west of it. */
    @ParameterizedTest
    @ValueSource(ints = {10, 2_000})
    void statsLeaveOutTimesThatNoWindowHas(int readings) {
        String zone = spark.conf().get("spark.sql.session.timeZone");
        spark.conf().set("spark.sql.session.timeZone", "America/New_York");
        try {
            Row row = stats("double(id), IF(id = 7, TIMESTAMP '9999-12-31 23:59:59', timestamp_seconds(id))",
                "range(0, " + readings + ", 1, 1)");
            assertEquals(readings - 1L, row.<Long>getAs("count"));
            assertEquals(List.of(0.0, readings - 1.0), List.of(row.<Double>getAs("first"), row.<Double>getAs("last")));
        } finally {
            spark.conf().set("spark.sql.session.timeZone", zone);
        }
    }

    private static Row stats(String value, String from) {
        return spark.sql("SELECT s.* FROM (SELECT freshet_stats(" + value + ") AS s FROM " + from + ")").head();
    }

    @Test
    void aStreamGivesTheSameWindowsAsABatch(@TempDir Path folder) throws Exception {
        Path input = Files.createDirectory(folder.resolve("input"));
        Random random = new Random(7);
        for (int file = 0; file < 4; file++) {
            StringBuilder lines = new StringBuilder("broken\n");
            for (int line = 0; line < 500; line++) {
                lines.append("{\"site\":\"s\",\"id\":").append(random.nextInt(3)).append(",\"at\":")
                    .append(1_700_000_000_000L + random.nextInt(60_000)).append(",\"temp\":")
                    .append(random.nextGaussian()).append("}\n");
            }
            Files.writeString(input.resolve(file + ".txt"), lines, StandardCharsets.UTF_8);
        }
        var query = windows(spark.readStream().option("maxFilesPerTrigger", 1).text(input.toString()))
            .writeStream().outputMode("complete").format("memory").queryName("streamed")
            .option("checkpointLocation", folder.resolve("checkpoint").toString())
            .trigger(org.apache.spark.sql.streaming.Trigger.AvailableNow()).start();
        query.awaitTermination();
        Set<Row> batch = new HashSet<>(windows(spark.read().text(input.toString())).collectAsList());
        assertEquals(18, batch.size());
        Set<Row> streamed = new HashSet<>(spark.table("streamed").collectAsList());
        assertEquals(rounded(batch), rounded(streamed));
        assertTrue(query.recentProgress().length >= 4);
    }

    private static Dataset<Row> windows(Dataset<Row> texts) {
        return texts.selectExpr("inline(" + call("freshet_parse", "value") + ")")
            .withWatermark("time", "1 minute")
            .groupBy(col("series"), org.apache.spark.sql.functions.window(col("time"), "10 seconds"))
            .agg(expr("freshet_stats(value)").as("s"))
            .selectExpr("series", "window.start", "s.*");
    }

    /** Sums of another order differ in the last digits. */
    private static Set<List<Object>> rounded(Set<Row> rows) {
        Set<List<Object>> all = new HashSet<>();
        for (Row row : rows) {
            List<Object> values = new ArrayList<>();
            for (int index = 0; index < row.size(); index++) {
                values.add(row.get(index) instanceof Double number ? Math.round(number * 1e9) : row.get(index));
            }
            all.add(values);
        }
        return all;
    }

    private static void assertClose(double expected, double found, double tolerance) {
        assertTrue(Math.abs(expected - found) <= Math.max(Math.abs(expected), 1) * tolerance,
            () -> expected + " and " + found);
    }

    private static Dataset<Row> values(int count) {
        Random random = new Random(42);
        List<Row> rows = new ArrayList<>();
        for (int index = 0; index < count; index++) {
            Double value = index % 17 == 0 ? null : random.nextGaussian() * 10 + 1_000;
            rows.add(RowFactory.create(index % 20, value));
        }
        StructType schema = new StructType().add("g", DataTypes.IntegerType).add("v", DataTypes.DoubleType);
        return spark.createDataFrame(rows, schema).repartition(5);
    }
}
