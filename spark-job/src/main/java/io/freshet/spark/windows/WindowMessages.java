package io.freshet.spark.windows;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.io.SerializedString;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.RowExpansion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The last step of a query: the windows of a series ({@link UpdateWindows#EXPANDED}) become messages. */
public final class WindowMessages implements RowExpansion {
    /** Key and value of the message. */
    public static final StructType OUTPUT = new StructType()
        .add("key", DataTypes.BinaryType, false)
        .add("value", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;
    private static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
        .build();
    /** Field names, escaped and encoded once. */
    private static final SerializedString STREAM = new SerializedString("stream");
    private static final SerializedString SERIES = new SerializedString("series");
    private static final SerializedString METRIC = new SerializedString("metric");
    private static final SerializedString WINDOW = new SerializedString("window");
    private static final SerializedString START = new SerializedString("start");
    private static final SerializedString END = new SerializedString("end");
    private static final SerializedString COUNT = new SerializedString("count");
    private static final SerializedString SUM = new SerializedString("sum");
    private static final SerializedString AVERAGE = new SerializedString("avg");
    private static final SerializedString MIN = new SerializedString("min");
    private static final SerializedString MAX = new SerializedString("max");
    private static final SerializedString STANDARD_DEVIATION = new SerializedString("stddev");
    private static final SerializedString P50 = new SerializedString("p50");
    private static final SerializedString P95 = new SerializedString("p95");
    private static final SerializedString P99 = new SerializedString("p99");
    private static final SerializedString LAST_EVENT = new SerializedString("last_event");
    private static final SerializedString GENERATION = new SerializedString("generation");
    private static final SerializedString REVISION = new SerializedString("revision");
    private static final SerializedString EMITTED = new SerializedString("emitted");
    private static final SerializedString PARTIAL = new SerializedString("partial");
    private static final long MICROS_PER_MILLI = 1_000;
    private static final int USUAL_BYTES = 384;

    private final SerializedString stream;
    private final int generation;

    public WindowMessages(PipelineConfiguration.Stream stream) {
        this.stream = new SerializedString(stream.name());
        this.generation = stream.generation();
    }

    @Override
    public Iterator<Object[]> expand(Source row) {
        Messages messages = new Messages(text(row, 0), text(row, 1), text(row, 2));
        return WindowNumbers.readAll(row.bytes(3), messages::of);
    }

    private static String text(Source row, int column) {
        return new String(row.bytes(column), StandardCharsets.UTF_8);
    }

    /** The messages of one metric of one series for one kind of window. */
    private final class Messages {
        private final String keyPrefix;
        private final SerializedString series;
        private final SerializedString metric;
        private final SerializedString name;

        Messages(String series, String metric, String name) {
            keyPrefix = series + '|' + metric + '|' + name + '|';
            this.series = new SerializedString(series);
            this.metric = new SerializedString(metric);
            this.name = new SerializedString(name);
        }

        Object[] of(WindowNumbers window) {
            String key = keyPrefix + window.startMicros() / MICROS_PER_MILLI;
            return new Object[] {key.getBytes(StandardCharsets.UTF_8), json(window)};
        }

        private byte[] json(WindowNumbers window) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
            try (JsonGenerator json = JSON.createGenerator(bytes)) {
                json.writeStartObject();
                write(json, STREAM, stream);
                write(json, SERIES, series);
                write(json, METRIC, metric);
                write(json, WINDOW, name);
                write(json, START, window.startMicros() / MICROS_PER_MILLI);
                write(json, END, window.endMicros() / MICROS_PER_MILLI);
                write(json, COUNT, window.count());
                write(json, SUM, window.sum());
                write(json, AVERAGE, window.average());
                write(json, MIN, window.min());
                write(json, MAX, window.max());
                write(json, STANDARD_DEVIATION, window.standardDeviation());
                write(json, P50, window.p50());
                write(json, P95, window.p95());
                write(json, P99, window.p99());
                write(json, LAST_EVENT, Math.floorDiv(window.lastEventMicros(), MICROS_PER_MILLI));
                write(json, GENERATION, generation);
                write(json, REVISION, window.count());
                write(json, EMITTED, System.currentTimeMillis());
                if (window.partial()) {
                    json.writeFieldName(PARTIAL);
                    json.writeBoolean(true);
                }
                json.writeEndObject();
            } catch (IOException e) {
                throw new UncheckedIOException("writing to memory has failed", e);
            }
            return bytes.toByteArray();
        }
    }

    private static void write(JsonGenerator json, SerializedString field, SerializedString value) throws IOException {
        json.writeFieldName(field);
        json.writeString(value);
    }

    private static void write(JsonGenerator json, SerializedString field, long value) throws IOException {
        json.writeFieldName(field);
        json.writeNumber(value);
    }

    private static void write(JsonGenerator json, SerializedString field, double value) throws IOException {
        json.writeFieldName(field);
        json.writeNumber(value);
    }
}
