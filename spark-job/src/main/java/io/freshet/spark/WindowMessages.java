package io.freshet.spark;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;

/** The last step of a query: a merged window becomes the Kafka message that carries it. */
final class WindowMessages implements MapFunction<Row, Row> {
    /** Key and value of the message, and for the books how many records the batch added to which kind of window. */
    static final StructType OUTPUT = new StructType()
        .add("key", DataTypes.BinaryType, false)
        .add("value", DataTypes.BinaryType, false)
        .add("window_name", DataTypes.StringType, false)
        .add("counted", DataTypes.LongType, false);

    private static final long serialVersionUID = 1L;
    private static final JsonFactory JSON = new JsonFactory();
    private static final long MICROS = 1_000;

    private final String stream;
    private final int generation;
    private final LongAccumulator bytesOut;

    /** @param bytesOut counts the bytes of keys and values */
    WindowMessages(PipelineConfiguration.Stream stream, LongAccumulator bytesOut) {
        this.stream = stream.name();
        this.generation = stream.generation();
        this.bytesOut = bytesOut;
    }

    /** @param row series, metric, kind of window, start and end (epoch microseconds), merged statistics */
    @Override
    public Row call(Row row) throws IOException {
        String series = row.getString(0);
        String metric = row.getString(1);
        String window = row.getString(2);
        long start = row.getLong(3) / MICROS;
        WindowStats stats = WindowStats.decode((byte[]) row.get(5));
        byte[] key = (series + '|' + metric + '|' + window + '|' + start).getBytes(StandardCharsets.UTF_8);
        byte[] value = json(series, metric, window, start, row.getLong(4) / MICROS, stats);
        bytesOut.add(key.length + value.length);
        return RowFactory.create(key, value, window, stats.recordsOfNewestBatch());
    }

    private byte[] json(String series, String metric, String window, long start, long end, WindowStats stats)
        throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(384);
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            json.writeStringField("stream", stream);
            json.writeStringField("series", series);
            json.writeStringField("metric", metric);
            json.writeStringField("window", window);
            json.writeNumberField("start", start);
            json.writeNumberField("end", end);
            json.writeNumberField("count", stats.count());
            json.writeNumberField("sum", stats.sum());
            json.writeNumberField("avg", stats.average());
            json.writeNumberField("min", stats.min());
            json.writeNumberField("max", stats.max());
            json.writeNumberField("stddev", stats.standardDeviation());
            json.writeNumberField("p50", stats.quantile(0.50));
            json.writeNumberField("p95", stats.quantile(0.95));
            json.writeNumberField("p99", stats.quantile(0.99));
            json.writeNumberField("last_event", Math.floorDiv(stats.lastEventMicros(), MICROS));
            json.writeNumberField("generation", generation);
            json.writeNumberField("revision", stats.count());
            json.writeNumberField("emitted", System.currentTimeMillis());
            json.writeEndObject();
        }
        return bytes.toByteArray();
    }
}
