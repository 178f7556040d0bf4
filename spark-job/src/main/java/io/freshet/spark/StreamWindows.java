package io.freshet.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.struct;

import io.freshet.spark.plan.Step;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;

/** The windows of a stream's records, batch or streaming, in two steps: partial aggregates, and their merge. */
final class StreamWindows {
    /** Where Spark keeps the watermark delay in a column's metadata: by it the state of past windows is dropped. */
    private static final String WATERMARK_DELAY = "spark.watermarkDelayMs";

    /** The columns of merged windows; start and end are timestamps, and stats are encoded {@link WindowStats}. */
    static final List<String> MERGED = List.of("series", "metric", "window_name", "start", "end", "stats");

    private StreamWindows() {}

    /**
     * One partial aggregate per task, series, metric and window: {@link WindowPartials#OUTPUT}.
     *
     * @param records with the columns of Kafka's source
     */
    static Dataset<Row> partials(
        Dataset<Row> records,
        PipelineConfiguration.Stream stream,
        RejectedRecords rejectedRecords,
        StreamCounters counters) {
        WindowPartials partials =
            new WindowPartials(stream, rejectedRecords, counters.rejected(), counters.bytesIn());
        return Step.apply(records, WindowPartials.INPUT, partials, WindowPartials.OUTPUT);
    }

    /**
     * The windows that these partials make, as Spark's own {@code window} would give them: {@link #MERGED}.
     */
    static Dataset<Row> merge(Dataset<Row> partials, PipelineConfiguration.Stream stream) {
        // The newest event of a partial stands for all of its events: the watermark follows the maximum. The window
        // inherits the column's watermark as it would from Spark's own window function, which partials do not need.
        Metadata watermark = new MetadataBuilder().putLong(WATERMARK_DELAY, stream.latenessMillis()).build();
        return partials
            .withWatermark("event_time", stream.latenessMillis() + " milliseconds")
            .select(col("series"), col("metric"), col("window_name"),
                struct(col("start"), col("end")).as("window", watermark), col("stats"))
            .groupBy("series", "metric", "window_name", "window")
            .agg(MergeWindowStats.of(col("stats")).as("stats"))
            .select("series", "metric", "window_name", "window.start", "window.end", "stats");
    }
}
