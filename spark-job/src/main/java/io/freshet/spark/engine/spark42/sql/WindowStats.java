package io.freshet.spark.engine.spark42.sql;

import com.datadoghq.sketch.ddsketch.DDSketch;
import com.datadoghq.sketch.ddsketch.encoding.ByteArrayInput;
import com.datadoghq.sketch.ddsketch.encoding.GrowingByteArrayOutput;
import com.datadoghq.sketch.ddsketch.mapping.LogarithmicMapping;
import com.datadoghq.sketch.ddsketch.store.CollapsingLowestDenseStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What is known of a set of numbers, by the rules of {@code freshet-core}'s window statistics, so that
 * {@code freshet_stats} over history gives what the windows gave.
 *
 * <p>On its way through Spark: a version byte, count, sum, mean, sum of squared distances from the mean, minimum, maximum,
 * all little-endian, then the numbers themselves while they are few, or else a DDSketch in Datadog's encoding.
 */
public final class WindowStats {
    private static final byte VERSION = 2;
    private static final int HEADER_BYTES = 49;
    /** As {@code freshet-core} configures its sketches: only equal ones merge. */
    private static final double SKETCH_RELATIVE_ERROR = 0.01;
    private static final int SKETCH_MAX_BUCKETS = 8192;
    private static final double SKETCH_LEAST_VALUE = 1e-300;
    /** So many numbers are kept as they are; their percentiles are exact. */
    private static final int FEW = 32;

    private long count;
    private double sum;
    private double mean;
    private double squaredDistances;
    private double min;
    private double max;
    /** All numbers, while they are few. */
    private final double[] few;
    /** Of all numbers, when they are not few; null before. */
    private DDSketch sketch;

    private WindowStats(ByteBuffer bytes, byte[] encoded) throws IOException {
        count = bytes.getLong();
        sum = bytes.getDouble();
        mean = bytes.getDouble();
        squaredDistances = bytes.getDouble();
        min = bytes.getDouble();
        max = bytes.getDouble();
        few = new double[FEW];
        if (count > FEW) {
            sketch = DDSketch.decode(sketch(encoded), () -> new CollapsingLowestDenseStore(SKETCH_MAX_BUCKETS));
        } else {
            bytes.limit(HEADER_BYTES + (int) count * Double.BYTES).asDoubleBuffer().get(few, 0, (int) count);
        }
    }

    /** Those of no numbers. */
    public static WindowStats empty() {
        return new WindowStats();
    }

    private WindowStats() {
        min = Double.POSITIVE_INFINITY;
        max = Double.NEGATIVE_INFINITY;
        few = new double[FEW];
    }

    /**
     * Reads the encoding.
     *
     * @throws IllegalArgumentException when the bytes are not of this version
     */
    public static WindowStats decode(byte[] encoded) {
        try {
            return new WindowStats(header(encoded), encoded);
        } catch (IOException e) {
            throw new UncheckedIOException("the sketch of freshet_stats cannot be read", e);
        }
    }

    private static ByteBuffer header(byte[] encoded) {
        if (encoded.length < HEADER_BYTES || encoded[0] != VERSION) {
            throw new IllegalArgumentException("the state of freshet_stats was not written by this version of "
                + "Freshet; start from a new checkpoint location");
        }
        return ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN).position(1);
    }

    private static ByteArrayInput sketch(byte[] encoded) {
        return ByteArrayInput.wrap(encoded, HEADER_BYTES, encoded.length - HEADER_BYTES);
    }

    /** Adds one finite value. */
    public void add(double value) {
        addToPercentiles(value);
        count++;
        sum += value;
        double distance = value - mean;
        mean += distance / count;
        squaredDistances += distance * (value - mean);
        min = Math.min(min, value);
        max = Math.max(max, value);
    }

    private void addToPercentiles(double value) {
        if (count < FEW) {
            few[(int) count] = value;
        } else {
            makeSketch().accept(value);
        }
    }

    private DDSketch makeSketch() {
        if (sketch == null) {
            sketch = new DDSketch(new LogarithmicMapping(SKETCH_RELATIVE_ERROR),
                () -> new CollapsingLowestDenseStore(SKETCH_MAX_BUCKETS),
                () -> new CollapsingLowestDenseStore(SKETCH_MAX_BUCKETS), SKETCH_LEAST_VALUE);
            Arrays.stream(few, 0, (int) count).forEach(sketch);
        }
        return sketch;
    }

    /** Adds all numbers of another set. */
    public void merge(WindowStats other) {
        if (other.count == 0) {
            return;
        }
        mergePercentiles(other);
        double ours = count;
        double theirs = other.count;
        double distance = other.mean - mean;
        count += other.count;
        sum += other.sum;
        mean += distance * (theirs / (ours + theirs));
        squaredDistances += other.squaredDistances + distance * distance * (ours * theirs / (ours + theirs));
        min = Math.min(min, other.min);
        max = Math.max(max, other.max);
    }

    private void mergePercentiles(WindowStats other) {
        if (count + other.count <= FEW) {
            System.arraycopy(other.few, 0, few, (int) count, (int) other.count);
        } else if (other.sketch == null) {
            Arrays.stream(other.few, 0, (int) other.count).forEach(makeSketch());
        } else {
            makeSketch().mergeWith(other.sketch);
        }
    }

    /** Writes the encoding. */
    public byte[] encode() {
        GrowingByteArrayOutput sketchBytes = GrowingByteArrayOutput.withDefaultInitialCapacity();
        if (sketch != null) {
            try {
                sketch.encode(sketchBytes, false);
            } catch (IOException e) {
                throw new UncheckedIOException("the sketch of freshet_stats cannot be written", e);
            }
        }
        int fewCount = sketch == null ? (int) count : 0;
        int sketchLength = sketchBytes.numWrittenBytes();
        ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + fewCount * Double.BYTES + sketchLength)
            .order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(VERSION).putLong(count);
        bytes.putDouble(sum).putDouble(mean).putDouble(squaredDistances).putDouble(min).putDouble(max);
        Arrays.stream(few, 0, fewCount).forEach(bytes::putDouble);
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

    /**
     * The percentile of a share between 0 and 1: of {@code n} numbers the one of rank {@code ceil(share * n)}, from 1, as
     * Spark's {@code percentile_disc}. That very number while there are at most 32; over that, a value within 1 % of it.
     */
    public double percentile(double share) {
        long rank = Math.min(Math.max((long) Math.ceil(share * count), 1), count) - 1;
        if (sketch == null) {
            double[] sorted = Arrays.copyOf(few, (int) count);
            Arrays.sort(sorted);
            return sorted[(int) rank];
        }
        // The extremes are known exactly. The sketch counts ranks from 0 and rounds down: the middle of a rank is safe.
        if (rank == 0 || rank == count - 1) {
            return rank == 0 ? min : max;
        }
        return Math.max(min, Math.min(max, sketch.getValueAtQuantile((rank + 0.5) / (count - 1))));
    }
}
