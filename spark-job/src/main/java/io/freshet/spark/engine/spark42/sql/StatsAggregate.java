package io.freshet.spark.engine.spark42.sql;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.aggregate.ImperativeAggregate;
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import scala.Option;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * {@code freshet_stats}: count, sum, mean, extremes, spread and percentiles of numbers, added and merged by the rules
 * of the windows. What no window counts does not count here either: nulls, NaN, infinities, and magnitudes over 1e150.
 */
public final class StatsAggregate extends TypedImperativeAggregate<WindowStats> implements Serializable {
    static final String NAME = "freshet_stats";
    static final StructType RESULT = new StructType()
        .add("count", DataTypes.LongType, false)
        .add("sum", DataTypes.DoubleType)
        .add("avg", DataTypes.DoubleType)
        .add("min", DataTypes.DoubleType)
        .add("max", DataTypes.DoubleType)
        .add("stddev", DataTypes.DoubleType)
        .add("p50", DataTypes.DoubleType)
        .add("p95", DataTypes.DoubleType)
        .add("p99", DataTypes.DoubleType);

    private static final long serialVersionUID = 1L;
    /** As {@code freshet-core}'s {@code record::MAX_MAGNITUDE}: squares and sums of greater values are not finite. */
    private static final double MAX_MAGNITUDE = 1e150;

    private final Expression child;
    private final int mutableAggBufferOffset;
    private final int inputAggBufferOffset;

    /** Only for Spark's rules, which copy an expression by a constructor of its product elements: SQL calls it by its name. */
    public StatsAggregate(Expression child, int mutableAggBufferOffset, int inputAggBufferOffset) {
        this.child = child;
        this.mutableAggBufferOffset = mutableAggBufferOffset;
        this.inputAggBufferOffset = inputAggBufferOffset;
    }

    /**
     * The aggregate for a call.
     *
     * @throws org.apache.spark.sql.AnalysisException when the arguments are wrong
     */
    static Expression build(Seq<Expression> arguments) {
        if (arguments.size() != 1) {
            throw AnalysisErrors.of(NAME + " takes one number; there are " + arguments.size() + " arguments");
        }
        Expression value = arguments.apply(0);
        DataType type = value.dataType();
        if (!(type instanceof NumericType || type instanceof NullType)) {
            throw AnalysisErrors.of(NAME + ": the value has to be a number, and is " + type.sql());
        }
        boolean isDouble = type.equals(DataTypes.DoubleType);
        return new StatsAggregate(isDouble ? value : new Cast(value, DataTypes.DoubleType, Option.empty()), 0, 0);
    }

    @Override
    public WindowStats createAggregationBuffer() {
        return WindowStats.empty();
    }

    @Override
    public WindowStats update(WindowStats stats, InternalRow row) {
        Object value = child.eval(row);
        if (value != null && Math.abs((double) value) <= MAX_MAGNITUDE) {
            stats.add((double) value);
        }
        return stats;
    }

    @Override
    public WindowStats merge(WindowStats stats, WindowStats other) {
        stats.merge(other);
        return stats;
    }

    @Override
    public Object eval(WindowStats stats) {
        if (stats.count() == 0) {
            Object[] nothing = new Object[RESULT.size()];
            nothing[0] = 0L;
            return new GenericInternalRow(nothing);
        }
        return new GenericInternalRow(new Object[] {stats.count(), stats.sum(), stats.average(), stats.min(),
            stats.max(), stats.standardDeviation(), stats.percentile(0.50), stats.percentile(0.95), stats.percentile(0.99)});
    }

    @Override
    public byte[] serialize(WindowStats stats) {
        return stats.encode();
    }

    @Override
    public WindowStats deserialize(byte[] bytes) {
        return WindowStats.decode(bytes);
    }

    @Override
    public DataType dataType() {
        return RESULT;
    }

    @Override
    public String prettyName() {
        return NAME;
    }

    @Override
    public boolean nullable() {
        return false;
    }

    @Override
    public Seq<Expression> children() {
        return CollectionConverters.asScala(List.of(child)).toSeq();
    }

    @Override
    public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
        return new StatsAggregate(children.apply(0), mutableAggBufferOffset, inputAggBufferOffset);
    }

    @Override
    public int mutableAggBufferOffset() {
        return mutableAggBufferOffset;
    }

    @Override
    public ImperativeAggregate withNewMutableAggBufferOffset(int offset) {
        return new StatsAggregate(child, offset, inputAggBufferOffset);
    }

    @Override
    public int inputAggBufferOffset() {
        return inputAggBufferOffset;
    }

    @Override
    public ImperativeAggregate withNewInputAggBufferOffset(int offset) {
        return new StatsAggregate(child, mutableAggBufferOffset, offset);
    }

    @Override
    public int productArity() {
        return 3;
    }

    @Override
    public Object productElement(int index) {
        return switch (index) {
            case 0 -> child;
            case 1 -> mutableAggBufferOffset;
            case 2 -> inputAggBufferOffset;
            default -> throw new IndexOutOfBoundsException(index);
        };
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof StatsAggregate;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof StatsAggregate that && child.equals(that.child)
            && mutableAggBufferOffset == that.mutableAggBufferOffset
            && inputAggBufferOffset == that.inputAggBufferOffset;
    }

    @Override
    public int hashCode() {
        return Objects.hash(child, mutableAggBufferOffset, inputAggBufferOffset);
    }
}
