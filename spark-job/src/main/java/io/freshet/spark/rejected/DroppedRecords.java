package io.freshet.spark.rejected;

import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.util.LongAccumulator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts rejected records and warns of them. */
public final class DroppedRecords implements RejectedSink {
    private static final long serialVersionUID = 1L;
    private static final Logger LOGGER = LoggerFactory.getLogger(DroppedRecords.class);

    private final LongAccumulator counter;

    /** @param counter counts them; null for none */
    public DroppedRecords(LongAccumulator counter) {
        this.counter = counter;
    }

    @Override
    public Sender sender() {
        return new Task();
    }

    private final class Task implements Sender {
        private long count;
        private String first;

        @Override
        public void send(VectorSchemaRoot rejected) {
            if (first == null) {
                first = "partition " + ((IntVector) rejected.getVector("partition")).get(0) + ", offset "
                    + ((BigIntVector) rejected.getVector("offset")).get(0) + ": "
                    + ((VarCharVector) rejected.getVector("reason")).getObject(0) + ", "
                    + ((VarCharVector) rejected.getVector("detail")).getObject(0);
            }
            count += rejected.getRowCount();
            if (counter != null) {
                counter.add(rejected.getRowCount());
            }
        }

        @Override
        public void flush() {
            if (count > 0) {
                LOGGER.warn("{} records were rejected and dropped; the first one: {}", count, first);
            }
        }
    }
}
