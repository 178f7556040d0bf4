package io.freshet.spark.job;

import io.freshet.spark.engine.SparkEngine;
import java.util.List;
import org.apache.spark.SparkEnv;

/**
 * Whose process the job runs in. A process that was started for the job ends with it, with an exit code and at a
 * signal. In another one, such as that of a notebook or of YARN's application master, the job is a guest: it returns or
 * throws, and leaves exit, signals and what was there before alone. YARN takes an exit for a failure, whatever its
 * code.
 */
public final class JobProcess {
    private JobProcess() {}

    /**
     * Whether the process was started for the job: by its main class, or by a class of Spark's that runs programs in
     * processes of their own; and nobody has used Spark in it before.
     *
     * @param main the main class of the job
     */
    public static boolean isOwn(Class<?> main) {
        StackTraceElement[] stack = Thread.currentThread().getStackTrace();
        StackTraceElement first = stack[stack.length - 1];
        return SparkEnv.get() == null && first.getMethodName().equals("main") && isLauncher(first.getClassName(), main);
    }

    private static boolean isLauncher(String name, Class<?> main) {
        List<String> ofSpark = SparkEngine.current().launchers();
        return name.equals(main.getName()) || ofSpark.contains(name);
    }
}
