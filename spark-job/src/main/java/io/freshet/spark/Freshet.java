package io.freshet.spark;

import static org.apache.spark.sql.functions.col;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.KafkaColumns;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.nativelib.NativeWindowState;
import io.freshet.spark.windows.StreamWindows;
import io.freshet.spark.windows.WindowColumns;
import io.freshet.spark.windows.WindowPartials;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/** Windowed averages of records that Spark holds already: for a Java or Scala program of one's own. */
public final class Freshet {
    /** What the native step reads, in the types of Spark's Kafka source. */
    private static final Map<String, DataType> KAFKA = Map.of("key", DataTypes.BinaryType,
        "value", DataTypes.BinaryType, "partition", DataTypes.IntegerType, "offset", DataTypes.LongType,
        "timestamp", DataTypes.TimestampType, "topic", DataTypes.StringType,
        "headers", KafkaColumns.HEADERS);

    /** Of Spark: whether it keeps the watermark of the micro-batch before apart from that of the micro-batch. */
    private static final String SEVERAL_WATERMARKS = "spark.sql.streaming.statefulOperator.allowMultiple";

    private Freshet() {}

    /**
     * The windows of these records; what cannot be read is dropped with a warning. Of a streaming dataset, those that
     * each micro-batch changes.
     *
     * @see #windows(Dataset, StreamSpec, RejectedRecords, OutputMode)
     */
    public static Dataset<Row> windows(Dataset<Row> kafkaRows, StreamSpec spec) {
        return windows(kafkaRows, spec, RejectedRecords.dropped(), OutputMode.Update());
    }

    /**
     * The windows of these records: one row per series, metric, kind of window and start, with the columns
     * {@code series}, {@code metric}, {@code window} (the kind, such as {@code 5m/1m}), {@code start}, {@code end}, one
     * for each statistic, and {@code revision}, which grows with every version of a window, so that readers can tell
     * the newer one. docs/windows.md has all of them, with their types and meanings.
     *
     * <p>Of a streaming dataset, every micro-batch gives the windows that it changed in output mode {@code update}, and
     * those that no record can change any more in {@code append}. The watermark is the newest event time less the
     * stream's lateness; a record whose window has ended by then is late and dropped.
     *
     * <p>On an existing checkpoint the list of windows should stay as it was: windows of a kind that was taken away are
     * given no more, and the first windows of a new kind lack the readings that came before. (The job keeps account of
     * that.)
     *
     * @param kafkaRows batch or streaming, with the columns of Spark's Kafka source: {@code key}, {@code value} (binary
     *     or string), {@code partition} (int), {@code offset} (long) and {@code timestamp}; {@code topic}, by which
     *     rejected records are known, and {@code headers} (option {@code includeHeaders}) are required where they name
     *     the series
     * @param rejected what becomes of records that cannot be read
     * @param mode that of the query that will be started: {@code update} or {@code append}. A batch query has none
     * @throws IllegalArgumentException when a column is missing, or Spark cannot give windows in that mode
     */
    public static Dataset<Row> windows(
        Dataset<Row> kafkaRows, StreamSpec spec, RejectedRecords rejected, OutputMode mode) {
        if (mode.equals(OutputMode.Complete())) {
            throw new IllegalArgumentException("windows are given as they change (update) or when they are final "
                + "(append); no output mode gives all of them again and again (complete)");
        }
        if (mode.equals(OutputMode.Append())
            && kafkaRows.sparkSession().conf().get(SEVERAL_WATERMARKS, "true").equals("false")) {
            throw new IllegalArgumentException("output mode append needs Spark's default for " + SEVERAL_WATERMARKS
                + ", true: else Spark does not say which windows a micro-batch has made final");
        }
        PipelineConfiguration.Stream stream = spec.stream();
        Dataset<Row> records = asOfKafka(kafkaRows, WindowPartials.input(stream, kafkaRows));
        Dataset<Row> partials = StreamWindows.partials(records, stream, rejected.sink());
        Dataset<Row> windows = StreamWindows.merge(
            partials, stream, NativeWindowState.NO_LIMITS, mode, NativeWindowState.Form.ROWS);
        WindowColumns columns = WindowColumns.create();
        return SparkEngine.current().expand(windows, WindowColumns.INPUT, columns, columns.schema());
    }

    /** Kafka's own rows stay untouched; others get its types. */
    private static Dataset<Row> asOfKafka(Dataset<Row> rows, List<String> names) {
        Column[] columns = names.stream().map(name -> column(rows, name, names)).toArray(Column[]::new);
        boolean same = names.stream()
            .allMatch(name -> rows.schema().apply(rows.schema().fieldIndex(name)).dataType().equals(KAFKA.get(name)));
        return same ? rows : rows.select(columns);
    }

    private static Column column(Dataset<Row> rows, String name, List<String> names) {
        if (!Arrays.asList(rows.columns()).contains(name)) {
            throw new IllegalArgumentException("the rows have no column '" + name + "'; windows are made of rows with "
                + "the columns of Spark's Kafka source: " + String.join(", ", names) + "; these have: "
                + String.join(", ", rows.columns()));
        }
        return col(name).cast(KAFKA.get(name)).as(name);
    }
}
