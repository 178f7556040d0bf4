package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;

/**
 * Brings packed records, and those of packed batches, to where the native library would parse them, and only counts
 * them: what reading costs apart from everything else, for {@code ./freshet bench}. For one thread at a time.
 */
public final class NativeRecordCounter implements AutoCloseable {
    private long handle;

    /** A counter that has counted nothing. */
    public NativeRecordCounter() {
        NativeLibrary.load();
        handle = open();
    }

    /**
     * Counts all packed records, and those of all packed batches.
     *
     * @throws NativeException when a batch is damaged: the message names partition and offset
     */
    public synchronized void add(RecordBatchBuffer records) {
        add(handle, records.bytes(), records.length());
    }

    /** How many there were. */
    public synchronized long records() {
        return records(handle);
    }

    /** How many bytes their keys and values have. */
    public synchronized long bytes() {
        return bytes(handle);
    }

    @Override
    public synchronized void close() {
        if (handle != 0) {
            long closing = handle;
            handle = 0;
            close(closing);
        }
    }

    private static native long open();

    private static native void add(long handle, ByteBuffer records, int length);

    private static native long records(long handle);

    private static native long bytes(long handle);

    private static native void close(long handle);
}
