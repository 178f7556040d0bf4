package io.freshet.spark;

import io.freshet.spark.nativelib.RejectedColumns;
import java.io.Serializable;
import java.util.Map;
import org.apache.spark.util.LongAccumulator;

/** What becomes of records that cannot be read: they never fail a query, and are never silently gone. */
public abstract class RejectedRecords implements Serializable {
    private static final long serialVersionUID = 1L;

    RejectedRecords() {}

    /** Drops them; each task warns in the executor's log how many there were, and why the first one was rejected. */
    public static RejectedRecords dropped() {
        return new DroppedRecords(null);
    }

    /**
     * Drops them as {@link #dropped()} does and counts them.
     *
     * @param counter of the session's context. Spark adds again what a repeated task has counted
     */
    public static RejectedRecords dropped(LongAccumulator counter) {
        return new DroppedRecords(counter);
    }

    /**
     * Sends them to a topic, before the task ends: the record's own bytes, with the reason and where it stood in
     * headers (docs/records.md describes them).
     *
     * @param kafka properties of a Kafka client: {@code bootstrap.servers} and how to get in
     * @param topic where they are sent; it exists
     * @param rawTopic the topic that the records come from
     */
    public static RejectedRecords deadLetters(Map<String, String> kafka, String topic, String rawTopic) {
        return new DeadLetters(kafka, topic, rawTopic);
    }

    /** Takes the rejected records of one task. */
    abstract Sender sender();

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
