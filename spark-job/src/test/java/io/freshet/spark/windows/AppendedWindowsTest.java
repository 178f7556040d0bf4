package io.freshet.spark.windows;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.round;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.Freshet;
import io.freshet.spark.RejectedRecords;
import io.freshet.spark.StreamSpec;
import io.freshet.spark.testing.LocalSpark;
import java.nio.charset.StandardCharsets;
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
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Output mode {@code append}: the windows that each micro-batch makes final, against Spark's own window aggregation in
 * the same mode over the same micro-batches.
 */
class AppendedWindowsTest {
    private static final StructType KAFKA = new StructType()
        .add("key", DataTypes.BinaryType)
        .add("value", DataTypes.BinaryType)
        .add("partition", DataTypes.IntegerType)
        .add("offset", DataTypes.LongType)
        .add("timestamp", DataTypes.TimestampType);
    private static final long START = 1_700_000_000_000L;
    private static final int BATCHES = 8;
    private static final int BATCH_SECONDS = 40;
    private static final String FIELDS =
        "series = [\"id\"], time = { field = \"at\", unit = \"ms\" }, values = { v = \"v\" }";

    private static SparkSession spark;

    @BeforeAll
    static void start() {
        spark = LocalSpark.startWithExtensions();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "10s; 10 seconds; 10 seconds",
        "30s/10s; 30 seconds; 10 seconds",
        "25s/10s; 25 seconds; 10 seconds",
    })
    void everyWindowIsGivenOnceItIsFinal(String kind, String size, String slide, @TempDir Path folder)
        throws Exception {
        for (int batch = 0; batch < BATCHES; batch++) {
            records(batch).coalesce(1).write().mode("append").parquet(folder.resolve("input").toString());
        }
        Dataset<Row> rows = spark.readStream().schema(KAFKA).option("maxFilesPerTrigger", 1)
            .parquet(folder.resolve("input").toString());
        StreamSpec spec = StreamSpec.parse(FIELDS + ", windows = [\"" + kind + "\"], lateness = \"5s\"");
        Map<String, List<Object>> ours =
            run(Freshet.windows(rows, spec, RejectedRecords.dropped(), OutputMode.Append()), folder);
        rows.createOrReplaceTempView("raw");
        Dataset<Row> plain = spark
            .sql("SELECT inline(freshet_parse(value, '" + FIELDS + "', key, timestamp)) FROM raw")
            .withWatermark("time", "5 seconds");
        plain.createOrReplaceTempView("readings");
        Map<String, List<Object>> theirs = run(spark.sql("SELECT series, metric, w.start, w.end, s.* FROM (SELECT "
            + "series, metric, window(time, '" + size + "', '" + slide + "') AS w, freshet_stats(value) AS s FROM "
            + "readings GROUP BY series, metric, window(time, '" + size + "', '" + slide + "'))"), folder);
        assertEquals(theirs, ours);
        assertTrue(ours.size() > 100, () -> ours.size() + " windows");
    }

    /** Whole numbers, so that sums do not depend on the order; some come late, and two series stop to come. */
    private static Dataset<Row> records(int batch) {
        Random random = new Random(batch);
        List<Row> rows = new ArrayList<>();
        for (int index = 0; index < 400; index++) {
            int series = random.nextInt(batch < 3 ? 6 : 4);
            long at = START + 1_000L * (batch * BATCH_SECONDS + random.nextInt(BATCH_SECONDS) - random.nextInt(15));
            String value = "{\"id\":\"s" + series + "\",\"at\":" + at + ",\"v\":" + random.nextInt(1_000) + "}";
            rows.add(RowFactory.create(null, value.getBytes(StandardCharsets.UTF_8), 0, (long) index,
                new Timestamp(START + 3_600_000)));
        }
        return spark.createDataFrame(rows, KAFKA);
    }

    /**
     * Count, sum, extremes and percentiles (whose last digits Java and Rust do not share) of every window, which comes
     * once.
     */
    private static Map<String, List<Object>> run(Dataset<Row> windows, Path folder) throws Exception {
        String name = "appended_" + System.nanoTime();
        StreamingQuery query = windows.writeStream().outputMode("append").format("memory").queryName(name)
            .option("checkpointLocation", folder.resolve(name).toString()).trigger(Trigger.AvailableNow()).start();
        query.awaitTermination();
        Map<String, List<Object>> found = new HashMap<>();
        for (Row row : spark.table(name).select(col("series"), col("start"), col("count"), col("sum"), col("min"),
            col("max"), round(col("p50"), 6), round(col("p99"), 6)).collectAsList()) {
            List<Object> numbers = new ArrayList<>();
            for (int column = 2; column < row.size(); column++) {
                numbers.add(row.get(column));
            }
            assertEquals(null, found.put(row.getString(0) + "|" + row.get(1), numbers), "a window came twice");
        }
        return found;
    }
}
