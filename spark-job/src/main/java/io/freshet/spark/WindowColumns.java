package io.freshet.spark;

import io.freshet.spark.nativelib.NativeWindowState;
import io.freshet.spark.plan.PackedRows;
import io.freshet.spark.plan.RowStep;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;

/** Windows that the native library has packed as rows become rows with the columns that it names. */
final class WindowColumns extends RowStep {
    /** The column that it reads: of {@link UpdateWindows#OUTPUT}, with rows. */
    static final List<String> INPUT = List.of("windows");

    private static final long serialVersionUID = 1L;

    private final PackedRows rows;

    private WindowColumns(StructType schema) {
        super(schema);
        rows = new PackedRows(schema);
    }

    /** The step for a query. */
    static WindowColumns create() {
        return new WindowColumns(PackedRows.schema(NativeWindowState.columnsJson()));
    }

    @Override
    protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
        return rows.readAll(row.getBinary(columns[0]));
    }
}
