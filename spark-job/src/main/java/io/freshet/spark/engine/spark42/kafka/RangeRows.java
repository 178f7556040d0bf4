package io.freshet.spark.engine.spark42.kafka;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.apache.spark.sql.catalyst.InternalRow;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rows of one range of offsets: read by the fastest reader that fits; from where that finds that it cannot be
 * linked, by the next one, and by Spark's own in the end. That one begins the range again, and what was handed on
 * before is passed over: no row is missing, and none comes twice.
 */
final class RangeRows implements Iterator<InternalRow>, AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(RangeRows.class);

    /**
     * A reader that is closed.
     *
     * <p>Its {@code hasNext} does all of the reading.
     */
    interface Reader extends Iterator<InternalRow>, AutoCloseable {
        /** Bytes of the keys and values of the rows so far. */
        long bytes();

        @Override
        void close();
    }

    /**
     * A reader of ours.
     *
     * @param open opens it, to read the range from an offset on, or as a whole if that begins behind the offset
     */
    record Way(Linkage linkage, LongFunction<Reader> open) {}

    /** Is told of what was read, now and then and at the end. */
    interface Counts {
        /** So many records more were handed on. */
        void rows(long more);

        /**
         * So many records and bytes more were read directly; fewer, when Spark's reader begins again: it counts what it
         * reads itself.
         */
        void input(long moreRecords, long moreBytes);
    }

    /** After so many records: what Spark shows of a running task need not be newer. */
    private static final int COUNTED_AT_ONCE = 4_096;

    /** The ways that are not tried yet. */
    private final Deque<Way> ways;
    private final Supplier<Iterator<InternalRow>> openSpark;
    private final Counts counts;
    /** That of the reader. */
    private Linkage linkage;
    /** Null once Spark's own reader has taken over. */
    private Reader direct;
    private Iterator<InternalRow> ofSpark;
    /** Of Spark's reader: the row that comes next, if it was asked for. */
    private InternalRow ahead;
    /** All rows below this offset were handed on. */
    private long nextOffset = Long.MIN_VALUE;
    /** Records that were handed on and are not counted yet. */
    private int uncounted;
    private long inputRecords;
    private long inputBytes;
    /** What of them the reader has read. */
    private long readerBytes;

    /**
     * @param ways the readers, the fastest one first
     * @param openSpark opens Spark's own reader of the same range
     * @param counts is told of what was read
     */
    RangeRows(List<Way> ways, Supplier<Iterator<InternalRow>> openSpark, Counts counts) {
        this.ways = new ArrayDeque<>(ways);
        this.openSpark = openSpark;
        this.counts = counts;
        open();
    }

    /** Opens the fastest reader that fits, of those that are not tried yet. */
    private void open() {
        while (direct == null && !ways.isEmpty()) {
            Way way = ways.remove();
            linkage = way.linkage();
            readerBytes = 0;
            try {
                direct = linkage.isWhole() ? way.open().apply(nextOffset) : null;
            } catch (RuntimeException | LinkageError e) {
                linkage.breakOrThrow(e);
            }
        }
        if (direct == null) {
            // It reads all of the range, and counts that itself.
            if (inputRecords > 0) {
                counts.input(-inputRecords, -inputBytes);
            }
            ofSpark = openSpark.get();
        }
    }

    @Override
    public boolean hasNext() {
        while (direct != null) {
            try {
                return direct.hasNext() || ended();
            } catch (RuntimeException | LinkageError e) {
                takeOver(e);
            }
        }
        while (ahead == null && ofSpark.hasNext()) {
            InternalRow row = ofSpark.next();
            ahead = row.getLong(KafkaRow.OFFSET) < nextOffset ? null : row;
        }
        return ahead != null || ended();
    }

    /** Counts what was read since it was counted last. */
    private boolean ended() {
        count();
        return false;
    }

    private void count() {
        counts.rows(uncounted);
        if (direct != null) {
            long bytes = direct.bytes() - readerBytes;
            counts.input(uncounted, bytes);
            inputRecords += uncounted;
            inputBytes += bytes;
            readerBytes += bytes;
        }
        uncounted = 0;
    }

    @Override
    public InternalRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        InternalRow row = direct != null ? direct.next() : ahead;
        ahead = null;
        if (row instanceof KafkaBatchRow batch) {
            nextOffset = batch.nextOffset();
            uncounted += batch.records();
        } else {
            nextOffset = row.getLong(KafkaRow.OFFSET) + 1;
            uncounted++;
        }
        if (uncounted >= COUNTED_AT_ONCE) {
            count();
        }
        return row;
    }

    private void takeOver(Throwable failure) {
        linkage.breakOrThrow(failure);
        count();
        closeDirect();
        open();
    }

    /** A task that ends before its range does has read what it has read. */
    @Override
    public void close() {
        count();
        closeDirect();
    }

    private void closeDirect() {
        Reader closing = direct;
        direct = null;
        if (closing == null) {
            return;
        }
        try {
            closing.close();
        } catch (LinkageError e) {
            LOGGER.debug("a consumer was not closed in order", e);
        }
    }
}
