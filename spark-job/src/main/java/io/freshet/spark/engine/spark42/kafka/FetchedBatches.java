package io.freshet.spark.engine.spark42.kafka;

import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import org.apache.kafka.common.message.FetchResponseData.AbortedTransaction;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.RecordBatch;

/**
 * The record batches of one answer of a broker, without those that no reader is given: control batches, and, for who
 * reads what is committed, those of aborted transactions.
 *
 * <p>The rules are those of Kafka's consumer ({@code CompletedFetch}): the answer names the transactions that were
 * aborted, each with its producer and its first offset; from there on the producer's transactional batches are left
 * out, until its marker says that the transaction has ended.
 */
final class FetchedBatches {
    private final Iterator<? extends RecordBatch> batches;
    private final PriorityQueue<AbortedTransaction> aborted =
        new PriorityQueue<>(Comparator.comparingLong(AbortedTransaction::firstOffset));
    private final Set<Long> abortedProducers = new HashSet<>();
    private final boolean committedOnly;
    private RecordBatch next;
    private long nextOffset;

    /**
     * @param offset from which on it was asked for batches
     * @param aborted transactions in it that were aborted; null for none
     * @param committedOnly whether what they have written is left out
     */
    FetchedBatches(
        long offset, Iterable<? extends RecordBatch> batches, List<AbortedTransaction> aborted, boolean committedOnly) {
        nextOffset = offset;
        this.batches = batches.iterator();
        this.committedOnly = committedOnly;
        if (aborted != null) {
            this.aborted.addAll(aborted);
        }
    }

    /** The batch that comes next; null when there is none left. */
    RecordBatch peek() {
        while (next == null && batches.hasNext()) {
            RecordBatch batch = batches.next();
            if (isGiven(batch)) {
                next = batch;
            } else {
                nextOffset = batch.nextOffset();
            }
        }
        return next;
    }

    /** Goes on behind the batch that comes next. */
    void take() {
        nextOffset = peek().nextOffset();
        next = null;
    }

    /** Behind all batches that were taken or left out. */
    long nextOffset() {
        return nextOffset;
    }

    private boolean isGiven(RecordBatch batch) {
        if (committedOnly && batch.hasProducerId()) {
            while (!aborted.isEmpty() && aborted.peek().firstOffset() <= batch.lastOffset()) {
                abortedProducers.add(aborted.poll().producerId());
            }
            if (endsAborted(batch)) {
                abortedProducers.remove(batch.producerId());
            } else if (batch.isTransactional() && abortedProducers.contains(batch.producerId())) {
                return false;
            }
        }
        return !batch.isControlBatch();
    }

    private static boolean endsAborted(RecordBatch batch) {
        if (!batch.isControlBatch()) {
            return false;
        }
        var records = batch.iterator();
        return records.hasNext() && ControlRecordType.parse(records.next().key()) == ControlRecordType.ABORT;
    }
}
