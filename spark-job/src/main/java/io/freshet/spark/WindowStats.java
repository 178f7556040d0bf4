package io.freshet.spark;

import com.datadoghq.sketch.ddsketch.DDSketch;
import com.datadoghq.sketch.ddsketch.encoding.ByteArrayInput;
import com.datadoghq.sketch.ddsketch.encoding.GrowingByteArrayOutput;
import com.datadoghq.sketch.ddsketch.mapping.LogarithmicMapping;
import com.datadoghq.sketch.ddsketch.store.CollapsingLowestDenseStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What is known of a window's readings, as it travels from the native library through Spark's state.
 *
 * <p>The layout is that of {@code freshet-core}'s {@code aggregate::encoding}: a version byte, the micro-batch that
 * added the newest readings and how many records it added, count, sum, mean, sum of squared distances from the mean, minimum,
 * maximum, newest event time (epoch microseconds), all little-endian, then a DDSketch in Datadog's encoding.
 */
public final class WindowStats {
    private static final byte VERSION = 1;
    private static final int HEADER_BYTES = 73;
    /** As {@code freshet-core} configures its sketches: only equal ones merge. */
    private static final double SKETCH_RELATIVE_ERROR = 0.01;
    private static final int SKETCH_MAX_BUCKETS = 2048;
    private static final double SKETCH_LEAST_VALUE = 1e-300;

    private long batch;
    private long recordsOfBatch;
    private long count;
    private double sum;
    private double mean;
    private double squaredDistances;
    private double min;
    private double max;
    private long lastEventMicros;
    private final DDSketch sketch;

    private WindowStats(ByteBuffer bytes, DDSketch sketch) {
        batch = bytes.getLong();
        recordsOfBatch = bytes.getLong();
        count = bytes.getLong();
        sum = bytes.getDouble();
        mean = bytes.getDouble();
        squaredDistances = bytes.getDouble();
        min = bytes.getDouble();
        max = bytes.getDouble();
        lastEventMicros = bytes.getLong();
        this.sketch = sketch;
    }

    /** Those of no readings: for values that belong to no micro-batch and have no time. */
    public static WindowStats empty() {
        return new WindowStats();
    }

    private WindowStats() {
        min = Double.POSITIVE_INFINITY;
        max = Double.NEGATIVE_INFINITY;
        lastEventMicros = Long.MIN_VALUE;
        sketch = new DDSketch(new LogarithmicMapping(SKETCH_RELATIVE_ERROR),
            () -> new CollapsingLowestDenseStore(SKETCH_MAX_BUCKETS),
            () -> new CollapsingLowestDenseStore(SKETCH_MAX_BUCKETS), SKETCH_LEAST_VALUE);
    }

    /**
     * Reads the encoding.
     *
     * @throws IllegalArgumentException when the bytes are not of this version
     */
    public static WindowStats decode(byte[] encoded) {
        try {
            return new WindowStats(header(encoded),
                DDSketch.decode(sketch(encoded), () -> new CollapsingLowestDenseStore(SKETCH_MAX_BUCKETS)));
        } catch (IOException e) {
            throw new UncheckedIOException("the window's sketch cannot be read", e);
        }
    }

    private static ByteBuffer header(byte[] encoded) {
        if (encoded.length < HEADER_BYTES || encoded[0] != VERSION) {
            throw new IllegalArgumentException("the window's state was not written by this version of Freshet; "
                + "start from a new checkpoint location");
        }
        return ByteBuffer.wrap(encoded, 1, HEADER_BYTES - 1).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ByteArrayInput sketch(byte[] encoded) {
        return ByteArrayInput.wrap(encoded, HEADER_BYTES, encoded.length - HEADER_BYTES);
    }

    /** Adds one finite value. */
    public void add(double value) {
        count++;
        sum += value;
        double distance = value - mean;
        mean += distance / count;
        squaredDistances += distance * (value - mean);
        min = Math.min(min, value);
        max = Math.max(max, value);
        sketch.accept(value);
    }

    /** Adds the readings of another part of the same window. */
    public void merge(WindowStats other) {
        if (other.count > 0) {
            mergeNumbers(other);
            sketch.mergeWith(other.sketch);
        }
    }

    /**
     * Adds the readings of an encoded part of the same window, without a sketch of its own for it.
     *
     * @throws IllegalArgumentException when the bytes are not of this version
     */
    public void mergeEncoded(byte[] encoded) {
        WindowStats other = new WindowStats(header(encoded), null);
        if (other.count == 0) {
            return;
        }
        mergeNumbers(other);
        try {
            sketch.decodeAndMergeWith(sketch(encoded));
        } catch (IOException e) {
            throw new UncheckedIOException("the window's sketch cannot be read", e);
        }
    }

    private void mergeNumbers(WindowStats other) {
        // The newest batch's own share tells how many records it added: late ones never get here.
        if (other.batch > batch) {
            batch = other.batch;
            recordsOfBatch = other.recordsOfBatch;
        } else if (other.batch == batch) {
            recordsOfBatch += other.recordsOfBatch;
        }
        double ours = count;
        double theirs = other.count;
        double distance = other.mean - mean;
        count += other.count;
        sum += other.sum;
        mean += distance * (theirs / (ours + theirs));
        squaredDistances += other.squaredDistances + distance * distance * (ours * theirs / (ours + theirs));
        min = Math.min(min, other.min);
        max = Math.max(max, other.max);
        lastEventMicros = Math.max(lastEventMicros, other.lastEventMicros);
    }

    /** Writes the encoding. */
    public byte[] encode() {
        GrowingByteArrayOutput sketchBytes = GrowingByteArrayOutput.withDefaultInitialCapacity();
        try {
            sketch.encode(sketchBytes, false);
        } catch (IOException e) {
            throw new UncheckedIOException("the window's sketch cannot be written", e);
        }
        int sketchLength = sketchBytes.numWrittenBytes();
        ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + sketchLength).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(VERSION).putLong(batch).putLong(recordsOfBatch).putLong(count);
        bytes.putDouble(sum).putDouble(mean).putDouble(squaredDistances).putDouble(min).putDouble(max);
        bytes.putLong(lastEventMicros).put(sketchBytes.backingArray(), 0, sketchLength);
        return bytes.array();
    }

    /** Number of records that the newest micro-batch added; one with several metrics counts in one of them. */
    public long recordsOfNewestBatch() {
        return recordsOfBatch;
    }

    /** Number of readings. */
    public long count() {
        return count;
    }

    /** Sum of the readings. */
    public double sum() {
        return sum;
    }

    /** Mean of the readings. */
    public double average() {
        return sum / count;
    }

    /** The least reading. */
    public double min() {
        return min;
    }

    /** The greatest reading. */
    public double max() {
        return max;
    }

    /** Population standard deviation. */
    public double standardDeviation() {
        return Math.sqrt(Math.max(0, squaredDistances) / count);
    }

    /** Newest event time, epoch microseconds. */
    public long lastEventMicros() {
        return lastEventMicros;
    }

    /** A value within 1 % of the reading of that rank, and never outside the readings. */
    public double quantile(double rank) {
        return Math.max(min, Math.min(max, sketch.getValueAtQuantile(rank)));
    }
}
