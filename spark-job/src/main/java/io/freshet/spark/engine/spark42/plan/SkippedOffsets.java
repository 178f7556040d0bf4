package io.freshet.spark.engine.spark42.plan;

import java.util.OptionalLong;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/**
 * How many offsets of its range the running task has passed over: those that Kafka has deleted, and those that have no
 * record anyway. The reader counts them, and a step above it in the same task reports them.
 */
public final class SkippedOffsets {
    private static final ThreadLocal<SkippedOffsets> OF_TASK = new ThreadLocal<>();

    private long offsets;

    private SkippedOffsets(long offsets) {
        this.offsets = offsets;
    }

    /** A task, which is one thread, begins to read a range of so many offsets. */
    public static SkippedOffsets begin(TaskContext task, long offsets) {
        SkippedOffsets skipped = new SkippedOffsets(offsets);
        OF_TASK.set(skipped);
        task.addTaskCompletionListener((TaskCompletionListener) ignored -> OF_TASK.remove());
        return skipped;
    }

    /** So many offsets had a record. */
    public void subtract(long records) {
        offsets -= records;
    }

    /** Those of the running task, once it has read all; empty when its reader does not count them. */
    public static OptionalLong ofTask() {
        SkippedOffsets skipped = OF_TASK.get();
        return skipped == null ? OptionalLong.empty() : OptionalLong.of(skipped.offsets);
    }
}
