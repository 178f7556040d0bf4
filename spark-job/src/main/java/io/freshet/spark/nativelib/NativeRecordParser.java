package io.freshet.spark.nativelib;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Parses records one at a time, for expressions of SQL. Key, value and result travel in direct buffers that are reused,
 * so that a call allocates nothing on either side. A result is packed, see {@code native_record_parser.rs}: columns of
 * Arrow are for many rows, and would cost dozens of allocations for each record.
 *
 * <p>For one thread at a time. Close it; what is forgotten is freed by the garbage collector.
 *
 * <p>Use: {@link #begin}, {@link #value}, {@link #parse}; then of an accepted record {@link #readings} times the four
 * methods that read one reading, in their order; of a rejected one {@link #readText} for the reason and for the detail.
 */
public final class NativeRecordParser implements AutoCloseable {
    /** What {@link #parse} returns for a rejected record. */
    public static final int REJECTED = -1;

    private static final Cleaner CLEANER = Cleaner.create();
    private static final int FIRST_CAPACITY = 4096;

    /** One byte more than the library reads of a record: what is longer is rejected whatever follows. */
    private final int mostBytes = NativeContract.get().records().maxBytes() + 1;
    private final AtomicLong handle;
    private final Cleaner.Cleanable cleanable;
    private final List<String> metrics;
    private ByteBuffer record = allocate(FIRST_CAPACITY);
    private ByteBuffer result = allocate(FIRST_CAPACITY);

    /** @param streamJson as {@link #readSpecification} gave it */
    public NativeRecordParser(String streamJson) {
        NativeLibrary.load();
        handle = new AtomicLong(open(streamJson.getBytes(StandardCharsets.UTF_8)));
        cleanable = CLEANER.register(this, new Closing(handle));
        metrics = List.of(new String(metrics(handle.get()), StandardCharsets.UTF_8).split("\\|"));
    }

    /** The names of the metrics that its readings may have. */
    public List<String> metrics() {
        return metrics;
    }

    /**
     * Validates the text of a {@code [[stream]]} table: TOML lines, or the inside of a TOML inline table.
     *
     * @param windows whether it has to say over which windows; if not, it may
     * @return the stream, with defaults filled in, as JSON
     * @throws ConfigurationException when something in it is wrong: line, key, and what would be right
     */
    public static String readSpecification(String text, boolean windows) {
        NativeLibrary.load();
        return new String(readSpecification(text.getBytes(StandardCharsets.UTF_8), windows), StandardCharsets.UTF_8);
    }

    /**
     * Begins a record with what stands beside its value; each is null for none.
     *
     * @param topic in UTF-8
     * @param headers as {@link EncodedHeaders} writes them
     */
    public void begin(byte[] key, byte[] topic, byte[] headers) {
        record.clear().position(3 * Integer.BYTES);
        int keyLength = put(key, mostBytes);
        int topicLength = put(topic, mostBytes);
        int headersLength = put(headers, Integer.MAX_VALUE);
        record.putInt(0, keyLength).putInt(Integer.BYTES, topicLength).putInt(2 * Integer.BYTES, headersLength);
    }

    /** Adds something to the record, and says how many bytes of it; -1 for null. */
    private int put(byte[] bytes, int most) {
        if (bytes == null) {
            return -1;
        }
        int length = Math.min(bytes.length, most);
        reserve(length).put(bytes, 0, length);
        return length;
    }

    /** Adds the value. */
    public void value(byte[] value) {
        int length = Math.min(value.length, mostBytes);
        reserve(length).put(value, 0, length);
    }

    /** Adds the value: what remains of these bytes, whose position is left at their end. */
    public void value(ByteBuffer bytes) {
        bytes.limit(bytes.position() + Math.min(bytes.remaining(), mostBytes));
        reserve(bytes.remaining()).put(bytes);
    }

    /**
     * Parses the record.
     *
     * @param timed whether the record has a timestamp
     * @param timestampMicros the timestamp, epoch microseconds; without one, no event is too far in the future
     * @return the number of readings, or {@link #REJECTED}
     */
    public int parse(boolean timed, long timestampMicros) {
        int length = parse(handle.get(), record, record.position(), timed, timestampMicros, result);
        if (length > result.capacity()) {
            result = allocate(length);
            takeResult(handle.get(), result);
        }
        Reference.reachabilityFence(this); // until here the parser must not be collected, and closed
        return result.clear().getInt();
    }

    /** First of a reading: its metric, as index in {@link #metrics}. */
    public int readMetric() {
        return result.getInt();
    }

    /** Second of a reading: event time, epoch microseconds. */
    public long readTime() {
        return result.getLong();
    }

    /** Third of a reading: the value. */
    public double readValue() {
        return result.getDouble();
    }

    /** Last of a reading: the series; of a rejected record: first the reason, then the detail; UTF-8. */
    public byte[] readText() {
        byte[] bytes = new byte[result.getInt()];
        result.get(bytes);
        return bytes;
    }

    @Override
    public void close() {
        cleanable.clean();
    }

    /** Room for so many more bytes. */
    private ByteBuffer reserve(int bytes) {
        if (bytes > record.remaining()) {
            ByteBuffer longer = allocate(Math.addExact(record.position(), bytes));
            record = longer.put(record.flip());
        }
        return record;
    }

    private static ByteBuffer allocate(int capacity) {
        return ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Must not know the parser, which could never be collected then. */
    private record Closing(AtomicLong handle) implements Runnable {
        @Override
        public void run() {
            long closing = handle.getAndSet(0);
            if (closing != 0) {
                NativeRecordParser.close(closing);
            }
        }
    }

    private static native byte[] readSpecification(byte[] text, boolean windows);

    private static native long open(byte[] stream);

    private static native byte[] metrics(long handle);

    private static native int parse(
        long handle,
        ByteBuffer record,
        int length,
        boolean timed,
        long timestamp,
        ByteBuffer result);

    private static native void takeResult(long handle, ByteBuffer result);

    private static native void close(long handle);
}
