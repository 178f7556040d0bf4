package io.freshet.spark.nativelib;

import java.nio.charset.StandardCharsets;

/**
 * What the native library knows of a set of readings, as {@code freshet_stats} adds it up. A state is bytes that only
 * the library reads; an empty one has no readings.
 */
public final class NativeWindowStats {
    private NativeWindowStats() {}

    /**
     * The columns of a result, as Spark's {@code StructType} in JSON.
     *
     * @param withTimes with those that take the times of the readings
     */
    public static String columnsJson(boolean withTimes) {
        NativeLibrary.load();
        return new String(columns(withTimes), StandardCharsets.UTF_8);
    }

    /**
     * Adds readings. Those that no window counts are left out.
     *
     * @param times epoch microseconds; empty when they are not known
     * @param length how many readings there are in the arrays
     * @return the state from now on
     * @throws NativeException when the state is of a layout that this library does not read, or damaged
     */
    public static byte[] addAll(byte[] state, double[] values, long[] times, int length) {
        NativeLibrary.load();
        return add(state, values, times, length);
    }

    /**
     * Adds all readings of another state.
     *
     * @return the state from now on
     * @throws NativeException when a state is of a layout that this library does not read, or damaged
     */
    public static byte[] mergeBoth(byte[] state, byte[] other) {
        NativeLibrary.load();
        return merge(state, other);
    }

    /**
     * The statistics of a state with some readings more, as a row of {@link #columnsJson}.
     *
     * @see #addAll
     */
    public static byte[] statistics(byte[] state, double[] values, long[] times, int length, boolean withTimes) {
        NativeLibrary.load();
        return result(state, values, times, length, withTimes);
    }

    private static native byte[] columns(boolean withTimes);

    private static native byte[] add(byte[] state, double[] values, long[] times, int length);

    private static native byte[] merge(byte[] state, byte[] other);

    private static native byte[] result(byte[] state, double[] values, long[] times, int length, boolean withTimes);
}
