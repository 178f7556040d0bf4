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
 * What is known of a set of numbers, by the rules of {@code freshet-core}'s window statistics, so that
 * {@code freshet_stats} over history gives what the windows gave.
 *
 * <p>On its way through Spark: a version byte, count, sum, mean, sum of squared distances from the mean, minimum, maximum,
 * all little-endian, then a DDSketch in Datadog's encoding.
 */
public final class WindowStats {
    private static final byte VERSION = 1;
    private static final int HEADER_BYTES = 49;
    /** As {@code freshet-core} configures its sketches: only equal ones merge. */
    private static final double SKETCH_RELATIVE_ERROR = 0.01;
    private static final int SKETCH_MAX_BUCKETS = 8192;
    private static final double SKETCH_LEAST_VALUE = 1e-300;

    private long count;
    private double sum;
    private double mean;
    private double squaredDistances;
    private double min;
    private double max;
    private final DDSketch sketch;

    private WindowStats(ByteBuffer bytes, DDSketch sketch) {
        count = bytes.getLong();
        sum = bytes.getDouble();
        mean = bytes.getDouble();
        squaredDistances = bytes.getDouble();
        min = bytes.getDouble();
        max = bytes.getDouble();
        this.sketch = sketch;
    }

    /** Those of no numbers. */
    public static WindowStats empty() {
        return new WindowStats();
    }

    private WindowStats() {
        min = Double.POSITIVE_INFINITY;
        max = Double.NEGATIVE_INFINITY;
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
            throw new UncheckedIOException("the sketch of freshet_stats cannot be read", e);
        }
    }

    private static ByteBuffer header(byte[] encoded) {
        if (encoded.length < HEADER_BYTES || encoded[0] != VERSION) {
            throw new IllegalArgumentException("the state of freshet_stats was not written by this version of "
                + "Freshet; start from a new checkpoint location");
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

    /** Adds all numbers of another set. */
    public void merge(WindowStats other) {
        if (other.count == 0) {
            return;
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
        sketch.mergeWith(other.sketch);
    }

    /** Writes the encoding. */
    public byte[] encode() {
        GrowingByteArrayOutput sketchBytes = GrowingByteArrayOutput.withDefaultInitialCapacity();
        try {
            sketch.encode(sketchBytes, false);
        } catch (IOException e) {
            throw new UncheckedIOException("the sketch of freshet_stats cannot be written", e);
        }
        int sketchLength = sketchBytes.numWrittenBytes();
        ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + sketchLength).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(VERSION).putLong(count);
        bytes.putDouble(sum).putDouble(mean).putDouble(squaredDistances).putDouble(min).putDouble(max);
        bytes.put(sketchBytes.backingArray(), 0, sketchLength);
        return bytes.array();
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

    /** A value within 1 % of the reading of that rank, and never outside the readings. */
    public double quantile(double rank) {
        return Math.max(min, Math.min(max, sketch.getValueAtQuantile(rank)));
    }
}
