package io.freshet.spark.nativelib;

import java.util.concurrent.atomic.LongAdder;

/**
 * The native memory of this process that is Freshet's: what the library holds for running tasks, as it says itself
 * after each of the job's calls, and the direct buffers that it reads and writes, in use or kept for the next task.
 * The library's own code and the allocator's slack are not among it, nor are the Arrow columns, which Spark's allocator
 * accounts for.
 */
public final class NativeMemoryUse {
    private static final LongAdder BYTES = new LongAdder();

    private NativeMemoryUse() {}

    /** Takes in that there are so many bytes more, or less. */
    static void add(long bytes) {
        BYTES.add(bytes);
    }

    /** How many bytes there are now; for those who look, not for those who reserve. */
    public static long bytes() {
        return BYTES.sum();
    }
}
