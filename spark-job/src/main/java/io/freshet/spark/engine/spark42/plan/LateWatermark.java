package io.freshet.spark.engine.spark42.plan;

import java.util.Optional;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.streaming.operators.stateful.WatermarkSupport;
import org.apache.spark.util.TaskCompletionListener;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The watermark by which a micro-batch calls records late: that of the micro-batch before. Spark tells its own stateful
 * operators, but not the function that runs in one. A {@link StepExec} above the operator reads it from the plan, and
 * its tasks, in which the function runs, keep it where the function finds it.
 */
public final class LateWatermark {
    private static final ThreadLocal<Long> OF_TASK = new ThreadLocal<>();

    private LateWatermark() {}

    /**
     * That of the running task, epoch milliseconds.
     *
     * @throws IllegalStateException when there is none: outside of a task, below a step, or with a version of Spark
     *     that does not tell
     */
    public static long millis() {
        Long millis = OF_TASK.get();
        if (millis == null) {
            throw new IllegalStateException("this version of Spark does not tell by which watermark records are late");
        }
        return millis;
    }

    /** Keeps it until the task ends, which is one thread. */
    static void keep(long millis, TaskContext task) {
        OF_TASK.set(millis);
        task.addTaskCompletionListener((TaskCompletionListener) ignored -> OF_TASK.remove());
    }

    /**
     * That of the stateful operator in a plan, epoch milliseconds; null when it has none, as a batch query has none.
     */
    static Long find(SparkPlan plan) {
        return search(plan).orElse(null);
    }

    private static Optional<Long> search(SparkPlan plan) {
        if (plan instanceof WatermarkSupport operator) {
            Option<Object> millis = operator.eventTimeWatermarkForLateEvents();
            return millis.isDefined() ? Optional.of((Long) millis.get()) : Optional.empty();
        }
        return CollectionConverters.asJava(plan.children()).stream()
            .map(LateWatermark::search).flatMap(Optional::stream).findFirst();
    }
}
