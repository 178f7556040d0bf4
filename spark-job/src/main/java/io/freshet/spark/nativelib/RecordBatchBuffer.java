package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.unsafe.Platform;

/**
 * A direct buffer that packs Kafka records one after the other, in the layout that {@code packed.rs} reads: partition
 * (int), offset (long), timestamp in epoch milliseconds (long), length of the key (int, -1 without one), length of the
 * value (int, -1 for a tombstone), the key's bytes, the value's bytes; little-endian.
 */
public final class RecordBatchBuffer implements AutoCloseable {
    private static final int HEADER_BYTES = 2 * Long.BYTES + 3 * Integer.BYTES;
    private static final long MICROS_PER_MILLI = 1_000;

    private final int most;
    private ByteBuffer buffer;
    private int payloadBytes;

    /**
     * A buffer as the job has it: small for the small micro-batches of a quiet stream, and up to a mebibyte. Its memory
     * may be that of an earlier one that was closed.
     */
    public RecordBatchBuffer() {
        buffer = DirectBuffers.take();
        most = DirectBuffers.MOST;
    }

    /**
     * @param capacity bytes to start with
     * @param most bytes up to which the buffer grows, rather than being full; for a longer record it does so as well
     */
    RecordBatchBuffer(int capacity, int most) {
        buffer = DirectBuffers.allocate(capacity);
        this.most = most;
    }

    /**
     * Packs a record if there is room for it; an empty buffer takes any record.
     *
     * @param key column of the key in the row, and so on; the timestamp is in epoch microseconds, as Spark keeps them
     * @return whether the record was packed; if not, hand the buffer on and clear it first
     * @throws IllegalArgumentException when the record has no partition, offset or timestamp
     */
    public boolean add(InternalRow row, int partition, int offset, int timestamp, int key, int value) {
        int keyLength = length(row, key);
        int valueLength = length(row, value);
        int needed = HEADER_BYTES + Math.max(0, keyLength) + Math.max(0, valueLength);
        if (needed > buffer.remaining() && !grow(needed)) {
            return false;
        }
        if (row.isNullAt(partition) || row.isNullAt(offset) || row.isNullAt(timestamp)) {
            throw new IllegalArgumentException("a record has no partition, offset or timestamp: of the columns of "
                + "Kafka's source only key and value may be null; fill the others in, for instance by coalesce");
        }
        buffer.putInt(row.getInt(partition)).putLong(row.getLong(offset));
        buffer.putLong(Math.floorDiv(row.getLong(timestamp), MICROS_PER_MILLI));
        buffer.putInt(keyLength).putInt(valueLength);
        put(row, key, keyLength);
        put(row, value, valueLength);
        payloadBytes += needed - HEADER_BYTES;
        return true;
    }

    /** Makes room for so many bytes more; false when other records have to be handed on first. */
    private boolean grow(int bytes) {
        long length = (long) buffer.position() + bytes;
        if (length > most && buffer.position() > 0) {
            return false;
        }
        // At least doubled, so that growing to the end copies less than that in all.
        long capacity = Math.max(length, Math.min(2L * buffer.capacity(), most));
        buffer = DirectBuffers.grow(buffer, Math.toIntExact(capacity));
        return true;
    }

    /** Length of a binary column; -1 for null. */
    private static int length(InternalRow row, int column) {
        if (row.isNullAt(column)) {
            return -1;
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
    private void put(InternalRow row, int column, int length) {
        if (length <= 0) {
            return;
        }
        if (row instanceof ByteBufferRow record) {
            buffer.put(record.bytes(column).duplicate());
        } else if (row instanceof UnsafeRow unsafe && unsafe.getBaseObject() instanceof byte[] bytes) {
            long distance = row.getLong(column) >>> Integer.SIZE;
            long start = unsafe.getBaseOffset() - Platform.BYTE_ARRAY_OFFSET + distance;
            buffer.put(bytes, (int) start, length);
        } else {
            buffer.put(row.getBinary(column));
        }
    }

    /** Forgets all records. */
    public void clear() {
        buffer.clear();
        payloadBytes = 0;
    }

    /** Bytes of the keys and values of the packed records. */
    public int payloadBytes() {
        return payloadBytes;
    }

    ByteBuffer bytes() {
        return buffer;
    }

    int length() {
        return buffer.position();
    }

    /** Keeps the memory for the next one, or frees it: the buffer must not be used any more. */
    @Override
    public void close() {
        ByteBuffer mine = buffer;
        buffer = null;
        if (mine != null) {
            DirectBuffers.giveBack(mine);
        }
    }
}
