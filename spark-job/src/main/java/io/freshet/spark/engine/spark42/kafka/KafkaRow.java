package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.spark42.plan.ByteBufferRow;
import java.nio.ByteBuffer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.TimestampType;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * A record with the columns of Spark's Kafka source, without headers. It is a view of one record after the other; what
 * is not asked for is not made.
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
    private static final long MICROS_PER_MILLI = 1_000;
    private static final long MOST_MILLIS = Long.MAX_VALUE / MICROS_PER_MILLI;

    private final int partition;
    private final String topic;
    private transient ByteBuffer key;
    private transient ByteBuffer value;
    private long offset;
    private long timestampMillis;
    private int timestampType;
    private long payloadBytes;

    KafkaRow(TopicPartition partition) {
        super(TIMESTAMP_TYPE + 1);
        this.partition = partition.partition();
        this.topic = partition.topic();
    }

    /** Takes in all of a record at once: if Kafka's client cannot be linked, this fails, and no reader of the row. */
    void set(ConsumerRecord<ByteBuffer, ByteBuffer> next) {
        key = next.key();
        value = next.value();
        offset = next.offset();
        timestampMillis = next.timestamp();
        timestampType = next.timestampType().id;
        payloadBytes += Math.max(0, next.serializedKeySize()) + Math.max(0, next.serializedValueSize());
    }

    /** Takes in all of a record of a batch at once. */
    void set(Record next, TimestampType ofBatch) {
        key = next.key();
        value = next.value();
        offset = next.offset();
        timestampMillis = next.timestamp();
        timestampType = ofBatch.id;
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
            case TOPIC -> UTF8String.fromString(topic);
            case PARTITION, TIMESTAMP_TYPE -> getInt(column);
            case OFFSET, TIMESTAMP -> getLong(column);
            default -> throw new IndexOutOfBoundsException(column);
        };
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
