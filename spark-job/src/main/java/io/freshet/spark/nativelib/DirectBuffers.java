package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The direct buffers of tasks, little-endian. Java frees their native memory only when it collects garbage, which a job
 * of small tasks seldom makes it do: they are kept from task to task, no more of them than tasks need at a time.
 */
final class DirectBuffers {
    /** What is taken has so many bytes at least. */
    static final int USUAL = 64 << 10;
    /** One that has grown beyond this, for a record or a state of many mebibytes, is not kept. */
    static final int MOST = 1 << 20;
    /** A task has three at the most. */
    private static final int MOST_KEPT = 3 * Math.max(2, Runtime.getRuntime().availableProcessors());
    private static final Deque<ByteBuffer> KEPT = new ArrayDeque<>();

    private DirectBuffers() {}

    /** An empty buffer, perhaps one that was given back. */
    static ByteBuffer take() {
        synchronized (KEPT) {
            return KEPT.isEmpty() ? allocate(USUAL) : KEPT.pop();
        }
    }

    /** Keeps a buffer, or frees it: it must not be used any more. */
    static void giveBack(ByteBuffer buffer) {
        synchronized (KEPT) {
            if (buffer.capacity() <= MOST && KEPT.size() < MOST_KEPT) {
                KEPT.push(buffer.clear().order(ByteOrder.LITTLE_ENDIAN));
                return;
            }
        }
        free(buffer);
    }

    /** A larger buffer with what was put into one, which is freed. */
    static ByteBuffer grow(ByteBuffer buffer, int capacity) {
        ByteBuffer larger = allocate(capacity).put(buffer.flip());
        free(buffer);
        return larger;
    }

    static ByteBuffer allocate(int capacity) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
        NativeMemoryUse.add(capacity);
        return buffer;
    }

    private static void free(ByteBuffer buffer) {
        NativeMemoryUse.add(-buffer.capacity());
        DirectMemory.free(buffer);
    }
}
