package io.freshet.spark.rejected;

import io.freshet.spark.nativelib.RejectedColumns;
import java.io.Serializable;

/** Where rejected records go; each task opens a sender of its own. */
public interface RejectedSink extends Serializable {
    /** Takes the rejected records of one task. */
    Sender sender();

    /** Takes the rejected records of one task. */
    interface Sender {
        /** Takes all of the records that the native library rejected. */
        void send(RejectedColumns rejected);

        /**
         * Waits until all of them have arrived where they belong.
         *
         * @throws IllegalStateException when one has not: the task must fail and be repeated
         */
        void flush();
    }
}
