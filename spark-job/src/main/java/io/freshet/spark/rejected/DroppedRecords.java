package io.freshet.spark.rejected;

import io.freshet.spark.nativelib.RejectedColumns;
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
    public String toString() {
        return counter == null ? "dropped" : "dropped and counted";
    }

    @Override
    public Sender sender() {
        return new Task();
    }

    private final class Task implements Sender {
        private long count;
        private String first;

        @Override
        public void send(RejectedColumns rejected) {
            if (first == null) {
                first = "partition " + rejected.partition().get(0) + ", offset " + rejected.offset().get(0) + ": "
                    + rejected.reason().getObject(0) + ", " + rejected.detail().getObject(0);
            }
            count += rejected.rows();
            if (counter != null) {
                counter.add(rejected.rows());
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
