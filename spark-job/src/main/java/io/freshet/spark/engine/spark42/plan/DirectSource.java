package io.freshet.spark.engine.spark42.plan;

import java.io.Serializable;
import java.util.Optional;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.SparkPlan;

/** A shorter way to the rows of a plan that a {@link Step} stands on; asked on the driver, for every micro-batch. */
@FunctionalInterface
public interface DirectSource extends Serializable {
    /** Takes every plan's rows as Spark computes them. */
    DirectSource NONE = (plan, batches) -> Optional.empty();

    /**
     * The rows of a plan with its columns, in any kind of row.
     *
     * @param batches whether some may be whole batches of Kafka's instead:
     *     {@link io.freshet.spark.nativelib.SourceBatch}
     * @return empty when Spark should compute them
     */
    Optional<RDD<InternalRow>> rows(SparkPlan plan, boolean batches);

    /** What a plan shows of it, such as {@code reads=directly}; empty for nothing. */
    default String shown(SparkPlan plan, boolean batches) {
        return "";
    }
}
