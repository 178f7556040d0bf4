package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.arrow.c.ArrowArray;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * Parses records and sums them up per series, metric and kind of window, in native memory. For one thread at a time;
 * closing waits for a call that is running.
 *
 * <p>Results are Arrow columns. Partial aggregates: {@code series}, {@code metric}, {@code window} (utf8),
 * {@code closes} (when the last of their windows ends), {@code watermark_time} (to which the records so far move the
 * watermark; int64, epoch microseconds), {@code records} (int64), {@code panes} (binary, for
 * {@link NativeWindowState}). Rejected records: {@link RejectedColumns}.
 */
public final class NativeWindowAggregator implements AutoCloseable {
    private final BufferAllocator allocator;
    private long handle;
    /** What of it is counted in {@link NativeMemoryUse}. */
    private long countedBytes;

    /**
     * @param streamJson the stream, as {@link NativeConfiguration#load} gave it
     * @param topic the raw topic, for messages
     * @param allocator accounts for the columns that come back
     */
    public NativeWindowAggregator(String streamJson, String topic, BufferAllocator allocator) {
        NativeLibrary.load();
        this.allocator = allocator;
        this.handle = open(utf8(streamJson), utf8(topic));
    }

    /**
     * Parses and adds all packed records, and those of all packed batches.
     *
     * @return how many of them were rejected, with the bad rows of others: {@link #takeRejected} has them
     * @throws NativeException when a batch is damaged: the message names topic, partition and offset
     */
    public synchronized int add(RecordBatchBuffer records) {
        return add(handle, records.bytes(), records.length());
    }

    /**
     * What was left out because the stream says so.
     *
     * @param records that are none of the stream's: {@code where}
     * @param rows bad rows of records that are counted, each a dead letter: {@code on_bad_row}
     * @param values of each metric, in the order of the stream, that are no numbers: {@code on_bad_value}
     */
    public record LeftOut(long records, long rows, long[] values) {}

    /** What was left out since the last call. */
    public synchronized LeftOut takeLeftOut() {
        long[] counts = takeLeftOut(handle);
        return new LeftOut(counts[0], counts[1], Arrays.copyOfRange(counts, 2, counts.length));
    }

    /** How many records were added, rejected ones included. */
    public synchronized long recordsRead() {
        return recordsRead(handle);
    }

    /** How many bytes their keys and values have. */
    public synchronized long bytesRead() {
        return bytesRead(handle);
    }

    /**
     * Hands over the records that were rejected since the last call, and the bad rows of others; the columns are closed
     * afterwards.
     */
    public synchronized void takeRejected(Consumer<RejectedColumns> consumer) {
        try (ArrowArray array = ArrowArray.allocateNew(allocator);
            ArrowSchema schema = ArrowSchema.allocateNew(allocator)) {
            takeRejected(handle, array.memoryAddress(), schema.memoryAddress());
            try (VectorSchemaRoot columns = Data.importVectorSchemaRoot(allocator, array, schema, null)) {
                consumer.accept(new RejectedColumns(columns));
            }
        }
    }

    /**
     * The next partial aggregates of what was summed up, to be closed by the caller; empty when there are none left.
     * Once some were taken, the others have to be taken before more records come.
     */
    public synchronized Optional<VectorSchemaRoot> takePartials() {
        try (ArrowArray array = ArrowArray.allocateNew(allocator);
            ArrowSchema schema = ArrowSchema.allocateNew(allocator)) {
            if (!takePartials(handle, array.memoryAddress(), schema.memoryAddress())) {
                memoryBytes(); // all is handed over: what is left is counted
                return Optional.empty();
            }
            return Optional.of(Data.importVectorSchemaRoot(allocator, array, schema, null));
        }
    }

    /**
     * A series whose events were ahead of Kafka's timestamp or of this machine's clock, and did not move the watermark.
     *
     * @param micros how far
     */
    public record AheadOfClock(String series, long micros) {}

    /** The series that was furthest ahead of the clock since the last call; empty when all are in step. */
    public synchronized Optional<AheadOfClock> takeFurthestAhead() {
        ByteBuffer bytes = ByteBuffer.wrap(takeFurthestAhead(handle)).order(ByteOrder.LITTLE_ENDIAN);
        if (!bytes.hasRemaining()) {
            return Optional.empty();
        }
        long micros = bytes.getLong();
        return Optional.of(new AheadOfClock(StandardCharsets.UTF_8.decode(bytes).toString(), micros));
    }

    /**
     * Roughly the native memory that it holds, in bytes: what is summed up, and rejected records that are not taken.
     */
    public synchronized long memoryBytes() {
        long bytes = memoryBytes(handle);
        count(bytes);
        return bytes;
    }

    private void count(long bytes) {
        NativeMemoryUse.add(bytes - countedBytes);
        countedBytes = bytes;
    }

    @Override
    public synchronized void close() {
        if (handle != 0) {
            long closing = handle;
            handle = 0;
            count(0);
            close(closing);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static native long open(byte[] stream, byte[] topic);

    private static native int add(long handle, ByteBuffer records, int length);

    private static native long recordsRead(long handle);

    private static native long bytesRead(long handle);

    private static native void takeRejected(long handle, long array, long schema);

    private static native boolean takePartials(long handle, long array, long schema);

    private static native byte[] takeFurthestAhead(long handle);

    private static native long[] takeLeftOut(long handle);

    private static native long memoryBytes(long handle);

    private static native void close(long handle);
}
