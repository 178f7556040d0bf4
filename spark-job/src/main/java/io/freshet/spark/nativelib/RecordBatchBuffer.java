package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A direct buffer that packs Kafka records one after the other, in the layout that {@code packed.rs} reads: partition
 * (int), offset (long), timestamp in epoch milliseconds (long), length of the key (int, -1 without one), length of the
 * value (int, -1 for a tombstone), the key's bytes, the value's bytes; little-endian.
 */
public final class RecordBatchBuffer {
    private static final int HEADER_BYTES = 2 * Long.BYTES + 3 * Integer.BYTES;

    private ByteBuffer buffer;

    /** @param capacity bytes to start with; a longer record makes the buffer grow */
    public RecordBatchBuffer(int capacity) {
        buffer = allocate(capacity);
    }

    /**
     * Packs a record if there is room for it; an empty buffer takes any record.
     *
     * @return whether the record was packed; if not, hand the buffer on and clear it first
     */
    public boolean add(int partition, long offset, long timestampMillis, byte[] key, byte[] value) {
        int needed = HEADER_BYTES + length(key) + length(value);
        if (needed > buffer.remaining()) {
            if (buffer.position() > 0) {
                return false;
            }
            buffer = allocate(needed);
        }
        buffer.putInt(partition).putLong(offset).putLong(timestampMillis);
        buffer.putInt(key == null ? -1 : key.length).putInt(value == null ? -1 : value.length);
        if (key != null) {
            buffer.put(key);
        }
        if (value != null) {
            buffer.put(value);
        }
        return true;
    }

    /** Forgets all records. */
    public void clear() {
        buffer.clear();
    }

    ByteBuffer bytes() {
        return buffer;
    }

    int length() {
        return buffer.position();
    }

    private static int length(byte[] part) {
        return part == null ? 0 : part.length;
    }

    private static ByteBuffer allocate(int capacity) {
        return ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
    }
}
