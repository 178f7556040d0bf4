package io.freshet.spark.engine.spark42.sql;

import io.freshet.spark.nativelib.NativeWindowStats;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The readings of one group. Some are kept as they came, so that the native library is called once for many of them; of
 * a group that has no more than that, once at the end.
 *
 * <p>Through Spark, to other tasks and into a stream's state, go few of them: a version byte, whether there are times
 * (a byte), how many readings are kept (int), their values, their times if there are any, and the library's state, all
 * little-endian.
 */
final class StatsBuffer {
    private static final byte VERSION = 3;
    private static final int HEADER_BYTES = 6;
    private static final byte[] NONE = {};
    private static final long[] NO_TIMES = {};
    private static final int FIRST_KEPT = 8;
    private static final int MOST_KEPT = 1024;
    /** The library keeps more readings than these in fewer bytes. */
    private static final int MOST_SENT = 32;

    private final boolean withTimes;
    /** Of the readings that are not kept any more. */
    private byte[] state = NONE;
    private double[] values = new double[FIRST_KEPT];
    private long[] times;
    private int kept;

    /** @param withTimes whether the times of the readings are known */
    StatsBuffer(boolean withTimes) {
        this.withTimes = withTimes;
        times = withTimes ? new long[FIRST_KEPT] : NO_TIMES;
    }

    /** Adds a reading; the time, epoch microseconds, counts only if times are known. */
    void add(double value, long time) {
        if (kept == values.length) {
            makeRoom();
        }
        values[kept] = value;
        if (withTimes) {
            times[kept] = time;
        }
        kept++;
    }

    private void makeRoom() {
        if (kept < MOST_KEPT) {
            int room = Math.min(4 * kept, MOST_KEPT);
            values = Arrays.copyOf(values, room);
            times = withTimes ? Arrays.copyOf(times, room) : times;
            return;
        }
        addKept();
    }

    private void addKept() {
        state = NativeWindowStats.addAll(state, values, times, kept);
        kept = 0;
    }

    /** Adds all readings of another buffer. */
    void merge(StatsBuffer other) {
        for (int index = 0; index < other.kept; index++) {
            add(other.values[index], withTimes ? other.times[index] : 0);
        }
        if (other.state.length > 0) {
            state = state.length == 0 ? other.state : NativeWindowStats.mergeBoth(state, other.state);
        }
    }

    /** The statistics, as a packed row. */
    byte[] statistics() {
        return NativeWindowStats.statistics(state, values, times, kept, withTimes);
    }

    /** Writes the encoding; the readings that are kept go into the library's state unless they are few. */
    byte[] encode() {
        if (kept > MOST_SENT) {
            addKept();
        }
        int columns = withTimes ? 2 : 1;
        ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + kept * Long.BYTES * columns + state.length)
            .order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(VERSION).put((byte) (withTimes ? 1 : 0)).putInt(kept);
        for (int index = 0; index < kept; index++) {
            bytes.putDouble(values[index]);
        }
        for (int index = 0; withTimes && index < kept; index++) {
            bytes.putLong(times[index]);
        }
        return bytes.put(state).array();
    }

    /**
     * Reads the encoding.
     *
     * @throws IllegalArgumentException when the bytes are of another version
     */
    static StatsBuffer decode(byte[] encoded) {
        if (encoded.length < HEADER_BYTES || encoded[0] != VERSION) {
            throw new IllegalArgumentException("the state of freshet_stats was written by another version of Freshet; "
                + "run that version, or start from a new checkpoint location");
        }
        ByteBuffer bytes = ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN).position(1);
        StatsBuffer buffer = new StatsBuffer(bytes.get() != 0);
        int kept = bytes.getInt();
        int room = Math.max(FIRST_KEPT, kept);
        buffer.kept = kept;
        buffer.values = new double[room];
        for (int index = 0; index < kept; index++) {
            buffer.values[index] = bytes.getDouble();
        }
        if (buffer.withTimes) {
            buffer.times = new long[room];
            for (int index = 0; index < kept; index++) {
                buffer.times[index] = bytes.getLong();
            }
        }
        buffer.state = new byte[bytes.remaining()];
        bytes.get(buffer.state);
        return buffer;
    }
}
