package io.freshet.spark;

import io.freshet.spark.plan.UnaryAggregate;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.classic.ExpressionUtils;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/**
 * The aggregate function over encoded {@link WindowStats} that merges the parts of a window into one. A window of one part,
 * which most are on their way to the state, is passed on as it came.
 */
public final class MergeWindowStats extends UnaryAggregate<MergeWindowStats.Parts> {
    private static final long serialVersionUID = 1L;

    /** Only for Spark's rules: use {@link #of}. */
    public MergeWindowStats(Expression child, int mutableAggBufferOffset, int inputAggBufferOffset) {
        super(child, mutableAggBufferOffset, inputAggBufferOffset);
    }

    /** The merge of a binary column. */
    static Column of(Column encoded) {
        return ExpressionUtils.column(
            new MergeWindowStats(ExpressionUtils.expression(encoded), 0, 0).toAggregateExpression());
    }

    /** The parts so far: none, one as it came, or the merge of several. */
    public static final class Parts {
        private byte[] only;
        private WindowStats merged;

        private void add(byte[] encoded) {
            if (only == null && merged == null) {
                only = encoded;
                return;
            }
            if (merged == null) {
                merged = WindowStats.decode(only);
                only = null;
            }
            merged.mergeEncoded(encoded);
        }

        private byte[] encode() {
            return merged == null ? only : merged.encode();
        }
    }

    @Override
    protected MergeWindowStats copy(Expression newChild, int newMutableOffset, int newInputOffset) {
        return new MergeWindowStats(newChild, newMutableOffset, newInputOffset);
    }

    @Override
    public Parts createAggregationBuffer() {
        return new Parts();
    }

    @Override
    public Parts update(Parts parts, InternalRow row) {
        parts.add((byte[]) child().eval(row));
        return parts;
    }

    @Override
    public Parts merge(Parts parts, Parts others) {
        parts.add(others.encode());
        return parts;
    }

    @Override
    public Object eval(Parts parts) {
        return parts.encode();
    }

    @Override
    public byte[] serialize(Parts parts) {
        return parts.encode();
    }

    @Override
    public Parts deserialize(byte[] bytes) {
        Parts parts = new Parts();
        parts.add(bytes);
        return parts;
    }

    @Override
    public DataType dataType() {
        return DataTypes.BinaryType;
    }
}
