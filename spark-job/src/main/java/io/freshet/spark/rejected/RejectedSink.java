package io.freshet.spark.rejected;

import java.io.Serializable;
import org.apache.arrow.vector.VectorSchemaRoot;

/** Where rejected records go; each task opens a sender of its own. */
public interface RejectedSink extends Serializable {
    /** Takes the rejected records of one task. */
    Sender sender();

    /** Takes the rejected records of one task. */
    interface Sender {
        /** Takes every row of the columns that the native library rejected. */
        void send(VectorSchemaRoot rejected);

        /**
         * Waits until all of them have arrived where they belong.
         *
         * @throws IllegalStateException when one has not: the task must fail and be repeated
         */
        void flush();
    }
}
