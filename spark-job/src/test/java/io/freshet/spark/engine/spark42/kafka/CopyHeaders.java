package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.spark42.plan.RowStep;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Hands on what {@link Copy} does, and the headers. */
final class CopyHeaders extends RowStep {
    private static final long serialVersionUID = 1L;
    static final List<String> INPUT = new ArrayList<>(Reading.COLUMNS);
    static final StructType OUTPUT = Copy.OUTPUT.add("headers", DataTypes.createArrayType(
        new StructType().add("key", DataTypes.StringType).add("value", DataTypes.BinaryType)));

    static {
        INPUT.add("headers");
    }

    private final Copy copy = new Copy();

    CopyHeaders() {
        super(OUTPUT);
    }

    @Override
    protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
        int headers = columns[Reading.COLUMNS.size()];
        InternalRow more =
            new GenericInternalRow(new Object[] {row.isNullAt(headers) ? null : row.getArray(headers)});
        return List.<InternalRow>of(new JoinedRow(copy.expand(row, columns).next(), more)).iterator();
    }
}
