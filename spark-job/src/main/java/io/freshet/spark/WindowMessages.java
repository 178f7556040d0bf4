package io.freshet.spark;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import io.freshet.spark.plan.RowStep;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;

/** The last step of a query: a merged window ({@link StreamWindows#MERGED}) becomes the message that carries it. */
final class WindowMessages extends RowStep {
    /** Key and value of the message, and for the books how many records the batch added to which kind of window. */
    static final StructType OUTPUT = new StructType()
        .add("key", DataTypes.BinaryType, false)
        .add("value", DataTypes.BinaryType, false)
        .add("window_name", DataTypes.StringType, false)
        .add("counted", DataTypes.LongType, false);

    private static final long serialVersionUID = 1L;
    private static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
        .build();
    private static final long MICROS_PER_MILLI = 1_000;
    private static final int USUAL_BYTES = 384;

    private final String stream;
    private final int generation;
    private final LongAccumulator bytesOut;

    /** @param bytesOut counts the bytes of keys and values */
    WindowMessages(PipelineConfiguration.Stream stream, LongAccumulator bytesOut) {
        super(OUTPUT);
        this.stream = stream.name();
        this.generation = stream.generation();
        this.bytesOut = bytesOut;
    }

    @Override
    protected InternalRow map(InternalRow row, int[] columns) {
        String series = row.getUTF8String(columns[0]).toString();
        String metric = row.getUTF8String(columns[1]).toString();
        String window = row.getUTF8String(columns[2]).toString();
        long start = row.getLong(columns[3]) / MICROS_PER_MILLI;
        long end = row.getLong(columns[4]) / MICROS_PER_MILLI;
        WindowStats stats = WindowStats.decode(row.getBinary(columns[5]));
        byte[] key = (series + '|' + metric + '|' + window + '|' + start).getBytes(StandardCharsets.UTF_8);
        byte[] value = json(series, metric, window, start, end, stats);
        bytesOut.add(key.length + value.length);
        return new GenericInternalRow(new Object[] {
            key, value, row.getUTF8String(columns[2]), stats.recordsOfNewestBatch(),
        });
    }

    private byte[] json(String series, String metric, String window, long start, long end, WindowStats stats) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
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
            json.writeNumberField("last_event", Math.floorDiv(stats.lastEventMicros(), MICROS_PER_MILLI));
            json.writeNumberField("generation", generation);
            json.writeNumberField("revision", stats.count());
            json.writeNumberField("emitted", System.currentTimeMillis());
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory has failed", e);
        }
        return bytes.toByteArray();
    }
}
