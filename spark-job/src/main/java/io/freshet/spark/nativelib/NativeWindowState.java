package io.freshet.spark.nativelib;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;

/**
 * Updates the state of one metric of one series for one kind of window, and gives the windows that this changes. For
 * one thread at a time; closing waits for a call that is running.
 *
 * <p>Use: {@link #begin}, {@link #add} for every partial aggregate, {@link #update}; then, in this order,
 * {@link #readCounted}, {@link #readDeadline}, {@link #readState} and {@link #readWindows}.
 */
public final class NativeWindowState implements AutoCloseable {
    /** The watermark of a batch query: no window is ever final. */
    public static final long NO_WATERMARK = Long.MIN_VALUE / 2;
    /** What {@link #readDeadline} returns when no state is left. */
    public static final long NO_DEADLINE = Long.MIN_VALUE;

    /** All windows are given, and whole. */
    public static final String NO_LIMITS = "[]";

    /** What windows are given as. */
    public enum Form {
        /** Key and value of a Kafka message, each preceded by its length (int, little-endian). */
        MESSAGES,
        /** Rows of {@link #columnsJson}, in the layout of {@code freshet-core}'s {@code window_version/row.rs}. */
        ROWS
    }

    private static final byte[] NONE = new byte[0];

    private long handle;
    private ByteBuffer input = DirectBuffers.take();
    private ByteBuffer result = DirectBuffers.take();

    /**
     * @param streamJson the stream, as {@link NativeConfiguration#load} gave it
     * @param limitsJson a list with the limits of each kind of window, as {@code freshet-core}'s {@code WindowLimits}
     *     has them; or {@link #NO_LIMITS}
     * @param form in which windows are given
     */
    public NativeWindowState(String streamJson, String limitsJson, Form form) {
        NativeLibrary.load();
        handle = open(streamJson.getBytes(StandardCharsets.UTF_8), limitsJson.getBytes(StandardCharsets.UTF_8),
            form.ordinal());
    }

    /** The columns of windows that are given as rows, as Spark's {@code StructType} in JSON. */
    public static String columnsJson() {
        NativeLibrary.load();
        return new String(columns(), StandardCharsets.UTF_8);
    }

    /**
     * Event time of the newest reading in a state, epoch microseconds.
     *
     * @param window the kind of window that it is of
     * @return empty when it has none
     * @throws NativeException when the state is of another version, or damaged
     */
    public static OptionalLong newestEvent(String window, byte[] state) {
        NativeLibrary.load();
        long micros = newestEvent(window.getBytes(StandardCharsets.UTF_8), state);
        return micros == NO_DEADLINE ? OptionalLong.empty() : OptionalLong.of(micros);
    }

    /** How long windows of a kind, such as {@code 5m/1m}, are at most, in microseconds: not all days are equal. */
    public static long windowLength(String window) {
        NativeLibrary.load();
        return windowLength(window.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Begins with the state so far of one metric of one series.
     *
     * @param state null without one
     */
    public void begin(String series, String metric, byte[] state) {
        input.clear();
        add(series.getBytes(StandardCharsets.UTF_8));
        add(metric.getBytes(StandardCharsets.UTF_8));
        add(state == null ? NONE : state);
    }

    /** Adds panes, as the column {@code panes} of {@link NativeWindowAggregator#takePartials} has them. */
    public void add(byte[] panes) {
        int bytes = Math.addExact(Integer.BYTES, panes.length);
        if (bytes > input.remaining()) {
            long longer = Math.max(2L * input.capacity(), (long) input.position() + bytes);
            input = DirectBuffers.grow(input, (int) Math.min(longer, Integer.MAX_VALUE));
        }
        input.putInt(panes.length).put(panes);
    }

    /**
     * Updates the state by what was added.
     *
     * @param window index of the kind of window in the stream
     * @param appending whether to give the windows that this micro-batch makes final, not those that it changes
     * @param lateMicros by which watermark records are late, epoch microseconds; or {@link #NO_WATERMARK}
     * @param finalMicros by which watermark windows become final after this micro-batch; likewise
     * @throws NativeException when the state is of another version, or damaged
     */
    public synchronized void update(int window, boolean appending, long lateMicros, long finalMicros) {
        int length =
            update(handle, window, input, input.position(), appending, lateMicros, finalMicros, result);
        if (length > result.capacity()) {
            result = DirectBuffers.grow(result.clear(), length).clear();
            takeResult(handle, result);
        }
        result.clear().limit(length);
    }

    /** First of the result: how many records the micro-batch added, which were not late. */
    public long readCounted() {
        return result.getLong();
    }

    /**
     * Second: the first watermark, epoch microseconds, at which the state has to be updated even if nothing is added;
     * {@link #NO_DEADLINE} when there is no state.
     */
    public long readDeadline() {
        return result.getLong();
    }

    /** Third: the state from now on. */
    public byte[] readState() {
        return read(result.getInt());
    }

    /** Last: the windows, in their {@link Form}. */
    public byte[] readWindows() {
        return read(result.remaining());
    }

    private byte[] read(int length) {
        byte[] bytes = new byte[length];
        result.get(bytes);
        return bytes;
    }

    @Override
    public synchronized void close() {
        if (handle != 0) {
            long closing = handle;
            handle = 0;
            close(closing);
            DirectBuffers.giveBack(input);
            DirectBuffers.giveBack(result);
            // Who uses it all the same is told so by the native method.
            input = DirectBuffers.allocate(0);
            result = DirectBuffers.allocate(0);
        }
    }

    private static native long open(byte[] stream, byte[] limits, int form);

    private static native byte[] columns();

    private static native long windowLength(byte[] window);

    private static native long newestEvent(byte[] window, byte[] state);

    private static native int update(
        long handle,
        int window,
        ByteBuffer input,
        int length,
        boolean appending,
        long lateMicros,
        long finalMicros,
        ByteBuffer result);

    private static native void takeResult(long handle, ByteBuffer result);

    private static native void close(long handle);
}
