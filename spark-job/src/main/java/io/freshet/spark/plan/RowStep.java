package io.freshet.spark.plan;

import java.util.Collections;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructType;

/** A step that makes any number of rows of each. */
public abstract class RowStep implements PartitionStep {
    private static final long serialVersionUID = 1L;

    private final StructType schema;

    /** @param schema of the rows that {@link #expand} makes */
    protected RowStep(StructType schema) {
        this.schema = schema;
    }

    /** The columns of the rows that it makes. */
    public final StructType schema() {
        return schema;
    }

    /**
     * Makes rows of another.
     *
     * @param columns where in the row the columns are that the step has asked for, in its order
     */
    protected abstract Iterator<InternalRow> expand(InternalRow row, int[] columns);

    @Override
    public final Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
        UnsafeProjection toUnsafeRow = UnsafeProjection.create(schema);
        return new Iterator<>() {
            private Iterator<InternalRow> expanded = Collections.emptyIterator();

            @Override
            public boolean hasNext() {
                while (!expanded.hasNext() && rows.hasNext()) {
                    expanded = expand(rows.next(), columns);
                }
                return expanded.hasNext();
            }

            @Override
            public InternalRow next() {
                // An iterator at its end says so itself.
                hasNext();
                return toUnsafeRow.apply(expanded.next());
            }
        };
    }
}
