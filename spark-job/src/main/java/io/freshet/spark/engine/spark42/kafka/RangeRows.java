package io.freshet.spark.engine.spark42.kafka;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Supplier;
import org.apache.spark.sql.catalyst.InternalRow;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rows of one range of offsets: read directly; from where that finds that it cannot be linked, by Spark's own
 * reader. It begins the range again, and what was handed on before is passed over: no row is missing, and none comes
 * twice.
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

    /** Is told of what was read, now and then and at the end. */
    interface Counts {
        /** So many rows more were handed on. */
        void rows(long more);

        /**
         * So many records and bytes more were read directly; fewer, when Spark's reader begins again: it counts what it
         * reads itself.
         */
        void input(long moreRecords, long moreBytes);
    }

    /** After so many rows: what Spark shows of a running task need not be newer. */
    private static final int COUNTED_AT_ONCE = 4_096;

    private final Linkage linkage;
    private final Supplier<Iterator<InternalRow>> openSpark;
    private final Counts counts;
    /** Null once Spark's own reader has taken over. */
    private Reader direct;
    private Iterator<InternalRow> ofSpark;
    /** Of Spark's reader: the row that comes next, if it was asked for. */
    private InternalRow ahead;
    /** All rows below this offset were handed on. */
    private long nextOffset = Long.MIN_VALUE;
    /** Rows that were handed on and are not counted yet. */
    private int uncounted;
    private long inputRecords;
    private long inputBytes;

    /**
     * @param openDirect opens the direct reader
     * @param openSpark opens Spark's own reader of the same range
     * @param counts is told of what was read
     */
    RangeRows(
        Linkage linkage, Supplier<Reader> openDirect, Supplier<Iterator<InternalRow>> openSpark, Counts counts) {
        this.linkage = linkage;
        this.openSpark = openSpark;
        this.counts = counts;
        if (!linkage.isWhole()) {
            ofSpark = openSpark.get();
            return;
        }
        try {
            direct = openDirect.get();
        } catch (RuntimeException | LinkageError e) {
            takeOver(e);
        }
    }

    @Override
    public boolean hasNext() {
        if (direct != null) {
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
            long bytes = direct.bytes();
            counts.input(uncounted, bytes - inputBytes);
            inputRecords += uncounted;
            inputBytes = bytes;
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
        nextOffset = row.getLong(KafkaRow.OFFSET) + 1;
        if (++uncounted == COUNTED_AT_ONCE) {
            count();
        }
        return row;
    }

    private void takeOver(Throwable failure) {
        linkage.breakOrThrow(failure);
        if (inputRecords > 0) {
            counts.input(-inputRecords, -inputBytes);
        }
        closeDirect();
        ofSpark = openSpark.get();
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
