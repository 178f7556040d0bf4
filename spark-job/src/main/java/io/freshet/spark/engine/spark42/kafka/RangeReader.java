package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.TopicCheck;
import java.time.Duration;
import java.util.NoSuchElementException;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads one range of offsets of one partition. Offsets without a record (transaction markers, aborted records, what
 * compaction has removed) are passed over, as Spark's own reader does; so are offsets that Kafka has deleted, unless
 * the source is told {@code failOnDataLoss}.
 */
abstract class RangeReader implements RangeRows.Reader {
    private static final Logger LOGGER = LoggerFactory.getLogger(RangeReader.class);
    /** After so long without an answer it is looked whether the task should end. */
    private static final Duration POLL = Duration.ofMillis(500);

    /** What is read, and by whom it is asked for. */
    record Range(
        TopicPartition partition, long from, long end, boolean includeHeaders, Duration patience,
        boolean failOnDataLoss, TaskContext context, TopicCheck check, Losses losses) {
        static Range of(KafkaBatchInputPartition planned, TaskContext context, TopicCheck check, Losses losses) {
            return new Range(planned.offsetRange().topicPartition(), planned.offsetRange().fromOffset(),
                planned.offsetRange().untilOffset(), planned.includeHeaders(),
                Duration.ofMillis(planned.pollTimeoutMs()), planned.failOnDataLoss(), context, check, losses);
        }

        /** What is left of it from an offset on. */
        Range from(long offset) {
            return new Range(partition, Math.max(from, offset), end, includeHeaders, patience, failOnDataLoss, context,
                check, losses);
        }
    }

    /** Is told of offsets that Kafka does not have any more, and that were passed over. */
    @FunctionalInterface
    interface Losses {
        void add(long offsets);
    }

    private final Range range;
    private final ConsumerPool.Key key;
    private final PartitionConsumer consumer;
    /** The next offset to be read. */
    private long position;
    private boolean advanced;
    private boolean usable = true;

    RangeReader(Range range, ConsumerPool.Key key, PartitionConsumer consumer) {
        this.range = range;
        this.key = key;
        this.consumer = consumer;
        position = range.from();
    }

    /** Goes on to the next row, and moves the position behind it; false at the end of the range. */
    protected abstract boolean advance();

    /** Whether the consumer has something that was not taken yet. */
    protected abstract boolean hasMore();

    /** The row that was advanced to. */
    protected abstract InternalRow row();

    @Override
    public final boolean hasNext() {
        if (!advanced) {
            advanced = advance();
        }
        return advanced;
    }

    @Override
    public final InternalRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        advanced = false;
        return row();
    }

    protected final long position() {
        return position;
    }

    protected final void position(long next) {
        position = next;
    }

    protected final long end() {
        return range.end();
    }

    /** Waits until the position has moved on: to records, over offsets that have none, or over lost ones. */
    protected final void poll() {
        usable = false; // unless all goes well
        long begun = System.nanoTime();
        long before = position;
        while (position == before && !hasMore()) {
            range.context().killTaskIfInterrupted();
            boolean late = System.nanoTime() - begun > range.patience().toNanos();
            boolean answered = !late && fetch();
            if (position == before && !hasMore()) {
                range.check().verify();
            }
            if (!answered) {
                passLost();
            }
            if (late && position == before) {
                throw new IllegalStateException("Kafka did not deliver offset " + position + " of " + range.partition()
                    + " within " + range.patience().toMillis() + " ms; is its leader up? The wait is that of the "
                    + "source's option kafkaConsumer.pollTimeoutMs, or else spark.network.timeout");
            }
        }
        usable = true;
    }

    /** Takes what has come; false when Kafka does not have the position. */
    private boolean fetch() {
        try {
            consumer.poll(POLL);
            position = hasMore() ? position : consumer.position();
            return true;
        } catch (OffsetOutOfRangeException e) {
            return false;
        }
    }

    /** Goes on after offsets that are gone, if there are such: at the oldest record, or at the end of the range. */
    private void passLost() {
        long next = nextAvailable();
        if (next == position) {
            return;
        }
        if (range.failOnDataLoss()) {
            throw new IllegalStateException("offset " + position + " of " + range.partition() + " is no longer in "
                + "Kafka; it was deleted by the topic's retention or with the topic. To go on without it, set "
                + "failOnDataLoss to false");
        }
        LOGGER.warn("offsets {} to {} of {} are no longer in Kafka and were passed over", position, next - 1,
            range.partition());
        range.losses().add(next - position);
        position = next;
        consumer.seek(next);
    }

    /**
     * The first offset from the position on that Kafka has, or the end of the range when it has none of them: all are
     * deleted, or the topic was made anew and has not come so far. The position itself while Kafka does not answer.
     */
    private long nextAvailable() {
        try {
            long oldest = consumer.oldest(POLL);
            long latest = consumer.latest(POLL);
            return position >= latest || oldest >= end() ? end() : Math.max(oldest, position);
        } catch (TimeoutException e) {
            return position;
        }
    }

    @Override
    public void close() {
        if (usable) {
            ConsumerPool.giveBack(key, consumer);
        } else {
            ConsumerPool.discard(key, consumer);
        }
    }
}
