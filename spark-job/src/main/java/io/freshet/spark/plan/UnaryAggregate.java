package io.freshet.spark.plan;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.aggregate.ImperativeAggregate;
import org.apache.spark.sql.catalyst.expressions.aggregate.TypedImperativeAggregate;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * An aggregate function of one argument with an object as its buffer: what Spark asks of every such function, so that one
 * only has to say how it adds, merges and ends.
 *
 * @param <T> the buffer
 */
public abstract class UnaryAggregate<T> extends TypedImperativeAggregate<T> implements Serializable {
    private static final long serialVersionUID = 1L;

    private final Expression child;
    private final int mutableAggBufferOffset;
    private final int inputAggBufferOffset;

    /** Spark's rules copy an expression by a constructor of just these parameters: every subclass has it, public. */
    protected UnaryAggregate(Expression child, int mutableAggBufferOffset, int inputAggBufferOffset) {
        this.child = child;
        this.mutableAggBufferOffset = mutableAggBufferOffset;
        this.inputAggBufferOffset = inputAggBufferOffset;
    }

    /** Calls that constructor. */
    protected abstract UnaryAggregate<T> copy(Expression newChild, int newMutableOffset, int newInputOffset);

    /** The argument. */
    protected final Expression child() {
        return child;
    }

    @Override
    public final boolean nullable() {
        return false;
    }

    @Override
    public final Seq<Expression> children() {
        return CollectionConverters.asScala(List.of(child)).toSeq();
    }

    @Override
    public final Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
        return copy(children.apply(0), mutableAggBufferOffset, inputAggBufferOffset);
    }

    @Override
    public final int mutableAggBufferOffset() {
        return mutableAggBufferOffset;
    }

    @Override
    public final ImperativeAggregate withNewMutableAggBufferOffset(int offset) {
        return copy(child, offset, inputAggBufferOffset);
    }

    @Override
    public final int inputAggBufferOffset() {
        return inputAggBufferOffset;
    }

    @Override
    public final ImperativeAggregate withNewInputAggBufferOffset(int offset) {
        return copy(child, mutableAggBufferOffset, offset);
    }

    @Override
    public final int productArity() {
        return 3;
    }

    @Override
    public final Object productElement(int index) {
        return switch (index) {
            case 0 -> child;
            case 1 -> mutableAggBufferOffset;
            case 2 -> inputAggBufferOffset;
            default -> throw new IndexOutOfBoundsException(index);
        };
    }

    @Override
    public final boolean canEqual(Object other) {
        return getClass().isInstance(other);
    }

    @Override
    public final boolean equals(Object other) {
        return other instanceof UnaryAggregate<?> that && that.canEqual(this) && canEqual(that)
            && child.equals(that.child) && mutableAggBufferOffset == that.mutableAggBufferOffset
            && inputAggBufferOffset == that.inputAggBufferOffset;
    }

    @Override
    public final int hashCode() {
        return Objects.hash(getClass(), child, mutableAggBufferOffset, inputAggBufferOffset);
    }
}
