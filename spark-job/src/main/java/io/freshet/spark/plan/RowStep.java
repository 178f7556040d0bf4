package io.freshet.spark.plan;

import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructType;

/** A step that makes one row of each. */
public abstract class RowStep implements PartitionStep {
    private static final long serialVersionUID = 1L;

    private final StructType schema;

    /** @param schema of the rows that {@link #map} makes */
    protected RowStep(StructType schema) {
        this.schema = schema;
    }

    /**
     * Makes a row of another.
     *
     * @param columns where in the row the columns are that the step has asked for, in its order
     */
    protected abstract InternalRow map(InternalRow row, int[] columns);

    @Override
    public final Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
        UnsafeProjection toUnsafeRow = UnsafeProjection.create(schema);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public InternalRow next() {
                return toUnsafeRow.apply(map(rows.next(), columns));
            }
        };
    }
}
