package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.spark42.plan.ByteBufferRow;
import java.nio.ByteBuffer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.TimestampType;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * A record with the columns of Spark's Kafka source. It is a view of one record after the other; what is not asked for
 * is not made.
 */
public final class KafkaRow extends GenericInternalRow implements ByteBufferRow {
    private static final long serialVersionUID = 1L;
    private static final int KEY = 0;
    private static final int VALUE = 1;
    private static final int TOPIC = 2;
    private static final int PARTITION = 3;
    static final int OFFSET = 4;
    private static final int TIMESTAMP = 5;
    private static final int TIMESTAMP_TYPE = 6;
    /** Only where they are asked for. */
    private static final int HEADERS = 7;
    private static final long MICROS_PER_MILLI = 1_000;
    private static final long MOST_MILLIS = Long.MAX_VALUE / MICROS_PER_MILLI;

    private final int partition;
    private final UTF8String topic;
    private final boolean includeHeaders;
    private transient Header[] headers;
    private transient ByteBuffer key;
    private transient ByteBuffer value;
    private long offset;
    private long timestampMillis;
    private int timestampType;
    private long payloadBytes;

    /** @param includeHeaders whether there is a column for them */
    KafkaRow(TopicPartition partition, boolean includeHeaders) {
        super(includeHeaders ? HEADERS + 1 : HEADERS);
        this.includeHeaders = includeHeaders;
        this.partition = partition.partition();
        this.topic = UTF8String.fromString(partition.topic());
    }

    /** Takes in all of a record at once: if Kafka's client cannot be linked, this fails, and no reader of the row. */
    void set(ConsumerRecord<ByteBuffer, ByteBuffer> next) {
        key = next.key();
        value = next.value();
        offset = next.offset();
        timestampMillis = next.timestamp();
        timestampType = next.timestampType().id;
        headers = includeHeaders ? next.headers().toArray() : null;
        payloadBytes += Math.max(0, next.serializedKeySize()) + Math.max(0, next.serializedValueSize());
    }

    /** Takes in all of a record of a batch at once. */
    void set(Record next, TimestampType ofBatch) {
        key = next.key();
        value = next.value();
        offset = next.offset();
        timestampMillis = next.timestamp();
        timestampType = ofBatch.id;
        headers = includeHeaders ? next.headers() : null;
        payloadBytes += Math.max(0, next.keySize()) + Math.max(0, next.valueSize());
    }

    /** Bytes of the keys and values of all records so far. */
    long payloadBytes() {
        return payloadBytes;
    }

    /** The bytes of the key or value as they lie in the consumer's memory; null when the record has none. */
    @Override
    public ByteBuffer bytes(int column) {
        return column == KEY ? key : value;
    }

    @Override
    public boolean isNullAt(int column) {
        return switch (column) {
            case KEY -> key == null;
            case VALUE -> value == null;
            case HEADERS -> headers.length == 0; // as Spark's own reader has it
            default -> false;
        };
    }

    @Override
    public int getInt(int column) {
        return column == PARTITION ? partition : timestampType;
    }

    @Override
    public long getLong(int column) {
        return column == OFFSET ? offset : micros(timestampMillis);
    }

    @Override
    public Object genericGet(int column) {
        return switch (column) {
            case KEY, VALUE -> copy(bytes(column));
            case TOPIC -> topic;
            case PARTITION, TIMESTAMP_TYPE -> getInt(column);
            case OFFSET, TIMESTAMP -> getLong(column);
            case HEADERS -> headers.length == 0 ? null : array(headers);
            default -> throw new IndexOutOfBoundsException(column);
        };
    }

    private static ArrayData array(Header[] headers) {
        Object[] pairs = new Object[headers.length];
        for (int index = 0; index < pairs.length; index++) {
            Header header = headers[index];
            pairs[index] =
                new GenericInternalRow(new Object[] {UTF8String.fromString(header.key()), header.value()});
        }
        return new GenericArrayData(pairs);
    }

    /** A time that does not fit stays far out of the range of event times, and does not wrap around into it. */
    private static long micros(long millis) {
        return Math.max(-MOST_MILLIS, Math.min(millis, MOST_MILLIS)) * MICROS_PER_MILLI;
    }

    private static byte[] copy(ByteBuffer bytes) {
        if (bytes == null) {
            return null;
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return copy;
    }
}
