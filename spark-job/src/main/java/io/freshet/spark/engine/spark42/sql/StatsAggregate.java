package io.freshet.spark.engine.spark42.sql;

import io.freshet.spark.engine.PackedRows;
import io.freshet.spark.engine.spark42.plan.SparkValues;
import io.freshet.spark.nativelib.NativeLibrary;
import io.freshet.spark.nativelib.NativeWindowStats;
import java.io.Serializable;
import java.util.Objects;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.aggregate.ImperativeAggregate;
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampType;
import scala.Option;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;

/**
 * {@code freshet_stats}: the statistics that windows have, of numbers and, if they are given, their times; added and
 * merged by the native library. What no window counts does not count here either: nulls, and what the library leaves
 * out.
 */
public final class StatsAggregate extends TypedImperativeAggregate<StatsBuffer> implements Serializable {
    static final String NAME = "freshet_stats";

    private static final long serialVersionUID = 1L;

    /** The columns of a result, and what makes a row of them. */
    private record Result(StructType schema, PackedRows rows, SparkValues values) {
        private static final class Holder {
            static final Result WITHOUT_TIMES = read(false);
            static final Result WITH_TIMES = read(true);
        }

        /** @throws io.freshet.spark.nativelib.NativeException when there is no native library that can be used */
        static Result of(boolean withTimes) {
            // Before the holder: what fails in its initializer would say why only once, and in an error.
            NativeLibrary.load();
            return withTimes ? Holder.WITH_TIMES : Holder.WITHOUT_TIMES;
        }

        private static Result read(boolean withTimes) {
            StructType schema = PackedRows.schema(NativeWindowStats.columnsJson(withTimes));
            return new Result(schema, new PackedRows(schema), new SparkValues(schema));
        }
    }

    /** The value, and the time if there is one. */
    private final Seq<Expression> arguments;
    private final int mutableAggBufferOffset;
    private final int inputAggBufferOffset;

    /**
     * Only for Spark's rules, which copy an expression by a constructor of its product elements: SQL calls it by its
     * name.
     */
    public StatsAggregate(Seq<Expression> arguments, int mutableAggBufferOffset, int inputAggBufferOffset) {
        this.arguments = arguments;
        this.mutableAggBufferOffset = mutableAggBufferOffset;
        this.inputAggBufferOffset = inputAggBufferOffset;
    }

    /**
     * The aggregate for a call.
     *
     * @throws org.apache.spark.sql.AnalysisException when the arguments are wrong
     */
    static Expression build(Seq<Expression> arguments) {
        if (arguments.isEmpty() || arguments.size() > 2) {
            throw AnalysisErrors.of(NAME + " takes a number, and its time if you like; there are " + arguments.size()
                + " arguments");
        }
        Expression value = arguments.apply(0);
        DataType type = value.dataType();
        if (!(type instanceof NumericType || type instanceof NullType)) {
            throw AnalysisErrors.of(NAME + ": the value has to be a number, and is " + type.sql());
        }
        if (arguments.size() == 2 && !(arguments.apply(1).dataType() instanceof TimestampType)) {
            throw AnalysisErrors.of(
                NAME + ": the time has to be a TIMESTAMP, and is " + arguments.apply(1).dataType().sql());
        }
        boolean isDouble = type.equals(DataTypes.DoubleType);
        Expression number = isDouble ? value : new Cast(value, DataTypes.DoubleType, Option.empty());
        return new StatsAggregate(arguments.size() == 1 ? ScalaCollections.seq(number)
            : ScalaCollections.seq(number, arguments.apply(1)), 0, 0);
    }

    private boolean withTimes() {
        return arguments.size() == 2;
    }

    @Override
    public StatsBuffer createAggregationBuffer() {
        return new StatsBuffer(withTimes());
    }

    @Override
    public StatsBuffer update(StatsBuffer stats, InternalRow row) {
        Object value = arguments.apply(0).eval(row);
        Object time = withTimes() ? arguments.apply(1).eval(row) : (Object) 0L;
        if (value != null && time != null) {
            stats.add((double) value, (long) time);
        }
        return stats;
    }

    @Override
    public StatsBuffer merge(StatsBuffer stats, StatsBuffer other) {
        stats.merge(other);
        return stats;
    }

    @Override
    public Object eval(StatsBuffer stats) {
        Result result = Result.of(withTimes());
        return result.values.row(result.rows.readAll(stats.statistics()).next());
    }

    @Override
    public byte[] serialize(StatsBuffer stats) {
        return stats.encode();
    }

    @Override
    public StatsBuffer deserialize(byte[] bytes) {
        return StatsBuffer.decode(bytes);
    }

    @Override
    public DataType dataType() {
        return Result.of(withTimes()).schema;
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
        return arguments;
    }

    @Override
    public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
        return new StatsAggregate(children, mutableAggBufferOffset, inputAggBufferOffset);
    }

    @Override
    public int mutableAggBufferOffset() {
        return mutableAggBufferOffset;
    }

    @Override
    public ImperativeAggregate withNewMutableAggBufferOffset(int offset) {
        return new StatsAggregate(arguments, offset, inputAggBufferOffset);
    }

    @Override
    public int inputAggBufferOffset() {
        return inputAggBufferOffset;
    }

    @Override
    public ImperativeAggregate withNewInputAggBufferOffset(int offset) {
        return new StatsAggregate(arguments, mutableAggBufferOffset, offset);
    }

    @Override
    public int productArity() {
        return 3;
    }

    @Override
    public Object productElement(int index) {
        return switch (index) {
            case 0 -> arguments;
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
        return other instanceof StatsAggregate that && arguments.equals(that.arguments)
            && mutableAggBufferOffset == that.mutableAggBufferOffset
            && inputAggBufferOffset == that.inputAggBufferOffset;
    }

    @Override
    public int hashCode() {
        return Objects.hash(arguments, mutableAggBufferOffset, inputAggBufferOffset);
    }
}
