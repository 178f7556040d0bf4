package io.freshet.spark.windows;

import io.freshet.spark.engine.PackedRows;
import io.freshet.spark.engine.RowExpansion;
import io.freshet.spark.nativelib.NativeWindowState;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.types.StructType;

/** Windows that the native library has packed as rows become rows with the columns that it names. */
public final class WindowColumns implements RowExpansion {
    /** The column that it reads: of {@link UpdateWindows#OUTPUT}, with rows. */
    public static final List<String> INPUT = List.of("windows");

    private static final long serialVersionUID = 1L;

    private final StructType schema;
    private final PackedRows rows;

    private WindowColumns(StructType schema) {
        this.schema = schema;
        rows = new PackedRows(schema);
    }

    /** The step for a query. */
    public static WindowColumns create() {
        return new WindowColumns(PackedRows.schema(NativeWindowState.columnsJson()));
    }

    /** The columns of the rows that it makes. */
    public StructType schema() {
        return schema;
    }

    @Override
    public String planName() {
        return "FreshetWindows";
    }

    @Override
    public String planDetails() {
        return "rows=one per window";
    }

    @Override
    public Iterator<Object[]> expand(Source row) {
        return rows.readAll(row.bytes(0));
    }
}
