package io.freshet.spark.engine.spark42.sql;

import io.freshet.spark.engine.spark42.plan.KafkaHeaders;
import io.freshet.spark.nativelib.NativeRecordParser;
import java.io.Serializable;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.TaskCompletionListener;

/**
 * What {@code freshet_parse} and {@code freshet_rejection} do with a record. Spark's generated code and its interpreter
 * call it; each deserialized copy opens a native parser of its own with its first record and closes it with its task.
 * Outside of tasks, where Spark folds constants, the parser goes with its expression.
 *
 * <p>Public because generated code calls it.
 */
public final class RecordEvaluator implements Serializable {
    /** In place of a timestamp, for a record that has none. */
    public static final long NO_TIMESTAMP = Long.MIN_VALUE;

    private static final long serialVersionUID = 1L;

    private final String stream;
    private transient NativeRecordParser parser;
    private transient UTF8String[] metrics;

    /** @param stream the validated stream, as JSON */
    RecordEvaluator(String stream) {
        this.stream = stream;
    }

    /** The readings of a record; null when it is rejected, or is null. */
    public synchronized ArrayData parse(
        UTF8String value, byte[] key, long timestamp, UTF8String topic, ArrayData headers) {
        if (value == null) {
            return null;
        }
        begin(key, topic, headers).value(value.getByteBuffer());
        return readings(timestamp);
    }

    /** The readings of a record; null when it is rejected, or is null. */
    public synchronized ArrayData parse(
        byte[] value, byte[] key, long timestamp, UTF8String topic, ArrayData headers) {
        if (value == null) {
            return null;
        }
        begin(key, topic, headers).value(value);
        return readings(timestamp);
    }

    /** Why a record is rejected; null when it is not, or is null. */
    public synchronized InternalRow reject(
        UTF8String value, byte[] key, long timestamp, UTF8String topic, ArrayData headers) {
        if (value == null) {
            return null;
        }
        begin(key, topic, headers).value(value.getByteBuffer());
        return rejection(timestamp);
    }

    /** Why a record is rejected; null when it is not, or is null. */
    public synchronized InternalRow reject(
        byte[] value, byte[] key, long timestamp, UTF8String topic, ArrayData headers) {
        if (value == null) {
            return null;
        }
        begin(key, topic, headers).value(value);
        return rejection(timestamp);
    }

    private ArrayData readings(long timestamp) {
        int count = parser.parse(timestamp != NO_TIMESTAMP, timestamp);
        if (count == NativeRecordParser.REJECTED) {
            return null;
        }
        Object[] readings = new Object[count];
        for (int index = 0; index < count; index++) {
            UTF8String metric = metrics[parser.readMetric()];
            long time = parser.readTime();
            double value = parser.readValue();
            readings[index] = new GenericInternalRow(new Object[] {readText(), metric, time, value});
        }
        return new GenericArrayData(readings);
    }

    private InternalRow rejection(long timestamp) {
        if (parser.parse(timestamp != NO_TIMESTAMP, timestamp) != NativeRecordParser.REJECTED) {
            return null;
        }
        return new GenericInternalRow(new Object[] {readText(), readText()});
    }

    private UTF8String readText() {
        return UTF8String.fromBytes(parser.readText());
    }

    private NativeRecordParser begin(byte[] key, UTF8String topic, ArrayData headers) {
        if (parser == null) {
            parser = new NativeRecordParser(stream);
            metrics = parser.metrics().stream().map(UTF8String::fromString).toArray(UTF8String[]::new);
            TaskContext task = TaskContext.get();
            if (task != null) {
                task.addTaskCompletionListener((TaskCompletionListener) ignored -> close());
            }
        }
        byte[] encoded = headers == null ? null : KafkaHeaders.encode(headers);
        parser.begin(key, topic == null ? null : topic.getBytes(), encoded);
        return parser;
    }

    private synchronized void close() {
        parser.close();
        parser = null;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RecordEvaluator evaluator && evaluator.stream.equals(stream);
    }

    @Override
    public int hashCode() {
        return stream.hashCode();
    }

    @Override
    public String toString() {
        return "freshet";
    }
}
