package io.freshet.spark;

import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.TaskMemoryManager;

/** Tells Spark's memory manager of native memory, in blocks, so that it counts against the executor's. */
final class NativeMemory extends MemoryConsumer {
    private static final long BLOCK_BYTES = 4L << 20;

    private long reserved;

    NativeMemory(TaskMemoryManager manager) {
        super(manager, manager.pageSizeBytes(), manager.getTungstenMemoryMode());
    }

    /**
     * Reserves what is missing for so many bytes.
     *
     * @return false when Spark has no more to give: use less
     */
    boolean reserve(long bytes) {
        if (bytes <= reserved) {
            return true;
        }
        long missing = (bytes - reserved + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
        long granted = acquireMemory(missing);
        reserved += granted;
        return granted == missing;
    }

    /** Gives everything back. */
    void release() {
        freeMemory(reserved);
        reserved = 0;
    }

    /** Native memory shrinks when its owner hands on its windows, not when another consumer asks. */
    @Override
    public long spill(long size, MemoryConsumer trigger) {
        return 0;
    }
}
