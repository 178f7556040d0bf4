package io.freshet.spark.engine.spark42;

import io.freshet.spark.engine.TaskMemory;
import org.apache.spark.SparkEnv;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.TaskMemoryManager;

/**
 * Keeps the native memory of a task within a limit, and tells Spark's memory manager of it, in blocks. What Spark
 * counts is the executor's heap; the memory itself lies beside it, so that the limit is what protects the container.
 */
final class NativeMemory extends MemoryConsumer implements TaskMemory {
    private static final long BLOCK_BYTES = 4L << 20;

    private final long limit = SparkEnv.get().conf().getSizeAsBytes(LIMIT_SETTING, DEFAULT_LIMIT);
    private long reserved;

    NativeMemory(TaskMemoryManager manager) {
        super(manager, manager.pageSizeBytes(), manager.getTungstenMemoryMode());
    }

    @Override
    public boolean reserve(long bytes) {
        if (bytes > limit) {
            return false;
        }
        if (bytes <= reserved) {
            return true;
        }
        long missing = (bytes - reserved + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
        long granted = acquireMemory(missing);
        reserved += granted;
        return granted == missing;
    }

    @Override
    public void release() {
        freeMemory(reserved);
        reserved = 0;
    }

    /** Native memory shrinks when its owner hands on its windows, not when another consumer asks. */
    @Override
    public long spill(long size, MemoryConsumer trigger) {
        return 0;
    }
}
