package io.freshet.spark.bench;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.timestamp_millis;
import static org.apache.spark.sql.functions.window;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.job.StreamQuery;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The queries that are compared: each stream of the configuration is a case, with one kind of window. */
final class BenchmarkQueries {
    /** Only what the windows need, as one would write it by hand: {@code from_json} skips the other fields. */
    private static final StructType FIELDS = new StructType()
        .add("sensor", DataTypes.StringType).add("at", DataTypes.LongType).add("temperature", DataTypes.DoubleType);

    private final SparkSession session;
    private final PipelineConfiguration configuration;
    private final long recordsPerBatch;
    private final String codec;

    /**
     * A query to be measured.
     *
     * @param codec of the batches that it reads
     * @param rows plans it anew
     */
    record Query(String name, String engine, String codec, Supplier<Dataset<Row>> rows) {}

    /** @param codec of the topic that is read */
    BenchmarkQueries(
        SparkSession session, PipelineConfiguration configuration, long recordsPerBatch, String codec) {
        this.session = session;
        this.configuration = configuration;
        this.recordsPerBatch = recordsPerBatch;
        this.codec = codec;
    }

    /** Those that are compared in turn. */
    List<Query> all() {
        List<Query> queries = new ArrayList<>();
        for (ReadRecords read : ReadRecords.values()) {
            queries.add(query("read", read.engine(), () -> read.rows(source())));
        }
        queries.add(query("source", "plain", this::source));
        queries.add(query("from_json", "plain", this::parsed));
        for (PipelineConfiguration.Stream stream : configuration.streams()) {
            queries.add(query(stream.name(), "plain", () -> plainWindows(stream.windows().get(0))));
            queries.add(query(stream.name(), "native", () -> nativeWindows(stream)));
        }
        return queries;
    }

    private Query query(String name, String engine, Supplier<Dataset<Row>> rows) {
        return new Query(name, engine, codec, rows);
    }

    private Dataset<Row> source() {
        return session.readStream().format("kafka")
            .option("kafka.bootstrap.servers", Benchmark.servers(configuration))
            .option("subscribe", BenchmarkTopic.name(codec))
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", recordsPerBatch)
            .load();
    }

    private Dataset<Row> parsed() {
        return source().select(from_json(col("value").cast("string"), FIELDS).as("record"))
            .select(col("record.sensor"), timestamp_millis(col("record.at")).as("time"), col("record.temperature"));
    }

    private Dataset<Row> plainWindows(String notation) {
        String[] sizeAndSlide = notation.split("/");
        String size = interval(sizeAndSlide[0]);
        Column window = window(col("time"), size, sizeAndSlide.length > 1 ? interval(sizeAndSlide[1]) : size);
        Column value = col("temperature");
        return parsed().withWatermark("time", "10 seconds")
            .groupBy(col("sensor"), window)
            .agg(count(value), avg(value), min(value), max(value));
    }

    /** A duration of the configuration as Spark writes it. */
    private static String interval(String duration) {
        return duration.replaceFirst("s$", " seconds").replaceFirst("m$", " minutes");
    }

    private Dataset<Row> nativeWindows(PipelineConfiguration.Stream stream) {
        StreamQuery query = new StreamQuery(session, configuration, stream);
        return query.messages(query.windows(source()));
    }
}
