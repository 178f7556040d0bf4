package io.freshet.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import io.freshet.spark.plan.Step;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamReader;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;

/**
 * The streaming query of one stream: raw topic, native partial aggregates, watermark, state, windows topic.
 *
 * <p>Every stream has its own query, checkpoint and watermark, so that a slow or replayed stream never makes another
 * one's records late.
 */
final class StreamQuery {
    /** Observation of each micro-batch: {@code records_read}, {@code bytes_read}, {@code rejected}. */
    static final String READ = "read";
    /** Per kind of window, how many records were aggregated. */
    static final String AGGREGATED = "aggregated";
    /** Per kind of window, how many of them were counted into a window, because they were not late. */
    static final String COUNTED = "counted";
    /** {@code bytes_written} and {@code windows_written}, to the windows topic. */
    static final String WRITTEN = "written";

    private final SparkSession session;
    private final PipelineConfiguration configuration;
    private final PipelineConfiguration.Stream stream;

    StreamQuery(SparkSession session, PipelineConfiguration configuration, PipelineConfiguration.Stream stream) {
        this.session = session;
        this.configuration = configuration;
        this.stream = stream;
    }

    /** Starts the query from its checkpoint, or from the beginning of the topic. */
    StreamingQuery start() throws TimeoutException {
        // A pool per stream: Spark shares the cores fairly between pools, not within one. The query's thread inherits it.
        session.sparkContext().setLocalProperty("spark.scheduler.pool", stream.name());
        Map<String, String> sink = kafkaOptions();
        // Dashboards read these topics, and not all clients of Kafka can read zstd.
        sink.put("kafka.compression.type", "lz4");
        sink.put("kafka.acks", "all");
        DataStreamWriter<Row> writer = messages(windows(records()))
            .writeStream()
            .queryName(stream.name())
            .outputMode("update")
            .format("kafka")
            .options(sink)
            .option("topic", stream.windowsTopic())
            .option("checkpointLocation", checkpointLocation())
            .trigger(Trigger.ProcessingTime(configuration.spark().triggerMillis()));
        return writer.start();
    }

    private Dataset<Row> records() {
        DataStreamReader reader = session.readStream()
            .format("kafka")
            .options(kafkaOptions())
            .option("subscribe", stream.rawTopic())
            .option("startingOffsets", "earliest")
            // What Kafka has deleted by its retention is no reason to stop: Spark logs the gap.
            .option("failOnDataLoss", "false");
        configuration.spark().maxOffsetsPerTrigger().ifPresent(most -> reader.option("maxOffsetsPerTrigger", most));
        return reader.load();
    }

    /**
     * The windows that the records of a micro-batch have changed, as Spark's own {@code window} would give them.
     *
     * @param records with the columns of Kafka's source
     */
    Dataset<Row> windows(Dataset<Row> records) {
        DeadLetters deadLetters =
            new DeadLetters(configuration.kafka(), configuration.deadLettersTopic(), stream.rawTopic());
        Dataset<Row> partials = StreamWindows.partials(records, stream, deadLetters)
            .observe(READ, total("records_read"), total("bytes_read"), total("rejected"));
        Dataset<Row> windows =
            StreamWindows.merge(observe(AGGREGATED, "records", partials), stream, OutputMode.Update());
        return observe(COUNTED, "counted", windows);
    }

    /** The messages for Kafka that carry these windows. */
    Dataset<Row> messages(Dataset<Row> windows) {
        Column bytes = octet_length(col("key")).plus(octet_length(col("value")));
        return Step.apply(windows, UpdateWindows.EXPANDED, new WindowMessages(stream), WindowMessages.OUTPUT)
            .observe(WRITTEN, sum(bytes).as("bytes_written"), count("*").as("windows_written"));
    }

    private static Column total(String column) {
        return sum(column).as(column);
    }

    /** Observes the sum of a column per kind of window. */
    private Dataset<Row> observe(String name, String column, Dataset<Row> rows) {
        Column[] sums = stream.windows().stream()
            .map(window -> sum(when(col("window_name").equalTo(lit(window)), col(column))).as(window))
            .toArray(Column[]::new);
        return rows.observe(name, sums[0], Arrays.copyOfRange(sums, 1, sums.length));
    }

    private Map<String, String> kafkaOptions() {
        Map<String, String> options = new HashMap<>();
        configuration.kafka().forEach((key, value) -> options.put("kafka." + key, value));
        return options;
    }

    /** Where the query keeps its offsets and state. */
    String checkpointLocation() {
        return configuration.spark().checkpointLocation() + "/" + stream.name();
    }
}
