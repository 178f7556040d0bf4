package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;

/**
 * A record of Kafka's, wherever it lies: {@link RecordBatchBuffer} copies its bytes once. In its place may be a whole
 * batch of records.
 */
public interface SourceRecord {
    /** The length of a key or value that is null. */
    int ABSENT = -1;

    /** The batch that is here in place of a record; null for a record, and only then may the others be asked. */
    default SourceBatch batch() {
        return null;
    }

    /** The topic, in UTF-8, of a record or a batch; null where nobody asks for it, or nobody says. */
    default byte[] topic() {
        return null;
    }

    /** The headers, as {@link EncodedHeaders} writes them; null where nobody asks for them, or there are none. */
    default byte[] headers() {
        return null;
    }

    /** Whether partition, offset and timestamp are there. */
    boolean isPlaced();

    /** The partition. */
    int partition();

    /** The offset in it. */
    long offset();

    /** Kafka's timestamp, epoch microseconds. */
    long timestampMicros();

    /** Bytes of the key, or {@link #ABSENT}. */
    int keyLength();

    /** Bytes of the value, or {@link #ABSENT}. */
    int valueLength();

    /** Copies the key to where the target is, if it has any bytes. */
    void putKey(ByteBuffer target);

    /** Copies the value to where the target is, if it has any bytes. */
    void putValue(ByteBuffer target);
}
