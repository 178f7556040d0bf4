package io.freshet.spark.plan;

import java.util.Optional;
import java.util.OptionalLong;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.streaming.operators.stateful.WatermarkSupport;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The watermark by which a micro-batch calls records late: that of the micro-batch before. Spark tells its own stateful
 * operators, but not the function that runs in one; a {@link StepExec} above the operator reads it from the plan and
 * hands it to the tasks.
 */
public final class LateWatermark {
    private static final String PROPERTY = "freshet.watermark.late";

    private LateWatermark() {}

    /** Epoch milliseconds; empty when the query has no watermark, as a batch query has none. */
    public static OptionalLong of(TaskContext task) {
        String millis = task.getLocalProperty(PROPERTY);
        return millis == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(millis));
    }

    /** Hands the watermark of the stateful operator in a plan to the tasks that this thread is about to start. */
    static void tellTasks(SparkPlan plan) {
        find(plan).ifPresent(millis -> plan.sparkContext().setLocalProperty(PROPERTY, millis.toString()));
    }

    private static Optional<Object> find(SparkPlan plan) {
        if (plan instanceof WatermarkSupport operator) {
            Option<Object> millis = operator.eventTimeWatermarkForLateEvents();
            return millis.isDefined() ? Optional.of(millis.get()) : Optional.empty();
        }
        return CollectionConverters.asJava(plan.children()).stream()
            .map(LateWatermark::find).flatMap(Optional::stream).findFirst();
    }
}
