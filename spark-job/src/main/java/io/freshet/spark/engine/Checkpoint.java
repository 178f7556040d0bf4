package io.freshet.spark.engine;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.common.TopicPartition;

/**
 * The checkpoint of a query that reads topics of Kafka, while the query is not running: how far it has read, and where
 * it reads on.
 *
 * <p>Spark plans a micro-batch by writing its end to {@code offsets/N}, and commits it by writing {@code commits/N}.
 * The next one begins where the newest committed one ended.
 */
public interface Checkpoint {
    /** Whether a micro-batch was planned at least. */
    boolean isUsed();

    /**
     * Whether a micro-batch was planned and not committed: some of its output may be there, and it will be repeated.
     */
    boolean hasOpenBatch();

    /** The watermark of the newest micro-batch, epoch milliseconds; 0 before the first one. */
    long watermarkMillis();

    /** By partition, the offset up to which the committed micro-batches have read. */
    Map<TopicPartition, Long> readOffsets();

    /**
     * Where the first micro-batch began, as the source of Kafka has written it down: by topic and partition, in JSON.
     * Empty before that.
     */
    Optional<String> firstOffsets();

    /** Into how many partitions the state is split; empty when there is none yet. */
    OptionalInt statePartitions();

    /**
     * Lets the next micro-batch begin at these offsets, with the state and the watermark of the newest committed one; a
     * partition that is not among them is new to it. What was planned and not committed is forgotten: when nothing was
     * committed yet, the query begins as if it had never run. Cut short by a crash, it can be done again.
     */
    void readFrom(Map<TopicPartition, Long> offsets);

    /** The text of a file in the checkpoint's folder; empty when there is no such file. */
    Optional<String> readFile(String name);

    /** Writes a file in the checkpoint's folder: whole, or not at all. */
    void writeFile(String name, String text);
}
