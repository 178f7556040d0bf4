package io.freshet.spark.engine.spark42.plan;

import io.freshet.spark.engine.RowExpansion;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;

/** Runs a {@link RowExpansion} on Spark's rows. */
public final class ExpandedRows extends RowStep {
    private static final long serialVersionUID = 1L;

    private final RowExpansion expansion;
    private final StructType schema;
    private transient SparkValues values;

    /** @param schema of the rows that it makes */
    public ExpandedRows(RowExpansion expansion, StructType schema) {
        super(schema);
        this.expansion = expansion;
        this.schema = schema;
    }

    @Override
    public String planName() {
        return expansion.planName();
    }

    @Override
    public String planDetails() {
        return expansion.planDetails();
    }

    @Override
    protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
        if (values == null) {
            values = new SparkValues(schema);
        }
        Iterator<Object[]> made = expansion.expand(column -> row.getBinary(columns[column]));
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return made.hasNext();
            }

            @Override
            public InternalRow next() {
                return values.row(made.next());
            }
        };
    }
}
