package io.freshet.spark.health;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/**
 * The records that wait in raw topics: from where the finished micro-batches have come to, up to where the topics are
 * by now. A micro-batch that hangs changes the one and not the other, so that the lag grows under it.
 */
final class ConsumerLag {
    /** The ends are asked for each second: older ones say that nobody answers, or that nobody asks. */
    private static final Duration FRESH = Duration.ofSeconds(10);

    /** By partition; null while it is not known. */
    private Map<TopicPartition, Long> read;
    /** By partition; null while it is not known. */
    private Map<TopicPartition, Long> ends;
    private long endsNanos;

    /** What finished micro-batches have read: the next offset by partition. */
    void read(Map<TopicPartition, Long> offsets) {
        read = offsets;
    }

    /** Where the partitions end now; null when nobody says. */
    void ends(Map<TopicPartition, Long> offsets, long nowNanos) {
        ends = offsets;
        endsNanos = nowNanos;
    }

    /** Null while it is not known. */
    Long records(long nowNanos) {
        if (read == null || ends == null || nowNanos - endsNanos > FRESH.toNanos()) {
            return null;
        }
        return between(read, ends);
    }

    /** How many offsets there are from some on, by partition, up to others; a partition without the first is new. */
    static long between(Map<TopicPartition, Long> from, Map<TopicPartition, Long> to) {
        return to.entrySet().stream()
            .mapToLong(end -> Math.max(0, end.getValue() - from.getOrDefault(end.getKey(), 0L))).sum();
    }
}
