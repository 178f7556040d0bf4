package io.freshet.spark.windows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;

/**
 * One version of a window. Times are epoch microseconds; percentiles are those of {@code freshet-core}'s window statistics.
 *
 * @param count of readings; it grows with every version of a window, which is what makes it the revision
 * @param standardDeviation of the population
 * @param partial whether some of its readings may be missing, since its kind was not in the stream's list when they came
 */
record WindowNumbers(
    long startMicros,
    long endMicros,
    long count,
    double sum,
    double average,
    double min,
    double max,
    double standardDeviation,
    double p50,
    double p95,
    double p99,
    long lastEventMicros,
    boolean partial) {

    /**
     * Reads the windows that the native library has packed, one after the other: {@code native_window_state.rs}.
     *
     * @return what the function makes of each
     */
    static <T> Iterator<T> readAll(byte[] packed, Function<WindowNumbers, T> function) {
        ByteBuffer bytes = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return bytes.hasRemaining();
            }

            @Override
            public T next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return function.apply(read(bytes));
            }
        };
    }

    private static WindowNumbers read(ByteBuffer bytes) {
        return new WindowNumbers(bytes.getLong(), bytes.getLong(), bytes.getLong(), bytes.getDouble(),
            bytes.getDouble(), bytes.getDouble(), bytes.getDouble(), bytes.getDouble(), bytes.getDouble(),
            bytes.getDouble(), bytes.getDouble(), bytes.getLong(), bytes.get() != 0);
    }
}
