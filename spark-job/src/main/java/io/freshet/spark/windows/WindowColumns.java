package io.freshet.spark.windows;

import io.freshet.spark.engine.RowExpansion;
import java.util.Iterator;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Turns the windows of a series ({@link UpdateWindows#EXPANDED}) into rows with columns of plain types. */
public final class WindowColumns implements RowExpansion {
    public static final StructType OUTPUT = new StructType()
        .add("series", DataTypes.StringType, false)
        .add("metric", DataTypes.StringType, false)
        .add("window", DataTypes.StringType, false)
        .add("start", DataTypes.TimestampType, false)
        .add("end", DataTypes.TimestampType, false)
        .add("count", DataTypes.LongType, false)
        .add("sum", DataTypes.DoubleType, false)
        .add("avg", DataTypes.DoubleType, false)
        .add("min", DataTypes.DoubleType, false)
        .add("max", DataTypes.DoubleType, false)
        .add("stddev", DataTypes.DoubleType, false)
        .add("p50", DataTypes.DoubleType, false)
        .add("p95", DataTypes.DoubleType, false)
        .add("p99", DataTypes.DoubleType, false)
        .add("last_event", DataTypes.TimestampType, false)
        .add("revision", DataTypes.LongType, false);

    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Object[]> expand(Source row) {
        byte[] series = row.bytes(0);
        byte[] metric = row.bytes(1);
        byte[] name = row.bytes(2);
        return WindowNumbers.readAll(row.bytes(3), window -> new Object[] {
            series, metric, name, window.startMicros(), window.endMicros(),
            window.count(), window.sum(), window.average(), window.min(), window.max(),
            window.standardDeviation(), window.p50(), window.p95(), window.p99(),
            window.lastEventMicros(), window.count(),
        });
    }
}
