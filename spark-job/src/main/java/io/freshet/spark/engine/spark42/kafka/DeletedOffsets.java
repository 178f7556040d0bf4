package io.freshet.spark.engine.spark42.kafka;

import org.apache.spark.TaskContext;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.execution.metric.SQLMetric;
import org.apache.spark.util.TaskCompletionListener;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Offsets that a task has passed over because Kafka had deleted them before it came there, by the metric that all
 * readers add to: ours and Spark's own. Spark adds up the metrics of tasks that it repeats; what the task itself finds
 * in its copy, it can hand on with its rows, which count once.
 */
public final class DeletedOffsets {
    private static final ThreadLocal<SQLMetric> OF_TASK = new ThreadLocal<>();

    private DeletedOffsets() {}

    /** Those of the running task so far; null when its rows come from no reader that tells. */
    public static Long ofTask() {
        SQLMetric metric = OF_TASK.get();
        return metric == null ? null : Math.max(0, metric.value()); // below 0 when nothing was added to it
    }

    /** Keeps the metric of a task's scan until the task ends, which is one thread. */
    static void keep(SQLMetric metric, TaskContext task) {
        if (metric != null) {
            OF_TASK.set(metric);
            task.addTaskCompletionListener((TaskCompletionListener) ignored -> OF_TASK.remove());
        }
    }

    /** The metric of the one micro-batch of Kafka's source in a plan; null when there is none. */
    static SQLMetric find(SparkPlan plan) {
        return CollectionConverters.asJava(plan.collectLeaves()).stream()
            .filter(MicroBatchScanExec.class::isInstance).map(MicroBatchScanExec.class::cast)
            .map(scan -> ScanMetrics.of(scan).lostOffsets()).reduce((one, other) -> null).orElse(null);
    }
}
