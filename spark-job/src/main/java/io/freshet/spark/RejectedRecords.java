package io.freshet.spark;

import io.freshet.spark.rejected.DeadLetters;
import io.freshet.spark.rejected.DroppedRecords;
import io.freshet.spark.rejected.RejectedSink;
import java.io.Serializable;
import java.util.Map;
import org.apache.spark.util.LongAccumulator;

/** What becomes of records that cannot be read: they never fail a query, and are never silently gone. */
public final class RejectedRecords implements Serializable {
    private static final long serialVersionUID = 1L;

    private final RejectedSink sink;

    private RejectedRecords(RejectedSink sink) {
        this.sink = sink;
    }

    /** Drops them; each task warns in the executor's log how many there were, and why the first one was rejected. */
    public static RejectedRecords dropped() {
        return new RejectedRecords(new DroppedRecords(null));
    }

    /**
     * Drops them as {@link #dropped()} does and counts them.
     *
     * @param counter of the session's context. Spark adds again what a repeated task has counted
     */
    public static RejectedRecords dropped(LongAccumulator counter) {
        return new RejectedRecords(new DroppedRecords(counter));
    }

    /**
     * Sends them to a topic, before the task ends: the record's own bytes, with the reason and where it stood in
     * headers (docs/records.md describes them).
     *
     * @param kafka properties of a Kafka client: {@code bootstrap.servers} and how to get in
     * @param topic where they are sent; it exists
     * @param rawTopic the topic of records that do not say theirs
     */
    public static RejectedRecords deadLetters(Map<String, String> kafka, String topic, String rawTopic) {
        return new RejectedRecords(new DeadLetters(kafka, topic, rawTopic));
    }

    RejectedSink sink() {
        return sink;
    }
}
