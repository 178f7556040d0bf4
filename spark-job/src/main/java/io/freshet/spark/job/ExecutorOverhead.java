package io.freshet.spark.job;

import io.freshet.spark.engine.TaskMemory;
import org.apache.spark.SparkConf;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The memory of an executor beside its heap. YARN and Kubernetes kill one that takes more than was asked for, and what
 * Spark asks for by default leaves no room for the native memory of the tasks.
 */
final class ExecutorOverhead {
    private static final Logger LOGGER = LoggerFactory.getLogger(ExecutorOverhead.class);
    private static final String SETTING = "spark.executor.memoryOverhead";
    private static final String FACTOR = "spark.executor.memoryOverheadFactor";
    private static final String FACTOR_ON_KUBERNETES = "spark.kubernetes.memoryOverheadFactor";
    private static final long MEBIBYTE = 1L << 20;
    /** Of a task, beside what it sums up: its buffers, the columns that it hands on, and one state. */
    private static final long BUFFERS_BYTES = 16 * MEBIBYTE;

    private ExecutorOverhead() {}

    /** Adds room for the native memory to Spark's own default, unless the user has said how much there should be. */
    static void complete(SparkConf context) {
        if (hasExecutors(context.get("spark.master", "")) && !context.contains(SETTING)) {
            long mebibytes = (ofSpark(context) + ofTasks(context) + MEBIBYTE - 1) / MEBIBYTE;
            context.set(SETTING, mebibytes + "m");
            LOGGER.info("{} is {}m: Spark's own default, and the native memory of as many tasks as an executor runs",
                SETTING, mebibytes);
        }
    }

    /** In a local one, tasks run in the driver. */
    private static boolean hasExecutors(String master) {
        return !master.isEmpty() && !master.equals("local") && !master.startsWith("local[");
    }

    /** What Spark would ask for. */
    private static long ofSpark(SparkConf context) {
        String factor = context.get(FACTOR, context.get(FACTOR_ON_KUBERNETES, "0.1"));
        double share = Double.parseDouble(factor) * context.getSizeAsBytes("spark.executor.memory", "1g");
        // The minimum is in mebibytes unless it says otherwise, unlike other sizes.
        return Math.max((long) share, context.getSizeAsMb("spark.executor.minMemoryOverhead", "384m") * MEBIBYTE);
    }

    private static long ofTasks(SparkConf context) {
        int tasks = Math.max(1, context.getInt("spark.executor.cores", 1) / context.getInt("spark.task.cpus", 1));
        long limit = context.getSizeAsBytes(TaskMemory.LIMIT_SETTING, TaskMemory.DEFAULT_LIMIT);
        return tasks * (limit + BUFFERS_BYTES);
    }
}
