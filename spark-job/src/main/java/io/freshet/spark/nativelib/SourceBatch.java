package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;

/** A record batch of Kafka's, as the broker sent it: the native library reads the records in it. */
public interface SourceBatch {
    /** The topic that it is of, in UTF-8. */
    byte[] topic();

    /** The partition that it is of. */
    int partition();

    /** Bytes of the whole batch. */
    int batchBytes();

    /** Copies the whole batch to where the target is. */
    void putBatch(ByteBuffer target);
}
