package io.freshet.spark;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import io.freshet.spark.plan.RowStep;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The last step of a query: the windows of a series become the messages that carry them. */
final class WindowMessages extends RowStep {
    /** Of {@link UpdateWindows#OUTPUT}. */
    static final List<String> INPUT = List.of("series", "metric", "window_name", "windows");

    /** Key and value of the message. */
    static final StructType OUTPUT = new StructType()
        .add("key", DataTypes.BinaryType, false)
        .add("value", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;
    private static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
        .build();
    private static final long MICROS_PER_MILLI = 1_000;
    private static final int USUAL_BYTES = 384;

    private final String stream;
    private final int generation;

    WindowMessages(PipelineConfiguration.Stream stream) {
        super(OUTPUT);
        this.stream = stream.name();
        this.generation = stream.generation();
    }

    @Override
    protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
        return new Messages(row.getUTF8String(columns[0]).toString(), row.getUTF8String(columns[1]).toString(),
            row.getUTF8String(columns[2]).toString(), WindowNumbers.readAll(row.getBinary(columns[3])));
    }

    /** The messages of one metric of one series for one kind of window. */
    private final class Messages implements Iterator<InternalRow> {
        private final String series;
        private final String metric;
        private final String name;
        private final Iterator<WindowNumbers> windows;

        Messages(String series, String metric, String name, Iterator<WindowNumbers> windows) {
            this.series = series;
            this.metric = metric;
            this.name = name;
            this.windows = windows;
        }

        @Override
        public boolean hasNext() {
            return windows.hasNext();
        }

        @Override
        public InternalRow next() {
            WindowNumbers window = windows.next();
            String key = series + '|' + metric + '|' + name + '|' + window.startMicros() / MICROS_PER_MILLI;
            return new GenericInternalRow(new Object[] {key.getBytes(StandardCharsets.UTF_8), json(window)});
        }

        private byte[] json(WindowNumbers window) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
            try (JsonGenerator json = JSON.createGenerator(bytes)) {
                json.writeStartObject();
                json.writeStringField("stream", stream);
                json.writeStringField("series", series);
                json.writeStringField("metric", metric);
                json.writeStringField("window", name);
                json.writeNumberField("start", window.startMicros() / MICROS_PER_MILLI);
                json.writeNumberField("end", window.endMicros() / MICROS_PER_MILLI);
                json.writeNumberField("count", window.count());
                json.writeNumberField("sum", window.sum());
                json.writeNumberField("avg", window.average());
                json.writeNumberField("min", window.min());
                json.writeNumberField("max", window.max());
                json.writeNumberField("stddev", window.standardDeviation());
                json.writeNumberField("p50", window.p50());
                json.writeNumberField("p95", window.p95());
                json.writeNumberField("p99", window.p99());
                json.writeNumberField("last_event", Math.floorDiv(window.lastEventMicros(), MICROS_PER_MILLI));
                json.writeNumberField("generation", generation);
                json.writeNumberField("revision", window.count());
                json.writeNumberField("emitted", System.currentTimeMillis());
                json.writeEndObject();
            } catch (IOException e) {
                throw new UncheckedIOException("writing to memory has failed", e);
            }
            return bytes.toByteArray();
        }
    }
}
