package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;

/**
 * A direct buffer that packs Kafka records, and whole record batches, one after the other, in the layout that
 * {@code packed.rs} reads; little-endian. A record: 0 (byte), partition (int), offset (long), timestamp in epoch
 * milliseconds (long), length of the key (int, -1 without one), length of the value (int, -1 for a tombstone), the
 * key's bytes, the value's bytes. A batch: 1 (byte), partition (int), length (int), its bytes.
 */
public final class RecordBatchBuffer implements AutoCloseable {
    private static final byte RECORD = 0;
    private static final byte BATCH = 1;
    private static final int HEADER_BYTES = Byte.BYTES + 2 * Long.BYTES + 3 * Integer.BYTES;
    private static final int BATCH_HEADER_BYTES = Byte.BYTES + 2 * Integer.BYTES;
    private static final long MICROS_PER_MILLI = 1_000;

    private final int most;
    private ByteBuffer buffer;

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
     * Packs a record, or the batch in its place, if there is room for it; an empty buffer takes any.
     *
     * @return whether it was packed; if not, hand the buffer on and clear it first
     * @throws IllegalArgumentException when the record has no partition, offset or timestamp
     */
    public boolean add(SourceRecord record) {
        SourceBatch batch = record.batch();
        return batch == null ? addRecord(record) : addBatch(batch);
    }

    private boolean addBatch(SourceBatch batch) {
        int length = batch.batchBytes();
        int needed = Math.addExact(BATCH_HEADER_BYTES, length);
        if (needed > buffer.remaining() && !grow(needed)) {
            return false;
        }
        buffer.put(BATCH).putInt(batch.partition()).putInt(length);
        batch.putBatch(buffer);
        return true;
    }

    private boolean addRecord(SourceRecord record) {
        int keyLength = record.keyLength();
        int valueLength = record.valueLength();
        int needed = HEADER_BYTES + Math.max(0, keyLength) + Math.max(0, valueLength);
        if (needed > buffer.remaining() && !grow(needed)) {
            return false;
        }
        if (!record.isPlaced()) {
            throw new IllegalArgumentException("a record has no partition, offset or timestamp: of the columns of "
                + "Kafka's source only key and value may be null; fill the others in, for instance by coalesce");
        }
        buffer.put(RECORD).putInt(record.partition()).putLong(record.offset());
        buffer.putLong(Math.floorDiv(record.timestampMicros(), MICROS_PER_MILLI));
        buffer.putInt(keyLength).putInt(valueLength);
        if (keyLength > 0) {
            record.putKey(buffer);
        }
        if (valueLength > 0) {
            record.putValue(buffer);
        }
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
