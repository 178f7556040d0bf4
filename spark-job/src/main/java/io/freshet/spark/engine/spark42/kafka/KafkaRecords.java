package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.TopicCheck;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
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
final class KafkaRecords implements RangeRows.Reader {
    private static final Logger LOGGER = LoggerFactory.getLogger(KafkaRecords.class);
    /** After so long without an answer it is looked whether the task should end. */
    private static final Duration POLL = Duration.ofMillis(500);

    private final TopicPartition partition;
    private final long end;
    private final Duration patience;
    private final boolean failOnDataLoss;
    private final TaskContext context;
    private final TopicCheck check;
    private final Losses losses;
    private final ConsumerPool.Key key;
    private final KafkaConsumer<ByteBuffer, ByteBuffer> consumer;
    private final KafkaRow row;
    private Iterator<ConsumerRecord<ByteBuffer, ByteBuffer>> polled = Collections.emptyIterator();
    /** The next offset to be read. */
    private long position;
    private boolean advanced;
    private boolean usable = true;

    /** Is told of offsets that Kafka does not have any more, and that were passed over. */
    @FunctionalInterface
    interface Losses {
        void add(long offsets);
    }

    KafkaRecords(KafkaBatchInputPartition range, TaskContext context, TopicCheck check, Losses losses) {
        partition = range.offsetRange().topicPartition();
        position = range.offsetRange().fromOffset();
        end = range.offsetRange().untilOffset();
        patience = Duration.ofMillis(range.pollTimeoutMs());
        failOnDataLoss = range.failOnDataLoss();
        this.context = context;
        this.check = check;
        this.losses = losses;
        row = new KafkaRow(partition);
        key = new ConsumerPool.Key(range.executorKafkaParams(), partition);
        consumer = ConsumerPool.borrow(key, position);
    }

    @Override
    public boolean hasNext() {
        if (!advanced) {
            advanced = advance();
        }
        return advanced;
    }

    @Override
    public InternalRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        advanced = false;
        return row;
    }

    private boolean advance() {
        while (!polled.hasNext()) {
            if (position >= end) {
                return false;
            }
            poll();
        }
        ConsumerRecord<ByteBuffer, ByteBuffer> record = polled.next();
        if (record.offset() >= end) {
            position = end;
            polled = Collections.emptyIterator();
            return false;
        }
        row.set(record);
        // After the last record the consumer's own position says more: behind it may be offsets without a record.
        position = polled.hasNext() ? record.offset() + 1 : consumer.position(partition);
        return true;
    }

    /** Waits until the position has moved on: to records, over offsets that have none, or over lost ones. */
    private void poll() {
        usable = false; // unless all goes well
        long begun = System.nanoTime();
        long before = position;
        while (position == before && !polled.hasNext()) {
            context.killTaskIfInterrupted();
            boolean late = System.nanoTime() - begun > patience.toNanos();
            boolean answered = !late && fetch();
            if (position == before && !polled.hasNext()) {
                check.verify();
            }
            if (!answered) {
                passLost();
            }
            if (late && position == before) {
                throw new IllegalStateException("Kafka did not deliver offset " + position + " of " + partition
                    + " within " + patience.toMillis() + " ms; is its leader up? The wait is that of the source's "
                    + "option kafkaConsumer.pollTimeoutMs, or else spark.network.timeout");
            }
        }
        usable = true;
    }

    /** Takes what has come; false when Kafka does not have the position. */
    private boolean fetch() {
        try {
            polled = consumer.poll(POLL).records(partition).iterator();
            position = polled.hasNext() ? position : consumer.position(partition);
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
        if (failOnDataLoss) {
            throw new IllegalStateException("offset " + position + " of " + partition + " is no longer in Kafka; it "
                + "was deleted by the topic's retention or with the topic. To go on without it, set failOnDataLoss to "
                + "false");
        }
        LOGGER.warn("offsets {} to {} of {} are no longer in Kafka and were passed over", position, next - 1,
            partition);
        losses.add(next - position);
        position = next;
        consumer.seek(partition, next);
    }

    /**
     * The first offset from the position on that Kafka has, or the end of the range when it has none of them: all are
     * deleted, or the topic was made anew and has not come so far. The position itself while Kafka does not answer.
     */
    private long nextAvailable() {
        try {
            long oldest = consumer.beginningOffsets(List.of(partition), POLL).get(partition);
            long latest = consumer.endOffsets(List.of(partition), POLL).get(partition);
            return position >= latest || oldest >= end ? end : Math.max(oldest, position);
        } catch (TimeoutException e) {
            return position;
        }
    }

    @Override
    public long bytes() {
        return row.payloadBytes();
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
