package io.freshet.spark.engine.spark42.plan;

import io.freshet.spark.nativelib.SourceBatch;
import io.freshet.spark.nativelib.SourceRecord;
import java.nio.ByteBuffer;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/** A row with columns of Kafka's source, of any kind, or a whole batch; it looks at one row after the other. */
public final class RowRecord implements SourceRecord {
    private final int partition;
    private final int offset;
    private final int timestamp;
    private final int key;
    private final int value;
    private final int topic;
    private final int headers;
    private InternalRow row;
    private UTF8String lastTopic;
    private byte[] lastTopicBytes;

    /**
     * @param columns where in the rows partition, offset, timestamp, key and value are, in this order, and then topic
     *     and headers, {@link #ABSENT} for what is not read, or no more of them
     */
    public RowRecord(int... columns) {
        partition = columns[0];
        offset = columns[1];
        timestamp = columns[2];
        key = columns[3];
        value = columns[4];
        topic = columns.length > 5 ? columns[5] : ABSENT;
        headers = columns.length > 6 ? columns[6] : ABSENT;
    }

    /** Looks at a row from now on. */
    public RowRecord of(InternalRow next) {
        row = next;
        return this;
    }

    @Override
    public SourceBatch batch() {
        return row instanceof SourceBatch batch ? batch : null;
    }

    @Override
    public byte[] topic() {
        if (topic == ABSENT) {
            return null;
        }
        if (row instanceof SourceBatch batch) {
            return batch.topic();
        }
        return row.isNullAt(topic) ? null : topic(row.getUTF8String(topic));
    }

    /** Most often that of the record before. */
    private byte[] topic(UTF8String name) {
        if (!name.equals(lastTopic)) {
            lastTopicBytes = name.getBytes();
            lastTopic = UTF8String.fromBytes(lastTopicBytes);
        }
        return lastTopicBytes;
    }

    @Override
    public byte[] headers() {
        if (headers == ABSENT || row.isNullAt(headers)) {
            return null;
        }
        return KafkaHeaders.encode(row.getArray(headers));
    }

    @Override
    public boolean isPlaced() {
        return !row.isNullAt(partition) && !row.isNullAt(offset) && !row.isNullAt(timestamp);
    }

    @Override
    public int partition() {
        return row.getInt(partition);
    }

    @Override
    public long offset() {
        return row.getLong(offset);
    }

    @Override
    public long timestampMicros() {
        return row.getLong(timestamp);
    }

    @Override
    public int keyLength() {
        return length(key);
    }

    @Override
    public int valueLength() {
        return length(value);
    }

    @Override
    public void putKey(ByteBuffer target) {
        put(key, target);
    }

    @Override
    public void putValue(ByteBuffer target) {
        put(value, target);
    }

    private int length(int column) {
        if (row.isNullAt(column)) {
            return ABSENT;
        }
        if (row instanceof ByteBufferRow record) {
            return record.bytes(column).remaining();
        }
        return row instanceof UnsafeRow ? (int) row.getLong(column) : row.getBinary(column).length;
    }

    /**
     * Copies a binary column. An unsafe row on the heap is copied from where it lies: its word for such a column is the
     * distance from the row's start in the upper half and the length in the lower.
     */
    private void put(int column, ByteBuffer target) {
        if (row instanceof ByteBufferRow record) {
            target.put(record.bytes(column).duplicate());
        } else if (row instanceof UnsafeRow unsafe && unsafe.getBaseObject() instanceof byte[] bytes) {
            long word = row.getLong(column);
            long start = unsafe.getBaseOffset() - Platform.BYTE_ARRAY_OFFSET + (word >>> Integer.SIZE);
            target.put(bytes, (int) start, (int) word);
        } else {
            target.put(row.getBinary(column));
        }
    }
}
