package io.freshet.spark.windows;

import static org.apache.spark.sql.functions.col;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.nativelib.NativeWindowState;
import io.freshet.spark.rejected.RejectedSink;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.GroupStateTimeout;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.types.Metadata;
import scala.Tuple3;

/** The windows of a stream's records, batch or streaming, in two steps: partial aggregates, and their merge. */
public final class StreamWindows {
    private StreamWindows() {}

    /** Those of the records of any plan. */
    public static Dataset<Row> partials(
        Dataset<Row> records, PipelineConfiguration.Stream stream, RejectedSink rejectedRecords) {
        return partials(records, stream, rejectedRecords, TopicCheck.NONE);
    }

    /**
     * Partial aggregates, and for each task a row without a series that says what it has read:
     * {@link WindowPartials#OUTPUT}.
     *
     * @param records with the columns of Kafka's source
     * @param topics from which they have to be
     */
    public static Dataset<Row> partials(
        Dataset<Row> records,
        PipelineConfiguration.Stream stream,
        RejectedSink rejectedRecords,
        TopicCheck topics) {
        WindowPartials partials = new WindowPartials(stream, rejectedRecords);
        // The time of a partial stands for those of all its events: the watermark follows the maximum.
        return SparkEngine.current()
            .step(records, WindowPartials.input(stream, records), partials, WindowPartials.OUTPUT, topics)
            .withWatermark("watermark_time", stream.latenessMillis() + " milliseconds");
    }

    /**
     * Brings partial aggregates to where {@link #merge} needs them, so that whatever is observed of them is observed in
     * the stage that ends the query: Spark adds up anew what a stage before it reports when it repeats that one.
     *
     * @param partitions as many as the state has: with another number, Spark would shuffle them a second time
     */
    public static Dataset<Row> gather(Dataset<Row> partials, int partitions) {
        return partials.repartition(partitions, col("series"), col("metric"), col("window_name"));
    }

    /**
     * The windows that these partials make, as Spark's own {@code window} would give them: {@link
     * UpdateWindows#OUTPUT}.
     *
     * @param limits as {@link NativeWindowState} takes them
     * @param mode of the query, if it is a streaming one: {@code update} or {@code append}
     * @param form in which the windows are given
     */
    public static Dataset<Row> merge(
        Dataset<Row> partials,
        PipelineConfiguration.Stream stream,
        String limits,
        OutputMode mode,
        NativeWindowState.Form form) {
        boolean streaming = partials.isStreaming();
        boolean appending = streaming && mode.equals(OutputMode.Append());
        // A partial is late by another time than that which the watermark follows: when all of its windows have ended.
        Metadata watermark = SparkEngine.current().watermark(stream.latenessMillis());
        Encoder<Tuple3<String, String, String>> key =
            Encoders.tuple(Encoders.STRING(), Encoders.STRING(), Encoders.STRING());
        return partials
            .filter(col("series").isNotNull())
            .select(
                col("series"), col("metric"), col("window_name"), col("closes").as("closes", watermark), col("panes"))
            .groupBy("series", "metric", "window_name")
            .as(key, Encoders.bean(EncodedPanes.class))
            .flatMapGroupsWithState(
                mode, streaming ? GroupStateTimeout.EventTimeTimeout() : GroupStateTimeout.NoTimeout(),
                new UpdateWindows(stream, limits, streaming, appending, form),
                Encoders.BINARY(), Encoders.row(UpdateWindows.OUTPUT));
    }
}
