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
        @Override
        void close();
    }

    private final Linkage linkage;
    private final Supplier<Iterator<InternalRow>> openSpark;
    private final Runnable count;
    /** Null once Spark's own reader has taken over. */
    private Reader direct;
    private Iterator<InternalRow> ofSpark;
    /** Of Spark's reader: the row that comes next, if it was asked for. */
    private InternalRow ahead;
    /** All rows below this offset were handed on. */
    private long nextOffset = Long.MIN_VALUE;

    /**
     * @param openDirect opens the direct reader
     * @param openSpark opens Spark's own reader of the same range
     * @param count is run for every row
     */
    RangeRows(Linkage linkage, Supplier<Reader> openDirect, Supplier<Iterator<InternalRow>> openSpark, Runnable count) {
        this.linkage = linkage;
        this.openSpark = openSpark;
        this.count = count;
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
                return direct.hasNext();
            } catch (RuntimeException | LinkageError e) {
                takeOver(e);
            }
        }
        while (ahead == null && ofSpark.hasNext()) {
            InternalRow row = ofSpark.next();
            ahead = row.getLong(KafkaRow.OFFSET) < nextOffset ? null : row;
        }
        return ahead != null;
    }

    @Override
    public InternalRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        InternalRow row = direct != null ? direct.next() : ahead;
        ahead = null;
        nextOffset = row.getLong(KafkaRow.OFFSET) + 1;
        count.run();
        return row;
    }

    private void takeOver(Throwable failure) {
        linkage.breakOrThrow(failure);
        close();
        ofSpark = openSpark.get();
    }

    @Override
    public void close() {
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
