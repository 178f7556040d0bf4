package io.freshet.spark.windows;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.max;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.Freshet;
import io.freshet.spark.StreamSpec;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.nativelib.NativeRecordParser;
import io.freshet.spark.rejected.DroppedRecords;
import io.freshet.spark.testing.LocalSpark;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A task that may take little native memory hands on its windows early, which costs rows, not results. */
class EarlyHandOverTest {
    /** Some seven mebibytes in one task: the limit is looked at once per mebibyte. */
    private static final int RECORDS = 100_000;
    private static final int SERIES = 5_000;
    private static final String SPEC = "series = [\"site\"], time = { field = \"at\", unit = \"ms\" }, "
        + "values = { v = \"v\" }, windows = [\"10s\", \"1m/10s\"]";

    private static SparkSession spark;

    @BeforeAll
    static void start() {
        spark = LocalSpark.start();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static Dataset<Row> records() {
        return spark.range(0, RECORDS, 1, 1).selectExpr("cast(null AS BINARY) AS key",
            "cast(concat('{\"site\":\"s', id % " + SERIES + ", '\",\"at\":', 1700000000000 + id * 7, ',\"v\":', id "
                + "% 97, '}') AS BINARY) AS value",
            "0 AS partition", "id AS offset", "timestamp_millis(1700000000000 + id * 7) AS timestamp");
    }

    @Test
    void theWindowsAreTheSameThoughATaskHandsOnMoreThanOnce() {
        Map<Object, Row> expected = windows();
        assertEquals(1, mostRowsPerSeries());
        SparkEnv.get().conf().set("spark.freshet.task.memory", "64k");
        long rows = mostRowsPerSeries();
        assertTrue(rows > 2, () -> rows + " rows of a series");
        Map<Object, Row> found = windows();
        assertTrue(expected.size() > SERIES, () -> expected.size() + " windows");
        // The values are whole numbers: whatever the order, their sums are the same to the last digit.
        assertEquals(expected, found);
    }

    private static Map<Object, Row> windows() {
        Map<Object, Row> windows = new HashMap<>();
        Freshet.windows(records(), StreamSpec.parse(SPEC))
            .select("series", "window", "start", "count", "sum", "min", "max", "p50", "p95", "last_event", "revision")
            .collectAsList()
            .forEach(row -> windows.put(List.of(row.get(0), row.get(1), row.get(2)), row));
        return windows;
    }

    /** How many partial aggregates the one task makes of the same series and kind of window. */
    private static long mostRowsPerSeries() {
        PipelineConfiguration.Stream stream =
            PipelineConfiguration.readStream(NativeRecordParser.readSpecification(SPEC, true));
        Dataset<Row> partials = StreamWindows.partials(records(), stream, new DroppedRecords(null));
        return partials.where("series IS NOT NULL").groupBy("series", "window_name").count()
            .agg(max(col("count"))).head().getLong(0);
    }
}
