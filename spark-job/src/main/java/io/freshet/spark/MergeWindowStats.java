package io.freshet.spark;

import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.expressions.Aggregator;

/** Spark's aggregate function over encoded {@link WindowStats}: merges the parts of a window into one. */
public final class MergeWindowStats extends Aggregator<byte[], byte[], byte[]> {
    private static final long serialVersionUID = 1L;
    private static final byte[] NOTHING = {};

    @Override
    public byte[] zero() {
        return NOTHING;
    }

    @Override
    public byte[] reduce(byte[] merged, byte[] part) {
        return merge(merged, part);
    }

    @Override
    public byte[] merge(byte[] left, byte[] right) {
        if (left.length == 0) {
            return right;
        }
        if (right.length == 0) {
            return left;
        }
        WindowStats merged = WindowStats.decode(left);
        merged.merge(WindowStats.decode(right));
        return merged.encode();
    }

    @Override
    public byte[] finish(byte[] merged) {
        return merged;
    }

    @Override
    public Encoder<byte[]> bufferEncoder() {
        return Encoders.BINARY();
    }

    @Override
    public Encoder<byte[]> outputEncoder() {
        return Encoders.BINARY();
    }
}
