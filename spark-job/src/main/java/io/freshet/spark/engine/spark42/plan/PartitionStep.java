package io.freshet.spark.engine.spark42.plan;

import io.freshet.spark.engine.Explained;
import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;

/** What a {@link StepExec} does with the rows of one task, in Spark's own format: no row is turned into objects. */
@FunctionalInterface
public interface PartitionStep extends Serializable, Explained {
    /**
     * @param rows the rows of the task; a row is only valid until the next one is taken
     * @param columns where in these rows the columns are that the step has asked for, in its order
     * @return rows of the step's schema, under the same rule
     */
    Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns);

    /** Whether some of the rows may be whole batches of Kafka's: {@link io.freshet.spark.nativelib.SourceBatch}. */
    default boolean takesBatches() {
        return false;
    }
}
