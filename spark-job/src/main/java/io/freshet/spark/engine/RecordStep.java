package io.freshet.spark.engine;

import io.freshet.spark.nativelib.SourceRecord;
import java.io.Serializable;
import java.util.Iterator;

/** What a query does with the records of one task; called in the task. */
@FunctionalInterface
public interface RecordStep extends Serializable, Explained {
    /**
     * @param records the records of the task, or batches of them if the step takes batches; each is only valid until
     *     the next one is taken
     * @return rows of the step's schema; those that came before are not used any more when it is asked for the next
     *     ones
     */
    Iterator<StepRows> run(Iterator<SourceRecord> records);

    /** Whether there may be whole batches of Kafka's in place of records: see {@link SourceRecord#batch}. */
    default boolean takesBatches() {
        return false;
    }
}
