package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A direct buffer that packs Kafka records, and whole record batches, one after the other, in the layout that
 * {@code packed.rs} reads; little-endian. A record: 0 (byte), partition (int), offset (long), timestamp in epoch
 * milliseconds (long), length of the key (int, -1 without one), length of the value (int, -1 for a tombstone), the
 * key's bytes, the value's bytes. A batch: 1 (byte), partition (int), length (int), its bytes. Before the first of a
 * topic: 2 (byte), length (int), its name, none for unknown. Before a record that has headers: 3 (byte), length (int),
 * these.
 */
public final class RecordBatchBuffer implements AutoCloseable {
    private static final byte RECORD = 0;
    private static final byte BATCH = 1;
    private static final byte TOPIC = 2;
    private static final byte HEADERS = 3;
    private static final byte[] NOBODY_SAYS = {};
    private static final int HEADER_BYTES = Byte.BYTES + 2 * Long.BYTES + 3 * Integer.BYTES;
    private static final int BATCH_HEADER_BYTES = Byte.BYTES + 2 * Integer.BYTES;
    private static final int LENGTH_BYTES = Byte.BYTES + Integer.BYTES;
    private static final long MICROS_PER_MILLI = 1_000;

    private final int most;
    private ByteBuffer buffer;
    /** That of what was packed last; null before it is told. */
    private byte[] topic;

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
        byte[] told = record.topic();
        byte[] another = Arrays.equals(told, topic) ? null : told == null ? NOBODY_SAYS : told;
        boolean added = batch == null ? addRecord(record, another) : addBatch(batch, another);
        topic = added ? told : topic;
        return added;
    }

    private boolean addBatch(SourceBatch batch, byte[] another) {
        int length = batch.batchBytes();
        int needed = Math.addExact(BATCH_HEADER_BYTES + bytesOf(another), length);
        if (needed > buffer.remaining() && !grow(needed)) {
            return false;
        }
        put(TOPIC, another);
        buffer.put(BATCH).putInt(batch.partition()).putInt(length);
        batch.putBatch(buffer);
        return true;
    }

    private boolean addRecord(SourceRecord record, byte[] another) {
        int keyLength = record.keyLength();
        int valueLength = record.valueLength();
        byte[] headers = record.headers();
        int needed = HEADER_BYTES + Math.max(0, keyLength) + Math.max(0, valueLength) + bytesOf(another)
            + bytesOf(headers);
        if (needed > buffer.remaining() && !grow(needed)) {
            return false;
        }
        if (!record.isPlaced()) {
            throw new IllegalArgumentException("a record has no partition, offset or timestamp: of the columns of "
                + "Kafka's source only key, value, topic and headers may be null; fill the others in, for instance by "
                + "coalesce");
        }
        put(TOPIC, another);
        put(HEADERS, headers);
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

    private static int bytesOf(byte[] told) {
        return told == null ? 0 : LENGTH_BYTES + told.length;
    }

    /** Says something about what follows; nothing for null. */
    private void put(byte what, byte[] told) {
        if (told != null) {
            buffer.put(what).putInt(told.length).put(told);
        }
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
        topic = null;
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
