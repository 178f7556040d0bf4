package io.freshet.spark.engine.spark42.kafka;

import java.time.Duration;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;

/** A client of Kafka's that reads one partition; for one thread at a time. */
interface PartitionConsumer extends AutoCloseable {
    /** Reads on from an offset. */
    void seek(long offset);

    /**
     * Waits for what comes next, at most so long, and takes it in place of what came before.
     *
     * @throws OffsetOutOfRangeException when Kafka does not have the position
     */
    void poll(Duration longest);

    /** The next offset that would be asked for: behind all that has come. */
    long position();

    /**
     * The oldest offset that Kafka has.
     *
     * @throws org.apache.kafka.common.errors.TimeoutException when it does not say so in time
     */
    long oldest(Duration longest);

    /** The offset that the next record will have; fails as {@link #oldest} does. */
    long latest(Duration longest);

    @Override
    void close();
}
